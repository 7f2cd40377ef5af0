/** The laws of blobs: each is the content of its hash, and each that an event refers to is there. */
import { createHash } from "node:crypto";
import { inList } from "@heddle/sql/InList";
import { Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";
import { blobsOf, mayRefer } from "./BlobReferences.ts";
import type { LawViolation } from "./LogLaws.ts";

const REFERENCES_PAGE = 500;

type Found = Effect.Effect<ReadonlyArray<LawViolation>, SqlError.SqlError>;

/** Blobs whose content is not what their hash and size say. One at a time is in memory. */
export const brokenBlobs = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  limit: number,
): Effect.fn.Return<Effect.Success<Found>, SqlError.SqlError> {
  const violations: Array<LawViolation> = [];
  let after = "";
  while (violations.length < limit) {
    const [blob] = yield* sql<{ hash: string; size: number; content: Uint8Array }>`
      SELECT hash, size, content FROM orchestration_blobs WHERE hash > ${after} ORDER BY hash LIMIT 1`;
    if (blob === undefined) break;
    after = blob.hash;
    const actual = createHash("sha256").update(blob.content).digest("hex");
    if (actual === blob.hash && blob.content.length === blob.size) continue;
    const message =
      actual === blob.hash
        ? `Blob ${blob.hash} has ${blob.content.length} bytes, and is said to have ${blob.size}.`
        : `Blob ${blob.hash} holds other content than it was stored with: its hash is ${actual}.`;
    violations.push({ law: "blobs-have-their-hash", sequence: null, id: blob.hash, message });
  }
  return violations;
});

/** References of events to blobs that are not there. */
export const missingBlobs = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  limit: number,
): Effect.fn.Return<Effect.Success<Found>, SqlError.SqlError> {
  const violations: Array<LawViolation> = [];
  const known = new Set<string>();
  for (let from = 0; violations.length < limit;) {
    const rows = yield* sql<{ sequence: number; payload: string }>`
      SELECT sequence, payload_json AS payload FROM orchestration_events
      WHERE sequence > ${from} AND ${sql.literal(mayRefer("payload_json"))} ORDER BY sequence LIMIT ${REFERENCES_PAGE}`;
    const last = rows.at(-1);
    if (last === undefined) break;
    from = last.sequence;
    const references = rows.flatMap(({ sequence, payload }) =>
      [...referencesIn(payload)].filter((hash) => !known.has(hash)).map((hash) => ({ sequence, hash })),
    );
    const there = yield* present(
      sql,
      references.map(({ hash }) => hash),
    );
    for (const hash of there) known.add(hash);
    for (const { sequence, hash } of references) {
      if (there.has(hash)) continue;
      const message = `Event ${sequence} refers to blob ${hash}, which is not there.`;
      violations.push({ law: "references-have-their-blob", sequence, id: hash, message });
    }
  }
  return violations.slice(0, limit);
});

/** What is no JSON is another law's matter. */
const referencesIn = (payload: string): ReadonlySet<string> => {
  try {
    return blobsOf(JSON.parse(payload));
  } catch (error) {
    if (error instanceof SyntaxError) return new Set();
    throw error;
  }
};

const present = (sql: SqlClient.SqlClient, hashes: ReadonlyArray<string>) =>
  Effect.map(
    sql<{ hash: string }>`SELECT hash FROM orchestration_blobs WHERE ${inList(sql, "hash", hashes)}`,
    (rows) => new Set(rows.map(({ hash }) => hash)),
  );
