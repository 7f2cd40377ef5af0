import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { ProjectId, TurnId } from "@heddle/contracts/Ids";
import { Queries } from "@heddle/projections/Queries";
import { Effect, Fiber } from "effect";
import { AgentSessions } from "../src/AgentSessions.ts";
import { atRest, beginThread, eventually, serverLayer, threadOf, World } from "./agents.ts";
import { temporaryFolder } from "./support.ts";

const origin = { actor: "server", causationEventId: null, correlationId: null, metadata: {} } as const;

describe("a start that nobody waits for any more", () => {
  it.effect("takes the session with it that it had got to: the next turn gets one that is whole", () =>
    Effect.gen(function* () {
      const world = new World();
      const file = join(yield* temporaryFolder, "heddle.db");
      yield* Effect.gen(function* () {
        yield* beginThread;
        const sessions = yield* AgentSessions;
        const queries = yield* Queries;
        const thread = yield* threadOf();
        const project = yield* queries.project(ProjectId.make("p1"));
        const wish = (turnId: string) => ({
          turnId: TurnId.make(turnId),
          model: thread.model,
          workspace: project?.workspaceRoot ?? "",
        });
        // Its process is there, and its first word is not.
        world.manners.silent = true;
        const first = yield* Effect.forkChild(Effect.scoped(sessions.ensure(thread, wish("turn:a"), origin)));
        yield* eventually(Effect.sync(() => world.agents.length === 1));
        yield* atRest;
        yield* Fiber.interrupt(first);
        yield* eventually(Effect.sync(() => !world.agents[0]?.alive));

        world.manners.silent = false;
        const next = yield* Effect.scoped(
          sessions.ensure(thread, wish("turn:b"), { ...origin, correlationId: "b" }),
        );
        assert.lengthOf(world.agents, 2);
        assert.strictEqual(next.agent.processMark, "agent-2");
        assert.strictEqual((yield* threadOf()).session?.status, "ready");
      }).pipe(Effect.provide(serverLayer(file, world)));
    }).pipe(Effect.scoped),
  );
});
