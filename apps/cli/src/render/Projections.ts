/** Projections for people: how they are, what differs, and what became of a job. Pure. */
import type {
  ProjectionJobReport,
  ProjectionReport,
  ProjectionState,
  ProjectionStatuses,
  RowDifference,
} from "@heddle/contracts/ProjectionRpc";
import { dim, green, red, yellow } from "./Colour.ts";
import { revealLine } from "./Sanitize.ts";
import { type Cell, type Column, table } from "./Table.ts";
import { duration } from "./Time.ts";

const count = (value: number): string => value.toLocaleString("en");

const STATES: Readonly<Record<ProjectionState, (text: string) => string>> = {
  live: green,
  behind: yellow,
  filling: yellow,
  faulted: red,
};

export const statuses = ({ headSequence, projectors }: ProjectionStatuses, columns: number): string => {
  const rows = projectors.map(
    ({ projector, version, state, lastAppliedSequence, behind }): ReadonlyArray<Cell> => [
      projector,
      String(version),
      [state, STATES[state]],
      count(lastAppliedSequence),
      behind === 0 ? "" : count(behind),
    ],
  );
  const heads: ReadonlyArray<Column> = [
    { title: "PROJECTOR" },
    { title: "VERSION", align: "right" },
    { title: "STATE" },
    { title: "AT EVENT", align: "right" },
    { title: "BEHIND", align: "right" },
  ];
  const faults = projectors.flatMap(({ fault }) =>
    fault === null ? [] : [`${red("✗")} ${revealLine(fault)}\n`],
  );
  return `${table(heads, rows, columns)}${faults.join("")}${dim(`The log has ${count(headSequence)} events.`)}\n`;
};

/** A line for each column that differs, and for each row that stands on one side only. */
export const differences = (found: ReadonlyArray<RowDifference>, columns: number): string => {
  const heads: ReadonlyArray<Column> = [
    { title: "TABLE" },
    { title: "ROW", shrinkTo: 12 },
    { title: "COLUMN" },
    { title: "STORED", shrinkTo: 12 },
    { title: "THE LOG GIVES", shrinkTo: 12 },
    { title: "SINCE EVENT", align: "right" },
  ];
  const rows = found.flatMap((difference): ReadonlyArray<ReadonlyArray<Cell>> => {
    const { side, since } = difference;
    const place = [difference.table.replace(/^projection_/, ""), keyOf(difference)];
    if (side === "missing") return [[...place, "", "no such row", "a row", sinceOf(since)]];
    if (side === "surplus") return [[...place, "", "a row", "no such row", sinceOf(since)]];
    return difference.columns.map(({ column, stored, rebuilt, since: from }) => [
      ...place,
      column,
      valueOf(stored),
      valueOf(rebuilt),
      sinceOf(from),
    ]);
  });
  return table(heads, rows, columns);
};

const keyOf = ({ key }: RowDifference): string => revealLine(Object.values(key).join(" "));
const sinceOf = (since: number | null): Cell => (since === null ? ["–", dim] : count(since));
const valueOf = (value: string | null): Cell => (value === null ? ["NULL", dim] : revealLine(value));

/** What became of each projection, and of the whole. */
export const report = (
  { projections, sound, events, resumedFrom, seconds }: ProjectionJobReport,
  columns: number,
): string => {
  const heads: ReadonlyArray<Column> = [
    { title: "PROJECTION" },
    { title: "ROWS", align: "right" },
    { title: "MISSING", align: "right" },
    { title: "SURPLUS", align: "right" },
    { title: "DIFFERING", align: "right" },
    { title: "" },
  ];
  const rows = projections.map((one): ReadonlyArray<Cell> => [
    one.projector,
    count(one.rows),
    ...[one.missing, one.surplus, one.differing].map((value): Cell =>
      value === 0 ? ["0", dim] : [count(value), one.corrected ? yellow : red],
    ),
    verdict(one),
  ]);
  const from = resumedFrom > 0 ? `, after ${count(resumedFrom)} of an earlier run` : "";
  const faults = projections.flatMap(({ projector, fault }) =>
    fault === null ? [] : [`${red("✗")} ${projector}: ${revealLine(fault)}\n`],
  );
  const summary = sound
    ? `${green("✓")} The projections are what the log gives.`
    : `${red("✗")} The projections are not what the log gives.`;
  return `${table(heads, rows, columns)}${faults.join("")}${summary} ${dim(`${count(events)} events${from}, in ${duration(seconds * 1000)}.`)}\n`;
};

const verdict = (one: ProjectionReport): Cell => {
  if (one.fault !== null) return ["faulted", red];
  if (one.corrected) return ["corrected", yellow];
  return differing(one) > 0 ? ["differs", red] : ["sound", green];
};

export const differing = ({ missing, surplus, differing: rows }: ProjectionReport): number =>
  missing + surplus + rows;
