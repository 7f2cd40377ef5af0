import { assert, describe, it } from "@effect/vitest";
import { Exit, Schema } from "effect";
import { CommandId, MAX_ID_LENGTH, ProjectId, ThreadId, TurnId } from "../src/Ids.ts";
import { AbsolutePath, Attachment, ModelSelection, PromptText, Timestamp, TurnCount } from "../src/Model.ts";

const accepts = <S extends Schema.Codec<unknown, unknown>>(schema: S) => {
  const decode = Schema.decodeUnknownExit(schema);
  return (value: unknown) => Exit.isSuccess(decode(value));
};

describe("an id that a client makes", () => {
  it.each([
    "a",
    "p-1",
    "018f3c5e-7b1a-7000-8000-000000000000",
    "a/b",
    "ü",
    "🌍",
    "a#1:2",
    "x".repeat(MAX_ID_LENGTH),
  ])("may be %s", (id) => {
    assert.isTrue(accepts(ThreadId)(id));
    assert.isTrue(accepts(CommandId)(id));
  });

  it.each([
    "",
    " ",
    "a b",
    "a\n",
    "\t",
    "a\0b",
    "a\u200bb",
    "\u007f",
    "\ud800",
    "x".repeat(MAX_ID_LENGTH + 1),
    7,
    null,
  ])("may not be %j", (id) => {
    assert.isFalse(accepts(ThreadId)(id));
    assert.isFalse(accepts(ProjectId)(id));
  });

  it("makes a turn id that is taken, however long the command's id was", () => {
    assert.isTrue(accepts(TurnId)(`turn:${"x".repeat(MAX_ID_LENGTH)}`));
    assert.isFalse(accepts(TurnId)(""));
  });
});

describe("a model", () => {
  const decode = Schema.decodeUnknownSync(ModelSelection);
  const encode = Schema.encodeSync(ModelSelection);

  it.each([
    ["demo", { provider: "demo" }],
    ["codex/gpt-5", { provider: "codex", model: "gpt-5" }],
    ["claude/a/b:c", { provider: "claude", model: "a/b:c" }],
    [{ provider: "demo" }, { provider: "demo" }],
    [
      { provider: "codex", model: "gpt-5", options: { effort: "high", nested: [1, null] } },
      { provider: "codex", model: "gpt-5", options: { effort: "high", nested: [1, null] } },
    ],
  ])("%j is %j", (written, model) => {
    assert.deepStrictEqual<unknown>(decode(written), model);
  });

  it("is stored as an object, with its options", () => {
    assert.deepStrictEqual<unknown>(encode({ provider: "demo" }), { provider: "demo" });
    const full = { provider: "codex", model: "gpt-5", options: { fast: true } };
    assert.deepStrictEqual<unknown>(encode(full), full);
  });

  it.each([
    "",
    "/",
    "/gpt-5",
    "codex/",
    "Codex",
    "co dex",
    "-codex",
    `codex/${"x".repeat(300)}`,
    {},
    { model: "gpt-5" },
    7,
  ])("%j is none", (written) => {
    assert.isFalse(accepts(ModelSelection)(written));
  });
});

describe("a time", () => {
  it.each([
    "2026-01-31T12:00:00.000Z",
    "2026-01-31T12:00Z",
    "2026-01-31T12:00:00+02:00",
    "2026-01-31T12:00:00.123456789-0530",
  ])("may be %s", (time) => {
    assert.isTrue(accepts(Timestamp)(time));
  });

  it.each(["", "now", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31 12:00:00Z", "1769860800", 1769860800])(
    "may not be %j",
    (time) => {
      assert.isFalse(accepts(Timestamp)(time));
    },
  );
});

describe("a path", () => {
  it.each(["/", "/srv/loom", "C:\\work", "c:/work"])("%s is absolute", (path) => {
    assert.isTrue(accepts(AbsolutePath)(path));
  });

  it.each(["", ".", "work", "../work", "~/work", "C:", "/work\0", `/${"x".repeat(4096)}`])(
    "%j is not taken",
    (path) => {
      assert.isFalse(accepts(AbsolutePath)(path));
    },
  );
});

const attachment = (data: string) => ({ name: "a", mimeType: "text/plain", data });

describe("what a person sends", () => {
  it("has at most 1 Mi characters", () => {
    assert.isTrue(accepts(PromptText)(""));
    assert.isTrue(accepts(PromptText)("x".repeat(1_048_576)));
    assert.isFalse(accepts(PromptText)("x".repeat(1_048_577)));
  });

  it("is attached in base64, at most 8 MiB of it", () => {
    assert.isTrue(accepts(Attachment)(attachment("aGk=")));
    assert.isTrue(accepts(Attachment)(attachment("A".repeat(8_388_608))));
    assert.isFalse(accepts(Attachment)(attachment("A".repeat(8_388_612))));
    assert.isFalse(accepts(Attachment)(attachment("not base64!")));
  });

  it("counts turns from 0 up, in whole numbers", () => {
    assert.isTrue(accepts(TurnCount)(0));
    for (const count of [-1, 0.5, Number.NaN, Infinity, "1"]) assert.isFalse(accepts(TurnCount)(count));
  });
});
