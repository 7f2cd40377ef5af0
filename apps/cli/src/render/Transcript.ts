/** A thread as people read it: who said what, what the agent did, how each turn ended, what is open. Pure. */
import type { Activity, Message, Session, ThreadSnapshot, Turn } from "@heddle/contracts/ReadModel";
import { activityLines, toolItemId } from "./Activity.ts";
import { attachmentLine, blobHint } from "./Blob.ts";
import { bold, cyan, dim, green, magenta, yellow } from "./Colour.ts";
import { requestLines, shortRequestId } from "./Request.ts";
import { clean, cleanLine, revealLine } from "./Sanitize.ts";
import { truncate } from "./Table.ts";
import { moment } from "./Time.ts";
import { modelName, stalledLine, threadState, turnEndLines } from "./Turn.ts";
import { contextWords, usageWords } from "./Usage.ts";
import { fitLines, wrap } from "./Wrap.ts";

export interface TranscriptOptions {
  readonly columns: number;
  /** How a command in a hint begins. */
  readonly invocation: string;
  /** Not what waits for somebody, where it is asked about anyway. */
  readonly waiting?: false;
}

const INDENT = "  ";

type Entry =
  | { readonly type: "message"; readonly message: Message }
  | { readonly type: "activity"; readonly activity: Activity };

/** The page that a snapshot holds; each line is ended. */
export const transcript = (snapshot: ThreadSnapshot, options: TranscriptOptions): string => {
  const { thread, olderCursor } = snapshot;
  const older = olderCursor === null ? "" : dim("… there is more before this; --limit shows more of it\n");
  return [
    heading(snapshot),
    older,
    ...turns(snapshot, options),
    allowed(snapshot, options),
    whatWaits(snapshot, options),
  ]
    .filter((part) => part !== "")
    .join("\n")
    .concat(thread.messages.length + thread.activities.length === 0 ? dim("\nNothing was said yet.\n") : "");
};

/** Of a worktree that is not there: else the folder says it. */
const worktreeWords = (worktree: ThreadSnapshot["thread"]["worktree"]): string => {
  if (worktree?.state === "failed") return `no worktree: ${worktree.reason ?? "it could not be made"}`;
  return worktree?.state === "wanted" ? "its worktree is being made" : "";
};

const heading = ({ thread }: ThreadSnapshot): string => {
  const state = threadState(thread);
  const facts = [
    `project ${thread.projectId}`,
    `agent ${modelName(thread.model)}`,
    thread.runtimeMode,
    thread.branch === null ? "" : `branch ${thread.branch}`,
    thread.worktreePath === null ? "" : `in ${thread.worktreePath}`,
    worktreeWords(thread.worktree),
    thread.forkedFrom === null
      ? ""
      : `from ${thread.forkedFrom.threadId} after turn ${thread.forkedFrom.turnCount}`,
    thread.archivedAt === null ? "" : "archived",
    thread.usage === null ? "" : usageWords(thread.usage),
    thread.context === null ? "" : contextWords(thread.context),
  ];
  return [
    `${bold(cleanLine(thread.title))}  ${dim(thread.threadId)}  ${state.style(state.word)}`,
    dim(
      facts
        .filter((fact) => fact !== "")
        .map(cleanLine)
        .join(" · "),
    ),
    "",
  ].join("\n");
};

/** Each stretch of one turn, or of none, as a block. */
const turns = ({ thread }: ThreadSnapshot, { columns }: TranscriptOptions): ReadonlyArray<string> => {
  const agent = modelName(thread.model);
  const blocks: Array<string> = [];
  const seen = new Set<string>();
  for (const { turnId, entries } of stretches(entriesOf(thread.messages, thread.activities))) {
    const turn = thread.turns.find((candidate) => candidate.turnId === turnId);
    const body = said(entries, agent, columns);
    const head = turn === undefined || seen.has(turn.turnId) ? "" : turnHeading(turn, columns);
    if (turn !== undefined) seen.add(turn.turnId);
    blocks.push(head + body + (turn === undefined ? "" : turnEnding(turn, thread.checkpoints, columns)));
  }
  return blocks;
};

const entriesOf = (
  messages: ReadonlyArray<Message>,
  activities: ReadonlyArray<Activity>,
): ReadonlyArray<Entry> => {
  const over = new Set(
    activities.flatMap((activity) => (activity.kind === "tool.started" ? [] : (toolItemId(activity) ?? []))),
  );
  const shown = activities.filter(
    (activity) => activity.kind !== "tool.started" || !over.has(toolItemId(activity) ?? ""),
  );
  return [
    ...messages.map((message): Entry => ({ type: "message", message })),
    ...shown.map((activity): Entry => ({ type: "activity", activity })),
  ].toSorted((left, right) => contentOf(left).sequence - contentOf(right).sequence);
};

const contentOf = (entry: Entry): Message | Activity =>
  entry.type === "message" ? entry.message : entry.activity;

interface Stretch {
  readonly turnId: string | null;
  readonly entries: Array<Entry>;
}

const stretches = (entries: ReadonlyArray<Entry>): ReadonlyArray<Stretch> => {
  const found: Array<Stretch> = [];
  for (const entry of entries) {
    const { turnId } = contentOf(entry);
    const current = found.at(-1);
    if (current?.turnId === turnId) current.entries.push(entry);
    else found.push({ turnId, entries: [entry] });
  }
  return found;
};

const turnHeading = (turn: Turn, columns: number): string => {
  const text = `── Turn ${turn.turnCount} · ${moment(turn.startedAt)} `;
  return `${dim(text.padEnd(Math.min(columns, 80) - 1, "─"))}\n`;
};

const said = (entries: ReadonlyArray<Entry>, agent: string, columns: number): string => {
  let text = "";
  let speaker: string | undefined;
  for (const entry of entries) {
    const role = entry.type === "message" ? entry.message.role : "assistant";
    if (role !== speaker) text += `${speakerName(role, agent)}\n`;
    speaker = role;
    text +=
      entry.type === "message"
        ? messageText(entry.message, columns)
        : fitLines(activityLines(entry.activity), INDENT, columns);
  }
  return text;
};

const messageText = ({ text, fullText, attachments, isStreaming }: Message, columns: number): string =>
  wrap(clean(text).trimEnd(), INDENT, columns) +
  (fullText === null ? "" : `${INDENT}${dim(blobHint(fullText))}\n`) +
  attachments.map((attachment) => `${INDENT}${dim(attachmentLine(attachment))}\n`).join("") +
  (isStreaming ? `${INDENT}${dim("…")}\n` : "");

/** Whose words follow. */
export const speakerName = (role: Message["role"], agent: string): string =>
  role === "user" ? bold(cyan("you")) : role === "system" ? bold(dim("system")) : bold(magenta(agent));

const turnEnding = (
  turn: Turn,
  checkpoints: ThreadSnapshot["thread"]["checkpoints"],
  columns: number,
): string => {
  const checkpoint = checkpoints.find(({ turnId, status }) => turnId === turn.turnId && status === "ready");
  return fitLines(turnEndLines(turn, checkpoint), "", columns);
};

const stalledLines = (session: Session | null): ReadonlyArray<string> =>
  session?.stalled ? [stalledLine(session.stalled)] : [];

/** What a person allowed until the session ends. */
const allowed = ({ thread }: ThreadSnapshot, { columns, waiting }: TranscriptOptions): string => {
  const accepted = thread.session?.accepted ?? [];
  if (waiting === false || accepted.length === 0) return "";
  const lines = accepted.map(({ kind, title }) => `${green("✓")} ${revealLine(title)} ${dim(kind)}`);
  return `${dim("Accepted for the session")}\n${fitLines(lines, INDENT, columns)}`;
};

/** What the agent waits for, and what waits for the agent. */
const whatWaits = (
  { thread }: ThreadSnapshot,
  { invocation, columns, waiting }: TranscriptOptions,
): string => {
  if (waiting === false) return "";
  const open = thread.pendingApprovals.filter(({ status }) => status === "pending");
  const requests = open.flatMap((request) => {
    const command = request.kind === "user-input" ? "answer" : "approve";
    const which = open.length > 1 ? ` ${shortRequestId(request.requestId)}` : "";
    const text = request.kind === "user-input" ? " TEXT" : "";
    const how = dim(`    ${invocation} thread ${command} ${thread.threadId}${which}${text}`);
    return requestLines(request).concat(how);
  });
  const queued = thread.queuedTurns.map(
    ({ text }) =>
      `${green("+")} ${truncate(revealLine(text), Math.min(columns, 100) - 12)} ${dim("(queued)")}`,
  );
  const lines = [...stalledLines(thread.session), ...requests, ...queued];
  return lines.length === 0 ? "" : `${yellow("Waiting")}\n${fitLines(lines, INDENT, columns)}`;
};
