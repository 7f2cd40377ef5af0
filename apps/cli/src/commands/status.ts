/** `heddle status` */
import type { LaggingProjector } from "@heddle/contracts/ReadModel";
import { Clock, Effect, Option, Schema } from "effect";
import { Command } from "effect/cli";
import { connected } from "../Connection.ts";
import { invocation, VERSION } from "../Environment.ts";
import { Output } from "../Output.ts";
import { bold, dim, green, red, yellow } from "../render/Colour.ts";
import { revealLine } from "../render/Sanitize.ts";
import { ago, moment } from "../render/Time.ts";
import { isRunning } from "../render/Turn.ts";

const Ready = Schema.Struct({
  status: Schema.String,
  headSequence: Schema.Int,
  projectors: Schema.Array(
    Schema.Struct({ projector: Schema.optionalKey(Schema.String), fault: Schema.NullOr(Schema.Json) }),
  ),
});
const decodeReady = Schema.decodeUnknownOption(Ready);

/** What the server says of its own health; nothing where it does not say. */
const readiness = (url: string) =>
  Effect.tryPromise(async (signal) => {
    const response = await fetch(`${url}/ready`, { signal });
    return decodeReady(await response.json());
  }).pipe(
    Effect.timeout("2 seconds"),
    Effect.catch(() => Effect.succeed(Option.none<typeof Ready.Type>())),
  );

export const status = Command.make("status", {}, () =>
  connected((client, server) =>
    Effect.gen(function* () {
      const output = yield* Output;
      const [shell, ready] = yield* Effect.all([client.getShellSnapshot, readiness(server.url)], {
        concurrency: 2,
      });
      const open = shell.threads.flatMap(({ pendingApprovals }) => pendingApprovals);
      const facts = {
        url: server.url,
        pid: server.pid,
        startedAt: server.startedAt,
        dataDirectory: server.directory.path,
        clientVersion: VERSION,
        status: Option.match(ready, { onNone: () => "unknown", onSome: ({ status }) => status }),
        headSequence: Option.match(ready, {
          onNone: () => shell.snapshotSequence,
          onSome: ({ headSequence }) => headSequence,
        }),
        projects: shell.projects.length,
        threads: shell.threads.filter(({ archivedAt }) => archivedAt === null).length,
        archivedThreads: shell.threads.filter(({ archivedAt }) => archivedAt !== null).length,
        runningTurns: shell.threads.filter(isRunning).length,
        queuedPrompts: shell.threads.reduce((sum, { queuedTurns }) => sum + queuedTurns.length, 0),
        waitingApprovals: open.filter(({ kind }) => kind !== "user-input").length,
        waitingQuestions: open.filter(({ kind }) => kind === "user-input").length,
        laggingProjectors: shell.laggingProjectors,
      };
      if (output.json) return yield* output.printJson(facts);
      yield* output.print(describe(facts, yield* Clock.currentTimeMillis));
    }),
  ),
).pipe(
  Command.withDescription("Say whether a server runs for the data directory, and what it has to do"),
  Command.withShortDescription("Say what the server is up to"),
);

interface Facts {
  readonly url: string;
  readonly pid: number;
  readonly startedAt: string;
  readonly dataDirectory: string;
  readonly status: string;
  readonly headSequence: number;
  readonly projects: number;
  readonly threads: number;
  readonly archivedThreads: number;
  readonly runningTurns: number;
  readonly queuedPrompts: number;
  readonly waitingApprovals: number;
  readonly waitingQuestions: number;
  readonly laggingProjectors: ReadonlyArray<LaggingProjector>;
}

const waiting = (count: number): string => (count > 0 ? yellow(String(count)) : "0");

const lag = ({ projector, behind, fault }: LaggingProjector): string =>
  `${yellow(projector)}, ${behind} events behind${fault === null ? "" : red(` (${revealLine(fault)})`)}: ${invocation} projections status`;

const describe = (facts: Facts, now: number): string => {
  const health =
    facts.status === "ready" ? green("ready") : facts.status === "degraded" ? red("degraded") : facts.status;
  const since = `${moment(facts.startedAt)} ${dim(`(${ago(facts.startedAt, now)})`)}`;
  const rows: ReadonlyArray<readonly [string, string]> = [
    ["Server", `${bold(facts.url)}  ${health}`],
    ["Process", `${facts.pid}, since ${since}`],
    ["Data", facts.dataDirectory],
    ["Events", String(facts.headSequence)],
    ["Projects", String(facts.projects)],
    [
      "Threads",
      `${facts.threads}${facts.archivedThreads > 0 ? dim(` and ${facts.archivedThreads} archived`) : ""}`,
    ],
    [
      "Running turns",
      `${facts.runningTurns}${facts.queuedPrompts > 0 ? `, ${facts.queuedPrompts} queued` : ""}`,
    ],
    ["Waiting approvals", waiting(facts.waitingApprovals)],
    ["Waiting questions", waiting(facts.waitingQuestions)],
    ...facts.laggingProjectors.map((lagging) => ["Not up to date", lag(lagging)] as const),
  ];
  return rows.map(([name, value]) => `${dim(name.padEnd(18))} ${value}\n`).join("");
};
