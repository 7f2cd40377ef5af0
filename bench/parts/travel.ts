/** Any moment of a thread of 100,000 events, against the same page as it is now and against a fold without stored moments. */
import { ThreadId } from "@heddle/contracts/Ids";
import { Reader } from "@heddle/event-store/SqliteDatabase";
import { ThreadMoments } from "@heddle/event-store/ThreadMoments";
import { Queries } from "@heddle/projections/Queries";
import { MOMENT_EVENTS, momentReader } from "@heddle/replay/travel/Moments";
import { threadAt } from "@heddle/replay/travel/TravelThread";
import { threadStream } from "@heddle/replay/travel/TravelStream";
import { Effect } from "effect";
import { type Figure, type Part, percentile } from "../Figure.ts";
import { millionEvents } from "../StoredDatabase.ts";
import { latencies, openEngine } from "../support.ts";

const READS = 100;
const threadId = ThreadId.make("t0");
const limit = 100;

const now = Effect.flatMap(Queries, (queries) => queries.threadSnapshot({ threadId, limit }));
const at = (sequence: number, before?: number) =>
  Effect.flatMap(Reader, (sql) =>
    threadAt(sql, { threadId, sequence, limit, ...(before !== undefined && { before }) }, MOMENT_EVENTS),
  );

/** From 0 to 1, evenly and in no order. */
const place = (index: number): number => (index * 0.618_033_988_749_895) % 1;

const measure = Effect.gen(function* () {
  const stream = threadStream(yield* Reader, threadId);
  const head = (yield* stream.last)?.sequence ?? 0;
  const sequenceOf = (index: number) => 1000 + Math.floor(place(index) * (head - 1000));

  const start = performance.now();
  const { moments } = yield* at(head);
  const first = performance.now() - start;
  yield* (yield* ThreadMoments).put({ threadId, reader: momentReader(MOMENT_EVENTS), moments });

  yield* latencies(20, () => now);
  yield* latencies(20, (index) => at(sequenceOf(index)));
  const live = percentile(yield* latencies(READS, () => now), 0.99);
  const newest = percentile(yield* latencies(READS, (index) => at(sequenceOf(index))), 0.99);
  const deep = percentile(
    yield* latencies(READS, (index) => {
      const sequence = sequenceOf(index);
      return at(sequence, Math.max(2, Math.floor(sequence * place(3 * index))));
    }),
    0.99,
  );
  const figure = (name: string, value: number, against: number, atMost: number): Figure => ({
    name,
    value,
    against,
    unit: "ms",
    ratio: value / against,
    bound: { atMost },
  });
  return [
    figure("a random moment, newest page, against that page now, p99", newest, live, 50),
    figure("a random moment, an older page, against the newest now, p99", deep, live, 80),
    figure("a random moment, p99, against the first request, which makes the moments", newest, first, 0.25),
  ];
});

const run = async (): Promise<ReadonlyArray<Figure>> => {
  const engine = openEngine((await millionEvents()).folder);
  try {
    return await engine.run(Effect.provide(measure, ThreadMoments.layer));
  } finally {
    await engine.close();
  }
};

export const travel: Part = {
  name: "travel",
  title: "Time travel (pages of 100 of a thread of 100,000 events, at random moments)",
  prepare: millionEvents,
  run,
};
