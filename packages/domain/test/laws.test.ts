import { assert, describe, it } from "@effect/vitest";
import { EVENT_TYPES, type EventEnvelope } from "@heddle/contracts/Events";
import fc from "fast-check";
import { isRejection } from "../src/Decision.ts";
import { evolveProject, initialProject } from "../src/Project.ts";
import { reactionTo } from "../src/Reaction.ts";
import {
  evolveThread,
  initialThread,
  type LiveThread,
  type ThreadState,
  turnsInOrder,
} from "../src/ThreadState.ts";
import { commandFor } from "./StepCommands.ts";
import { play, randomSteps, type Step, timeOf } from "./Steps.ts";
import { comparable } from "./support.ts";
import type { World } from "./World.ts";

const holds = (law: (steps: ReadonlyArray<Step>) => void, numRuns = 200) => {
  fc.assert(fc.property(randomSteps(250), law), { numRuns });
};

const liveThreads = (world: World): ReadonlyArray<LiveThread> =>
  [...world.threads.values()].filter((thread) => thread.status === "live");

/** The events of each thread, in order. */
const streams = (world: World): ReadonlyArray<ReadonlyArray<EventEnvelope>> => [
  ...Map.groupBy(
    world.log.filter((event) => event.aggregateKind === "thread"),
    (event) => event.streamId,
  ).values(),
];

const foldThread = (events: ReadonlyArray<EventEnvelope>, from: ThreadState = initialThread) =>
  events.reduce<ThreadState>(evolveThread, from);

describe("whatever people and agents do", () => {
  it("a thread has at most one turn, running or asked for, and a queue only behind one", () => {
    holds((steps) => {
      play(steps, (world) => {
        for (const thread of liveThreads(world)) {
          assert.isFalse(thread.activeTurn !== null && thread.requestedTurn !== null, "two turns at once");
          if (thread.queue.length > 0) {
            assert.isTrue(
              thread.activeTurn !== null || thread.requestedTurn !== null,
              "a queue that nobody works on",
            );
          }
        }
      });
    });
  });

  it("turn counts are dense: each turn that begins has the next one after those that stand", () => {
    holds((steps) => {
      for (const stream of streams(play(steps))) {
        let standing = 0;
        for (const event of stream) {
          if (event.eventType === "thread.turn-started") {
            assert.strictEqual(event.payload.turnCount, standing + 1);
            standing += 1;
          } else if (event.eventType === "thread.reverted") {
            assert.isAtMost(event.payload.turnCount, standing);
            assert.lengthOf(event.payload.removedTurnIds, standing - event.payload.turnCount);
            standing = event.payload.turnCount;
          }
        }
      }
    });
  });

  it("a turn is asked for once, begins at most once, and completes at most once, in that order", () => {
    holds((steps) => {
      for (const stream of streams(play(steps))) {
        const phases = new Map<string, "queued" | "requested" | "started" | "completed">();
        for (const event of stream) {
          if (event.eventType === "thread.turn-queued") {
            assert.isUndefined(phases.get(event.payload.turnId));
            phases.set(event.payload.turnId, "queued");
          } else if (event.eventType === "thread.turn-start-requested") {
            assert.oneOf(phases.get(event.payload.turnId), [undefined, "queued"]);
            phases.set(event.payload.turnId, "requested");
          } else if (event.eventType === "thread.turn-started") {
            assert.strictEqual(phases.get(event.payload.turnId), "requested");
            phases.set(event.payload.turnId, "started");
          } else if (event.eventType === "thread.turn-completed") {
            assert.oneOf(phases.get(event.payload.turnId), ["queued", "requested", "started"]);
            phases.set(event.payload.turnId, "completed");
          }
        }
      }
    });
  });

  it("a request is resolved at most once, after it was opened, and answered at most once, while it is open", () => {
    holds((steps) => {
      for (const stream of streams(play(steps))) {
        const phases = new Map<string, "open" | "answered" | "resolved">();
        for (const { eventType, payload } of stream) {
          if (!("requestId" in payload)) continue;
          const phase = phases.get(payload.requestId);
          if (eventType.endsWith("-response-requested")) {
            assert.strictEqual(phase, "open");
            phases.set(payload.requestId, "answered");
          } else if (eventType.endsWith("-resolved")) {
            assert.oneOf(phase, ["open", "answered"]);
            phases.set(payload.requestId, "resolved");
          } else {
            assert.isUndefined(phase);
            phases.set(payload.requestId, "open");
          }
        }
      }
    });
  });

  it("no request outlives the turn, the session or the thread", () => {
    holds((steps) => {
      play(steps, (world, command) => {
        if (world.log.at(-1)?.commandId !== command.commandId || !("threadId" in command)) return;
        const thread = world.thread(command.threadId);
        const { type } = command;
        if (type === "thread.turn.complete" || type === "thread.session.end") {
          assert.strictEqual(thread.status === "live" && thread.openRequests.size, 0);
        }
        if (type === "thread.session.end") {
          assert.isNull(thread.status === "live" && thread.activeTurn);
        }
        if (type === "thread.session.stop") {
          assert.isNull(thread.status === "live" && thread.requestedTurn);
          assert.lengthOf(thread.status === "live" ? thread.queue : [null], 0);
        }
        if (type === "thread.delete") assert.deepStrictEqual(thread, { status: "deleted" });
      });
    });
  });

  it("a deleted thread's log ends with its deletion, and nothing in it is left open", () => {
    holds((steps) => {
      for (const stream of streams(play(steps))) {
        const deleted = stream.findIndex((event) => event.eventType === "thread.deleted");
        if (deleted === -1) continue;
        assert.strictEqual(deleted, stream.length - 1);
        const before = foldThread(stream.slice(0, deleted));
        assert.deepInclude(before, {
          activeTurn: null,
          requestedTurn: null,
          queue: [],
          openRequests: new Map(),
        });
      }
    });
  });

  it("what can be gone back to is a turn that stands", () => {
    holds((steps) => {
      play(steps, (world) => {
        for (const thread of liveThreads(world)) {
          assert.deepStrictEqual(
            turnsInOrder(thread.turns).map(([count]) => count),
            Array.from({ length: thread.turnCount }, (_, index) => index + 1),
          );
        }
      });
    });
  });
});

describe("folding", () => {
  it("is deterministic, and changes no state that it was given", () => {
    holds((steps) => {
      for (const stream of streams(play(steps))) {
        let state: ThreadState = initialThread;
        for (const event of stream) {
          const before = structuredClone(comparable(state));
          const after = evolveThread(state, event);
          assert.deepStrictEqual(comparable(evolveThread(state, event)), comparable(after));
          assert.deepStrictEqual(comparable(state), before);
          state = after;
        }
      }
    }, 100);
  });

  it("in two parts equals folding at once", () => {
    fc.assert(
      fc.property(randomSteps(150), fc.nat(200), (steps, cut) => {
        for (const stream of streams(play(steps))) {
          assert.deepStrictEqual(
            comparable(foldThread(stream.slice(cut), foldThread(stream.slice(0, cut)))),
            comparable(foldThread(stream)),
          );
        }
      }),
      { numRuns: 200 },
    );
  });

  it("an event of another aggregate's kind changes nothing", () => {
    holds((steps) => {
      const world = play(steps);
      for (const event of world.log) {
        if (event.aggregateKind === "thread")
          assert.strictEqual(evolveProject(initialProject, event), initialProject);
        else assert.strictEqual(evolveThread(initialThread, event), initialThread);
      }
    }, 50);
  });
});

describe("deciding", () => {
  it("gives at least one event, or a rejection and no event", () => {
    holds((steps) => {
      let length = 0;
      play(steps, (world, _, decision) => {
        const added = world.log.length - length;
        length = world.log.length;
        if (isRejection(decision)) assert.strictEqual(added, 0);
        else assert.isAbove(added, 0);
      });
    });
  });

  it("is deterministic", () => {
    holds((steps) => {
      play(steps, (world, command) => {
        assert.deepStrictEqual(world.decide(command, timeOf(0)), world.decide(command, timeOf(0)));
      });
    }, 50);
  });
});

describe("the random histories of these tests", () => {
  it("reach every event type and every reaction", () => {
    const types = new Set<string>();
    const reactions = new Set<string | undefined>();
    for (const steps of fc.sample(randomSteps(300), { numRuns: 300, seed: 1 })) {
      for (const event of play(steps).log) {
        types.add(event.eventType);
        reactions.add(reactionTo(event)?.kind);
      }
    }
    assert.deepStrictEqual([...types].toSorted(), [...EVENT_TYPES].toSorted());
    assert.strictEqual(reactions.size, 13, [...reactions].join(" "));
  });

  it("make one command of a step in one world", () => {
    const [steps = []] = fc.sample(randomSteps(50), { numRuns: 1, seed: 2 });
    play(steps, (world) => {
      for (const step of steps)
        assert.deepStrictEqual(commandFor(world, step, "c"), commandFor(world, step, "c"));
    });
  });
});
