/** Another process, as a backup or a shell is one, that keeps a database locked until it is told to let go. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterwards } from "./server-process.ts";

const HOLD = `const { DatabaseSync } = require("node:sqlite");
  const database = new DatabaseSync(process.argv[1]);
  database.exec("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE");
  console.log("held");
  process.stdin.resume().once("end", () => {
    database.exec("ROLLBACK");
    process.exit();
  });`;

/** Takes the write lock of the file; gives how to let go of it. */
export const lockElsewhere = async (file: string): Promise<() => Promise<void>> => {
  const child = spawn(process.execPath, ["-e", HOLD, file], { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const letGo = async () => {
    child.stdin.end();
    await exited;
  };
  afterwards(letGo);
  await once(child.stdout, "data");
  return letGo;
};
