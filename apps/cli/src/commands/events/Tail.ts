/** `heddle events tail` */
import { eventMatcher } from "@heddle/client/EventMatcher";
import { foundEvents } from "@heddle/client/FoundEvents";
import type { HeddleClientService } from "@heddle/client/HeddleClient";
import type { EventFilter } from "@heddle/contracts/InspectionRpc";
import type { FeedItem } from "@heddle/contracts/Rpc";
import { Effect, Schema, Stream } from "effect";
import { Command, Flag } from "effect/cli";
import { CliFailure } from "../../CliFailure.ts";
import { connected } from "../../Connection.ts";
import { Output } from "../../Output.ts";
import { SignalExit } from "../../Process.ts";
import { yellow } from "../../render/Colour.ts";
import { eventLine, eventLines } from "../../render/EventLine.ts";
import { filterFlags, filterOf } from "./Filters.ts";
import { limitOf, searchStatus } from "./List.ts";

const MAX_LIMIT = 100_000;
const ALL = Number.MAX_SAFE_INTEGER;

export const tail = Command.make(
  "tail",
  {
    ...filterFlags,
    limit: limitOf(10).pipe(
      Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: MAX_LIMIT }))),
    ),
    follow: Flag.Boolean("follow").pipe(
      Flag.withAlias("f"),
      Flag.withoutNegation,
      Flag.withDescription("Go on with what happens, over lost connections too; ctrl-C ends it"),
      Flag.withDefault(false),
    ),
  },
  ({ limit, follow, ...filters }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        // The usual end of following is a signal.
        if (follow) (yield* SignalExit).code = 0;
        const filter = yield* filterOf(client, filters);
        const found = yield* foundEvents(client, {
          // For none of them, only where the log stands is asked.
          filter: limit === 0 ? { ...filter, toSequence: 0 } : filter,
          order: "newest",
          limit: Math.max(1, limit),
          onPage: yield* searchStatus,
        }).pipe(Effect.ensuring(output.status(undefined)));
        if (output.json) {
          for (const event of found.events) yield* output.printJsonLine({ kind: "event", event });
        } else yield* output.print(eventLines(found, output.columns()));
        if (follow) yield* followFrom(client, filter, found.headSequence);
      }),
    ),
).pipe(
  Command.withDescription(
    "Print the last events that fit all that is given, and with -f go on as more happen",
  ),
  Command.withShortDescription("Print the last events, and follow"),
  Command.withExamples([
    { command: "heddle events tail -f" },
    {
      command: "heddle events tail -f -n 0 --type 'thread.approval-*' --json",
      description: "From now on, what agents ask for, as JSON lines",
    },
  ]),
);

const followFrom = Effect.fnUntraced(function* (
  client: HeddleClientService,
  filter: EventFilter,
  fromSequenceExclusive: number,
) {
  const output = yield* Output;
  const matches = eventMatcher(filter, yield* threadsOf(client, filter, fromSequenceExclusive));
  let lost = false;
  const show = Effect.fnUntraced(function* (item: FeedItem) {
    lost = false;
    if (item.kind === "event" && !matches(item.event)) return;
    if (output.json) return yield* output.printJsonLine(item);
    if (item.kind === "event") yield* output.print(`${eventLine(item.event, output.columns())}\n`);
  });
  yield* client
    .follow({
      fromSequenceExclusive,
      ...(filter.threadId !== undefined && { threadId: filter.threadId }),
      onLost: () =>
        Effect.suspend(() => {
          if (lost || output.json) return Effect.void;
          lost = true;
          return output.printError(`${yellow("The connection was lost; trying again…")}\n`);
        }),
    })
    .pipe(
      Stream.filter((item) => item.kind !== "delta"),
      Stream.runForEach(show),
    );
  return yield* new CliFailure({
    kind: "feed-reset",
    message: `The log cannot be followed from event ${fromSequenceExclusive} on; it may have been replaced.`,
    hint: "Begin again.",
  });
});

/** The threads of the filter's project, as far as they were made by then: the matcher sees the later ones itself. */
const threadsOf = Effect.fnUntraced(function* (
  client: HeddleClientService,
  { projectId }: EventFilter,
  toSequence: number,
) {
  if (projectId === undefined) return [];
  const { events } = yield* foundEvents(client, {
    filter: { projectId, types: ["thread.created"], toSequence },
    order: "oldest",
    limit: ALL,
  });
  return events.map(({ streamId }) => streamId);
});
