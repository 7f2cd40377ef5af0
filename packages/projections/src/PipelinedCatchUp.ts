/** A long catch-up on two cores: a thread writes pages of rows while this one reads and folds the next. */
import type { Pipeline } from "@heddle/sql/Pipeline";
import { Effect, type Scope } from "effect";
import { type ProjectorMemory, type Running, writerOn } from "./ProjectionWriter.ts";
import type { ReadPage } from "./Runner.ts";

/** Characters of payloads in a page, about: what the pipeline has before it is in memory too. */
const PAGE_CHARACTERS = 4_000_000;

/**
 * Takes projectors on to the head of the log, and each row from `memory` that is there: to read one, this thread waits for
 * the other. Cursors and memory run ahead of what stands: where this fails, both must be read again.
 */
export const catchUpInPipeline = Effect.fn("Runner.catchUpInPipeline")(function* <E>(
  open: Effect.Effect<Pipeline, never, Scope.Scope>,
  able: () => ReadonlyArray<Running>,
  readPage: ReadPage<E>,
  pageSize: number,
  memory: ProjectorMemory,
) {
  const { sql, send, settle } = yield* open;
  const writer = writerOn(sql, able(), memory);
  let limit = pageSize;
  while (true) {
    const page = yield* readPage(Math.min(...able().map(({ cursor }) => cursor)), limit);
    const { events, last, characters } = page;
    if (last === undefined) return yield* settle;
    const behind = able().filter(({ cursor }) => cursor < last.sequence);
    const taken = yield* sql.withTransaction(writer.apply(behind, events, last.sequence));
    taken();
    yield* send;
    // Some pages may go by before there is anything to wait for.
    yield* Effect.yieldNow;
    // The next events are about as large as these.
    limit = Math.ceil(Math.min(pageSize, (PAGE_CHARACTERS * (events.length + 1)) / (characters + 1)));
  }
}, Effect.scoped);
