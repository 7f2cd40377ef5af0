/** Parts with a bug each, as someone could write them: the simulation has to see it. */
import type { FeedItem } from "@heddle/contracts/Rpc";
import { CommandId } from "@heddle/contracts/Ids";
import { eventReads } from "@heddle/event-store/EventStore";
import { Reader } from "@heddle/event-store/SqliteDatabase";
import type { Engine } from "@heddle/orchestrator/Engine";
import { Feed } from "@heddle/orchestrator/Feed";
import { Subscriptions } from "@heddle/orchestrator/Subscriptions";
import { Effect, Stream } from "effect";

type EngineService = Engine["Service"];

/** Says what the sequence will be, and writes afterwards. */
export const answersBeforeTheCommit = (engine: EngineService, feed: Feed["Service"]): EngineService => ({
  ...engine,
  dispatch: (command, origin) =>
    origin.actor === "client" && command.type === "thread.meta.update"
      ? Effect.as(Effect.forkDetach(engine.dispatch(command, origin)), { sequence: feed.head() + 1 })
      : engine.dispatch(command, origin),
});

/** Each try goes under an id of its own, so that no receipt is ever found. */
export const forgetsReceipts = (engine: EngineService): EngineService => {
  let tries = 0;
  return {
    ...engine,
    dispatch: (command, origin) => {
      tries += 1;
      return origin.actor === "client"
        ? engine.dispatch({ ...command, commandId: CommandId.make(`${command.commandId}/${tries}`) }, origin)
        : engine.dispatch(command, origin);
    },
  };
};

/** Reads what is there, and only then asks to be told of more: what comes in between is lost. */
export const attachesAfterReading = Effect.gen(function* () {
  const feed = yield* Feed;
  const reads = eventReads(yield* Reader);
  const subscribe = (from: number) =>
    Stream.unwrap(
      Effect.gen(function* () {
        const { events } = yield* reads.readAll({ fromSequenceExclusive: from, limit: 10_000 });
        const watcher = yield* feed.watch(null);
        let cursor = feed.head();
        const stored = events.map((event): FeedItem => ({ kind: "event", event }));
        const live = Stream.fromEffectRepeat(
          Effect.map(watcher.wait, () => {
            const recent = feed.recent(cursor, { limit: 10_000, maxBytes: Infinity }) ?? [];
            cursor = recent.at(-1)?.sequence ?? cursor;
            return recent.map((event): FeedItem => ({ kind: "event", event }));
          }),
        ).pipe(Stream.flatMap(Stream.fromIterable));
        const synchronized: FeedItem = { kind: "synchronized", sequence: cursor };
        return Stream.concat(Stream.fromIterable([...stored, synchronized]), live);
      }),
    ).pipe(Stream.scoped);
  return Subscriptions.of({
    subscribe,
    subscribeThread: (threadId, from) =>
      Stream.filter(subscribe(from), (item) => item.kind !== "event" || item.event.streamId === threadId),
  });
});
