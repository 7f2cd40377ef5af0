/** A prune for people: what would go, and what went. Pure. */
import type {
  KeptThread,
  PrunableThread,
  PrunePlan,
  PruneReport,
  TableShare,
} from "@heddle/contracts/RetentionRpc";
import { amount, bytesOf, counted } from "../../render/Bytes.ts";
import { dim, green, yellow } from "../../render/Colour.ts";
import { cleanLine, revealLine } from "../../render/Sanitize.ts";
import { table } from "../../render/Table.ts";

/** Threads that are listed one by one. */
const LISTED = 20;

export const planText = (plan: PrunePlan, columns: number): string => {
  const bytes = plan.tables.reduce((sum, share) => sum + share.bytes, 0);
  const rows = plan.tables.reduce((sum, share) => sum + share.rows, 0);
  if (rows === 0) return `Nothing would go.\n${keptLines(plan.kept)}`;
  const threads =
    plan.threadCount === 0
      ? ""
      : `${amount(plan.threadCount, "thread")} would go:\n${threadTable(plan.threads, columns)}${more(plan)}\n`;
  return `${threads}${shareTable(plan.tables, columns)}${amount(rows, "row")} with ${bytesOf(bytes)}, of a file of ${bytesOf(plan.fileBytes)}.\n${keptLines(plan.kept)}`;
};

export const reportText = (report: PruneReport, columns: number): string => {
  const went = report.tables.length === 0 ? "Nothing was old enough.\n" : shareTable(report.tables, columns);
  const archive = report.archive === null ? "" : `They are in ${report.archive}\n`;
  const threads =
    report.threadCount === 0 ? "" : `${green("Pruned")} ${amount(report.threadCount, "thread")}.\n${archive}`;
  const left = report.checkpointsLeft.map(
    ({ threadId, message }) =>
      `${yellow("Checkpoints left")} of ${revealLine(threadId)}: ${revealLine(message)}\n`,
  );
  return `${threads}${went}The database was ${bytesOf(report.fileBytesBefore)} and is ${bytesOf(report.fileBytesAfter)}.\n${keptLines(report.kept)}${left.join("")}`;
};

const threadTable = (threads: ReadonlyArray<PrunableThread>, columns: number): string =>
  table(
    [
      { title: "Thread", shrinkTo: 12 },
      { title: "Title", shrinkTo: 12 },
      { title: "Why" },
      { title: "Events", align: "right" },
      { title: "Rows", align: "right" },
      { title: "Size", align: "right" },
    ],
    threads
      .slice(0, LISTED)
      .map(({ threadId, title, reason, events, rows, bytes }) => [
        cleanLine(threadId),
        cleanLine(title),
        reason,
        counted(events),
        counted(rows),
        bytesOf(bytes),
      ]),
    columns,
  );

const more = ({ threadCount }: PrunePlan): string =>
  threadCount > LISTED ? dim(`and ${counted(threadCount - LISTED)} more\n`) : "";

const shareTable = (shares: ReadonlyArray<TableShare>, columns: number): string =>
  table(
    [
      { title: "Table", shrinkTo: 20 },
      { title: "Rows", align: "right" },
      { title: "Size", align: "right" },
    ],
    shares.map(({ table: name, rows, bytes }) => [name, counted(rows), bytesOf(bytes)]),
    columns,
  );

const keptLines = (kept: ReadonlyArray<KeptThread>): string =>
  kept
    .map(({ threadId, message }) => `${yellow("Stays")} ${revealLine(threadId)}: ${revealLine(message)}\n`)
    .join("");
