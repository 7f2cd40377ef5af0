/** The laws of the log that are one SQL statement each. `LogLaws.ts` runs them. */
import { HEAD_SQL } from "./Pruned.ts";

export type LawName =
  /** But for what was pruned. */
  | "sequences-are-dense"
  | "event-ids-are-unique"
  | "stream-versions-are-dense"
  | "streams-follow-the-log"
  | "events-name-their-command"
  | "events-decode"
  | "events-have-a-receipt"
  | "receipts-point-at-their-command"
  | "rejections-leave-no-events"
  | "effects-point-at-their-event"
  | "cursors-stay-within-the-log"
  | "quarantine-is-of-the-log"
  | "pruned-threads-are-gone"
  | "pruned-agrees-with-the-log"
  | "blobs-have-their-hash"
  | "references-have-their-blob";

/** The ranges of the log in which threads were pruned, those that overlap put together. */
const PRUNED_RANGES = `
  WITH pruned AS (SELECT first_sequence AS first, last_sequence AS last, max(last_sequence) OVER (
      ORDER BY first_sequence, last_sequence ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM orchestration_pruned),
  numbered AS (SELECT first, last, sum(before IS NULL OR first > before + 1) OVER (
      ORDER BY first, last ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS number
    FROM pruned),
  ranges AS MATERIALIZED (SELECT min(first) AS first, max(last) AS last FROM numbered GROUP BY number)`;

/** Threads whose rows are on their way out: what points at each other may be gone on one side. */
const PRUNING = "(SELECT thread_id FROM orchestration_pruned WHERE state = 'pruning')";

/** The row of a violation, as each law's statement selects it. */
export interface Found {
  readonly sequence: number | null;
  readonly id: string;
  /** What was found and what was to be there, where the law's sentence needs it. */
  readonly actual: number | string | null;
  readonly expected: number | string | null;
}

export interface Law {
  readonly name: LawName;
  /** Selects the columns of `Found`, and nothing where the law holds. */
  readonly statement: string;
  readonly message: (found: Found) => string;
}

export const LAWS: ReadonlyArray<Law> = [
  {
    name: "sequences-are-dense",
    statement: `${PRUNED_RANGES}
      SELECT sequence, event_id AS id, sequence AS actual, previous + 1 AS expected
      FROM (SELECT sequence, event_id, lag(sequence, 1, 0) OVER (ORDER BY sequence) AS previous
        FROM orchestration_events)
      WHERE sequence <> previous + 1
        AND NOT EXISTS (SELECT 1 FROM ranges WHERE first <= previous + 1 AND last >= sequence - 1)`,
    message: ({ actual, expected }) =>
      `The log goes on with sequence ${actual} where ${expected} was to come.`,
  },
  {
    name: "event-ids-are-unique",
    statement: `SELECT max(sequence) AS sequence, event_id AS id, count(*) AS actual, 1 AS expected
      FROM orchestration_events GROUP BY event_id HAVING count(*) > 1`,
    message: ({ id, actual }) => `${actual} events have the id ${id}.`,
  },
  {
    name: "stream-versions-are-dense",
    statement: `SELECT sequence, stream_id AS id, stream_version AS actual, previous + 1 AS expected
      FROM (SELECT sequence, stream_id, stream_version, lag(stream_version, 1, 0)
          OVER (PARTITION BY aggregate_kind, stream_id ORDER BY stream_version) AS previous
        FROM orchestration_events)
      WHERE stream_version <> previous + 1`,
    message: ({ id, actual, expected }) =>
      `Stream ${id} goes on with version ${actual} where ${expected} was to come.`,
  },
  {
    name: "streams-follow-the-log",
    statement: `SELECT sequence, stream_id AS id, sequence AS actual, previous AS expected
      FROM (SELECT sequence, stream_id, lag(sequence, 1, 0)
          OVER (PARTITION BY aggregate_kind, stream_id ORDER BY stream_version) AS previous
        FROM orchestration_events)
      WHERE sequence <= previous`,
    message: ({ id, actual, expected }) =>
      `In stream ${id}, sequence ${actual} comes after ${expected}: its versions run against the log.`,
  },
  {
    name: "events-name-their-command",
    statement: `SELECT sequence, event_id AS id, event_id AS actual, command_id || '#' || place AS expected
      FROM (SELECT sequence, event_id, command_id,
          row_number() OVER (PARTITION BY command_id ORDER BY sequence) AS place
        FROM orchestration_events WHERE command_id IS NOT NULL)
      WHERE event_id <> command_id || '#' || place`,
    message: ({ actual, expected }) => `An event has the id ${actual}; by its command it is ${expected}.`,
  },
  {
    name: "events-have-a-receipt",
    statement: `SELECT event.sequence, event.event_id AS id, event.command_id AS actual, NULL AS expected
      FROM orchestration_events AS event
      LEFT JOIN orchestration_command_receipts AS receipt ON receipt.command_id = event.command_id
      WHERE event.command_id IS NOT NULL AND receipt.command_id IS NULL
        AND event.occurred_at >= (SELECT coalesce(max(accepted_before), '') FROM orchestration_pruned_receipts)
        AND NOT (event.aggregate_kind = 'thread' AND event.stream_id IN ${PRUNING})`,
    message: ({ id, actual }) => `Event ${id} came of command ${actual}, which has no receipt.`,
  },
  {
    name: "receipts-point-at-their-command",
    statement: `SELECT receipt.result_sequence AS sequence, receipt.command_id AS id,
        event.command_id AS actual, NULL AS expected
      FROM orchestration_command_receipts AS receipt
      LEFT JOIN orchestration_events AS event ON event.sequence = receipt.result_sequence
      WHERE receipt.status = 'accepted'
        AND NOT (receipt.aggregate_kind = 'thread' AND receipt.aggregate_id IN ${PRUNING}) AND (
        event.command_id IS DISTINCT FROM receipt.command_id
        OR event.aggregate_kind <> receipt.aggregate_kind OR event.stream_id <> receipt.aggregate_id
        OR EXISTS (SELECT 1 FROM orchestration_events AS later
          WHERE later.command_id = receipt.command_id AND later.sequence > receipt.result_sequence))`,
    message: ({ id, sequence, actual }) =>
      actual === null
        ? `The receipt of command ${id} points at sequence ${sequence}, where there is no event.`
        : `The receipt of command ${id} points at sequence ${sequence}, which is not the last event of that command in its stream.`,
  },
  {
    name: "rejections-leave-no-events",
    statement: `SELECT receipt.result_sequence AS sequence, receipt.command_id AS id,
        receipt.result_sequence AS actual, log.head AS expected
      FROM orchestration_command_receipts AS receipt,
        (${HEAD_SQL}) AS log
      WHERE receipt.status = 'rejected' AND (receipt.result_sequence > log.head
        OR EXISTS (SELECT 1 FROM orchestration_events AS event WHERE event.command_id = receipt.command_id))`,
    message: ({ id, actual, expected }) =>
      Number(actual) > Number(expected)
        ? `Command ${id} was rejected at sequence ${actual}, beyond the head of the log, ${expected}.`
        : `Command ${id} was rejected, but the log holds events of it.`,
  },
  {
    name: "effects-point-at-their-event",
    statement: `SELECT effect.event_sequence AS sequence, CAST(effect.effect_id AS TEXT) AS id,
        effect.event_id AS actual, event.event_id AS expected
      FROM orchestration_effects AS effect
      LEFT JOIN orchestration_events AS event ON event.sequence = effect.event_sequence
      WHERE event.event_id IS DISTINCT FROM effect.event_id`,
    message: ({ id, sequence, actual }) =>
      `Effect ${id} names event ${actual} at sequence ${sequence}, which is not there.`,
  },
  {
    name: "cursors-stay-within-the-log",
    statement: `SELECT state.last_applied_sequence AS sequence, state.projector AS id,
        state.last_applied_sequence AS actual, log.head AS expected
      FROM projection_state AS state,
        (${HEAD_SQL}) AS log
      WHERE state.last_applied_sequence > log.head`,
    message: ({ id, actual, expected }) =>
      `The cursor of projector ${id} stands at ${actual}, beyond the head of the log, ${expected}.`,
  },
  {
    name: "quarantine-is-of-the-log",
    statement: `SELECT quarantine.sequence, quarantine.stream_id AS id,
        quarantine.sequence AS actual, NULL AS expected
      FROM orchestration_quarantine AS quarantine
      LEFT JOIN orchestration_events AS event ON event.sequence = quarantine.sequence
      WHERE event.sequence IS NULL`,
    message: ({ actual }) => `Event ${actual} is in quarantine, and not in the log.`,
  },
  {
    name: "pruned-threads-are-gone",
    statement: `SELECT event.sequence, event.stream_id AS id, event.event_id AS actual, NULL AS expected
      FROM orchestration_pruned AS pruned
      JOIN orchestration_events AS event ON event.aggregate_kind = 'thread'
        AND event.stream_id = pruned.thread_id AND event.sequence <= pruned.last_sequence
      WHERE pruned.state = 'done'`,
    message: ({ id, sequence }) => `Thread ${id} was pruned, but the log still holds its event ${sequence}.`,
  },
  {
    name: "pruned-agrees-with-the-log",
    statement: `${PRUNED_RANGES},
      counted AS (SELECT ranges.first, ranges.last,
        ranges.last - ranges.first + 1 - (SELECT count(*) FROM orchestration_events
          WHERE sequence BETWEEN ranges.first AND ranges.last) AS missing,
        (SELECT sum(event_count - CASE state WHEN 'done' THEN 0 ELSE (SELECT count(*)
              FROM orchestration_events AS event WHERE event.aggregate_kind = 'thread'
                AND event.stream_id = pruned.thread_id AND event.sequence <= pruned.last_sequence) END)
          FROM orchestration_pruned AS pruned
          WHERE first_sequence BETWEEN ranges.first AND ranges.last) AS taken
        FROM ranges)
      SELECT first AS sequence, first || '-' || last AS id, missing AS actual, taken AS expected
      FROM counted WHERE missing <> taken`,
    message: ({ id, actual, expected }) =>
      `Between the sequences ${id}, ${actual} events are missing, where ${expected} were pruned.`,
  },
];
