/** The scripted model that real agents talk to instead of a service: a process on loopback that says what a prompt tells it to. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterwards, temporaryFolder } from "../server-process.ts";

const STUB = fileURLToPath(
  new URL("../../../../packages/providers/test/agents/stub-model.mjs", import.meta.url),
);

export interface Model {
  readonly port: number;
  /** What the agents have sent it so far, as JSON: what stands in there, an agent knows. */
  readonly heard: () => string;
  /** The last few of that: some agents ask for a title behind what they were asked. */
  readonly heardLast: () => string;
}

export const startModel = async (): Promise<Model> => {
  const log = join(temporaryFolder(), "requests.jsonl");
  const env = { ...process.env, STUB_LOG: log, STUB_LOG_BODY: "1" };
  const child = spawn(process.execPath, [STUB, "0"], { stdio: ["ignore", "pipe", "inherit"], env });
  afterwards(() => {
    child.kill();
  });
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("exit", (code) =>
      reject(new Error(`The scripted model ended with ${code} before it listened.`)),
    );
  });
  const { port } = JSON.parse(line) as { port: number };
  const heard = () => (existsSync(log) ? readFileSync(log, "utf8") : "");
  return { port, heard, heardLast: () => heard().trim().split("\n").slice(-4).join("\n") };
};
