/** How a turn ended, and what an agent's session is up to, in words. Pure. */
import type { ModelSelection, Stalled, TokenUsage } from "@heddle/contracts/Model";
import type { ThreadSummary, Turn } from "@heddle/contracts/ReadModel";
import { cyan, dim, green, red, yellow } from "./Colour.ts";
import { type ChangedFiles, fileLines, filesSummary } from "./Diff.ts";
import { clean, cleanLine, revealLine } from "./Sanitize.ts";
import { duration, moment } from "./Time.ts";
import { usageWords } from "./Usage.ts";

export interface EndedTurn {
  readonly turnCount: number | undefined;
  readonly status: Turn["status"];
  readonly reason: string | null;
  readonly startedAt: string | undefined;
  readonly completedAt: string | null;
  readonly usage?: TokenUsage | null;
}

/** `✓ Turn 2 completed in 2.1 s`, and what it changed. */
export const turnEndLines = (turn: EndedTurn, changes: ChangedFiles | undefined): ReadonlyArray<string> => {
  const name = turn.turnCount === undefined ? "Turn" : `Turn ${turn.turnCount}`;
  const took =
    turn.startedAt !== undefined && turn.completedAt !== null
      ? ` ${turn.status === "completed" ? "in" : "after"} ${duration(Date.parse(turn.completedAt) - Date.parse(turn.startedAt))}`
      : "";
  const changed = changes === undefined ? "" : dim(` · ${filesSummary(changes)}`);
  const used = turn.usage ? dim(` · ${usageWords(turn.usage)}`) : "";
  const [reason, ...more] = turn.reason === null ? [] : clean(turn.reason).trimEnd().split("\n");
  const why = reason === undefined ? "" : `: ${reason}`;
  return [
    `${headline(turn.status, name, took, why)}${changed}${used}`,
    ...more.map((line) => `  ${dim(line)}`),
    ...(changes === undefined ? [] : fileLines(changes)).map((line) => `  ${line}`),
  ];
};

const headline = (status: Turn["status"], name: string, took: string, why: string): string => {
  switch (status) {
    case "completed":
      return `${green("✓")} ${name} completed${took}${why}`;
    case "interrupted":
      return `${yellow("■")} ${name} interrupted${took}${why}`;
    case "error":
      return `${red("✗")} ${name} failed${took}${why}`;
    case "running":
      return `${cyan("▸")} ${name} is running`;
  }
};

/** `demo`, `codex/gpt-5`. */
export const modelName = ({ provider, model }: ModelSelection): string =>
  cleanLine(model === undefined ? provider : `${provider}/${model}`);

export interface ThreadState {
  readonly word: string;
  readonly style: (text: string) => string;
}

const plain = (word: string): ThreadState => ({ word, style: dim });

/** What a thread is up to, in a word or two. */
export const threadState = (
  thread: Pick<ThreadSummary, "session" | "pendingApprovals" | "queuedTurns" | "archivedAt">,
): ThreadState => {
  const open = thread.pendingApprovals.filter(({ status }) => status === "pending");
  if (open.some(({ kind }) => kind === "user-input")) return { word: "asks you", style: yellow };
  if (open.length > 0) return { word: "waits for approval", style: yellow };
  const { session } = thread;
  const queued = thread.queuedTurns.length > 0 ? ` (+${thread.queuedTurns.length} queued)` : "";
  if (isRunning(thread)) {
    return session?.stalled
      ? { word: `stalled${queued}`, style: yellow }
      : { word: `running${queued}`, style: cyan };
  }
  if (thread.archivedAt !== null) return plain("archived");
  switch (session?.status) {
    case "error":
      return { word: "failed", style: red };
    case "interrupted":
      return { word: "interrupted", style: yellow };
    case "starting":
      return { word: "starting", style: cyan };
    case "ready":
      return { word: "ready", style: green };
    default:
      return plain("idle");
  }
};

/** Since when nothing is heard of a turn, and what it waits for. */
export const stalledLine = ({ since, waitsFor }: Stalled): string =>
  `${yellow("■")} Nothing was heard since ${moment(since)}: it waits for ${revealLine(waitsFor)}`;

/** Whether a turn runs in the thread. */
export const isRunning = ({ session }: Pick<ThreadSummary, "session">): boolean =>
  session !== null && (session.activeTurnId !== null || session.status === "running");
