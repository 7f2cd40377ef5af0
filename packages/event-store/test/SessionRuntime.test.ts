import { assert, describe, it } from "@effect/vitest";
import { ProviderSessionId, ProviderThreadId, ThreadId } from "@heddle/contracts/Ids";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import { TestClock } from "effect/testing";
import { SessionRuntime, type SessionRuntimeEntry } from "../src/SessionRuntime.ts";
import { freshStore } from "./support.ts";

const entry = (id: string, more: Partial<SessionRuntimeEntry> = {}): SessionRuntimeEntry => ({
  providerSessionId: ProviderSessionId.make(id),
  threadId: ThreadId.make("t1"),
  providerName: "codex",
  adapterKey: "codex-app-server",
  providerThreadId: null,
  status: "running",
  resumeCursor: null,
  runtimePayload: null,
  ...more,
});

const t1 = ThreadId.make("t1");

describe("a session's runtime", () => {
  it.effect("comes back as it was put, JSON and all", () =>
    Effect.gen(function* () {
      const runtime = yield* SessionRuntime;
      const full = entry("s1", {
        providerThreadId: ProviderThreadId.make("agent's own id"),
        resumeCursor: { rollout: "/home/a/.codex/1.jsonl", at: [1, null] },
        runtimePayload: { pid: 4242, startTime: "12345" },
      });
      yield* runtime.put(full);
      assert.deepStrictEqual(yield* runtime.latest(t1), full);
      yield* runtime.put(
        entry("s2", { threadId: ThreadId.make("t2"), resumeCursor: "text", runtimePayload: false }),
      );
      assert.deepInclude(yield* runtime.latest(ThreadId.make("t2")), {
        resumeCursor: "text",
        runtimePayload: false,
      });
      assert.isUndefined(yield* runtime.latest(ThreadId.make("t3")));
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("is taken over whole where it is put again", () =>
    Effect.gen(function* () {
      const runtime = yield* SessionRuntime;
      yield* runtime.put(entry("s1", { status: "starting", resumeCursor: { at: 1 } }));
      const again = entry("s1", {
        status: "running",
        resumeCursor: null,
        adapterKey: "other",
        providerName: "claude",
      });
      yield* runtime.put(again);
      assert.deepStrictEqual(yield* runtime.latest(t1), again);
      const sql = yield* SqlClient.SqlClient;
      assert.lengthOf(yield* sql`SELECT * FROM provider_session_runtime`, 1);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("is the thread's latest by when it was last seen", () =>
    Effect.gen(function* () {
      const runtime = yield* SessionRuntime;
      yield* runtime.put(entry("z-first"));
      yield* TestClock.adjust(1);
      yield* runtime.put(entry("a-second"));
      yield* TestClock.adjust(1);
      yield* runtime.put(entry("other", { threadId: ThreadId.make("t2") }));
      const latest = yield* runtime.latest(t1);
      assert.strictEqual(latest?.providerSessionId, "a-second");
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("changes its status and the time it was last seen, and nothing else", () =>
    Effect.gen(function* () {
      const runtime = yield* SessionRuntime;
      const sql = yield* SqlClient.SqlClient;
      const first = entry("s1", { resumeCursor: { at: 1 } });
      yield* runtime.put(first);
      yield* TestClock.setTime(Date.UTC(2026, 1, 3));
      yield* runtime.setStatus(first.providerSessionId, "error");
      assert.deepStrictEqual(yield* runtime.latest(t1), { ...first, status: "error" });
      const [row] = yield* sql<{ last_seen_at: string }>`SELECT last_seen_at FROM provider_session_runtime`;
      assert.strictEqual(row?.last_seen_at, "2026-02-03T00:00:00.000Z");
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("is alive while it starts or runs", () =>
    Effect.gen(function* () {
      const runtime = yield* SessionRuntime;
      for (const status of ["starting", "running", "stopped", "error"] as const) {
        yield* runtime.put(entry(status, { status }));
      }
      const alive = Effect.map(runtime.alive, (entries) => entries.map((one) => one.providerSessionId));
      assert.deepStrictEqual<ReadonlyArray<string>>(yield* alive, ["running", "starting"]);
      yield* runtime.setStatus(ProviderSessionId.make("running"), "stopped");
      assert.deepStrictEqual<ReadonlyArray<string>>(yield* alive, ["starting"]);
    }).pipe(Effect.provide(freshStore)),
  );
});
