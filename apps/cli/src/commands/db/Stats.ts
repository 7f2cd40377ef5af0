/** `heddle db stats` */
import type { Reclaimable } from "@heddle/replay/database/Onlook";
import type { DatabaseStats } from "@heddle/replay/database/DatabaseStats";
import { Clock, Effect } from "effect";
import { Command } from "effect/cli";
import { requireDatabase } from "../../Connection.ts";
import { DataFolder, invocation } from "../../Environment.ts";
import { Output } from "../../Output.ts";
import { amount, bytesOf, counted } from "../../render/Bytes.ts";
import { dim } from "../../render/Colour.ts";
import { table } from "../../render/Table.ts";
import { lookFailure } from "./Failures.ts";
import { momentBefore, USUAL_AGES } from "./Ages.ts";

export const stats = Command.make(
  "stats",
  {},
  Effect.fnUntraced(function* () {
    const output = yield* Output;
    const directory = yield* DataFolder;
    yield* requireDatabase(directory);
    const { databaseStatsOf } = yield* Effect.promise(() => import("@heddle/replay/database/Onlook"));
    yield* output.status(dim("measuring"));
    const now = yield* Clock.currentTimeMillis;
    const ages = {
      threads: momentBefore(now, USUAL_AGES.threads),
      receipts: momentBefore(now, USUAL_AGES.receipts),
    };
    const found = yield* databaseStatsOf(directory.database, ages).pipe(
      Effect.mapError(lookFailure),
      Effect.ensuring(output.status(undefined)),
    );
    if (output.json) return yield* output.printJson(found);
    yield* output.print(describe(found, output.columns()));
  }),
).pipe(
  Command.withDescription(
    "Say what the database file is made of: its tables, the room in it that is free, and what a prune could give back. `heddle events stats` says it of the events.",
  ),
  Command.withShortDescription("Say what takes the space"),
);

const describe = (
  { reclaimable, ...stats }: DatabaseStats & { readonly reclaimable: ReadonlyArray<Reclaimable> },
  columns: number,
): string => {
  const facts: ReadonlyArray<readonly [string, string]> = [
    [
      "File",
      `${bytesOf(stats.fileBytes)}${dim(`, ${amount(stats.pages, "page")} of ${bytesOf(stats.pageBytes)}`)}`,
    ],
    ["Write-ahead log", bytesOf(stats.walBytes)],
    ["Free in the file", bytesOf(stats.freePages * stats.pageBytes)],
  ];
  const tables = table(
    [
      { title: "Table", shrinkTo: 20 },
      { title: "Rows", align: "right" },
      { title: "Size", align: "right" },
      { title: "Indexes", align: "right" },
    ],
    stats.tables.map((size) => [
      size.table,
      counted(size.rows),
      bytesOf(size.bytes),
      size.indexBytes === 0 ? "" : bytesOf(size.indexBytes),
    ]),
    columns,
  );
  const worth = reclaimable.filter(({ count }) => count > 0);
  return [
    ...facts.map(([name, value]) => `${dim(name.padEnd(18))} ${value}\n`),
    `\n${tables}`,
    worth.length === 0
      ? "\nA prune would find nothing that is old enough.\n"
      : `\nA prune could take out:\n${worth.map(reclaimableLine).join("")}${dim(`See: ${invocation} db prune --dry-run`)}\n`,
  ].join("");
};

const NAMES: Readonly<Record<Reclaimable["what"], (count: number) => string>> = {
  "deleted-threads": (count) => `${amount(count, "thread")} deleted more than ${USUAL_AGES.threads} days ago`,
  "archived-threads": (count) =>
    `${amount(count, "thread")} archived more than ${USUAL_AGES.threads} days ago`,
  receipts: (count) => `${amount(count, "receipt")} of more than ${USUAL_AGES.receipts} days ago`,
  blobs: (count) => `${amount(count, "blob")} that nothing refers to`,
};

const reclaimableLine = ({ what, count, bytes }: Reclaimable): string =>
  `  ${NAMES[what](count)} ${dim(`(${bytesOf(bytes)})`)}\n`;
