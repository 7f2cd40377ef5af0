/** `heddle import` */
import type { HeddleClientService } from "@heddle/client/HeddleClient";
import type { ImportableSession, ImportReport, ListImportsInput } from "@heddle/contracts/ImportRpc";
import { Clock, Effect, Option, Stream, Terminal } from "effect";
import { Argument, Command, Flag } from "effect/cli";
import { askLine } from "../Ask.ts";
import { CliFailure, wrongUsage } from "../CliFailure.ts";
import { connectedOrAlone } from "../Connection.ts";
import { invocation } from "../Environment.ts";
import { showJob } from "../JobOutput.ts";
import { Output } from "../Output.ts";
import { dim, yellow } from "../render/Colour.ts";
import { parseMoment } from "./events/Filters.ts";
import { chosenBy, sessionOf } from "./import/Choice.ts";
import { type Listing, listingText, reportText } from "./import/ImportText.ts";

const source = Argument.Literals("agent", ["codex", "claude"]).pipe(
  Argument.withDescription("Whose sessions: codex or claude"),
);
const sessions = Argument.String("session").pipe(
  Argument.withDescription("Ids of sessions, or the beginnings of them"),
  Argument.variadic(),
);
const flags = {
  since: Flag.String("since").pipe(
    Flag.withMetavar("<date>"),
    Flag.withDescription("Only sessions that were used since then: 2026-01-31, or 3d, 2w ago"),
    Flag.optional,
  ),
  dryRun: Flag.Boolean("dry-run").pipe(
    Flag.withAlias("n"),
    Flag.withDescription("Say what would be imported, and change nothing"),
    Flag.withDefault(false),
  ),
  all: Flag.Boolean("all").pipe(
    Flag.withDescription("All sessions that are new or have grown, without asking"),
    Flag.withDefault(false),
  ),
  archive: Flag.Boolean("archive").pipe(
    Flag.withDescription("Keep the agent's own lines as well, compressed, in the data directory"),
    Flag.withDefault(false),
  ),
};

export const importSessions = Command.make(
  "import",
  { source, sessions, ...flags },
  Effect.fnUntraced(function* ({ source, sessions, since, dryRun, all, archive }) {
    const output = yield* Output;
    if (all && sessions.length > 0) return yield* wrongUsage("Name sessions, or say --all.");
    const from = yield* momentOf(since);
    const request = { source, ...(from !== undefined && { since: from }) };
    return yield* connectedOrAlone((client) =>
      Effect.gen(function* () {
        const listing = yield* list(client, request);
        const named = yield* Effect.forEach(sessions, (given) => sessionOf(listing, given));
        const shown = sessions.length > 0 ? { ...listing, sessions: named } : listing;
        const toImport = sessions.length > 0 ? named : listing.sessions.filter(isImportable);
        const asks = !all && sessions.length === 0;
        if (dryRun || toImport.length === 0 || (asks && !output.interactive)) {
          if (output.json) return yield* output.printJson({ source, ...shown });
          const now = yield* Clock.currentTimeMillis;
          yield* output.print(listingText(shown, { source, columns: output.columns(), now }));
          if (!dryRun && toImport.length > 0) yield* output.print(howTo(source));
          return;
        }
        const chosen = asks ? yield* choose(listing, toImport, source) : toImport;
        const sourceIds = chosen.map(({ sourceId }) => sourceId);
        const report = yield* carryOut(
          client,
          all ? { ...request, all, archive } : { source, sourceIds, archive },
        );
        if (output.json) return yield* output.printJson(report);
        yield* output.print(reportText(report, { columns: output.columns(), invocation }));
      }),
    );
  }),
).pipe(
  Command.withDescription(
    "Take in what an agent keeps of its own sessions, as threads: those of codex (CODEX_HOME of the server, or ~/.codex) or of claude (CLAUDE_CONFIG_DIR of the server, or ~/.claude). At a terminal it shows what there is, and asks. Each session is taken in once; one that has grown since is gone on with. Nothing is changed in the agent's files. The next prompt of such a thread goes on in the agent's own session, where its folder is still there.",
  ),
  Command.withShortDescription("Take in sessions of codex or claude as threads"),
  Command.withExamples([
    { command: "heddle import codex", description: "What there is; which of it is wanted is asked" },
    { command: "heddle import claude --since 2w --all" },
    { command: "heddle import codex --dry-run", description: "What there is, and nothing else" },
  ]),
);

const momentOf = Effect.fnUntraced(function* (since: Option.Option<string>) {
  if (Option.isNone(since)) return undefined;
  const moment = parseMoment(since.value, yield* Clock.currentTimeMillis);
  if (moment !== undefined) return moment;
  return yield* wrongUsage(
    `--since ${since.value} is no time.`,
    "Give a date (2026-01-31), a date and time, or how long ago (12h, 3d, 2w).",
  );
});

const isImportable = ({ state }: ImportableSession): boolean => state === "new" || state === "changed";

const list = Effect.fnUntraced(function* (client: HeddleClientService, request: ListImportsInput) {
  const output = yield* Output;
  const found: Array<ImportableSession> = [];
  const unreadable: Array<Listing["unreadable"][number]> = [];
  let folder = "";
  yield* Stream.runForEach(client.listImports(request), (item) => {
    if (item.kind === "session") found.push(item);
    if (item.kind === "unreadable") unreadable.push(item);
    if (item.kind === "listed") folder = item.folder;
    return output.status(dim(`looking · ${found.length} sessions`));
  }).pipe(Effect.ensuring(output.status(undefined)));
  return { folder, sessions: found, unreadable } satisfies Listing;
});

/** Asks which of the sessions are wanted. */
const choose = Effect.fnUntraced(function* (
  listing: Listing,
  toImport: ReadonlyArray<ImportableSession>,
  source: string,
) {
  const output = yield* Output;
  const now = yield* Clock.currentTimeMillis;
  yield* output.print(listingText(listing, { source, columns: output.columns(), now, numbered: true }));
  for (;;) {
    const answer = yield* askLine(
      `${yellow("?")} Which are to be imported? Numbers as 1 3-5, or all [none] `,
    ).pipe(Effect.catchIf(Terminal.isQuitError, () => Effect.succeed("")));
    if (answer === "" || /^n(o(ne)?)?$/i.test(answer)) {
      return yield* new CliFailure({ kind: "not-confirmed", message: "Nothing was changed." });
    }
    const chosen = chosenBy(answer, toImport);
    if (chosen !== undefined) return chosen;
    yield* output.print(`Give numbers between 1 and ${toImport.length}, as 1 3-5, or all.\n`);
  }
});

const carryOut = Effect.fnUntraced(function* (
  client: HeddleClientService,
  request: Parameters<HeddleClientService["runImport"]>[0],
) {
  let report: ImportReport | undefined;
  const job = client.runImport(request);
  const cancelled = "Stopped. What was imported is there; import again, and it goes on.";
  yield* showJob<ImportReport, Stream.Error<typeof job>, never, never, never>(job, cancelled, (item) =>
    Effect.sync(() => {
      report = item;
    }),
  );
  return (
    report ??
    (yield* new CliFailure({ kind: "job-ended", message: "The server ended the job before it was done." }))
  );
});

const howTo = (source: string): string =>
  `${dim(`Nothing was changed. To import them: ${invocation} import ${source} --all, or name sessions.`)}\n`;
