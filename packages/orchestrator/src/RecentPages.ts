/** The newest events of each stream as a page: made once for all subscribers that stand at the same place. */
import type { EventEnvelope } from "@heddle/contracts/Events";
import type { ThreadId } from "@heddle/contracts/Ids";
import type { FeedItem } from "@heddle/contracts/Rpc";
import type { PageBounds } from "./EventRing.ts";
import type { Feed } from "./Feed.ts";

export interface RecentPage {
  readonly items: ReadonlyArray<FeedItem>;
  /** The cursor behind the page. */
  readonly end: number;
  /** Stream version of its last event, undefined where it has none. */
  readonly version: number | undefined;
}

export class RecentPages {
  readonly #feed: Feed["Service"];
  readonly #bounds: PageBounds;
  /** The last page of each stream, up to the log's head as it was. */
  readonly #pages = new Map<ThreadId | null, RecentPage & { readonly from: number }>();
  #head = 0;
  #epoch = 0;

  constructor(feed: Feed["Service"], bounds: PageBounds) {
    this.#feed = feed;
    this.#bounds = bounds;
  }

  /** The next events of a thread, or of all streams, after a cursor; undefined where they are not all at hand. */
  after(threadId: ThreadId | null, from: number): RecentPage | undefined {
    if (this.#head !== this.#feed.head() || this.#epoch !== this.#feed.epoch()) {
      this.#head = this.#feed.head();
      this.#epoch = this.#feed.epoch();
      this.#pages.clear();
    }
    const known = this.#pages.get(threadId);
    if (known?.from === from) return known;
    const recent = this.#feed.recent(from, this.#bounds);
    if (recent === undefined) return undefined;
    const events = threadId === null ? recent : recent.filter((event) => isOf(event, threadId));
    const page = {
      from,
      items: asItems(events),
      end: recent.at(-1)?.sequence ?? from,
      version: events.at(-1)?.streamVersion,
    };
    this.#pages.set(threadId, page);
    return page;
  }
}

export const asItems = (events: ReadonlyArray<EventEnvelope>): ReadonlyArray<FeedItem> =>
  events.map((event) => ({ kind: "event", event }));

const isOf = (event: EventEnvelope, threadId: ThreadId): boolean =>
  event.streamId === threadId && event.aggregateKind === "thread";
