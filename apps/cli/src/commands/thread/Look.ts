/** `heddle thread list`, `show`, `changes`, `watch` and `diff` */
import type { HeddleClientService } from "@heddle/client/HeddleClient";
import type { EventEnvelope } from "@heddle/contracts/Events";
import { Clock, Effect, Option } from "effect";
import { Argument, Command, Flag } from "effect/cli";
import { CliFailure, wrongUsage } from "../../CliFailure.ts";
import { connected } from "../../Connection.ts";
import { invocation } from "../../Environment.ts";
import { findProject, findThread, findThreadThen, openRequests } from "../../Lookup.ts";
import { Output } from "../../Output.ts";
import { SignalExit } from "../../Process.ts";
import { changesText } from "../../render/Changes.ts";
import { cyan, dim } from "../../render/Colour.ts";
import { colouredDiff } from "../../render/Diff.ts";
import { cleanLine } from "../../render/Sanitize.ts";
import { table } from "../../render/Table.ts";
import { ago, moment } from "../../render/Time.ts";
import { transcript } from "../../render/Transcript.ts";
import { modelName, threadState } from "../../render/Turn.ts";
import { watch as watchThread, WATCH_PAGE } from "../../Watch.ts";
import { MOMENT_FORMS, momentOf } from "../../When.ts";
import * as Flags from "../Flags.ts";
import { lastEndedTurn } from "./New.ts";

export const list = Command.make(
  "list",
  {
    project: Flags.inProject,
    all: Flag.Boolean("all").pipe(
      Flag.withAlias("a"),
      Flag.withDescription("Archived ones too"),
      Flag.withDefault(false),
    ),
  },
  ({ project, all }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        const shell = yield* client.getShellSnapshot;
        const only = Option.isSome(project) ? yield* findProject(shell, project.value) : undefined;
        const threads = shell.threads
          .filter(
            ({ projectId, archivedAt }) =>
              (all || archivedAt === null) && projectId === (only?.projectId ?? projectId),
          )
          .toSorted((left, right) => right.updatedAt.localeCompare(left.updatedAt));
        if (output.json) return yield* output.printJson(threads);
        if (threads.length === 0) {
          return yield* output.print(
            shell.threads.length > 0
              ? "There are no such threads; --all shows archived ones too.\n"
              : `There are no threads yet. Begin one with: ${invocation} thread new --send "hello"\n`,
          );
        }
        const at = yield* Clock.currentTimeMillis;
        yield* output.print(
          table(
            [
              { title: "ID" },
              { title: "TITLE", shrinkTo: 12 },
              { title: "STATE" },
              { title: "AGENT", shrinkTo: 6 },
              { title: "PROJECT", shrinkTo: 8 },
              { title: "CHANGED" },
            ],
            threads.map((thread) => {
              const { word, style } = threadState(thread);
              return [
                [thread.threadId, cyan],
                cleanLine(thread.title),
                [word, style],
                modelName(thread.model),
                thread.projectId,
                [ago(thread.updatedAt, at), dim],
              ];
            }),
            output.columns(),
          ),
        );
      }),
    ),
).pipe(Command.withDescription("List the threads, the last changed first"), Command.withAlias("ls"));

const MAX_ENTRIES = 1000;

export const show = Command.make(
  "show",
  {
    thread: Flags.threadId,
    limit: Flag.Int("limit").pipe(
      Flag.withAlias("n"),
      Flag.withMetavar("<number>"),
      Flag.withDescription(`How many messages and acts to show, the newest, up to ${MAX_ENTRIES} (else 50)`),
      Flag.withDefault(50),
      Flag.withSchema(Flags.Positive(MAX_ENTRIES)),
    ),
    at: Flag.String("at").pipe(
      Flag.withMetavar("<moment>"),
      Flag.withDescription(`As it stood then: ${MOMENT_FORMS}`),
      Flag.optional,
    ),
  },
  ({ thread, limit, at }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        if (Option.isNone(at)) {
          const snapshot = yield* findThread(client, thread, limit);
          if (output.json) return yield* output.printJson(snapshot);
          return yield* output.print(transcript(snapshot, { columns: output.columns(), invocation }));
        }
        const then = yield* momentOf(at.value);
        const snapshot = yield* findThreadThen(client, thread, (threadId) =>
          client.getThreadSnapshot({ threadId, limit, ...then }),
        );
        if (output.json) return yield* output.printJson(snapshot);
        const where = `As it stood at ${yield* eventAt(client, snapshot.snapshotSequence)}\n\n`;
        const shown = transcript(snapshot, { columns: output.columns(), invocation, waiting: false });
        yield* output.print(`${dim(where)}${shown}`);
      }),
    ),
).pipe(
  Command.withDescription(
    "Show a thread: who said what, what the agent did, what each turn changed, what is open. --at shows it as it stood at a moment",
  ),
  Command.withShortDescription("Show what was said and done"),
  Command.withExamples([
    { command: "heddle thread show fix-login-7f3k" },
    { command: "heddle thread show fix-login-7f3k --at 1200", description: "Right after event 1200" },
    { command: "heddle thread show fix-login-7f3k --at 2h", description: "Two hours ago" },
  ]),
);

/** `event 12 (2026-01-31 12:00:00)`. One that left the log, or cannot be read, has no time to show. */
const eventAt = (client: HeddleClientService, sequence: number) =>
  client.replayEvents({ fromSequenceExclusive: Math.max(0, sequence - 1), limit: 1 }).pipe(
    Effect.map(({ events: [event] }) => {
      const time = event?.sequence === sequence ? ` (${moment(event.occurredAt)})` : "";
      return `event ${sequence}${time}`;
    }),
  );

const momentArgument = (name: string, what: string) =>
  Argument.String(name).pipe(Argument.withDescription(what));

export const changes = Command.make(
  "changes",
  {
    thread: Flags.threadId,
    from: momentArgument("from", `The first moment: ${MOMENT_FORMS}`),
    to: momentArgument("to", "The second moment; now, without it").pipe(Argument.optional),
    limit: Flag.Int("limit").pipe(
      Flag.withAlias("n"),
      Flag.withMetavar("<number>"),
      Flag.withDescription(`How many things to tell, up to ${MAX_ENTRIES} (else 100)`),
      Flag.withDefault(100),
      Flag.withSchema(Flags.Positive(MAX_ENTRIES)),
    ),
  },
  ({ thread, from, to, limit }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        const first = yield* momentOf(from);
        const second = Option.isSome(to) ? yield* momentOf(to.value) : undefined;
        const answer = yield* findThreadThen(client, thread, (threadId) =>
          client.getThreadChanges({
            threadId,
            limit,
            ...("atTime" in first ? { fromTime: first.atTime } : { fromSequence: first.atSequence }),
            ...(second !== undefined &&
              ("atTime" in second ? { toTime: second.atTime } : { toSequence: second.atSequence })),
          }),
        );
        if (output.json) return yield* output.printJson(answer);
        const between = [
          yield* eventAt(client, answer.fromSequence),
          yield* eventAt(client, answer.toSequence),
        ];
        yield* output.print(dim(`Between ${between.join(" and ")}\n\n`));
        yield* output.print(changesText(answer, output.columns()));
      }),
    ),
).pipe(
  Command.withDescription("Show what differs in a thread between two moments, or between one and now"),
  Command.withShortDescription("Show what differs between two moments"),
  Command.withExamples([
    { command: "heddle thread changes fix-login-7f3k 1200 1300", description: "Between two events" },
    { command: "heddle thread changes fix-login-7f3k 2h", description: "In the last two hours" },
  ]),
);

const isDeletion = ({ eventType }: EventEnvelope): boolean => eventType === "thread.deleted";

export const watch = Command.make(
  "watch",
  { thread: Flags.threadId, yes: Flags.yes("Accept whatever the agent asks leave for") },
  ({ thread, yes }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        // The usual end of watching is a signal.
        (yield* SignalExit).code = 0;
        const snapshot = yield* findThread(client, thread, WATCH_PAGE);
        if (!output.json) {
          // What is open is shown where it is asked about.
          const seen = transcript(snapshot, { columns: output.columns(), invocation, waiting: false });
          const waiting =
            openRequests(snapshot).length > 0
              ? ""
              : dim("Watching; ctrl-C stops watching, not the agent.\n\n");
          yield* output.print(`${seen}${waiting}`);
        }
        yield* watchThread(client, { snapshot, acceptAll: yes, isOver: isDeletion });
      }),
    ),
).pipe(
  Command.withDescription("Follow a thread. ctrl-C stops watching, not the agent."),
  Command.withShortDescription("Follow what happens"),
);

export const diff = Command.make(
  "diff",
  {
    thread: Flags.threadId,
    from: Argument.Int("from").pipe(
      Argument.withDescription("Turn after which it begins; alone, the turn to show"),
      Argument.withSchema(Flags.Count),
      Argument.optional,
    ),
    to: Argument.Int("to").pipe(
      Argument.withDescription("Turn with which it ends"),
      Argument.withSchema(Flags.Count),
      Argument.optional,
    ),
  },
  ({ thread, from, to }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        const snapshot = yield* findThread(client, thread);
        const last = lastEndedTurn(snapshot);
        const toTurnCount = Option.getOrElse(to, () => Option.getOrElse(from, () => last));
        const fromTurnCount = Option.isSome(to) ? Option.getOrElse(from, () => 0) : toTurnCount - 1;
        if (last === 0) {
          return yield* new CliFailure({ kind: "no-turn", message: "No turn of this thread has ended yet." });
        }
        if (toTurnCount > last) {
          return yield* new CliFailure({
            kind: "no-turn",
            message: `Turns 1 to ${last} of this thread have ended; there is no turn ${toTurnCount} among them.`,
          });
        }
        if (fromTurnCount < 0 || fromTurnCount > toTurnCount) {
          return yield* wrongUsage(
            "Turns are counted from 1, and a range goes forward.",
            "As in: thread diff ID 0 2",
          );
        }
        const { threadId } = snapshot.thread;
        const answer = yield* client.getTurnDiff({ threadId, fromTurnCount, toTurnCount });
        if (output.json) return yield* output.printJson(answer);
        const turns =
          toTurnCount - fromTurnCount === 1
            ? `Turn ${toTurnCount}`
            : `Between the end of turn ${fromTurnCount} and the end of turn ${toTurnCount}, the thread`;
        if (answer.diff === "") return yield* output.printError(dim(`${turns} changed no files.\n`));
        yield* output.print(colouredDiff(answer.diff));
      }),
    ),
).pipe(
  Command.withDescription(
    "Show what the last turn changed, or another one, or several: FROM and TO are turns",
  ),
  Command.withShortDescription("Show what turns changed"),
  Command.withExamples([
    { command: "heddle thread diff fix-login-7f3k", description: "The last turn that ended" },
    { command: "heddle thread diff fix-login-7f3k 2", description: "Turn 2" },
    { command: "heddle thread diff fix-login-7f3k 0 3", description: "Turns 1 to 3 together" },
  ]),
);
