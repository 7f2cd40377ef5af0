/** Imports for people: what there is, and what became of it. Pure. */
import { dirname } from "node:path";
import type {
  ImportableSession,
  ImportedThread,
  ImportReport,
  UnreadableLine,
} from "@heddle/contracts/ImportRpc";
import { amount, bytesOf, counted } from "../../render/Bytes.ts";
import { dim, green, yellow } from "../../render/Colour.ts";
import { cleanLine, revealLine } from "../../render/Sanitize.ts";
import { table } from "../../render/Table.ts";
import { ago } from "../../render/Time.ts";

export interface Listing {
  /** Where it was looked for. */
  readonly folder: string;
  readonly sessions: ReadonlyArray<ImportableSession>;
  readonly unreadable: ReadonlyArray<UnreadableLine>;
}

interface ListingOptions {
  readonly source: string;
  readonly columns: number;
  readonly now: number;
  /** To be chosen from. */
  readonly numbered?: true;
}

/** Sessions, threads and lines that are named one by one. */
const LISTED = 50;
const LISTED_LINES = 10;

const STATES: Readonly<Record<ImportableSession["state"], string>> = {
  new: "new",
  changed: "has grown",
  imported: "imported",
  thread: "ran in Heddle",
  deleted: "thread deleted",
};

export const listingText = (listing: Listing, options: ListingOptions): string => {
  const { folder, sessions, unreadable } = listing;
  if (sessions.length === 0 && unreadable.length === 0) {
    return `There are no sessions of ${options.source} in ${revealLine(folder)}\n`;
  }
  const open = sessions.filter(({ state }) => state === "new" || state === "changed");
  const rest = sessions.filter(({ state }) => state !== "new" && state !== "changed");
  const listed = options.numbered ? open : open.slice(0, LISTED);
  const head =
    open.length === 0
      ? `There is nothing new of ${options.source} in ${revealLine(folder)}\n`
      : `${amount(open.length, "session")} of ${options.source} could be imported:\n${sessionTable(listed, options)}`;
  const more = open.length - listed.length;
  return [
    head,
    more > 0 ? `${dim(`and ${counted(more)} more; --since shows fewer, --json all of them`)}\n` : "",
    restLine(rest),
    unreadableLines(unreadable, unreadable.length),
  ].join("");
};

const sessionTable = (
  sessions: ReadonlyArray<ImportableSession>,
  { columns, now, numbered }: ListingOptions,
): string =>
  table(
    [
      ...(numbered ? [{ title: "", align: "right" } as const] : []),
      { title: "Session", shrinkTo: 14 },
      { title: "Title", shrinkTo: 20 },
      { title: "Folder", shrinkTo: 12 },
      { title: "Used" },
      { title: "Size", align: "right" },
      { title: "" },
    ],
    sessions.map(({ sourceId, title, cwd, modifiedAt, bytes, state }, index) => [
      ...(numbered ? [String(index + 1)] : []),
      cleanLine(sourceId),
      cleanLine(title ?? "").slice(0, 120),
      cleanLine(cwd ?? "?"),
      ago(modifiedAt, now),
      bytesOf(bytes),
      STATES[state],
    ]),
    columns,
  );

/** Those that are there already, in a line. */
const restLine = (rest: ReadonlyArray<ImportableSession>): string => {
  if (rest.length === 0) return "";
  const counts = Map.groupBy(rest, ({ state }) => STATES[state]);
  const parts = [...counts].map(([state, sessions]) => `${counted(sessions.length)} ${state}`);
  return `${dim(`${amount(rest.length, "other")}: ${parts.join(", ")}`)}\n`;
};

export const reportText = (
  report: ImportReport,
  { columns, invocation }: { readonly columns: number; readonly invocation: string },
): string => {
  const taken = report.threads.filter((thread) => thread.isNew || thread.messages + thread.activities > 0);
  return [
    `${green("Imported")} ${amount(report.messages, "message")} and ${amount(report.activities, "activity", "activities")} into ${amount(taken.length, "thread")}.\n`,
    taken.length === 0 ? "" : threadTable(taken, columns),
    taken.length > LISTED ? `${dim(`and ${counted(taken.length - LISTED)} more`)}\n` : "",
    ...report.threads.slice(0, LISTED).map(noteOf),
    archiveLine(report.threads),
    unreadableLines(report.unreadable, report.unreadableCount),
    unknownLine(report.unknown),
    taken.length === 0 ? "" : goOnLine(taken.at(-1)?.threadId ?? "", invocation),
  ].join("");
};

// A mark that spans a line end would hide from the output that a line has ended: it stands within the line.
const unknownLine = (unknown: ImportReport["unknown"]): string => {
  const kinds = Object.entries(unknown).map(([name, count]) => `${revealLine(name)} (${counted(count)})`);
  return kinds.length === 0
    ? ""
    : `${dim(`Passed over, as this version does not know them: ${kinds.join(", ")}`)}\n`;
};

const goOnLine = (threadId: string, invocation: string): string =>
  `${dim(`See one with: ${invocation} thread show ${threadId} · go on in it: ${invocation} thread send ${threadId} TEXT`)}\n`;

const threadTable = (threads: ReadonlyArray<ImportedThread>, columns: number): string =>
  table(
    [
      { title: "Thread", shrinkTo: 20 },
      { title: "Title", shrinkTo: 16 },
      { title: "Messages", align: "right" },
      { title: "Activities", align: "right" },
      { title: "" },
    ],
    threads
      .slice(0, LISTED)
      .map(({ threadId, title, messages, activities, isNew, resumable }) => [
        cleanLine(threadId ?? ""),
        cleanLine(title ?? "").slice(0, 120),
        counted(messages),
        counted(activities),
        [isNew ? "new" : "went on", resumable ? "" : "to read only"].filter((word) => word !== "").join(", "),
      ]),
    columns,
  );

const noteOf = ({ sourceId, note }: ImportedThread): string =>
  note === null ? "" : `${yellow("!")} ${revealLine(sourceId)}: ${revealLine(note)}\n`;

const archiveLine = (threads: ReadonlyArray<ImportedThread>): string => {
  const kept = threads.flatMap(({ archive }) => archive ?? []);
  const [first] = kept;
  if (first === undefined) return "";
  const where = kept.length === 1 ? first : dirname(first);
  return `${dim(`The agent's own lines are kept in ${revealLine(where)}`)}\n`;
};

const unreadableLines = (lines: ReadonlyArray<UnreadableLine>, count: number): string => {
  if (count === 0) return "";
  const shown = lines.slice(0, LISTED_LINES).map(({ file, line, reason }) => {
    const where = line === null ? file : `${file}:${line}`;
    return `${yellow("Passed over")} ${revealLine(where)}: ${revealLine(reason)}\n`;
  });
  const more = count - shown.length;
  return shown.join("") + (more > 0 ? `${dim(`and ${amount(more, "more line", "more lines")}`)}\n` : "");
};
