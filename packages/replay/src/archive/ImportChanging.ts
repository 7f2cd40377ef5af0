/** What changes after it was written: diffs, effects and agents' sessions, as the archive has them. */
import { selectValues } from "@heddle/sql/OnConnection";
import { Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";
import { ARCHIVED, type ArchiveLine, columnsOf, type DiffList } from "./ArchiveFormat.ts";
import { receiptRemover } from "./ImportPruned.ts";
import { inserter } from "./ImportRows.ts";

const BATCH_ROWS = 500;
const BATCH_CHARACTERS = 4 * 1024 * 1024;

/** The kinds whose rows change, what names a row, and which column says when it changed. */
const CHANGING = {
  diff: { key: ["thread_id", "from_turn_count", "to_turn_count"], changedAt: "created_at" },
  effect: { key: ["effect_id"], changedAt: "updated_at" },
  session: { key: ["provider_session_id"], changedAt: "last_seen_at" },
} as const;
type ChangingKind = keyof typeof CHANGING;

/**
 * Puts rows in the place of those of their key. `over: "older"` leaves a row that changed later than the archive's: where
 * both stand at the same event, the database may have gone on with its effects.
 */
const changingInserter = (sql: SqlClient.SqlClient, kind: ChangingKind, over: "any" | "older") => {
  const { key, changedAt } = CHANGING[kind];
  const { table } = ARCHIVED[kind];
  const changed = columnsOf(kind).filter((column) => !key.some((one) => one === column));
  const updates = changed.map((column) => `${column} = excluded.${column}`).join(", ");
  const guard = over === "any" ? "" : ` WHERE excluded.${changedAt} >= ${table}.${changedAt}`;
  return inserter(sql, kind, `ON CONFLICT (${key.join(", ")}) DO UPDATE SET ${updates}${guard}`);
};

/** Removes what a list does not name: of its own thread, and of threads between the one before and itself. */
const diffRemover = (sql: SqlClient.SqlClient) => {
  let before = "";
  return {
    list: ({ threadId, ranges }: DiffList) =>
      Effect.gen(function* () {
        const kept = JSON.stringify(ranges.map(([from, to]) => `${from} ${to}`));
        yield* sql`DELETE FROM checkpoint_diff_blobs WHERE thread_id > ${before} AND thread_id < ${threadId}`;
        yield* sql`DELETE FROM checkpoint_diff_blobs WHERE thread_id = ${threadId}
          AND from_turn_count || ' ' || to_turn_count NOT IN (SELECT value FROM json_each(${kept}))`;
        before = threadId;
      }).pipe(sql.withTransaction),
    end: Effect.suspend(() => sql`DELETE FROM checkpoint_diff_blobs WHERE thread_id > ${before}`).pipe(
      Effect.asVoid,
      sql.withTransaction,
    ),
  };
};

/** Takes the lines of what changes, up to the manifest; rows go in some at a time. */
export const changingImport = (sql: SqlClient.SqlClient, archiveIsNewer: boolean) => {
  const over = archiveIsNewer ? "any" : "older";
  const inserters = {
    diff: changingInserter(sql, "diff", over),
    effect: changingInserter(sql, "effect", over),
    session: changingInserter(sql, "session", over),
  };
  const diffs = diffRemover(sql);
  const receipts = receiptRemover(sql);
  let waiting: { readonly kind: ChangingKind; readonly rows: Array<object>; characters: number } | undefined;

  const flush = Effect.suspend(() => {
    if (waiting === undefined) return Effect.void;
    const { kind, rows } = waiting;
    waiting = undefined;
    return sql.withTransaction(inserters[kind](rows));
  });
  const add = Effect.fnUntraced(function* (kind: ChangingKind, row: object, characters: number) {
    if (waiting?.kind !== kind || waiting.rows.length >= BATCH_ROWS || waiting.characters >= BATCH_CHARACTERS)
      yield* flush;
    waiting ??= { kind, rows: [], characters: 0 };
    waiting.rows.push(row);
    waiting.characters += characters;
  });
  return Effect.fnUntraced(function* (line: ArchiveLine): Effect.fn.Return<void, SqlError.SqlError> {
    switch (line.kind) {
      case "diff":
        return yield* add("diff", line.row, line.row.diff.length);
      case "diff-list":
        yield* flush;
        return yield* diffs.list(line);
      case "effect": {
        const statement = "SELECT 1 FROM orchestration_events WHERE sequence = ?";
        // That of an event which was left out stays out.
        if ((yield* selectValues(sql, statement, [line.row.event_sequence])).length === 0) return;
        return yield* add("effect", line.row, line.row.payload_json.length);
      }
      case "session":
        return yield* add("session", line.row, 0);
      case "pruned-receipts":
        yield* flush;
        return yield* receipts.take(line.row);
      case "manifest":
        yield* flush;
        yield* diffs.end;
        return yield* receipts.end;
      default:
        return;
    }
  });
};
