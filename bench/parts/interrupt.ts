/** A person's interrupt while agents stream as fast as they are taken in, against the same while nothing else happens. */
import { setImmediate, setTimeout } from "node:timers/promises";
import { CommandId, ProviderItemId, ProviderSessionId, ThreadId } from "@heddle/contracts/Ids";
import { turnIdFor } from "@heddle/domain/Thread";
import { inSmallSlices, makeAgentIngest } from "@heddle/orchestrator/AgentIngest";
import { Engine } from "@heddle/orchestrator/Engine";
import { Feed } from "@heddle/orchestrator/Feed";
import { EventStore } from "@heddle/event-store/EventStore";
import { EventQueue } from "@heddle/providers/shared/EventQueue";
import { Effect, Fiber, Stream } from "effect";
import { type Figure, type Part, percentile } from "../Figure.ts";
import { createProject, createThread, dispatch, onEngine, withFolder } from "../support.ts";

const AGENTS = 20;
/** Deltas that one read of an agent's pipe brings: 64 KiB, at about 200 bytes for each with its envelope. */
const DELTAS_IN_CHUNK = 320;
/** After which an agent begins its next message. */
const DELTAS_IN_REPLY = 4000;
const WORDS = "streams ";
const ROUNDS = 4;
const INTERRUPTS = 100;
/** Between interrupts, so that they come at any moment of the agents' work. */
const PAUSE_MILLIS = 7;
const AT = "2026-01-31T12:00:00.000Z";

const threadIds = Array.from({ length: AGENTS }, (_, index) => ThreadId.make(`t${index}`));

/** A thread with a turn that runs. */
const beginTurn = Effect.fnUntraced(function* (threadId: ThreadId) {
  const engine = yield* Engine;
  const commandId = CommandId.make(`prompt-${threadId}`);
  yield* dispatch(createThread(threadId));
  yield* dispatch({
    type: "thread.turn.start",
    commandId,
    threadId,
    message: { messageId: `m-${threadId}`, role: "user", text: "Begin" },
    createdAt: AT,
  });
  yield* engine.dispatch(
    {
      type: "thread.turn.begin",
      commandId: CommandId.make(`begin-${threadId}`),
      threadId,
      turnId: turnIdFor(commandId),
    },
    { actor: "provider", causationEventId: null, correlationId: commandId, metadata: {} },
  );
});

/** An agent that has always more to say, read by chunks as from a pipe while the queue has room. */
const talk = async (queue: EventQueue, signal: AbortSignal): Promise<void> => {
  let said = 0;
  while (!signal.aborted) {
    await setImmediate();
    for (let index = 0; index < DELTAS_IN_CHUNK; index += 1) {
      await queue.room();
      const itemId = ProviderItemId.make(`reply-${Math.floor(said / DELTAS_IN_REPLY)}`);
      queue.push({ type: "message.delta", itemId, text: WORDS });
      said += 1;
    }
  }
};

/** Its words are taken in, as fast as that goes. */
const stream = Effect.fnUntraced(function* (threadId: ThreadId, instance: string, count: () => void) {
  const ingest = yield* makeAgentIngest({
    threadId,
    instance,
    startedBy: { causationEventId: null, correlationId: null },
    engine: yield* Engine,
    feed: yield* Feed,
    scope: yield* Effect.scope,
    adapterKey: "acp",
    onStarted: () => {},
  });
  yield* ingest.take({
    type: "session.started",
    providerSessionId: ProviderSessionId.make(instance),
    capabilities: { steer: false, resume: false },
    resumed: false,
  });
  const queue = yield* EventQueue.make;
  yield* Effect.forkScoped(Effect.promise((signal) => talk(queue, signal)));
  yield* inSmallSlices(
    Stream.runForEach(queue.stream, (event) => {
      count();
      return ingest.take(event);
    }),
  );
}, Effect.scoped);

/** How long a person waits for the answer to each of some interrupts, in milliseconds. */
const interrupts = Effect.fnUntraced(function* (name: string) {
  const times: Array<number> = [];
  for (let index = 0; index < INTERRUPTS; index += 1) {
    yield* Effect.promise(() => setTimeout(PAUSE_MILLIS));
    const threadId = threadIds[index % AGENTS] ?? "";
    const start = performance.now();
    yield* dispatch({
      type: "thread.turn.interrupt",
      commandId: `interrupt-${name}-${index}`,
      threadId,
      createdAt: AT,
    });
    times.push(performance.now() - start);
  }
  return times;
});

const run = (): Promise<ReadonlyArray<Figure>> =>
  withFolder((folder) =>
    onEngine(
      folder,
      Effect.gen(function* () {
        const store = yield* EventStore;
        yield* dispatch(createProject);
        yield* Effect.forEach(threadIds, beginTurn);
        const idle: Array<number> = [];
        const streaming: Array<number> = [];
        let deltas = 0;
        let seconds = 0;
        let events = 0;
        for (let round = 0; round < ROUNDS; round += 1) {
          idle.push(...(yield* interrupts(`idle-${round}`)));
          const before = { events: yield* store.head, at: performance.now() };
          const agents = yield* Effect.forEach(threadIds, (threadId) =>
            Effect.forkChild(stream(threadId, `${threadId}-${round}`, () => (deltas += 1))),
          );
          streaming.push(...(yield* interrupts(`streaming-${round}`)));
          events += (yield* store.head) - before.events;
          seconds += (performance.now() - before.at) / 1000;
          yield* Fiber.interruptAll(agents);
        }
        const value = percentile(streaming, 0.99);
        const against = percentile(idle, 0.99);
        process.stdout.write(
          `(${AGENTS} agents: ${Math.round(deltas / seconds).toLocaleString("en")} deltas/s, ${Math.round(events / seconds).toLocaleString("en")} events/s)\n`,
        );
        return [
          {
            name: `an interrupt while ${AGENTS} agents stream, p99`,
            value,
            against,
            unit: "ms",
            ratio: value / against,
            bound: { atMost: 3 },
          },
        ] satisfies ReadonlyArray<Figure>;
      }),
    ),
  );

export const interrupt: Part = {
  name: "interrupt",
  title: "A person's interrupt while agents stream (against the same while nothing else happens)",
  run,
};
