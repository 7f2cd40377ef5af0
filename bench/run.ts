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
import { commands } from "./parts/commands.ts";
import { stream } from "./parts/stream.ts";

const PARTS: ReadonlyArray<Part> = [commands, stream];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !PARTS.some((part) => part.name === name));
if (unknown.length > 0) {
  process.stderr.write(
    `There is no part ${unknown.join(", ")}. There are: ${PARTS.map(({ name }) => name).join(", ")}\n`,
  );
  process.exit(2);
}

const parts = wanted.length === 0 ? PARTS : PARTS.filter(({ name }) => wanted.includes(name));
const figures: Array<Figure & { readonly part: string; readonly eventLoopDelayP99Millis: number }> = [];
for (const part of parts) {
  process.stdout.write(`\n${part.title}\n`);
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const measured = await part.run();
  delay.disable();
  const p99 = delay.percentile(99) / 1e6;
  process.stdout.write(`${table(measured)}\nevent-loop delay p99: ${p99.toFixed(1)} ms\n`);
  figures.push(...measured.map((figure) => ({ part: part.name, ...figure, eventLoopDelayP99Millis: p99 })));
}

const folder = fileURLToPath(new URL("results", import.meta.url));
mkdirSync(folder, { recursive: true });
const at = new Date().toISOString();
const file = join(folder, `${at.replaceAll(":", "-")}.json`);
const machine = { node: process.version, cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length };
writeFileSync(file, `${JSON.stringify({ at, machine, figures }, null, 2)}\n`);
process.stdout.write(`\nWritten to ${file}\n`);
process.exitCode = figures.every(holds) ? 0 : 1;
