/** Which events are meant, as flags of `heddle events list` and `tail`. */
import type { HeddleClientService } from "@heddle/client/HeddleClient";
import type { AggregateKind } from "@heddle/contracts/Events";
import type { ProjectId, ThreadId } from "@heddle/contracts/Ids";
import { type EventFilter, EventTypePattern, SearchedText } from "@heddle/contracts/InspectionRpc";
import { Clock, Effect, Option } from "effect";
import { Flag } from "effect/cli";
import { CliFailure, wrongUsage } from "../../CliFailure.ts";
import { byPrefix } from "../../Lookup.ts";
import * as Flags from "../Flags.ts";

const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description));

const sequence = (name: string, description: string) =>
  Flag.Int(name).pipe(
    Flag.withMetavar("<sequence>"),
    Flag.withDescription(description),
    Flag.withSchema(Flags.Count),
    Flag.optional,
  );

export const filterFlags = {
  thread: text("thread", "<id>", "Of this thread, also a deleted one").pipe(Flag.optional),
  project: text("project", "<id>", "Of this project and of all of its threads").pipe(Flag.optional),
  stream: text("stream", "<kind:id>", "Of this stream: project:ID or thread:ID").pipe(Flag.optional),
  types: text("type", "<name>", "Of this type; * stands for any characters; may be given several times").pipe(
    Flag.withSchema(EventTypePattern),
    Flag.atLeast(0),
  ),
  actor: Flag.Literals("actor", ["client", "server", "provider"]).pipe(
    Flag.withMetavar("<who>"),
    Flag.withDescription("By a person's client, the server, or an agent (provider)"),
    Flag.optional,
  ),
  command: text("command", "<id>", "Given by this command").pipe(Flag.optional),
  correlation: text("correlation", "<id>", "With this command at the root of their chain").pipe(
    Flag.optional,
  ),
  since: text("since", "<time>", "From then on: 15m, 2h or 3d ago, or a date and time").pipe(Flag.optional),
  until: text("until", "<time>", "Up to then").pipe(Flag.optional),
  from: sequence("from", "From this event on"),
  to: sequence("to", "Up to this event"),
  text: text("text", "<words>", "With these words in a text of the payload, in upper or lower case").pipe(
    Flag.withSchema(SearchedText),
    Flag.optional,
  ),
};

interface Given {
  readonly thread: Option.Option<string>;
  readonly project: Option.Option<string>;
  readonly stream: Option.Option<string>;
  readonly types: ReadonlyArray<string>;
  readonly actor: Option.Option<"client" | "server" | "provider">;
  readonly command: Option.Option<string>;
  readonly correlation: Option.Option<string>;
  readonly since: Option.Option<string>;
  readonly until: Option.Option<string>;
  readonly from: Option.Option<number>;
  readonly to: Option.Option<number>;
  readonly text: Option.Option<string>;
}

/** The filter that the flags mean, with whole ids. */
export const filterOf = Effect.fnUntraced(function* (client: HeddleClientService, given: Given) {
  const now = yield* Clock.currentTimeMillis;
  const [threadId, projectId] = yield* Effect.all([
    optionally(given.thread, (id) => threadIdOf(client, id)),
    optionally(given.project, (id) => projectIdOf(client, id)),
  ]);
  const [stream, since, until] = yield* Effect.all([
    optionally(given.stream, streamOf),
    optionally(given.since, (time) => momentOf("--since", time, now)),
    optionally(given.until, (time) => momentOf("--until", time, now)),
  ]);
  const value = <A>(option: Option.Option<A>) => Option.getOrUndefined(option);
  return withoutUndefined({
    threadId,
    projectId,
    stream,
    types: given.types.length === 0 ? undefined : given.types,
    actor: value(given.actor),
    commandId: value(given.command),
    correlationId: value(given.correlation),
    since,
    until,
    fromSequence: value(given.from),
    toSequence: value(given.to),
    text: value(given.text),
  }) satisfies EventFilter;
});

type Defined<A> = { readonly [Key in keyof A]?: Exclude<A[Key], undefined> };

const withoutUndefined = <A extends object>(fields: A): Defined<A> =>
  Object.fromEntries(Object.entries(fields).filter(([, field]) => field !== undefined)) as Defined<A>;

const optionally = <A, E, R>(given: Option.Option<string>, use: (text: string) => Effect.Effect<A, E, R>) =>
  Option.match(given, { onNone: () => Effect.succeed(undefined), onSome: use });

/** Whether the log has events of the stream. A deleted one has its events still. */
const isThere = (client: HeddleClientService, aggregateKind: AggregateKind, streamId: string) =>
  client.listEvents({ filter: { stream: { aggregateKind, streamId } }, limit: 1 }).pipe(
    Effect.map(({ events, unreadable }) => events.length + unreadable.length > 0),
    // What cannot be an id may still be the beginning of none.
    Effect.catchTag("InvalidInput", () => Effect.succeed(false)),
  );

const threadIdOf = Effect.fnUntraced(function* (client: HeddleClientService, given: string) {
  if (yield* isThere(client, "thread", given)) return given as ThreadId;
  const { threads } = yield* client.getShellSnapshot;
  const { threadId } = yield* byPrefix(given, threads, (thread) => thread.threadId, "thread").pipe(
    Effect.mapError(sayDeleted("thread")),
  );
  return threadId;
});

const projectIdOf = Effect.fnUntraced(function* (client: HeddleClientService, given: string) {
  if (yield* isThere(client, "project", given)) return given as ProjectId;
  const { projects } = yield* client.getShellSnapshot;
  const { projectId } = yield* byPrefix(given, projects, (project) => project.projectId, "project").pipe(
    Effect.mapError(sayDeleted("project")),
  );
  return projectId;
});

const sayDeleted = (noun: string) => (failure: CliFailure) =>
  failure.kind === "not-found"
    ? new CliFailure({ ...failure, hint: `${failure.hint} A deleted ${noun} needs its whole id.` })
    : failure;

const streamOf = (given: string) => {
  const [, kind, streamId] = /^(project|thread):(.+)$/s.exec(given) ?? [];
  return (kind !== "project" && kind !== "thread") || streamId === undefined
    ? Effect.fail(wrongUsage(`--stream ${given} is no stream.`, "Give project:ID or thread:ID."))
    : Effect.succeed({ aggregateKind: kind, streamId } as const);
};

const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** `15m` ago; or a date and perhaps a time, of this machine's zone where it names none. */
export const parseMoment = (given: string, now: number): string | undefined => {
  const [, count, unit = ""] = /^(\d{1,6})([smhdw])$/.exec(given) ?? [];
  const date = /^\d{4}-\d{2}-\d{2}$/.test(given) ? `${given}T00:00` : given.replace(" ", "T");
  const isDate = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(date);
  const millis =
    count === undefined ? (isDate ? Date.parse(date) : Number.NaN) : now - Number(count) * (UNITS[unit] ?? 0);
  return Number.isNaN(millis) ? undefined : new Date(millis).toISOString();
};

const momentOf = (flag: string, given: string, now: number) => {
  const moment = parseMoment(given, now);
  return moment === undefined
    ? Effect.fail(
        wrongUsage(
          `${flag} ${given} is no time.`,
          "Give how long ago (30s, 15m, 2h, 3d, 1w), or a date and time as 2026-01-31 or 2026-01-31T12:00:00Z.",
        ),
      )
    : Effect.succeed(moment);
};
