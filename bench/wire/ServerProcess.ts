/** A server as people run it, in a process of its own. */
import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Address } from "./Wire.ts";

const HEDDLE = fileURLToPath(new URL("../../apps/cli/src/main.ts", import.meta.url));

export interface ServerProcess extends Address {
  /** What it holds of the machine's memory, in bytes. */
  readonly residentBytes: () => number;
  readonly stop: () => Promise<void>;
}

/** Options for node, such as a profiler's, may be given in BENCH_SERVER_NODE_OPTIONS. */
const nodeOptions = (): ReadonlyArray<string> =>
  (process.env["BENCH_SERVER_NODE_OPTIONS"] ?? "").split(" ").filter((option) => option !== "");

export const startServer = async (dataDir: string): Promise<ServerProcess> => {
  const child = spawn(
    process.execPath,
    [...nodeOptions(), HEDDLE, "serve", "--json", "--port", "0", "--data-dir", dataDir],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const exited = new Promise<void>((resolve) =>
    child.once("exit", () => {
      process.off("exit", kill);
      resolve();
    }),
  );
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.once("data", (line: Buffer) => resolve(JSON.parse(line.toString()).url));
    child.once("exit", (code) => reject(new Error(`The server ended with ${code} before it listened`)));
  });
  return {
    port: Number(new URL(url).port),
    token: readFileSync(join(dataDir, "token"), "utf8").trim(),
    residentBytes: () => 1024 * Number(execFileSync("ps", ["-o", "rss=", "-p", String(child.pid)])),
    stop: () => {
      child.kill("SIGTERM");
      return exited;
    },
  };
};
