/** An event of the log on one line: what happened, in a few words. Pure. */
import type { EventEnvelope } from "@heddle/contracts/Events";
import type { UnreadableEvent } from "@heddle/contracts/InspectionRpc";
import { Predicate } from "effect";
import { cyan, dim, green, magenta, red, yellow } from "./Colour.ts";
import { filesSummary } from "./Diff.ts";
import { revealLine } from "./Sanitize.ts";
import { truncate, width } from "./Table.ts";
import { moment } from "./Time.ts";
import { modelName } from "./Turn.ts";
import { usageWords } from "./Usage.ts";

const TYPE_CELLS = 34;
/** Less room than this says nothing. */
const MIN_DETAIL = 8;
/** A narrower terminal gets the time without the date. */
const WITH_DATE = 110;

interface Line {
  readonly sequence: number;
  readonly occurredAt: string;
  readonly eventType: string;
  readonly streamId: string;
}

const line = (
  event: Line,
  detail: string,
  style: (text: string) => string,
  columns: number,
  sequenceCells: number,
): string => {
  const sequence = String(event.sequence).padStart(sequenceCells);
  const time = moment(event.occurredAt).slice(columns < WITH_DATE ? 11 : 5);
  const type = revealLine(event.eventType).padEnd(TYPE_CELLS);
  const stream = revealLine(event.streamId);
  const room = columns - width(`${sequence}  ${time}  ${type}  ${stream}`) - 3;
  return `${dim(sequence)}  ${dim(time)}  ${style(type)}  ${cyan(stream)}  ${room < MIN_DETAIL ? "" : truncate(revealLine(detail), room)}`.trimEnd();
};

/** `42  12:03:11  thread.turn-started  fix-login-7f3k  turn 1` */
export const eventLine = (event: EventEnvelope, columns: number, sequenceCells = 5): string =>
  line(event, summaryOf(event), colourOf(event), columns, sequenceCells);

/** A line for each, in the order of the log; of one that cannot be read, why. */
export const eventLines = (
  {
    events,
    unreadable,
  }: {
    readonly events: ReadonlyArray<EventEnvelope>;
    readonly unreadable: ReadonlyArray<UnreadableEvent>;
  },
  columns: number,
): string => {
  const last = Math.max(0, ...[events.at(-1), unreadable.at(-1)].map((event) => event?.sequence ?? 0));
  const cells = String(last).length;
  return [
    ...events.map((event) => ({ at: event.sequence, text: eventLine(event, columns, cells) })),
    ...unreadable.map((event) => ({
      at: event.sequence,
      text: line(event, `cannot be read: ${event.reason}`, red, columns, cells),
    })),
  ]
    .toSorted((left, right) => left.at - right.at)
    .map(({ text }) => `${text}\n`)
    .join("");
};

/** By who acted, and by what wants attention. */
export const colourOf = ({ eventType, actorKind }: EventEnvelope): ((text: string) => string) => {
  if (eventType.includes("approval") || eventType.includes("user-input")) return yellow;
  if (eventType.includes("failed") || eventType.includes("deleted")) return red;
  return actorKind === "client" ? green : actorKind === "provider" ? magenta : (text) => text;
};

/** What happened beside the type, in a few words; not fit for a terminal yet. */
export const summaryOf = (event: EventEnvelope): string => {
  switch (event.eventType) {
    case "project.created":
      return `${event.payload.title} at ${event.payload.workspaceRoot}`;
    case "thread.created":
      return `${event.payload.title} (${modelName(event.payload.model)})`;
    case "thread.message-sent": {
      const { role, offset, streaming, text } = event.payload;
      const where = role === "assistant" && (streaming || offset > 0) ? ` +${offset}` : "";
      return `${role}${where}: ${text}`;
    }
    case "thread.turn-queued":
      return event.payload.text;
    case "thread.turn-started":
      return `turn ${event.payload.turnCount}`;
    case "thread.turn-completed":
      return [event.payload.status, event.payload.reason].filter(Predicate.isNotNull).join(": ");
    case "thread.turn-usage-recorded":
      return usageWords(event.payload.usage);
    case "thread.queue-reordered":
      return `${event.payload.turnIds.length} prompts`;
    case "thread.turn-diff-completed":
      return `turn ${event.payload.turnCount}: ${filesSummary(event.payload)}`;
    case "thread.approval-requested":
      return `${event.payload.kind}: ${event.payload.title}`;
    case "thread.approval-response-requested":
      return event.payload.decision;
    case "thread.approval-resolved":
    case "thread.user-input-resolved":
      return event.payload.outcome;
    case "thread.user-input-requested":
      return event.payload.questions.map(({ prompt }) => prompt).join(" / ");
    case "thread.checkpoint-revert-requested":
    case "thread.reverted":
      return `to turn ${event.payload.turnCount}`;
    case "thread.worktree-requested": {
      const { branch, from } = event.payload;
      return [branch, from && `from ${from}`].filter((part) => part !== null).join(" ");
    }
    case "thread.worktree-made":
      return `${event.payload.branch} in ${event.payload.worktreePath}`;
    case "thread.worktree-failed":
    case "thread.checkpoint-revert-failed":
      return event.payload.reason;
    case "thread.session-set": {
      const { status, providerName, lastError, stalled } = event.payload.session;
      const silent = stalled ? `stalled, waits for ${stalled.waitsFor}` : null;
      return [`${providerName ?? ""} ${status}`.trim(), silent, lastError]
        .filter(Predicate.isNotNull)
        .join(": ");
    }
    case "thread.activity-appended":
      return `${event.payload.kind}: ${event.payload.summary}`;
    case "thread.runtime-mode-set":
      return event.payload.runtimeMode;
    case "project.meta-updated":
    case "thread.meta-updated":
      return Object.keys(event.payload)
        .filter((key) => key !== "threadId" && key !== "projectId")
        .join(", ");
    default:
      return "";
  }
};
