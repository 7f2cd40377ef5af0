/** A reply that streams: what each delta costs, and how many events it leaves. */
import { join } from "node:path";
import { mkdirSync } from "node:fs";
import { ProviderItemId, ProviderSessionId, ThreadId } from "@heddle/contracts/Ids";
import { EventStore } from "@heddle/event-store/EventStore";
import { makeAgentIngest } from "@heddle/orchestrator/AgentIngest";
import { Engine } from "@heddle/orchestrator/Engine";
import { Feed } from "@heddle/orchestrator/Feed";
import { Effect } from "effect";
import { type Figure, median, type Part } from "../Figure.ts";
import { createProject, createThread, dispatch, onEngine, rate, rename, withFolder } from "../support.ts";

const COMMANDS = 5000;
const ROUNDS = 3;
const WORDS = "streams ";

/** Takes in a reply of `deltas` words; gives the seconds that it took, and the events that it left. */
const reply = (threadId: string, deltas: number) =>
  Effect.gen(function* () {
    const store = yield* EventStore;
    const ingest = yield* makeAgentIngest({
      threadId: ThreadId.make(threadId),
      instance: threadId,
      startedBy: { causationEventId: null, correlationId: null },
      engine: yield* Engine,
      feed: yield* Feed,
      scope: yield* Effect.scope,
      adapterKey: "acp",
      onStarted: () => {},
    });
    yield* ingest.take({
      type: "session.started",
      providerSessionId: ProviderSessionId.make(threadId),
      capabilities: { steer: false, resume: false },
      resumed: false,
    });
    const before = yield* store.head;
    const itemId = ProviderItemId.make("reply");
    const start = performance.now();
    for (let index = 0; index < deltas; index += 1) {
      yield* ingest.take({ type: "message.delta", itemId, text: WORDS });
    }
    yield* ingest.take({ type: "message.completed", itemId });
    const seconds = (performance.now() - start) / 1000;
    return { seconds, events: (yield* store.head) - before };
  }).pipe(Effect.scoped);

const run = (): Promise<ReadonlyArray<Figure>> =>
  withFolder((folder) => {
    mkdirSync(join(folder, "stream"));
    return onEngine(
      join(folder, "stream"),
      Effect.gen(function* () {
        yield* dispatch(createProject);
        for (let index = 0; index < 100; index += 1) yield* dispatch(createThread(`t${index}`));
        const commandRates: Array<number> = [];
        const shortRates: Array<number> = [];
        const costRatios: Array<number> = [];
        let events = 0;
        for (let round = 0; round < ROUNDS; round += 1) {
          commandRates.push(
            yield* rate(COMMANDS, 100, (index) =>
              dispatch(rename(`t${index % 100}`, `command-${round}-${index}`)),
            ),
          );
          yield* dispatch(createThread(`short-${round}`));
          yield* dispatch(createThread(`long-${round}`));
          const short = yield* reply(`short-${round}`, 4000);
          const long = yield* reply(`long-${round}`, 40_000);
          events = Math.max(events, short.events);
          shortRates.push(4000 / short.seconds);
          costRatios.push(long.seconds / 40_000 / (short.seconds / 4000));
        }
        const deltas = median(shortRates);
        const commands = median(commandRates);
        return [
          {
            name: "a reply of 4,000 deltas",
            value: deltas,
            against: commands,
            unit: "deltas/s, commands/s",
            ratio: deltas / commands,
            bound: { atLeast: 5 },
          },
          {
            name: "events that it leaves",
            value: events,
            against: 60,
            unit: "events",
            ratio: events / 60,
            bound: { atMost: 1 },
          },
          {
            name: "cost of a delta in a reply of 40,000",
            value: median(costRatios),
            against: 1,
            unit: "of one in 4,000",
            ratio: median(costRatios),
            bound: { atMost: 1.2 },
          },
        ] satisfies ReadonlyArray<Figure>;
      }),
    );
  });

export const stream: Part = { name: "stream", title: "A reply that streams", run };
