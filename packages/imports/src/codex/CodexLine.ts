/**
 * A line of codex: `{timestamp, type, payload}`. Before those there were bare ones: a first line with the session's id, and
 * then what the model said and was told, as it stands in a `response_item` now.
 */
import { Schema } from "effect";
import { maybe, read } from "../Read.ts";
import { timeFrom } from "../Texts.ts";

export interface CodexItem {
  /** Undefined where it is no line of codex at all. */
  readonly type: string | undefined;
  readonly payload: unknown;
  readonly timestamp: string | null;
}

const readWrapped = read(
  Schema.Struct({ type: Schema.String, payload: Schema.Unknown, timestamp: maybe(Schema.String) }),
);
const readBare = read(Schema.Struct({ type: Schema.String, timestamp: maybe(Schema.String) }));
const readBareMeta = read(Schema.Struct({ id: Schema.String, timestamp: Schema.String }));
const readState = read(Schema.Struct({ record_type: Schema.String }));

export const itemOf = (value: unknown): CodexItem => {
  const wrapped = readWrapped(value);
  if (wrapped !== undefined) return { ...wrapped, timestamp: timeFrom(wrapped.timestamp) };
  const bare = readBare(value);
  if (bare !== undefined)
    return { type: "response_item", payload: value, timestamp: timeFrom(bare.timestamp) };
  const meta = readBareMeta(value);
  if (meta !== undefined)
    return { type: "session_meta", payload: value, timestamp: timeFrom(meta.timestamp) };
  const state = readState(value);
  return { type: state === undefined ? undefined : "world_state", payload: value, timestamp: null };
};
