/** Rows in aligned columns, in terminal cells rather than characters. Pure. */
import { CliOutput } from "effect/cli";
import { bold, withoutMarks } from "./Colour.ts";

export interface Column {
  readonly title: string;
  readonly align?: "right";
  /** Gives way, down to this many cells, where the terminal is too narrow. */
  readonly shrinkTo?: number;
}

const GAP = "  ";

/** How many cells of a terminal the text takes. */
export const width = (text: string): number => CliOutput.displayWidth(withoutMarks(text));

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Cut to a number of cells, with an ellipsis where something was left out. The text has no marks. */
export const truncate = (text: string, cells: number): string => {
  if (width(text) <= cells) return text;
  let kept = "";
  let taken = 0;
  for (const { segment } of graphemes.segment(text)) {
    taken += width(segment);
    if (taken > cells - 1) break;
    kept += segment;
  }
  return `${kept}…`;
};

/** The rows under their titles, each line ended; cells that were styled are given as `[text, style]`. */
export const table = (
  columns: ReadonlyArray<Column>,
  rows: ReadonlyArray<ReadonlyArray<Cell>>,
  available: number,
): string => {
  const natural = columns.map(({ title }, index) =>
    Math.max(width(title), ...rows.map((row) => width(textOf(row[index])))),
  );
  const cells = fit(columns, natural, available);
  const line = (row: ReadonlyArray<Cell>): string =>
    columns
      .map((column, index) => aligned(row[index] ?? "", cells[index] ?? 0, column.align))
      .join(GAP)
      .trimEnd();
  const head = columns.map(({ title }): Cell => [title, bold]);
  return [head, ...rows].map((row) => `${line(row)}\n`).join("");
};

export type Cell = string | readonly [text: string, style: (text: string) => string];

const textOf = (cell: Cell | undefined): string =>
  cell === undefined ? "" : typeof cell === "string" ? cell : cell[0];

const aligned = (cell: Cell, cells: number, align: "right" | undefined): string => {
  const text = truncate(textOf(cell), cells);
  const styledText = typeof cell === "string" ? text : cell[1](text);
  const padding = " ".repeat(Math.max(0, cells - width(text)));
  return align === "right" ? padding + styledText : styledText + padding;
};

/** Takes from the widest column that may shrink, a cell at a time, until the table fits or none gives way. */
const fit = (
  columns: ReadonlyArray<Column>,
  natural: ReadonlyArray<number>,
  available: number,
): ReadonlyArray<number> => {
  const cells = [...natural];
  let excess = cells.reduce((sum, value) => sum + value, 0) + GAP.length * (columns.length - 1) - available;
  while (excess > 0) {
    let widest = -1;
    for (const [index, { shrinkTo }] of columns.entries()) {
      const mayShrink = shrinkTo !== undefined && (cells[index] ?? 0) > shrinkTo;
      if (mayShrink && (cells[index] ?? 0) > (cells[widest] ?? 0)) widest = index;
    }
    if (widest === -1) break;
    cells[widest] = (cells[widest] ?? 0) - 1;
    excess -= 1;
  }
  return cells;
};
