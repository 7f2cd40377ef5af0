/** From a command to all that came of it: its events, what they asked for, what people said meanwhile. */
import { NotFound } from "@heddle/contracts/Errors";
import type { EventEnvelope } from "@heddle/contracts/Events";
import { MessageId } from "@heddle/contracts/Ids";
import type { ChainNode, CommandReceipt, EventChain, GetChainInput } from "@heddle/contracts/InspectionRpc";
import { Effect, Predicate } from "effect";
import type { SqlClient } from "effect/sql";
import { type ChainBounds, chainReads, type ChainRow, usualChainBounds } from "./ChainReads.ts";
import { type Branch, branchesOf, pathTo, select } from "./ChainTree.ts";
import { effectsOf } from "./EffectReads.ts";
import { findEvent } from "./EventDetails.ts";
import { receiptOf, rejectedWithin } from "./ReceiptReads.ts";
import { readSequences, type StoredEvent } from "./StoredEvent.ts";

/** Characters of a text in a node. */
const TEXT = 200;
/** Causes are few steps deep; where they go in a circle, a hand has written them. */
const DEPTH = 100;

export const eventChain = (sql: SqlClient.SqlClient, bounds: ChainBounds = usualChainBounds) => {
  const reads = chainReads(sql, bounds);

  /** The chain that is meant, and the event in it that was asked for. */
  const find = Effect.fnUntraced(function* ({ commandId, ...named }: GetChainInput) {
    if (commandId === undefined) {
      const { row } = yield* findEvent(sql, named);
      return { correlationId: row.correlation_id ?? row.command_id ?? row.event_id, asked: row.event_id };
    }
    const command = yield* reads.ofCommand(commandId);
    if (command !== undefined) {
      const correlationId = command.correlationId ?? commandId;
      return { correlationId, asked: correlationId === commandId ? undefined : command.eventId };
    }
    // A rejected command gave no events, and one whose correlation is another's may have given none itself.
    if ((yield* receiptOf(sql, commandId)) === null && (yield* reads.count(commandId, 0)) === 0) {
      const message = `There is no command ${commandId}: it was never decided, or its receipt was pruned.`;
      return yield* new NotFound({ kind: "command", id: commandId, message });
    }
    return { correlationId: commandId, asked: undefined };
  });

  /** What was asked for may stand where a long chain was not looked at. */
  const withWayUp = Effect.fnUntraced(function* (
    rows: ReadonlyArray<ChainRow>,
    eventId: string | null | undefined,
  ) {
    const known = new Map(rows.map((row) => [row.eventId, row]));
    const missing: Array<ChainRow> = [];
    let next = eventId;
    for (let depth = 0; depth < DEPTH && typeof next === "string"; depth += 1) {
      const row: ChainRow | undefined = known.get(next) ?? (yield* reads.byEventId(next));
      if (row === undefined) break;
      if (!known.has(row.eventId)) missing.push(row);
      next = row.causationEventId;
    }
    return missing.length === 0
      ? rows
      : [...missing, ...rows].toSorted((left, right) => left.sequence - right.sequence);
  });

  return Effect.fnUntraced(function* (input: GetChainInput) {
    const { correlationId, asked } = yield* find(input);
    const from = input.fromSequenceExclusive ?? 0;
    const receipt = yield* receiptOf(sql, correlationId);
    const [events, first, last] = yield* Effect.all([
      reads.count(correlationId, 0),
      reads.first(correlationId),
      reads.last(correlationId),
    ]);
    const root = (at: string, sequence: number): ChainNode => ({
      kind: "command",
      id: commandNode(correlationId),
      parent: null,
      sequence,
      at,
      onPath: true,
      asked: asked === undefined,
      commandId: correlationId,
      receipt,
    });
    if (first === undefined || last === undefined) {
      const at = receipt?.acceptedAt ?? "";
      const sequence = receipt?.resultSequence ?? 0;
      return {
        correlationId,
        events,
        firstSequence: sequence,
        lastSequence: sequence,
        startedAt: at,
        endedAt: at,
        nodes: [root(at, sequence)],
        leftOut: null,
      } satisfies EventChain;
    }

    const read = yield* reads.events(correlationId, 0 < from && events > 2 * bounds.rows ? from : 0);
    const correlationRows = yield* withWayUp(yield* withWayUp(read, asked), first.eventId);
    const sameStream = correlationRows.filter(
      ({ aggregateKind, streamId }) => aggregateKind === first.aggregateKind && streamId === first.streamId,
    );
    const said = yield* reads.saidMeanwhile(first, sameStream.at(-1) ?? first);
    const branches = branchesOf({ correlationRows, said });
    const path = asked === undefined ? new Set<string>() : pathTo(branches, asked);
    const { shown, gap } = select(branches, { path, from, limit: input.limit });

    const stored = yield* readAllOf(
      sql,
      shown.map(({ rows }) => rows[0]?.sequence ?? 0),
    );
    const effects = yield* effectsOf(
      sql,
      shown.flatMap(({ rows }) => (rows.length === 1 ? rows.map(({ sequence }) => sequence) : [])),
    );
    const rejected = yield* rejectedWithin(sql, {
      aggregateKind: first.aggregateKind,
      aggregateId: first.streamId,
      fromSequence: Math.max(first.sequence, from + 1),
      // One that was refused where the log stood at the end came behind it.
      toSequence: last.sequence - 1,
    });

    const nodes: Array<ChainNode> = [root(receipt?.acceptedAt ?? first.occurredAt, first.sequence)];
    const idAt = new Map<number, string>();
    for (const branch of shown) {
      const node = nodeOf(branch, stored.get(branch.rows[0]?.sequence ?? 0), {
        parent: branch.parent ?? commandNode(correlationId),
        onPath: path.has(branch.id),
        asked: branch.rows.some(({ eventId }) => eventId === asked),
      });
      if (node === undefined) continue;
      nodes.push(node);
      idAt.set(node.sequence, node.id);
    }
    for (const effect of effects) {
      nodes.push({
        kind: "effect",
        id: `effect:${effect.effectId}`,
        parent: idAt.get(effect.eventSequence) ?? null,
        sequence: effect.eventSequence,
        at: effect.createdAt,
        onPath: false,
        asked: false,
        effect,
      });
    }
    for (const refused of rejected) nodes.push(refusal(refused, commandNode(correlationId)));

    const own = new Set(correlationRows.map(({ eventId }) => eventId));
    const there = new Set(shown);
    // Of those that the caller has not had before.
    const accounted = branches
      .filter((branch) => there.has(branch) || isBefore(branch, from))
      .flatMap(({ rows }) => rows.filter(({ eventId, sequence }) => sequence > from && own.has(eventId)));
    const behind = from === 0 ? events : yield* reads.count(correlationId, from);
    return {
      correlationId,
      events,
      firstSequence: first.sequence,
      lastSequence: last.sequence,
      startedAt: receipt?.acceptedAt ?? first.occurredAt,
      endedAt: last.occurredAt,
      nodes: nodes.toSorted((left, right) => left.sequence - right.sequence || rank(left) - rank(right)),
      leftOut: gap === undefined ? null : { events: behind - accounted.length, ...gap },
    } satisfies EventChain;
  });
};

const isBefore = ({ rows }: Branch, from: number): boolean => (rows[0]?.sequence ?? 0) <= from;

const commandNode = (commandId: string): string => `command:${commandId}`;

/** Of what stands at the same sequence: the root, its event, what that asks for, and a command that came after it. */
const rank = ({ kind, parent }: ChainNode): number => {
  if (kind === "command") return parent === null ? 0 : 3;
  return kind === "effect" ? 2 : 1;
};

const refusal = (receipt: CommandReceipt, parent: string): ChainNode => ({
  kind: "command",
  id: commandNode(receipt.commandId),
  parent,
  sequence: receipt.resultSequence,
  at: receipt.acceptedAt,
  onPath: false,
  asked: false,
  commandId: receipt.commandId,
  receipt,
});

const READ_AT_ONCE = 500;

const readAllOf = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, sequences: ReadonlyArray<number>) {
  const found = new Map<number, StoredEvent>();
  for (let at = 0; at < sequences.length; at += READ_AT_ONCE) {
    for (const stored of yield* readSequences(sql, sequences.slice(at, at + READ_AT_ONCE)))
      found.set(stored.row.sequence, stored);
    yield* Effect.yieldNow;
  }
  return found;
});

const nodeOf = (
  { id, rows }: Branch,
  stored: StoredEvent | undefined,
  place: Pick<ChainNode, "parent" | "onPath" | "asked">,
): ChainNode | undefined => {
  const [first] = rows;
  const last = rows.at(-1);
  // Pruned between two reads.
  if (stored === undefined || first === undefined || last === undefined) return undefined;
  const fields = { id, ...place, sequence: first.sequence, at: first.occurredAt };
  const { event, unreadable } = stored;
  if (unreadable) return { kind: "unreadable", ...fields, unreadable };
  if (rows.length === 1) return { kind: "event", ...fields, event: brief(event) };
  return {
    kind: "segments",
    ...fields,
    messageId: MessageId.make(first.subject ?? ""),
    count: rows.length,
    lastSequence: last.sequence,
    lastAt: last.occurredAt,
    characters: rows.reduce((sum, { characters }) => sum + characters, 0),
    text: event.eventType === "thread.message-sent" ? cut(event.payload.text) : "",
  };
};

const cut = (text: string): string =>
  text.length <= TEXT ? text : `${text.slice(0, TEXT).replace(/[\uD800-\uDBFF]$/, "")}…`;

/** The event with its long texts cut: what it says in a line, not all that it holds. */
const brief = (event: EventEnvelope): EventEnvelope =>
  ({ ...event, payload: briefValue(event.payload) }) as EventEnvelope;

const LEFT_OUT: Readonly<Record<string, unknown>> = { detail: null, attachments: [] };

const briefValue = (value: unknown): unknown => {
  if (typeof value === "string") return cut(value);
  if (Array.isArray(value)) return value.map(briefValue);
  if (!Predicate.isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key, key in LEFT_OUT ? LEFT_OUT[key] : briefValue(entry)]),
  );
};
