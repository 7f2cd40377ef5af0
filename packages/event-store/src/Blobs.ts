/** Content that is too large for an event, once for each hash (`orchestration_blobs`, SPEC section 7.1). */
import type { BlobRef, StoredAttachment } from "@heddle/contracts/Model";
import { Clock, Context, Effect, Layer, Schema } from "effect";
import { SqlClient, type SqlError } from "effect/sql";
import type { Blob } from "./Blob.ts";

/** An event refers to a blob that is not there. */
export class BlobMissing extends Schema.TaggedError<BlobMissing>()("BlobMissing", { hash: Schema.String }) {
  override get message(): string {
    return `Blob ${this.hash} is referred to and is not in the database. Restore it from a backup.`;
  }
}

export interface BlobRange {
  readonly hash: string;
  readonly offset: number;
  readonly limit: number;
}

export interface BlobPart {
  /** Of the whole blob. */
  readonly size: number;
  readonly data: Uint8Array;
}

export interface BlobReads {
  /** Part of a blob; undefined where there is none of that hash. */
  readonly read: (range: BlobRange) => Effect.Effect<BlobPart | undefined, SqlError.SqlError>;
  /** A text that may be referred to: the whole of it. */
  readonly textOf: (said: {
    readonly text: string;
    readonly fullText?: BlobRef;
  }) => Effect.Effect<string, SqlError.SqlError | BlobMissing>;
  /** The content of an attachment, in base64. */
  readonly dataOf: (attachment: StoredAttachment) => Effect.Effect<string, SqlError.SqlError | BlobMissing>;
}

/** The reads of blobs on one connection. */
export const blobReads = (sql: SqlClient.SqlClient): BlobReads => {
  const whole = (hash: string) =>
    sql<{ content: Uint8Array }>`SELECT content FROM orchestration_blobs WHERE hash = ${hash}`.pipe(
      Effect.flatMap(([row]) =>
        row === undefined ? Effect.fail(new BlobMissing({ hash })) : Effect.succeed(Buffer.from(row.content)),
      ),
    );
  return {
    read: ({ hash, offset, limit }) =>
      // A part of no bytes is null to SQLite.
      sql<BlobPart>`SELECT size, coalesce(substr(content, ${offset + 1}, ${limit}), x'') AS data
        FROM orchestration_blobs WHERE hash = ${hash}`.pipe(Effect.map((rows) => rows[0])),
    textOf: ({ text, fullText }) =>
      fullText === undefined
        ? Effect.succeed(text)
        : Effect.map(whole(fullText.$blob), (content) => content.toString("utf8")),
    dataOf: (attachment) =>
      "data" in attachment
        ? Effect.succeed(attachment.data)
        : Effect.map(whole(attachment.blob), (content) => content.toString("base64")),
  };
};

export class Blobs extends Context.Service<
  Blobs,
  BlobReads & {
    /** Keeps those that are not there yet, inside the caller's transaction. */
    readonly insert: (blobs: ReadonlyArray<Blob>) => Effect.Effect<void, SqlError.SqlError>;
  }
>()("heddle/event-store/Blobs") {
  static readonly layer = Layer.effect(
    Blobs,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      return Blobs.of({
        ...blobReads(sql),
        insert: (blobs) =>
          blobs.length === 0
            ? Effect.void
            : Effect.gen(function* () {
                const createdAt = new Date(yield* Clock.currentTimeMillis).toISOString();
                for (const { hash, content } of blobs) {
                  yield* sql`INSERT INTO orchestration_blobs (hash, size, content, created_at)
                    VALUES (${hash}, ${content.length}, ${content}, ${createdAt})
                    ON CONFLICT (hash) DO NOTHING`;
                }
              }),
      });
    }),
  );
}
