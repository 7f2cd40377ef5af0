/** What takes the space, in tables. Pure. */
import type { LogStats } from "@heddle/contracts/InspectionRpc";
import { amount, bytesOf, counted } from "./Bytes.ts";
import { bold, cyan, dim, red } from "./Colour.ts";
import { revealLine } from "./Sanitize.ts";
import { type Cell, type Column, table } from "./Table.ts";
import { moment } from "./Time.ts";

/** Smaller tables are told together, but for the largest few. */
const SMALL = 65_536;
const LARGEST = 3;
const STREAMS = 10;

const size: Column = { title: "SIZE", align: "right" };
const events: Column = { title: "EVENTS", align: "right" };

/** Each line is ended. */
export const logStatsText = (stats: LogStats, columns: number): string =>
  [
    overview(stats),
    section("Tables", tables(stats, columns)),
    section(
      "Events by type",
      table(
        [
          { title: "TYPE" },
          events,
          { title: "PAYLOADS", align: "right" },
          { title: "OF ALL", align: "right" },
        ],
        stats.types.map(({ eventType, events: count, payloadBytes }) => [
          revealLine(eventType),
          counted(count),
          bytesOf(payloadBytes),
          share(payloadBytes, stats.payloadBytes),
        ]),
        columns,
      ),
    ),
    section(
      stats.streams > STREAMS
        ? `Largest of ${counted(stats.streams)} threads and projects`
        : "Threads and projects",
      table(
        [{ title: "ID", shrinkTo: 12 }, { title: "KIND" }, events, { title: "PAYLOADS", align: "right" }],
        stats.largestStreams
          .slice(0, STREAMS)
          .map(({ aggregateKind, streamId, events: count, payloadBytes }): ReadonlyArray<Cell> => [
            [revealLine(streamId), cyan],
            aggregateKind,
            counted(count),
            bytesOf(payloadBytes),
          ]),
        columns,
      ),
    ),
    section(
      "Last days (UTC)",
      table(
        [{ title: "DAY" }, events, { title: "PAYLOADS", align: "right" }],
        stats.days.map(({ day, events: count, payloadBytes }) => [
          day,
          counted(count),
          bytesOf(payloadBytes),
        ]),
        columns,
      ),
    ),
    section("Beside the events", beside(stats)),
  ]
    .filter((part) => part !== "")
    .join("\n");

const section = (title: string, body: string): string => (body === "" ? "" : `${bold(title)}\n${body}`);

const share = (part: number, whole: number): string =>
  whole === 0 ? "" : `${((100 * part) / whole).toFixed(1)} %`;

const overview = ({
  events: count,
  headSequence,
  payloadBytes,
  firstAt,
  lastAt,
  databaseBytes,
  freeBytes,
}: LogStats): string => {
  const missing = headSequence - count;
  const pruned = missing > 0 ? `, ${counted(missing)} were pruned` : "";
  const free = freeBytes > 0 ? `, ${bytesOf(freeBytes)} of it free` : "";
  const span = firstAt === null || lastAt === null ? "" : `From ${moment(firstAt)} to ${moment(lastAt)}\n`;
  return `${bold(amount(count, "event"))}${pruned}; payloads of ${bytesOf(payloadBytes)}\n${span}Database of ${bytesOf(databaseBytes)}${free}\n`;
};

const tables = ({ tables: all }: LogStats, columns: number): string => {
  const total = ({ bytes, indexBytes }: LogStats["tables"][number]) => (bytes ?? 0) + (indexBytes ?? 0);
  const known = all.some(({ bytes }) => bytes !== null);
  const large = all.filter((entry, place) =>
    known ? place < LARGEST || total(entry) >= SMALL : entry.rows > 0,
  );
  const small = all.filter((entry) => !large.includes(entry));
  const inBytes = (bytes: number | null): string => (bytes === null ? "?" : bytesOf(bytes));
  const body =
    large.length === 0
      ? ""
      : table(
          [{ title: "TABLE" }, { title: "ROWS", align: "right" }, size, { title: "INDEXES", align: "right" }],
          large.map(({ name, rows, bytes, indexBytes }) => [
            revealLine(name),
            counted(rows),
            inBytes(bytes),
            inBytes(indexBytes),
          ]),
          columns,
        );
  const rest = small.reduce((sum, entry) => sum + total(entry), 0);
  const others =
    small.length === 0 || !known
      ? ""
      : dim(
          `${large.length === 0 ? "" : "and "}${amount(small.length, "small table")} of ${bytesOf(rest)} together\n`,
        );
  return body + others;
};

const beside = ({ blobs, receipts, effects, quarantined }: LogStats): string => {
  const [largest] = blobs.largest;
  const blobLine =
    blobs.count === 0
      ? "no blobs"
      : `${amount(blobs.count, "blob")} of ${bytesOf(blobs.bytes)}${largest === undefined ? "" : `, the largest ${bytesOf(largest.bytes)}: ${largest.hash}`}`;
  const byStatus = new Map<string, number>();
  for (const { status, count } of effects) byStatus.set(status, (byStatus.get(status) ?? 0) + count);
  const effectLine =
    byStatus.size === 0
      ? "no effects"
      : `effects: ${[...byStatus].map(([status, count]) => (status === "dead" ? red(`${counted(count)} dead`) : `${counted(count)} ${status}`)).join(", ")}`;
  const lines = [
    `${amount(receipts.accepted + receipts.rejected, "receipt")}, ${counted(receipts.rejected)} of them of rejected commands`,
    effectLine,
    blobLine,
    quarantined === 0 ? "no event in quarantine" : red(`${amount(quarantined, "event")} in quarantine`),
  ];
  return lines.map((text) => `${text}\n`).join("");
};
