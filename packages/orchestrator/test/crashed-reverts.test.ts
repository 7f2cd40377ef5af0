import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import {
  beginThread,
  eventsOfType,
  eventually,
  pass,
  promptAgent,
  runTurn,
  serverLayer,
  World,
} from "./agents.ts";
import { allSettled, crashBeforeSettling } from "./database-files.ts";
import { AT, send, temporaryFolder } from "./support.ts";

describe("after a crash before a revert was settled", () => {
  it.effect("it is done again, and told as it was the first time", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder;
      const file = join(folder, "before.db");
      const image = join(folder, "after.db");
      const before = new World();
      before.restores.push(["a.txt"]);
      yield* Effect.gen(function* () {
        yield* beginThread;
        yield* runTurn(before, "m1", "done");
        yield* allSettled;
        yield* crashBeforeSettling(file, image);
        yield* send({
          type: "thread.checkpoint.revert",
          commandId: "revert",
          threadId: "t1",
          turnCount: 0,
          createdAt: AT,
        });
        yield* eventually(Effect.map(eventsOfType("thread.reverted"), ({ length }) => length === 1));
        yield* allSettled;
      }).pipe(Effect.provide(serverLayer(file, before)), Effect.scoped);

      const after = new World();
      yield* Effect.gen(function* () {
        yield* pass(5000);
        yield* allSettled;
        assert.deepStrictEqual(
          (yield* eventsOfType("thread.reverted")).map(({ payload }) => payload.files),
          [["a.txt"]],
        );
        assert.isEmpty(yield* eventsOfType("thread.checkpoint-revert-failed"));
        const kinds = (yield* eventsOfType("thread.activity-appended")).map(({ payload }) => payload.kind);
        assert.notInclude(kinds, "effect.dead");
        yield* promptAgent(after, "m2");
      }).pipe(Effect.provide(serverLayer(image, after)), Effect.scoped);
    }).pipe(Effect.scoped),
  );
});
