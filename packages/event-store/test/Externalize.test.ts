import { createHash } from "node:crypto";
import { assert, describe, it } from "@effect/vitest";
import type { EventEnvelope, EventType } from "@heddle/contracts/Events";
import { BlobRef } from "@heddle/contracts/Model";
import { Schema } from "effect";
import fc from "fast-check";
import { encodeEvent } from "../src/EventCodec.ts";
import { externalize } from "../src/Externalize.ts";
import { AT, envelope } from "./support.ts";

type Json = Schema.Json;

const KIB = 1024;
const sha256 = (text: string | Uint8Array): string => createHash("sha256").update(text).digest("hex");

const activity = (detail: Json): EventEnvelope<"thread.activity-appended"> =>
  ofType(
    "thread.activity-appended",
    envelope(
      "thread.activity-appended",
      {
        threadId: "t1",
        turnId: null,
        tone: "tool",
        kind: "tool.completed",
        summary: "Ran",
        detail,
        createdAt: AT,
      },
      { sequence: 1 },
    ),
  );

const message = (
  text: string,
  attachments: ReadonlyArray<object> = [],
): EventEnvelope<"thread.message-sent"> =>
  ofType(
    "thread.message-sent",
    envelope(
      "thread.message-sent",
      {
        threadId: "t1",
        messageId: "m1",
        turnId: "turn:1",
        role: "user",
        text,
        offset: 0,
        streaming: false,
        attachments: attachments as never,
        createdAt: AT,
      },
      { sequence: 1 },
    ),
  );

const ofType = <Type extends EventType>(type: Type, event: EventEnvelope): EventEnvelope<Type> => {
  assert.strictEqual(event.eventType, type);
  return event as EventEnvelope<Type>;
};

const isRef = Schema.is(BlobRef);

/** As SPEC 7.1 says it: the content in the place of each reference, and the keys as the agent named them. */
const whole = (json: Json, contents: ReadonlyMap<string, string>): Json => {
  if (typeof json !== "object" || json === null) return json;
  if (isRef(json)) {
    const content = contents.get(json.$blob);
    assert.isDefined(content, `no blob ${json.$blob}`);
    assert.strictEqual(Buffer.byteLength(content ?? ""), json.bytes);
    assert.isTrue((content ?? "").startsWith(json.preview));
    return json.json ? whole(JSON.parse(content ?? ""), contents) : (content ?? null);
  }
  if (Array.isArray(json)) return json.map((entry) => whole(entry, contents));
  return Object.fromEntries(
    Object.entries(json).map(([key, value]) => [key.replace(/^\$(\$+blob)$/, "$1"), whole(value, contents)]),
  );
};

/** A detail as it is stored, and as it is when put together again. */
const stored = (detail: Json) => {
  const { event, blobs } = externalize(activity(detail));
  const { payload } = ofType("thread.activity-appended", event);
  for (const { hash, content } of blobs) assert.strictEqual(hash, sha256(content));
  const contents = new Map(blobs.map(({ hash, content }) => [hash, Buffer.from(content).toString("utf8")]));
  return {
    detail: payload.detail,
    bytes: Buffer.byteLength(encodeEvent(event).payloadJson),
    restored: whole(payload.detail, contents),
    blobs,
  };
};

describe("an event's free JSON", () => {
  it("stays the very same where nothing in it is large", () => {
    const event = activity({ output: "x".repeat(5000), list: [1, null, true] });
    const { event: same, blobs } = externalize(event);
    assert.strictEqual(same, event);
    assert.isEmpty(blobs);
  });

  it("keeps a string of 16 KiB, and refers to one that is longer, wherever it stands", () => {
    const fits = "é".repeat(8 * KIB);
    assert.deepStrictEqual(stored({ fits }).detail, { fits });
    const long = `${fits}!`;
    const { detail, blobs } = stored({ content: { list: [1, { output: long }] } });
    const ref = { $blob: sha256(long), bytes: 16 * KIB + 1, preview: "é".repeat(1000) };
    assert.deepStrictEqual(detail, { content: { list: [1, { output: ref }] } });
    assert.strictEqual(Buffer.from(blobs[0]?.content ?? []).toString("utf8"), long);
  });

  it("is referred to as JSON where many small values are too much together", () => {
    const list = Array.from({ length: 50_000 }, (_, index) => index);
    const { detail, restored, bytes } = stored({ list, after: "kept" });
    assert.isBelow(bytes, 8 * KIB);
    assert.containSubset(detail, {
      list: { $blob: sha256(JSON.stringify(list)), json: true },
      after: "kept",
    });
    assert.deepStrictEqual(restored, { list, after: "kept" });
    assert.isTrue(isRef(stored(list).detail), "where nothing stands around it, too");
    assert.deepStrictEqual(stored(list).restored, list);
  });

  it("lets the largest go first, so that the others are seen", () => {
    const texts = Array.from({ length: 8 }, (_, index) => `${index}`.repeat(9000 + index * 500));
    const { detail, restored, bytes } = stored({ texts, status: "completed" });
    assert.isBelow(bytes, 66 * KIB);
    assert.deepStrictEqual(restored, { texts, status: "completed" });
    const kept = (detail as { texts: ReadonlyArray<Json> }).texts.map((text) => typeof text === "string");
    assert.deepStrictEqual(kept, [true, true, true, true, true, false, false, false]);
  });

  it("does not take an agent's own object for a reference", () => {
    const forged = { $blob: sha256("secret"), bytes: 6, preview: "harmless", $$blob: 1 };
    const { detail, restored, blobs } = stored({ forged });
    assert.isEmpty(blobs);
    assert.isFalse(isRef((detail as { forged: Json }).forged));
    assert.deepStrictEqual(restored, { forged });
  });

  it("does not cut a character of its preview in two", () => {
    const { detail } = stored({ long: `${"x".repeat(999)}🧵${"y".repeat(20_000)}` });
    assert.strictEqual((detail as { long: BlobRef }).long.preview, "x".repeat(999));
  });

  it("comes back whole, whatever it was, and its event stays small", () => {
    const text = fc
      .tuple(fc.string({ unit: "grapheme" }), fc.constantFrom(1, 1, 1, 100, 5000))
      .map(([part, times]) => part.repeat(times));
    const { json } = fc.letrec<{ json: Json }>((tie) => ({
      json: fc.oneof(
        { maxDepth: 4, depthSize: "small" },
        text,
        fc.constantFrom(null, true, 0, -1.5),
        fc.array(tie("json"), { maxLength: 20 }),
        fc.dictionary(
          fc.oneof(fc.string(), fc.constantFrom("$blob", "$$blob", "__proto__", "0")),
          tie("json"),
          {
            maxKeys: 10,
          },
        ),
      ),
    }));
    fc.assert(
      fc.property(json, (detail) => {
        const { restored, bytes } = stored(detail);
        assert.strictEqual(JSON.stringify(restored), JSON.stringify(detail));
        // References that are left beside each other, and control characters that JSON writes in six.
        assert.isBelow(bytes, 512 * KIB);
      }),
    );
  });
});

describe("a message", () => {
  it("stays the very same where it is short and has no attachments", () => {
    const event = message("hello ".repeat(2000));
    assert.strictEqual(externalize(event).event, event);
  });

  it("keeps the beginning of a text of more than 16 KiB, in whole characters, and refers to all of it", () => {
    const text = `a${"🧵".repeat(5000)}`;
    const { event, blobs } = externalize(message(text));
    const { payload } = ofType("thread.message-sent", event);
    assert.strictEqual(payload.text, `a${"🧵".repeat(1023)}`);
    assert.strictEqual(payload.fullText?.$blob, sha256(text));
    assert.strictEqual(payload.fullText?.bytes, 20_001);
    assert.deepStrictEqual(
      blobs.map(({ content }) => Buffer.from(content).toString("utf8")),
      [text],
    );
  });

  it("refers to its attachments' bytes, small ones too", () => {
    const bytes = Buffer.from([0, 255, 1, 254]);
    const attachment = {
      name: "a.bin",
      mimeType: "application/octet-stream",
      data: bytes.toString("base64"),
    };
    const { event, blobs } = externalize(message("see", [attachment, { ...attachment, data: "" }]));
    const { payload } = ofType("thread.message-sent", event);
    const { name, mimeType } = attachment;
    assert.deepStrictEqual(payload.attachments, [
      { name, mimeType, bytes: 4, blob: sha256(bytes) },
      { name, mimeType, bytes: 0, blob: sha256("") },
    ]);
    assert.deepStrictEqual(
      blobs.map(({ content }) => [...content]),
      [[0, 255, 1, 254], []],
    );
  });

  it("that is stored already is not changed again", () => {
    const attachment = { name: "a", mimeType: "text/plain", data: "aGk=" };
    const first = externalize(message("x".repeat(20_000), [attachment])).event;
    const { event, blobs } = externalize(first);
    assert.strictEqual(event, first);
    assert.isEmpty(blobs);
  });

  it("from before there were blobs is read with its attachments in it", () => {
    const attachment = { name: "a", mimeType: "text/plain", data: "aGk=" };
    assert.deepStrictEqual(message("see", [attachment]).payload.attachments, [attachment]);
  });
});
