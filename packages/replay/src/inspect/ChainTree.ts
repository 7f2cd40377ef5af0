/**
 * The shape of a chain of causes and consequences: which events hang below which, the segments of a message as one, and
 * which of them a bounded answer has room for. Pure.
 */
import type { ChainRow } from "./ChainReads.ts";

/** An event, or a run of segments of one message. */
export interface Branch {
  /** Of its first event. */
  readonly id: string;
  /** Id of another branch; null at the root. */
  readonly parent: string | null;
  readonly rows: ReadonlyArray<ChainRow>;
}

export interface ChainShape {
  readonly correlationRows: ReadonlyArray<ChainRow>;
  /** Answers and interruptions of people: they hang below what they are about, whatever caused them. */
  readonly said: ReadonlyArray<ChainRow>;
}

/** The branches of a chain, in the order of the log. */
export const branchesOf = ({ correlationRows, said }: ChainShape): ReadonlyArray<Branch> => {
  const about = subjects(correlationRows);
  const own = new Set(correlationRows.map(({ eventId }) => eventId));
  const related = said.filter(
    ({ eventId, subject }) => !own.has(eventId) && subject !== null && about.has(subject),
  );
  const rows = [...correlationRows, ...related].toSorted((left, right) => left.sequence - right.sequence);

  const branches: Array<Branch & { readonly rows: Array<ChainRow> }> = [];
  const branchOf = new Map<string, string>();
  const lastBelow = new Map<string | null, (typeof branches)[number]>();
  for (const row of rows) {
    const cause = own.has(row.eventId) ? row.causationEventId : (about.get(row.subject ?? "") ?? null);
    const parent = cause === null ? null : (branchOf.get(cause) ?? null);
    const last = lastBelow.get(parent);
    if (last !== undefined && sameMessage(last.rows[0], row)) {
      last.rows.push(row);
      branchOf.set(row.eventId, last.id);
      continue;
    }
    const branch = { id: row.eventId, parent, rows: [row] };
    branches.push(branch);
    branchOf.set(row.eventId, branch.id);
    lastBelow.set(parent, branch);
  }
  return branches;
};

/** The event that asked a request or started a turn, by the id of that. */
const subjects = (rows: ReadonlyArray<ChainRow>): ReadonlyMap<string, string> =>
  new Map(
    rows.flatMap(({ eventType, eventId, subject }) =>
      subject !== null && eventType !== SEGMENT ? [[subject, eventId] as const] : [],
    ),
  );

const SEGMENT = "thread.message-sent";

const sameMessage = (first: ChainRow | undefined, row: ChainRow): boolean =>
  row.eventType === SEGMENT &&
  row.subject !== null &&
  first?.eventType === SEGMENT &&
  first.subject === row.subject;

/** From the root down to the branch that holds the event; empty where none does. */
export const pathTo = (branches: ReadonlyArray<Branch>, eventId: string): ReadonlySet<string> => {
  const byId = new Map(branches.map((branch) => [branch.id, branch]));
  let branch = branches.find(({ rows }) => rows.some((row) => row.eventId === eventId));
  const path = new Set<string>();
  while (branch !== undefined && !path.has(branch.id)) {
    path.add(branch.id);
    branch = branch.parent === null ? undefined : byId.get(branch.parent);
  }
  return path;
};

export interface Selection {
  readonly shown: ReadonlyArray<Branch>;
  /** Where the gap is; undefined where there is none. */
  readonly gap: { readonly afterSequence: number; readonly beforeSequence: number } | undefined;
}

/**
 * At most `limit` branches behind a sequence, of the beginning and of the end, so that a chain shows both what set it off
 * and how it came out; and beside them the path, and what the shown ones hang on.
 */
export const select = (
  branches: ReadonlyArray<Branch>,
  {
    path,
    from,
    limit,
  }: { readonly path: ReadonlySet<string>; readonly from: number; readonly limit: number },
): Selection => {
  const behind = branches.filter(({ rows }) => (rows[0]?.sequence ?? 0) > from);
  const whole = behind.length <= limit;
  const beginning = whole ? behind : behind.slice(0, Math.ceil(limit / 2));
  const end = whole ? [] : behind.slice(behind.length - Math.floor(limit / 2));

  const byId = new Map(branches.map((branch) => [branch.id, branch]));
  const wanted = new Set<string>(path);
  for (const { id } of [...beginning, ...end]) {
    for (
      let next: string | null = id;
      next !== null && !wanted.has(next);
      next = byId.get(next)?.parent ?? null
    )
      wanted.add(next);
  }
  const shown = branches.filter(({ id }) => wanted.has(id));
  const afterSequence = beginning.at(-1)?.rows[0]?.sequence;
  const beforeSequence = end[0]?.rows[0]?.sequence ?? branches.at(-1)?.rows[0]?.sequence;
  return {
    shown,
    gap:
      whole || afterSequence === undefined || beforeSequence === undefined
        ? undefined
        : { afterSequence, beforeSequence },
  };
};
