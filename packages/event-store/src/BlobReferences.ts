/** Which blobs a payload refers to. Pure. */
import type { Schema } from "effect";

const HASH = /^[0-9a-f]{64}$/;

/** The hashes that an event's payload refers to: those of its attachments, and of references wherever they stand in it. */
export const blobsOf = (payload: Schema.Json): ReadonlySet<string> => {
  const hashes = new Set<string>();
  for (const attachment of attachmentsOf(payload)) collect(attachment, "blob", hashes);
  walk(payload, hashes);
  return hashes;
};

/** Cheap, and never false where there is a reference: a part of a SQL condition on a column of JSON. */
export const mayRefer = (column: string): string => `instr(${column}, 'blob":"') > 0`;

/**
 * The hashes that a text of JSON may refer to: all that stand where a reference would have one. An agent's own words may
 * look like that; then a blob is kept that could go.
 */
export const blobsNamedIn = (json: string): ReadonlyArray<string> =>
  [...json.matchAll(/blob":"([0-9a-f]{64})"/g)].map(([, hash = ""]) => hash);

const attachmentsOf = (payload: Schema.Json): ReadonlyArray<Schema.Json> => {
  const attachments = isObject(payload) ? payload["attachments"] : undefined;
  return Array.isArray(attachments) ? attachments : [];
};

const isObject = (json: Schema.Json | undefined): json is { readonly [key: string]: Schema.Json } =>
  typeof json === "object" && json !== null && !Array.isArray(json);

const collect = (json: Schema.Json, key: string, into: Set<string>): void => {
  const hash = isObject(json) ? json[key] : undefined;
  if (typeof hash === "string" && HASH.test(hash)) into.add(hash);
};

const walk = (json: Schema.Json, into: Set<string>): void => {
  if (typeof json !== "object" || json === null) return;
  collect(json, "$blob", into);
  for (const value of Object.values(json)) walk(value, into);
};
