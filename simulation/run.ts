/**
 * `pnpm simulate`: runs the whole engine in one process under many seeds, with crashes and failing disks, and checks the laws
 * of the log after each. A seed that fails is printed with the law and the last steps, and goes the same way again.
 */
import "effect/schema/SchemaJITCompiler/enable";
import { parseArgs } from "node:util";
import { type Outcome, runSeed, Template } from "./src/Simulation.ts";

const HELP = `Simulates the engine: clients, agents, subscribers, crashes and failing disks, all chosen by a seed.

  pnpm simulate                    seeds 1 to 1000
  pnpm simulate --seeds 50000      as many
  pnpm simulate --from 7000        the first one
  pnpm simulate --seed 1234        one seed, with its last steps
  pnpm simulate --all              does not stop at the first seed that fails

Exit code: 0 where every law holds, 1 where one is broken, 2 for a wrong option.
`;

const whole = (name: string, text: string): number => {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  process.stderr.write(`--${name} takes a number from 0, not "${text}".\n`);
  process.exit(2);
};

const options = () => {
  try {
    return parseArgs({
      options: {
        help: { type: "boolean", short: "h", default: false },
        all: { type: "boolean", default: false },
        seeds: { type: "string", default: "1000" },
        from: { type: "string", default: "1" },
        seed: { type: "string" },
      },
    }).values;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    process.exit(2);
  }
};

const report = ({ seed, broken, trace }: Outcome): string =>
  [
    "",
    ...trace,
    "",
    `Seed ${seed} breaks a law:`,
    ...broken.map(({ law, message }) => `  ${law}: ${message}`),
    `Again, the same way: pnpm simulate --seed ${seed}`,
    "",
  ].join("\n");

const { help, all, seeds, from, seed } = options();
if (help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const first = seed === undefined ? whole("from", from) : whole("seed", seed);
const count = seed === undefined ? whole("seeds", seeds) : 1;
const template = new Template();
process.on("exit", () => template.remove());
process.on("SIGINT", () => process.exit(130));

const began = Date.now();
let failed = 0;
let events = 0;
let crashes = 0;
let done = 0;
for (let next = first; next < first + count; next += 1) {
  const outcome = runSeed(next, template);
  done += 1;
  events += outcome.events;
  crashes += outcome.crashes;
  if (outcome.broken.length > 0) {
    failed += 1;
    process.stdout.write(report(outcome));
    if (!all) break;
  } else if (seed !== undefined) {
    process.stdout.write(`${outcome.trace.join("\n")}\nlog ${outcome.logHash}\n`);
  }
  if (done % 100 === 0) {
    process.stdout.write(`${done} of ${count} seeds, ${((Date.now() - began) / done).toFixed(0)} ms each\n`);
    // The process can be interrupted here.
    await new Promise((resolve) => setImmediate(resolve));
  }
}
process.stdout.write(
  `${done} seeds, ${crashes} crashes, ${events} events: ${failed === 0 ? "every law holds" : `${failed} failed`}\n`,
);
process.exitCode = failed === 0 ? 0 : 1;
