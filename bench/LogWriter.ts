/**
 * Writes a long log straight into a migrated database: rows that the engine could have written, by prepared statements, in
 * one transaction.
 */
import { hash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { eventVersion, OrchestrationEvent } from "@heddle/contracts/Events";
import { ThreadId } from "@heddle/contracts/Ids";
import { Effect, Schema } from "effect";
import { creations, CYCLE_EVENTS, type RecordedCommand, turnsOf } from "./RecordedTurns.ts";
import { onEngine } from "./support.ts";

/** Threads of a stored database are called `t0`, `t1`, …; `t0` is the long one, where there is one. */
export const threadNames = (count: number): ReadonlyArray<ThreadId> =>
  Array.from({ length: count }, (_, index) => ThreadId.make(`t${index}`));

export interface LogShape {
  readonly threads: number;
  /** How many events a thread has, rounded up to whole cycles of turns. */
  readonly threadEvents: number;
  /** The same for the first thread. */
  readonly firstThreadEvents: number;
}

/** Threads in which agents work at the same time: their events stand in the log in turn. */
const AGENTS = 10;
const START = Date.parse("2026-01-31T12:00:00.000Z");
/** One event in so many is read back by its schema. */
const SAMPLE = 997;

const INDEX =
  "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ('orchestration_events', 'orchestration_command_receipts')";

class LogWriter {
  readonly #database: DatabaseSync;
  readonly #event: StatementSync;
  readonly #receipt: StatementSync;
  readonly #versions = new Map<string, number>();
  readonly #indexes: ReadonlyArray<{ readonly name: string; readonly sql: string }>;
  sequence = 0;

  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    this.#database.exec(
      "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; PRAGMA temp_store = MEMORY; PRAGMA threads = 2",
    );
    // Made again at the end, in one go.
    this.#indexes = this.#database
      .prepare(INDEX)
      .all()
      .map(({ name, sql }) => ({ name: String(name), sql: String(sql) }));
    for (const { name } of this.#indexes) this.#database.exec(`DROP INDEX ${name}`);
    this.#event = this.#database.prepare(
      `INSERT INTO orchestration_events (sequence, event_id, aggregate_kind, stream_id, stream_version, event_type,
         event_version, occurred_at, command_id, causation_event_id, correlation_id, actor_kind, payload_json, metadata_json)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#receipt = this.#database.prepare(
      `INSERT INTO orchestration_command_receipts
         (command_id, aggregate_kind, aggregate_id, accepted_at, result_sequence, status, error, fingerprint)
       VALUES (?, ?, ?, ?, ?, 'accepted', NULL, ?)`,
    );
    this.#database.exec("BEGIN");
  }

  write({ commandId, actor, causationEventId, correlationId, metadata, events }: RecordedCommand): void {
    const metadataJson = JSON.stringify(metadata);
    let kind = "thread";
    let streamId = "";
    let at = "";
    events.forEach(({ eventType, payload }, index) => {
      kind = "threadId" in payload ? "thread" : "project";
      streamId = "threadId" in payload ? payload.threadId : payload.projectId;
      const version = (this.#versions.get(streamId) ?? 0) + 1;
      this.#versions.set(streamId, version);
      this.sequence += 1;
      at = new Date(START + this.sequence * 100).toISOString();
      this.#event.run(
        this.sequence,
        `${commandId}#${index + 1}`,
        kind,
        streamId,
        version,
        eventType,
        eventVersion(eventType),
        at,
        commandId,
        index === 0 ? causationEventId : `${commandId}#1`,
        correlationId ?? commandId,
        actor,
        JSON.stringify(payload),
        metadataJson,
      );
    });
    const fingerprint = hash("sha256", commandId, "base64url");
    this.#receipt.run(commandId, kind, streamId, at, this.sequence, fingerprint);
  }

  close(): void {
    this.#database.exec("COMMIT");
    for (const { sql } of this.#indexes) this.#database.exec(sql);
    this.#database.exec("PRAGMA journal_mode = WAL");
    this.#database.close();
  }
}

/** All that the agents do: each works on one thread at a time, the first on the first thread alone. */
const commandsOf = function* (shape: LogShape): Generator<RecordedCommand> {
  const threads = threadNames(shape.threads);
  yield* creations(threads);
  const whole = (events: number) => Math.ceil(events / CYCLE_EVENTS) * CYCLE_EVENTS;
  const waiting = threads.map((threadId, index) => ({
    turns: turnsOf(threadId),
    left: whole(index === 0 ? shape.firstThreadEvents : shape.threadEvents),
  }));
  let working = waiting.splice(0, AGENTS);
  while (working.length > 0) {
    for (const work of working) {
      const command = work.turns.next().value;
      work.left -= command.events.length;
      yield command;
    }
    working = working.flatMap((work) => (work.left > 0 ? [work] : waiting.splice(0, 1)));
  }
};

const camelCase = (column: string): string =>
  column.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());

/** Throws where a stored event is not what its schema says. */
const checkSample = (path: string): void => {
  const database = new DatabaseSync(path, { readOnly: true });
  const decode = Schema.decodeUnknownSync(OrchestrationEvent);
  const rows = database.prepare(`SELECT * FROM orchestration_events WHERE sequence % ${SAMPLE} = 1`);
  for (const row of rows.iterate()) {
    const envelope = Object.fromEntries(
      Object.entries(row).map(([column, value]) =>
        column.endsWith("_json")
          ? [column.slice(0, -"_json".length), JSON.parse(String(value))]
          : [camelCase(column), value],
      ),
    );
    decode(envelope);
  }
  database.close();
};

/** Makes `folder` with a database of that shape in it, its projections empty; gives the number of events. */
export const writeLog = async (folder: string, shape: LogShape): Promise<number> => {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "heddle.db");
  await onEngine(folder, Effect.void);
  const writer = new LogWriter(path);
  for (const command of commandsOf(shape)) writer.write(command);
  writer.close();
  checkSample(path);
  return writer.sequence;
};
