/**
 * `pnpm bench [part…]`: measures the parts, prints a table, and writes it as JSON to bench/results. Every figure is a ratio
 * of two things measured in the same run, so that it means something on any machine.
 */
import "effect/schema/SchemaJITCompiler/enable";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { type Figure, holds, type Part, table } from "./Figure.ts";
import { catchup } from "./parts/catchup.ts";
import { commands } from "./parts/commands.ts";
import { interrupt } from "./parts/interrupt.ts";
import { memory } from "./parts/memory.ts";
import { reads } from "./parts/reads.ts";
import { rebuild } from "./parts/rebuild.ts";
import { rpc } from "./parts/rpc.ts";
import { start } from "./parts/start.ts";
import { stored } from "./parts/stored.ts";
import { stream } from "./parts/stream.ts";
import { subscribers } from "./parts/subscribers.ts";
import { travel } from "./parts/travel.ts";
import { removeShared } from "./StoredDatabase.ts";

/** From `rebuild` on they write to the database that others only read. */
const PARTS: ReadonlyArray<Part> = [
  commands,
  rpc,
  stream,
  subscribers,
  interrupt,
  catchup,
  reads,
  start,
  rebuild,
  travel,
  stored,
  memory,
];

const RESULTS = fileURLToPath(new URL("results", import.meta.url));

const help = (): string => {
  const width = Math.max(...PARTS.map(({ name }) => name.length));
  const lines = PARTS.map(({ name, title }) => `  ${name.padEnd(width)}  ${title}`);
  return `Usage: pnpm bench [part…]

Measures what Heddle costs, each figure against something measured in the same run, and writes
a table as JSON to ${RESULTS}. Without a name, all parts:

${lines.join("\n")}

Ends with 1 where a figure is not what it must be.
`;
};

const wanted = process.argv.slice(2);
if (wanted.includes("--help") || wanted.includes("-h")) {
  process.stdout.write(help());
  process.exit(0);
}
const unknown = wanted.filter((name) => !PARTS.some((part) => part.name === name));
if (unknown.length > 0) {
  process.stderr.write(`There is no part ${unknown.join(", ")}.\n\n${help()}`);
  process.exit(2);
}

process.on("exit", removeShared);
process.on("SIGINT", () => process.exit(130));
process.on("SIGTERM", () => process.exit(143));

interface Measured {
  readonly part: string;
  /** Of the bench's own process, while the part ran. */
  readonly eventLoopDelayP99Millis: number;
  readonly seconds: number;
  readonly figures: ReadonlyArray<Figure>;
}

const measure = async ({ name, title, prepare, run }: Part): Promise<Measured> => {
  process.stdout.write(`\n${title}\n`);
  const begun = performance.now();
  await prepare?.();
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const figures = await run();
  delay.disable();
  const eventLoopDelayP99Millis = delay.percentile(99) / 1e6;
  const seconds = Math.round((performance.now() - begun) / 1000);
  process.stdout.write(
    `${table(figures)}\nevent-loop delay p99: ${eventLoopDelayP99Millis.toFixed(1)} ms; took ${seconds} s\n`,
  );
  return { part: name, eventLoopDelayP99Millis, seconds, figures };
};

const parts: Array<Measured> = [];
for (const part of PARTS) {
  if (wanted.length === 0 || wanted.includes(part.name)) parts.push(await measure(part));
}

mkdirSync(RESULTS, { recursive: true });
const at = new Date().toISOString();
const file = join(RESULTS, `${at.replaceAll(":", "-")}.json`);
const machine = { node: process.version, cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length };
writeFileSync(file, `${JSON.stringify({ at, machine, parts }, null, 2)}\n`);
process.stdout.write(`\nWritten to ${file}\n`);
process.exitCode = parts.every(({ figures }) => figures.every(holds)) ? 0 : 1;
