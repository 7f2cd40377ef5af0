/** What a part of the bench measures: always a ratio of two things measured in one run. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly against: number;
  readonly unit: string;
  readonly ratio: number;
  /** What the ratio must reach, or stay under. */
  readonly bound?: { readonly atLeast: number } | { readonly atMost: number };
}

export interface Part {
  readonly name: string;
  readonly title: string;
  /** What takes long and is not measured, such as a database that several parts share. */
  readonly prepare?: () => Promise<unknown>;
  readonly run: () => Promise<ReadonlyArray<Figure>>;
}

export const holds = ({ ratio, bound }: Figure): boolean =>
  bound === undefined || ("atLeast" in bound ? ratio >= bound.atLeast : ratio <= bound.atMost);

export const median = (values: ReadonlyArray<number>): number => percentile(values, 0.5);

/** `share` from 0 to 1; the nearest rank. */
export const percentile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
};

const number = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);

/** The figures as an aligned table. */
export const table = (figures: ReadonlyArray<Figure>): string => {
  const rows = figures.map((figure) => {
    const { bound } = figure;
    const must = bound === undefined ? "" : "atLeast" in bound ? `≥ ${bound.atLeast}` : `≤ ${bound.atMost}`;
    return [
      figure.name,
      number(figure.value),
      number(figure.against),
      figure.unit,
      figure.ratio.toFixed(2),
      must,
      bound === undefined ? "" : holds(figure) ? "holds" : "FALLS SHORT",
    ];
  });
  const lines = [["figure", "measured", "against", "unit", "ratio", "must be", ""], ...rows];
  const widths =
    lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
};
