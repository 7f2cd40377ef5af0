import { assert, describe, it } from "@effect/vitest";
import { ProviderSessionId, ProviderThreadId, ThreadId } from "@heddle/contracts/Ids";
import { Effect } from "effect";
import { type ImportedFile, ImportedFiles, importedSessionId } from "../src/ImportedFiles.ts";
import { SessionRuntime, type SessionRuntimeEntry } from "../src/SessionRuntime.ts";
import { freshStore } from "./support.ts";

const file: ImportedFile = {
  source: "codex",
  sourceId: "s1",
  threadId: ThreadId.make("t1"),
  file: "/home/sam/.codex/sessions/s1.jsonl",
  bytesRead: 100,
  linesRead: 3,
  openCalls: { c1: { kind: "execute", title: "ls" } },
  fileBytes: null,
  fileModifiedAt: null,
};

const session = (id: string, more: Partial<SessionRuntimeEntry> = {}): SessionRuntimeEntry => ({
  providerSessionId: ProviderSessionId.make(id),
  threadId: ThreadId.make("t1"),
  providerName: "codex",
  adapterKey: "codex",
  providerThreadId: null,
  status: "stopped",
  resumeCursor: null,
  runtimePayload: null,
  ...more,
});

describe("the watermark of an imported session", () => {
  it.effect("comes back as it was put last, for its source alone", () =>
    Effect.gen(function* () {
      const files = yield* ImportedFiles;
      assert.isUndefined(yield* files.find("codex", "s1"));
      yield* files.put(file);
      assert.deepStrictEqual(yield* files.find("codex", "s1"), file);
      const later = { ...file, bytesRead: 200, linesRead: 5, openCalls: {}, fileBytes: 200 };
      yield* files.put({ ...later, fileModifiedAt: "2026-01-31T12:00:00.000Z" });
      assert.deepStrictEqual(yield* files.find("codex", "s1"), {
        ...later,
        fileModifiedAt: "2026-01-31T12:00:00.000Z",
      });
      assert.isUndefined(yield* files.find("claude", "s1"));
    }).pipe(Effect.provide(ImportedFiles.layer), Effect.provide(freshStore)),
  );
});

describe("the sessions that Heddle ran itself", () => {
  it.effect("are known by both ids of the agent, and imported ones are not among them", () =>
    Effect.gen(function* () {
      const runtime = yield* SessionRuntime;
      yield* runtime.put(session("own", { providerThreadId: ProviderThreadId.make("own thread") }));
      yield* runtime.put(
        session(importedSessionId("codex", "s1"), { providerThreadId: ProviderThreadId.make("s1") }),
      );
      const own = yield* Effect.flatMap(ImportedFiles, ({ ownSessions }) => ownSessions);
      assert.sameMembers([...own.keys()], ["own", "own thread"]);
    }).pipe(Effect.provide(ImportedFiles.layer), Effect.provide(freshStore)),
  );
});
