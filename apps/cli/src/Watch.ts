/** Follows a thread and shows what happens in it, until an event ends the watch. */
import type { HeddleClientService } from "@heddle/client/HeddleClient";
import type { EventEnvelope } from "@heddle/contracts/Events";
import type { ThreadSnapshot } from "@heddle/contracts/ReadModel";
import type { FeedItem } from "@heddle/contracts/Rpc";
import { Clock, Effect, Option, Stream } from "effect";
import { CliFailure } from "./CliFailure.ts";
import { invocation } from "./Environment.ts";
import { openRequests } from "./Lookup.ts";
import { Output } from "./Output.ts";
import { dim, yellow } from "./render/Colour.ts";
import { LiveTranscript } from "./render/Live.ts";
import { wholeSeconds } from "./render/Time.ts";
import { wrap } from "./render/Wrap.ts";
import { makeRequests, type OpenRequest } from "./Requests.ts";

/** How much of a thread is read before it is followed: enough to hold the message that is being streamed. */
export const WATCH_PAGE = 20;

/** Nothing was printed for so long: say that work goes on. */
const QUIET = 1000;
/** The next word is long in coming. */
const PAUSE = 300;

export interface WatchOptions {
  /** Where the watch begins. */
  readonly snapshot: ThreadSnapshot;
  readonly acceptAll: boolean;
  readonly ownMessages?: ReadonlySet<string>;
  /** Ends the watch when it gives true. */
  readonly isOver: (event: EventEnvelope) => boolean;
}

/** What is said when somebody stops watching. */
const left = (live: LiveTranscript, threadId: string, columns: number): string => {
  const command = (name: string): string => `${invocation} thread ${name} ${threadId}`;
  const words =
    live.doing === undefined
      ? `No longer watching. ${command("watch")} goes on with it.`
      : `No longer watching; the agent goes on. ${command("watch")} shows it, ${command("interrupt")} stops it.`;
  return `\n${dim(wrap(words, "", columns))}`;
};

/** The event that ended the watch. */
export const watch = Effect.fnUntraced(function* (client: HeddleClientService, options: WatchOptions) {
  const output = yield* Output;
  const { snapshot } = options;
  const { threadId } = snapshot.thread;
  const live = new LiveTranscript({
    snapshot,
    columns: output.columns,
    sayStarts: !output.terminal,
    ...(options.ownMessages && { ownMessages: options.ownMessages }),
  });
  const requests = yield* makeRequests({
    client,
    threadId,
    acceptAll: options.acceptAll,
    answering: (requestId) => live.answeredHere(requestId),
  });
  let quietSince = yield* Clock.currentTimeMillis;
  let lost = false;

  const show = Effect.fnUntraced(function* (item: FeedItem) {
    if (lost) {
      lost = false;
      if (!output.json) yield* output.printError(`${dim("Connected again.")}\n`);
    }
    if (output.json) yield* output.printJsonLine(item);
    else {
      const text = live.take(item);
      if (text !== "") {
        quietSince = yield* Clock.currentTimeMillis;
        if (!requests.asking()) yield* output.status(undefined);
        yield* output.print(text);
      }
    }
    if (item.kind === "event") yield* attend(item.event);
  });

  const attend = (event: EventEnvelope) => {
    switch (event.eventType) {
      case "thread.approval-requested":
        return requests.opened({ ...event.payload, questions: [] });
      case "thread.user-input-requested":
        return requests.opened({ ...event.payload, kind: "user-input" });
      case "thread.approval-resolved":
      case "thread.user-input-resolved":
        return requests.resolved(event.payload.requestId);
      default:
        return Effect.void;
    }
  };

  const alreadyOpen = Effect.forEach(
    openRequests(snapshot),
    Effect.fnUntraced(function* (request) {
      if (!output.json) yield* output.print(live.opened(request));
      yield* requests.opened(request satisfies OpenRequest);
    }),
    { discard: true },
  );

  /** The status line, where there is a terminal. */
  const tick = Effect.gen(function* () {
    yield* Effect.sleep("250 millis");
    if (requests.asking()) return;
    const quiet = (yield* Clock.currentTimeMillis) - quietSince;
    const rest = quiet < PAUSE ? "" : live.heldBack();
    if (rest !== "") yield* output.print(rest);
    const doing = quiet < QUIET ? undefined : live.doing;
    yield* output.status(doing === undefined ? undefined : dim(`  ⋯ ${doing} · ${wholeSeconds(quiet)}`));
  });

  const feed = client
    .follow({
      threadId,
      fromSequenceExclusive: snapshot.snapshotSequence,
      onLost: () =>
        Effect.suspend(() => {
          if (lost || output.json) return Effect.void;
          lost = true;
          return output.printError(`${yellow("The connection was lost; trying again…")}\n`);
        }),
    })
    .pipe(
      Stream.tap(show),
      Stream.takeUntil((item) => item.kind === "event" && options.isOver(item.event)),
      Stream.runLast,
    );

  const ended = yield* Effect.andThen(alreadyOpen, feed).pipe(
    Effect.raceFirst(requests.run),
    output.terminal && !output.json ? Effect.raceFirst(Effect.forever(tick)) : (effect) => effect,
    Effect.ensuring(output.status(undefined)),
    Effect.onInterrupt(() =>
      output.json ? Effect.void : output.print(left(live, threadId, output.columns())),
    ),
  );
  const last = Option.getOrUndefined(ended);
  if (last?.kind === "event") return last.event;
  return yield* new CliFailure({
    kind: "feed-reset",
    message: "The server's log is not the one that was being followed; it may have been replaced.",
    hint: "Look at the thread again, and follow it from there.",
  });
});
