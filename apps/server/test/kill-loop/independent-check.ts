/** Looks at a database with nothing but SQLite, and holds it against what clients were told. */
import { DatabaseSync } from "node:sqlite";
import type { Json } from "../raw-client.ts";
import type { Entry, Ledger } from "./ledger.ts";

/** Statements that find nothing in a sound database. */
const FINDS_NOTHING: Readonly<Record<string, string>> = {
  "a hole in the sequences": `SELECT count(*) AS events, max(sequence) AS head FROM orchestration_events
    HAVING count(*) <> coalesce(max(sequence), 0)`,
  "a hole in a stream": `SELECT stream_id, stream_version, place FROM (
      SELECT stream_id, stream_version,
        row_number() OVER (PARTITION BY aggregate_kind, stream_id ORDER BY sequence) AS place
      FROM orchestration_events) WHERE stream_version <> place`,
  "an event without the receipt of its command": `SELECT event.sequence, event.command_id
    FROM orchestration_events AS event
    LEFT JOIN orchestration_command_receipts AS receipt
      ON receipt.command_id = event.command_id AND receipt.status = 'accepted'
    WHERE receipt.command_id IS NULL`,
  "a receipt that is not its command's last event": `SELECT receipt.command_id, receipt.result_sequence, last
    FROM orchestration_command_receipts AS receipt
    LEFT JOIN (SELECT command_id, max(sequence) AS last, min(sequence) AS first, count(*) AS events
      FROM orchestration_events GROUP BY command_id) AS given ON given.command_id = receipt.command_id
    WHERE (receipt.status = 'accepted' AND (last IS NOT receipt.result_sequence OR last - first + 1 <> events))
      OR (receipt.status = 'rejected' AND last IS NOT NULL)`,
  "a projector that is not at the head": `SELECT projector, last_applied_sequence, fault FROM projection_state
    WHERE fault IS NOT NULL
      OR last_applied_sequence <> (SELECT coalesce(max(sequence), 0) FROM orchestration_events)`,
  "two effects of one event": `SELECT event_sequence, count(*) AS effects FROM orchestration_effects
    GROUP BY event_sequence HAVING count(*) > 1`,
  "a broken reference": "PRAGMA foreign_key_check",
};

interface Receipt {
  readonly accepted: boolean;
  readonly sequence: number;
  readonly code: string;
}

/** Everything that is wrong with the database, in words; `seen` are the events that a subscriber got. */
export const findFaults = (
  file: string,
  ledger: Ledger,
  seen: ReadonlyArray<Json>,
): ReadonlyArray<string> => {
  const database = new DatabaseSync(file);
  try {
    const faults: Array<string> = [...ledger.complaints];
    const integrity = database.prepare("PRAGMA integrity_check").all();
    if (integrity[0]?.["integrity_check"] !== "ok")
      faults.push(`integrity_check: ${JSON.stringify(integrity)}`);
    for (const [what, statement] of Object.entries(FINDS_NOTHING)) {
      const found = database.prepare(`${statement} LIMIT 3`.replace(/^(PRAGMA .*) LIMIT 3$/, "$1")).all();
      if (found.length > 0) faults.push(`${what}: ${JSON.stringify(found)}`);
    }
    faults.push(...findUnkeptAnswers(database, ledger), ...findOtherEvents(database, seen));
    return faults;
  } finally {
    database.close();
  }
};

const findUnkeptAnswers = (database: DatabaseSync, ledger: Ledger): ReadonlyArray<string> => {
  const receipts = new Map(
    database
      .prepare(
        `SELECT command_id, result_sequence, status, json_extract(error, '$.code') AS code
        FROM orchestration_command_receipts WHERE command_id NOT LIKE 'heddle:%'`,
      )
      .all()
      .map((row): [string, Receipt] => [
        String(row["command_id"]),
        {
          accepted: row["status"] === "accepted",
          sequence: Number(row["result_sequence"]),
          code: String(row["code"]),
        },
      ]),
  );
  const unasked = [...receipts.keys()].filter((commandId) => !ledger.entries.has(commandId));
  return [
    ...unasked.map((commandId) => `${commandId} has a receipt, and nobody sent it`),
    ...[...ledger.entries].flatMap(([commandId, entry]) =>
      findUnkept(commandId, entry, receipts.get(commandId)),
    ),
  ];
};

const findUnkept = (
  commandId: string,
  { answer, after }: Entry,
  receipt: Receipt | undefined,
): ReadonlyArray<string> => {
  if (answer === undefined) {
    const early = receipt?.accepted === true && receipt.sequence <= after;
    return early ? [`${commandId} has ${receipt.sequence}, but was sent after ${after}`] : [];
  }
  const kept =
    "sequence" in answer
      ? receipt?.accepted === true && receipt.sequence === answer.sequence
      : receipt?.accepted === false && receipt.code === answer.code;
  return kept
    ? []
    : [`${commandId} was answered ${JSON.stringify(answer)}, and has ${JSON.stringify(receipt)}`];
};

const findOtherEvents = (database: DatabaseSync, seen: ReadonlyArray<Json>): ReadonlyArray<string> => {
  const ids = database.prepare("SELECT event_id FROM orchestration_events ORDER BY sequence").all();
  const other = seen.findIndex(({ eventId }, index) => eventId !== ids[index]?.["event_id"]);
  return other === -1 ? [] : [`Sequence ${other + 1} was seen as ${seen[other].eventId}, and is another`];
};
