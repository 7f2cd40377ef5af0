/** Where a command is, as starting it would find it. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { isErrno } from "./Errno.ts";

const SUFFIXES = process.platform === "win32" ? ["", ".exe", ".com"] : [""];

/**
 * The absolute path of an executable file; `undefined` where there is none. One that is named by a relative path is not
 * found, since it would be another in each thread's folder.
 */
export const commandPath = (command: string, env: NodeJS.ProcessEnv): string | undefined => {
  const folders = isAbsolute(command)
    ? [""]
    : /[/\\]/.test(command)
      ? []
      : (env["PATH"] ?? "").split(delimiter).filter((folder) => isAbsolute(folder));
  return folders
    .flatMap((folder) => SUFFIXES.map((suffix) => (folder === "" ? command : join(folder, command)) + suffix))
    .find(isExecutable);
};

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "EACCES", "ELOOP", "ENAMETOOLONG", "EPERM")) return false;
    throw error;
  }
};
