/** `heddle events …`: the log itself. */
import type { HeddleClientService } from "@heddle/client/HeddleClient";
import type { EventEnvelope } from "@heddle/contracts/Events";
import type { QuarantinedEvent } from "@heddle/contracts/ReadModel";
import type { FeedItem } from "@heddle/contracts/Rpc";
import { Effect, Option, Stream } from "effect";
import { Argument, Command, Flag } from "effect/cli";
import { CliFailure } from "../CliFailure.ts";
import { connected } from "../Connection.ts";
import { findThread } from "../Lookup.ts";
import { Output } from "../Output.ts";
import { SignalExit } from "../Process.ts";
import { bold, cyan, dim, yellow } from "../render/Colour.ts";
import { eventLine } from "../render/EventLine.ts";
import { reveal, revealLine } from "../render/Sanitize.ts";
import * as Flags from "./Flags.ts";

const MAX_LIMIT = 100_000;
const PAGE = 1000;

const from = (otherwise: string) =>
  Flag.Int("from").pipe(
    Flag.withMetavar("<sequence>"),
    Flag.withDescription(`Begin after this event, 0 for the first (else ${otherwise})`),
    Flag.withSchema(Flags.Count),
    Flag.optional,
  );

const limitOf = (otherwise: number) =>
  Flag.Int("limit").pipe(
    Flag.withAlias("n"),
    Flag.withMetavar("<number>"),
    Flag.withDescription(`How many at most (else ${otherwise})`),
    Flag.withDefault(otherwise),
    Flag.withSchema(Flags.Positive(MAX_LIMIT)),
  );

const ofThread = Flag.String("thread").pipe(
  Flag.withMetavar("<id>"),
  Flag.withDescription("Only events of this thread"),
  Flag.optional,
);

/** Up to `limit` events after a sequence. */
const readAll = (client: HeddleClientService, fromSequenceExclusive: number, limit: number) =>
  Effect.gen(function* () {
    const events: Array<EventEnvelope> = [];
    let cursor: number | null = fromSequenceExclusive;
    while (cursor !== null && events.length < limit) {
      const page: {
        readonly events: ReadonlyArray<EventEnvelope>;
        readonly nextFromSequenceExclusive: number | null;
      } = yield* client.replayEvents({
        fromSequenceExclusive: cursor,
        limit: Math.min(PAGE, limit - events.length),
      });
      events.push(...page.events);
      cursor = page.nextFromSequenceExclusive;
    }
    return events;
  });

const head = (client: HeddleClientService) =>
  Effect.map(client.replayEvents({ fromSequenceExclusive: 0, limit: 1 }), ({ headSequence }) => headSequence);

/** Events of a thread that are stored: the first after a sequence, or without one the last. */
const readThread = Effect.fnUntraced(function* (
  client: HeddleClientService,
  threadId: string,
  fromSequenceExclusive: Option.Option<number>,
  limit: number,
) {
  const events: Array<EventEnvelope> = [];
  const newest = Option.isNone(fromSequenceExclusive);
  yield* client
    .subscribeThread(
      threadId,
      Option.getOrElse(fromSequenceExclusive, () => 0),
    )
    .pipe(
      Stream.takeWhile((item) => item.kind !== "synchronized" && item.kind !== "reset"),
      Stream.takeWhile((item) => {
        if (item.kind === "event") events.push(item.event);
        if (newest && events.length > limit) events.shift();
        return newest || events.length < limit;
      }),
      Stream.runDrain,
    );
  return events;
});

const list = Command.make(
  "list",
  {
    from: from("the last ones"),
    limit: limitOf(50),
    thread: ofThread,
  },
  ({ from, limit, thread }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        const threadId = yield* threadIdOf(client, thread);
        const events =
          threadId === undefined
            ? yield* readAll(
                client,
                Option.isSome(from) ? from.value : Math.max(0, (yield* head(client)) - limit),
                limit,
              )
            : yield* readThread(client, threadId, from, limit);
        if (output.json) return yield* output.printJson(events);
        if (events.length === 0) return yield* output.print("There are no events there.\n");
        yield* output.print(lines(events, output.columns()));
      }),
    ),
).pipe(
  Command.withDescription("List events of the log: the last ones, or those after a sequence"),
  Command.withShortDescription("List events"),
  Command.withAlias("ls"),
  Command.withExamples([
    { command: "heddle events list -n 20", description: "The last 20" },
    {
      command: "heddle events list --from 100 --thread fix-login-7f3k",
      description: "Those of a thread after the 100th",
    },
  ]),
);

const lines = (events: ReadonlyArray<EventEnvelope>, columns: number): string => {
  const cells = String(events.at(-1)?.sequence ?? 0).length;
  return events.map((event) => `${eventLine(event, columns, cells)}\n`).join("");
};

const threadIdOf = (client: HeddleClientService, given: Option.Option<string>) =>
  Option.match(given, {
    onNone: () => Effect.succeed(undefined),
    onSome: (id) => Effect.map(findThread(client, id), ({ thread }) => thread.threadId),
  });

const tail = Command.make(
  "tail",
  { from: from("with what happens from now on"), thread: ofThread },
  ({ from, thread }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        // The usual end of following is a signal.
        (yield* SignalExit).code = 0;
        const threadId = yield* threadIdOf(client, thread);
        const fromSequenceExclusive = Option.isSome(from) ? from.value : yield* head(client);
        let lost = false;
        const show = Effect.fnUntraced(function* (item: FeedItem) {
          lost = false;
          if (output.json) return yield* output.printJsonLine(item);
          if (item.kind === "event") yield* output.print(`${eventLine(item.event, output.columns())}\n`);
        });
        yield* client
          .follow({
            fromSequenceExclusive,
            ...(threadId !== undefined && { threadId }),
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
          message: `The log ends before event ${fromSequenceExclusive}; it may have been replaced.`,
          hint: "Begin again with --from 0.",
        });
      }),
    ),
).pipe(
  Command.withDescription(
    "Follow the log, over lost connections too, without a gap and without doubles. ctrl-C ends it.",
  ),
  Command.withShortDescription("Follow events as they happen"),
  Command.withExamples([
    { command: "heddle events tail" },
    {
      command: "heddle events tail --from 0 --json",
      description: "All of the log as JSON lines, and then what happens",
    },
  ]),
);

const show = Command.make(
  "show",
  {
    sequence: Argument.Int("sequence").pipe(
      Argument.withDescription("Sequence of the event"),
      Argument.withSchema(Flags.Positive(Number.MAX_SAFE_INTEGER)),
    ),
  },
  ({ sequence }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        const { events, headSequence } = yield* client.replayEvents({
          fromSequenceExclusive: sequence - 1,
          limit: 1,
        });
        const event = events.find((candidate) => candidate.sequence === sequence);
        if (event === undefined) {
          const { events: unreadable } = yield* client.getQuarantine({
            fromSequenceExclusive: sequence - 1,
            limit: 1,
          });
          if (unreadable[0]?.sequence === sequence) return yield* notReadable(unreadable[0]);
          return yield* new CliFailure({
            kind: "not-found",
            message: `There is no event ${sequence}; the log has events 1 to ${headSequence}.`,
          });
        }
        if (output.json) return yield* output.printJson(event);
        yield* output.print(envelope(event));
      }),
    ),
).pipe(Command.withDescription("Show an event whole: its envelope and its payload"));

const notReadable = ({ sequence, eventType, eventVersion, reason }: QuarantinedEvent) =>
  new CliFailure({
    kind: "not-readable",
    message: `Event ${sequence} (${eventType}, version ${eventVersion}) cannot be read: ${reason}`,
    hint: "heddle events quarantine lists all that cannot.",
  });

const quarantine = Command.make(
  "quarantine",
  { from: from("the first ones"), limit: limitOf(50) },
  ({ from, limit }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        const page = yield* client.getQuarantine({
          fromSequenceExclusive: Option.getOrElse(from, () => 0),
          limit: Math.min(limit, PAGE),
        });
        if (output.json) return yield* output.printJson(page);
        if (page.total === 0) return yield* output.print("Every event that was met could be read.\n");
        yield* output.print(
          `${page.events.map(quarantinedLine).join("")}${page.total} in all. They are left out of everything else, and their threads take no commands, until a version of Heddle that can read them runs here.\n`,
        );
      }),
    ),
).pipe(
  Command.withDescription(
    "List the events that the server cannot read, and why: of a type or version that it does not know, or damaged",
  ),
  Command.withShortDescription("List events that cannot be read"),
);

const quarantinedLine = ({ sequence, eventType, eventVersion, streamId, reason }: QuarantinedEvent): string =>
  `${bold(String(sequence))}  ${revealLine(eventType)} version ${eventVersion}  ${revealLine(streamId)}\n    ${revealLine(reason)}\n`;

const json = (value: unknown): string => `${reveal(JSON.stringify(value, null, 2))}\n`;

const envelope = ({ payload, metadata, ...facts }: EventEnvelope): string => {
  const { eventType, ...rest } = facts;
  const rows = Object.entries(rest).map(
    ([name, value]) => `${dim(name.padEnd(18))} ${value === null ? dim("–") : reveal(String(value))}\n`,
  );
  return `${bold(eventType)}\n${rows.join("")}${cyan("payload")} ${json(payload)}${cyan("metadata")} ${json(metadata)}`;
};

export const events = Command.make("events").pipe(
  Command.withDescription("The log: everything that happened, in order"),
  Command.withSubcommands([list, tail, show, quarantine]),
  Command.withExamples([
    { command: "heddle events list" },
    { command: "heddle events tail --thread fix-login-7f3k" },
  ]),
);
