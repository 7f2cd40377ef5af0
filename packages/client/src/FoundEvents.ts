/** The events that a filter means, over as many pages as it takes. */
import type { ReadError } from "@heddle/contracts/Errors";
import type { EventEnvelope } from "@heddle/contracts/Events";
import type { EventFilter, EventListPage, UnreadableEvent } from "@heddle/contracts/InspectionRpc";
import { Effect } from "effect";
import type { ConnectionError, HeddleClientService } from "./HeddleClient.ts";

export interface FoundEvents {
  /** In the order of the log. */
  readonly events: ReadonlyArray<EventEnvelope>;
  /** Among them, and cannot be read. */
  readonly unreadable: ReadonlyArray<UnreadableEvent>;
  /** Where the log stood before the first look: what came behind it is not among them, and a feed from there gives it. */
  readonly headSequence: number;
}

/** The server puts a page into JSON at once: small pages let others have their turn between. */
const PAGE = 250;

/** The first or the last `limit` of them, one at least. `onPage` is told how many events have been looked at by then. */
export const foundEvents = Effect.fn("foundEvents")(function* (
  client: Pick<HeddleClientService, "listEvents">,
  {
    filter,
    order,
    limit,
    onPage = () => Effect.void,
  }: {
    readonly filter: EventFilter;
    readonly order: "oldest" | "newest";
    readonly limit: number;
    readonly onPage?: (examined: number, headSequence: number) => Effect.Effect<void>;
  },
): Effect.fn.Return<FoundEvents, ReadError | ConnectionError> {
  const first: EventListPage = yield* client.listEvents({ filter, order, limit: Math.min(PAGE, limit) });
  const { headSequence } = first;
  // What happens meanwhile is not looked at: who follows gets it from the feed.
  const upToHead = { ...filter, toSequence: Math.min(filter.toSequence ?? headSequence, headSequence) };
  const events = [...first.events];
  const unreadable = [...first.unreadable];
  let { examined, nextCursor: cursor } = first;
  const missing = () => limit - events.length - unreadable.length;
  while (cursor !== null && missing() > 0) {
    yield* onPage(examined, headSequence);
    const page: EventListPage = yield* client.listEvents({
      filter: upToHead,
      order,
      cursor,
      limit: Math.min(PAGE, missing()),
    });
    events.push(...page.events);
    unreadable.push(...page.unreadable);
    examined += page.examined;
    cursor = page.nextCursor;
  }
  return order === "oldest"
    ? { events, unreadable, headSequence }
    : { events: events.toReversed(), unreadable: unreadable.toReversed(), headSequence };
});
