/**
 * A filter of events as SQL: the index that its rows are read by, and what is asked of each. What the filter means is what
 * `packages/client/src/EventMatcher.ts` says of one event; a property test holds the two together. Pure.
 */
import { EVENT_TYPES } from "@heddle/contracts/Events";
import type { EventFilter } from "@heddle/contracts/InspectionRpc";

/** Where rows come from, in the order of the log. A stream is read by its versions, all else by sequences. */
export type Source =
  | { readonly by: "sequence" }
  | { readonly by: "command" | "correlation"; readonly id: string }
  | { readonly by: "stream"; readonly aggregateKind: string; readonly streamId: string }
  | { readonly by: "types"; readonly types: ReadonlyArray<string> };

/** Beyond this many, walking the log costs less than merging the types' events. */
const MERGED_TYPES = 12;

/** The index that leaves the fewest rows to look at, as far as can be said without looking. */
export const sourceOf = (filter: EventFilter): Source => {
  if (filter.commandId !== undefined) return { by: "command", id: filter.commandId };
  if (filter.correlationId !== undefined) return { by: "correlation", id: filter.correlationId };
  if (filter.stream !== undefined) return { by: "stream", ...filter.stream };
  if (filter.threadId !== undefined)
    return { by: "stream", aggregateKind: "thread", streamId: filter.threadId };
  const types = filter.types && typesOf(filter.types);
  return types !== undefined && types.length <= MERGED_TYPES ? { by: "types", types } : { by: "sequence" };
};

/** The types that the patterns stand for. One without `*` stands for itself, whether it is known or not. */
export const typesOf = (patterns: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...new Set(patterns.flatMap((pattern) => (pattern.includes("*") ? knownTypes(pattern) : [pattern]))),
];

const knownTypes = (pattern: string): ReadonlyArray<string> => {
  const parts = pattern.split("*").map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  const whole = new RegExp(`^${parts.join(".*")}$`);
  return EVENT_TYPES.filter((type) => whole.test(type));
};

export interface Condition {
  readonly sql: string;
  readonly parameters: ReadonlyArray<unknown>;
}

/** What a row must fulfil. `projectThreads` are those of the filter's project. */
export const conditionOf = (filter: EventFilter, projectThreads: ReadonlyArray<string>): Condition => {
  const terms: Array<Condition> = [];
  const term = (sql: string, ...parameters: ReadonlyArray<unknown>) => terms.push({ sql, parameters });
  const { stream, threadId, projectId, types, actor, commandId, correlationId, since, until, text } = filter;
  if (stream) term("aggregate_kind = ? AND stream_id = ?", stream.aggregateKind, stream.streamId);
  if (threadId !== undefined) term("aggregate_kind = 'thread' AND stream_id = ?", threadId);
  if (projectId !== undefined) {
    term(
      "CASE aggregate_kind WHEN 'thread' THEN stream_id IN (SELECT value FROM json_each(?)) ELSE stream_id = ? END",
      JSON.stringify(projectThreads),
      projectId,
    );
  }
  if (types) term("event_type IN (SELECT value FROM json_each(?))", JSON.stringify(typesOf(types)));
  if (actor !== undefined) term("actor_kind = ?", actor);
  if (commandId !== undefined) term("command_id = ?", commandId);
  if (correlationId !== undefined) term("correlation_id = ?", correlationId);
  if (since !== undefined) term("occurred_at >= ?", utc(since));
  if (until !== undefined) term("occurred_at <= ?", utc(until));
  if (text !== undefined) term("instr(lower(payload_json), ?) > 0", inJson(text));
  return {
    sql: terms.length === 0 ? "TRUE" : terms.map(({ sql }) => sql).join(" AND "),
    parameters: terms.flatMap(({ parameters }) => parameters),
  };
};

/** As `occurred_at` is written, so that the two compare as texts. */
export const utc = (moment: string): string => new Date(moment).toISOString();

/**
 * The text as it stands in JSON: finds it, and some that stands elsewhere than in a value. Not by LIKE, which takes minutes
 * for some texts; SQLite's `lower` knows A to Z only.
 */
const inJson = (text: string): string => lower(JSON.stringify(text).slice(1, -1));

/** Whether a string among the values holds the text, A to Z as a to z. */
export const hasText = (value: unknown, text: string): boolean => holds(value, lower(text));

const holds = (value: unknown, wanted: string): boolean => {
  if (typeof value === "string") return lower(value).includes(wanted);
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some((entry) => holds(entry, wanted));
};

const lower = (text: string): string => text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
