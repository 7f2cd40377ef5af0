import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { gunzipSync, zstdCompressSync } from "node:zlib";
import { assert, describe, it } from "@effect/vitest";
import { Effect, Stream } from "effect";
import { archiveLines } from "../src/ArchiveLines.ts";
import { claudeTranscripts } from "../src/claude/ClaudeTranscripts.ts";
import { codexTranscripts } from "../src/codex/CodexTranscripts.ts";
import { fileLines, MAX_LINE_BYTES } from "../src/FileLines.ts";
import { AT_START } from "../src/TranscriptSource.ts";
import { claudeWith, copiedFixtures, emptyFolder, inShort, oneSession, readAll } from "./support.ts";

describe.each(["codex", "claude"] as const)("a session of %s that is read in two parts", (name) => {
  it.effect("is the same as read at once, wherever the file ended the first time", () =>
    Effect.gen(function* () {
      const home = join(yield* copiedFixtures, name);
      const source = name === "codex" ? codexTranscripts(home) : claudeTranscripts(home);
      const session = yield* oneSession(source);
      const whole = readFileSync(session.file);
      const all = yield* readAll(source, session);
      for (let end = 0; end <= whole.length; end += 97) {
        writeFileSync(session.file, whole.subarray(0, end));
        const first = yield* readAll(source, session);
        // Only whole lines were read: the last one was still being written.
        assert.strictEqual(whole.subarray(0, end).lastIndexOf(0x0a) + 1, first.position.byte);
        writeFileSync(session.file, whole);
        const second = yield* readAll(source, session, first.position);
        assert.deepStrictEqual([...first.entries, ...second.entries], all.entries, `cut at ${end}`);
        assert.deepStrictEqual(second.position, all.position);
      }
    }).pipe(Effect.scoped),
  );
});

describe("the lines of a file", () => {
  it.live("that are too long are counted and not kept", () =>
    Effect.gen(function* () {
      const file = join(yield* emptyFolder, "lines");
      writeFileSync(file, `short\n${"x".repeat(2000)}\nlast\nunfinished`);
      const pieces = yield* Stream.runCollect(
        Stream.fromAsyncIterable(fileLines(file, { byte: 0, line: 0 }, 1000), (error) => error),
      );
      assert.deepStrictEqual(
        pieces.flatMap(({ lines }) => lines),
        [
          { number: 1, bytes: 5, text: "short" },
          { number: 2, bytes: 2000, text: undefined },
          { number: 3, bytes: 4, text: "last" },
        ],
      );
      assert.deepStrictEqual(pieces.at(-1)?.position, { byte: 6 + 2001 + 5, line: 3 });
    }).pipe(Effect.scoped),
  );
});

describe("a line of 50 MB", () => {
  it.live("is reported with its size, and the lines around it are read", () =>
    Effect.gen(function* () {
      const { source, file } = yield* claudeWith([{ type: "user", message: { content: "Hello" } }]);
      const handle = openSync(file, "a");
      const megabyte = Buffer.alloc(1024 * 1024, "x");
      for (let count = 0; count < 50; count += 1) writeSync(handle, megabyte);
      writeSync(handle, `\n{"type":"assistant","message":{"content":"Still here"}}\n`);
      closeSync(handle);
      const { entries } = yield* readAll(source, yield* oneSession(source));
      assert.deepStrictEqual(entries.map(inShort), [
        "user: Hello",
        `unreadable line 2: It is 50 MB long; at most ${MAX_LINE_BYTES / 1024 / 1024} MB are read.`,
        "assistant: Still here",
      ]);
    }).pipe(Effect.scoped),
  );
});

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Without what is only waiting to be collected. */
const inUse = (): number => {
  collectGarbage();
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
};

describe("a file of 60 MB", () => {
  it.live(
    "is read in a stream: what is in memory does not grow with it",
    () =>
      Effect.gen(function* () {
        const { source, file } = yield* claudeWith([{ type: "user", message: { content: "Hello" } }]);
        const handle = openSync(file, "a");
        const some = Array.from({ length: 100 }, (_, index) =>
          JSON.stringify({ type: "assistant", message: { content: `${index} ${"word ".repeat(2000)}` } }),
        ).join("\n");
        for (let count = 0; count < 60; count += 1) writeSync(handle, `${some}\n`);
        closeSync(handle);
        const session = yield* oneSession(source);
        assert.isAbove(session.bytes, 60_000_000);
        let messages = 0;
        let highest = 0;
        const before = inUse();
        yield* Stream.runForEach(source.read(session, AT_START), ({ entries }) =>
          Effect.sync(() => {
            const asked = Math.floor(messages / 200);
            messages += entries.length;
            if (Math.floor(messages / 200) > asked) highest = Math.max(highest, inUse() - before);
          }),
        );
        assert.strictEqual(messages, 6001);
        // Some megabytes, and what the collector has not freed yet.
        assert.isBelow(highest, 20_000_000);
      }).pipe(Effect.scoped),
    60_000,
  );
});

describe("the archive of a session", () => {
  it.live("is its lines as they are, also of one that the agent has compressed", () =>
    Effect.gen(function* () {
      const folder = yield* emptyFolder;
      const lines = `{"a":1}\n{"b":2}\nunfinished`;
      const plain = join(folder, "a.jsonl");
      writeFileSync(plain, lines);
      const compressed = `${plain}.zst`;
      writeFileSync(compressed, zstdCompressSync(lines));
      for (const file of [plain, compressed]) {
        const archive = join(folder, "kept", "a.jsonl.gz");
        yield* archiveLines(file, archive);
        assert.strictEqual(gunzipSync(readFileSync(archive)).toString(), lines);
      }
    }).pipe(Effect.scoped),
  );

  it.live("that cannot be written says why, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const folder = yield* emptyFolder;
      const file = join(folder, "in-the-way");
      writeFileSync(file, "x");
      const error = yield* Effect.flip(archiveLines(file, join(file, "a.jsonl.gz")));
      assert.strictEqual(error.operation, "archive");
      assert.match(error.message, /could not be kept/);
    }).pipe(Effect.scoped),
  );
});
