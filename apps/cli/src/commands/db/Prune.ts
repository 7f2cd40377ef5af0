/** `heddle db prune` */
import { resolve } from "node:path";
import type { HeddleClientService } from "@heddle/client/HeddleClient";
import type { PruneDatabaseInput, PrunePlan, PruneReport } from "@heddle/contracts/RetentionRpc";
import { ThreadId } from "@heddle/contracts/Ids";
import { Clock, Effect, Option, Stream } from "effect";
import { Command, Flag } from "effect/cli";
import { confirm } from "../../Ask.ts";
import { CliFailure, wrongUsage } from "../../CliFailure.ts";
import { connectedOrAlone } from "../../Connection.ts";
import { invocation, workingFolder } from "../../Environment.ts";
import { Output } from "../../Output.ts";
import { amount } from "../../render/Bytes.ts";
import { dim } from "../../render/Colour.ts";
import * as Flags from "../Flags.ts";
import { Age, momentBefore, USUAL_AGES } from "./Ages.ts";
import { progressLine } from "../../render/Progress.ts";
import { planText, reportText } from "./PruneText.ts";

const age = (name: string, what: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("<age>"),
    Flag.withDescription(what),
    Flag.withSchema(Age),
    Flag.optional,
  );

const flags = {
  deleted: age("deleted", "Threads that were deleted so long ago, as 30d, 12h or 0d"),
  archived: age("archived", "Threads that were archived so long ago, and still are"),
  thread: Flag.String("thread").pipe(
    Flag.withMetavar("<id>"),
    Flag.withDescription("This thread, whatever it is, if nothing is at work in it; may be given again"),
    Flag.between(0, 1000),
  ),
  receipts: age("receipts", "Receipts of commands that were answered so long ago, a day at least"),
  blobs: Flag.Boolean("blobs").pipe(
    Flag.withDescription("Contents that nothing refers to"),
    Flag.withDefault(false),
  ),
  archive: Flag.String("archive").pipe(
    Flag.withMetavar("<file>"),
    Flag.withDescription("The new file that the threads go to"),
    Flag.optional,
  ),
  noArchive: Flag.Boolean("without-archive").pipe(
    Flag.withDescription("Keep the threads nowhere"),
    Flag.withDefault(false),
  ),
  dryRun: Flag.Boolean("dry-run").pipe(
    Flag.withDescription("Say what would go, and change nothing"),
    Flag.withDefault(false),
  ),
  yes: Flags.yes("Do not ask"),
};

export const prune = Command.make(
  "prune",
  flags,
  Effect.fnUntraced(function* (given) {
    const output = yield* Output;
    const now = yield* Clock.currentTimeMillis;
    const before = (days: Option.Option<number>) =>
      Option.getOrUndefined(Option.map(days, (value) => momentBefore(now, value)));
    const chosen = {
      deletedBefore: before(given.deleted),
      archivedBefore: before(given.archived),
      threadIds: given.thread.map((id) => ThreadId.make(id)),
      receiptsBefore: before(given.receipts),
      blobs: given.blobs,
    };
    const nothingChosen =
      given.thread.length === 0 &&
      !given.blobs &&
      [given.deleted, given.archived, given.receipts].every(Option.isNone);
    const selection = defined(nothingChosen ? usual(now) : chosen);
    const archive = Option.map(given.archive, (file) => resolve(workingFolder(), file));
    if (Option.isSome(archive) && given.noArchive) {
      return yield* wrongUsage("--archive and --without-archive do not go together.");
    }
    const takesThreads =
      selection.deletedBefore !== undefined ||
      selection.archivedBefore !== undefined ||
      (selection.threadIds ?? []).length > 0;
    const dryRun = given.dryRun || nothingChosen;
    if (takesThreads && !dryRun && Option.isNone(archive) && !given.noArchive) {
      return yield* wrongUsage(
        "Where shall the threads go?",
        "Name a new file with --archive FILE, or say --without-archive. --dry-run shows what would go.",
      );
    }
    if (Option.isSome(given.receipts) && given.receipts.value < 1) {
      return yield* wrongUsage("Receipts are kept for a day at least, so that a command can be sent again.");
    }
    return yield* connectedOrAlone((client) =>
      Effect.gen(function* () {
        const plan = yield* look(client, { ...selection, dryRun: true });
        if (dryRun || isEmpty(plan)) {
          if (output.json) return yield* output.printJson(plan);
          yield* output.print(planText(plan, output.columns()));
          if (nothingChosen) yield* output.print(dim(HOW_TO));
          return;
        }
        if (!output.json) yield* output.print(planText(plan, output.columns()));
        yield* confirm(questionOf(plan, archive), given.yes);
        const report = yield* carryOut(client, {
          ...selection,
          ...(takesThreads && { archive: Option.getOrNull(archive) }),
        });
        if (output.json) return yield* output.printJson(report);
        yield* output.print(reportText(report, output.columns()));
      }),
    );
  }),
).pipe(
  Command.withDescription(
    "Take old things out of the database: threads, receipts, contents that nothing refers to. Threads go to an archive file first. It says what would go before it does anything; without a choice it shows that for what is usually old enough. Works while a server runs, and where none does.",
  ),
  Command.withShortDescription("Take old things out of the database"),
  Command.withExamples([
    { command: "heddle db prune", description: "What could go" },
    { command: "heddle db prune --deleted 30d --archive ~/heddle-2026.jsonl --blobs" },
    { command: "heddle db prune --receipts 90d --yes" },
  ]),
);

type Selection = Partial<Omit<PruneDatabaseInput, "archive" | "dryRun">>;

const usual = (now: number) => ({
  deletedBefore: momentBefore(now, USUAL_AGES.threads),
  archivedBefore: momentBefore(now, USUAL_AGES.threads),
  threadIds: [],
  receiptsBefore: momentBefore(now, USUAL_AGES.receipts),
  blobs: true,
});

/** Without the keys that have no value. */
const defined = (values: { readonly [Key in keyof Selection]?: Selection[Key] | undefined }): Selection =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

const HOW_TO = `Nothing was changed. This is what is usually old enough: threads of ${USUAL_AGES.threads} days, receipts of ${USUAL_AGES.receipts}.
To do it: ${invocation} db prune --deleted ${USUAL_AGES.threads}d --archived ${USUAL_AGES.threads}d --archive FILE --receipts ${USUAL_AGES.receipts}d --blobs
`;

const isEmpty = ({ threadCount, tables }: PrunePlan): boolean =>
  threadCount === 0 && tables.every(({ rows }) => rows === 0);

const questionOf = (plan: PrunePlan, archive: Option.Option<string>): string => {
  const threads =
    plan.threadCount === 0
      ? ""
      : Option.match(archive, {
          onNone: () => ` ${amount(plan.threadCount, "thread")} will be kept nowhere.`,
          onSome: (file) => ` ${amount(plan.threadCount, "thread")} will go to ${file}.`,
        });
  return `Take this out of the database?${threads}`;
};

const ended = new CliFailure({ kind: "job-ended", message: "The server ended the job before it was done." });

/** What would go. */
const look = Effect.fnUntraced(function* (client: HeddleClientService, request: Partial<PruneDatabaseInput>) {
  const output = yield* Output;
  let plan: PrunePlan | undefined;
  yield* Stream.runForEach(client.pruneDatabase(request), (item) => {
    if (item.kind === "progress") return output.status(progressLine(item));
    if (item.kind === "plan") plan = item;
    return Effect.void;
  }).pipe(Effect.ensuring(output.status(undefined)));
  return plan ?? (yield* ended);
});

const carryOut = Effect.fnUntraced(function* (
  client: HeddleClientService,
  request: Partial<PruneDatabaseInput>,
) {
  const output = yield* Output;
  let report: PruneReport | undefined;
  yield* Stream.runForEach(client.pruneDatabase(request), (item) => {
    if (item.kind === "progress") return output.status(progressLine(item));
    if (item.kind === "report") report = item;
    return Effect.void;
  }).pipe(Effect.ensuring(output.status(undefined)));
  return report ?? (yield* ended);
});
