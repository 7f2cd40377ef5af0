/**
 * What a subscription gives at once, on its way to a client (ADR 0013). Events in memory are in their encoded form, and each
 * is turned into JSON once: subscribers of one event share its text.
 */
import type { EventEnvelope } from "@heddle/contracts/Events";
import type { FeedItem } from "@heddle/contracts/Rpc";
import { Schema } from "effect";

/** Lives as long as its event does, in the feed's ring or in a page on its way. */
const texts = new WeakMap<EventEnvelope, string>();

const textOf = (item: FeedItem): string => {
  if (item.kind !== "event") return JSON.stringify(item);
  const known = texts.get(item.event);
  if (known !== undefined) return known;
  const text = JSON.stringify(item);
  texts.set(item.event, text);
  return text;
};

/** Pages that several subscribers are given. */
const pages = new WeakMap<ReadonlyArray<FeedItem>, FeedPage>();

/** Some items of a feed, and their JSON. */
export class FeedPage {
  /** The items as they stand in a chunk's `values`: JSON, with a comma between two. */
  readonly text: string;

  constructor(items: ReadonlyArray<FeedItem>) {
    this.text = items.map(textOf).join(",");
  }

  /** The same page for the same items, which do not change. */
  static of(items: ReadonlyArray<FeedItem>): FeedPage {
    const known = pages.get(items);
    if (known !== undefined) return known;
    const page = new FeedPage(items);
    pages.set(items, page);
    return page;
  }

  static readonly schema = Schema.instanceOf(FeedPage);
}
