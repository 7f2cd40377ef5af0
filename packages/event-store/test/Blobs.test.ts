import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import { blobOf, blobOfText, refTo } from "../src/Blob.ts";
import { Blobs } from "../src/Blobs.ts";
import { freshStore } from "./support.ts";

const put = Effect.fnUntraced(function* (...contents: ReadonlyArray<Uint8Array>) {
  const sql = yield* SqlClient.SqlClient;
  const blobs = yield* Blobs;
  yield* sql.withTransaction(blobs.insert(contents.map(blobOf)));
});

const count = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient;
  const [row] = yield* sql<{ count: number }>`SELECT count(*) AS count FROM orchestration_blobs`;
  return row?.count;
});

const bytes = Uint8Array.from({ length: 1000 }, (_, index) => index % 256);

describe("a blob", () => {
  it.effect("is stored once, however often its content comes", () =>
    Effect.gen(function* () {
      yield* put(bytes, bytes);
      yield* put(bytes, new Uint8Array(0));
      assert.strictEqual(yield* count, 2);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("is read by parts, byte for byte, up to its end and not beyond", () =>
    Effect.gen(function* () {
      const blobs = yield* Blobs;
      yield* put(bytes, new Uint8Array(0));
      const { hash } = blobOf(bytes);
      const read = (offset: number, limit: number) =>
        Effect.map(blobs.read({ hash, offset, limit }), (part) => part && [part.size, ...part.data]);
      assert.deepStrictEqual(yield* read(0, 2), [1000, 0, 1]);
      assert.deepStrictEqual(yield* read(254, 4), [1000, 254, 255, 0, 1]);
      assert.deepStrictEqual(yield* read(999, 10), [1000, 999 % 256]);
      assert.deepStrictEqual(yield* read(1000, 10), [1000]);
      assert.deepStrictEqual(yield* read(5000, 10), [1000]);
      const empty = yield* blobs.read({ hash: blobOf(new Uint8Array(0)).hash, offset: 0, limit: 10 });
      assert.deepStrictEqual(empty && [empty.size, empty.data.length], [0, 0]);
      assert.isUndefined(yield* blobs.read({ hash: "0".repeat(64), offset: 0, limit: 10 }));
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("is gone with the transaction that was to write it", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      const failing = sql.withTransaction(
        Effect.andThen(put(bytes), Effect.fail("the events could not be written" as const)),
      );
      yield* Effect.flip(failing);
      assert.strictEqual(yield* count, 0);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("gives back the text or the attachment that refers to it, and says where it is missing", () =>
    Effect.gen(function* () {
      const blobs = yield* Blobs;
      const text = "long 🧵 text";
      const fullText = refTo(blobOfText(text), text);
      const { hash } = blobOf(bytes);
      const attachment = { name: "a", mimeType: "b", bytes: bytes.length, blob: hash };
      assert.strictEqual((yield* Effect.flip(blobs.textOf({ text: "long", fullText })))._tag, "BlobMissing");
      yield* put(Buffer.from(text), bytes);
      assert.strictEqual(yield* blobs.textOf({ text: "long", fullText }), text);
      assert.strictEqual(yield* blobs.textOf({ text: "short" }), "short");
      assert.strictEqual(yield* blobs.dataOf(attachment), Buffer.from(bytes).toString("base64"));
      assert.strictEqual(yield* blobs.dataOf({ name: "a", mimeType: "b", data: "aGk=" }), "aGk=");
    }).pipe(Effect.provide(freshStore)),
  );
});
