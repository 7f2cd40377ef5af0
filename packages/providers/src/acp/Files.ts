/** The files of the session's folder, read and written for an agent that asks. */
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, isAbsolute } from "node:path";
import { RequestError } from "@agentclientprotocol/sdk";
import { containedPath } from "../shared/Containment.ts";
import { isErrno } from "../shared/Errno.ts";

const MAX_READ_BYTES = 16 * 1024 * 1024;

export interface ReadInput {
  readonly path: string;
  /** From 1. */
  readonly line?: number | null;
  readonly limit?: number | null;
}

/** Fails with the error that goes to the agent. */
export const readTextFile = async (folder: string, input: ReadInput): Promise<string> => {
  const path = await contained(folder, input.path);
  try {
    const file = await stat(path);
    if (!file.isFile()) throw noPlainFile(input.path);
    if (file.size > MAX_READ_BYTES) {
      throw RequestError.invalidParams(undefined, `${input.path} is larger than ${MAX_READ_BYTES} bytes`);
    }
    const text = await readFile(path, "utf8");
    const line = input.line ?? 1;
    const limit = input.limit ?? Number.POSITIVE_INFINITY;
    if (line <= 1 && limit === Number.POSITIVE_INFINITY) return text;
    const start = Math.max(line - 1, 0);
    return text
      .split("\n")
      .slice(start, start + limit)
      .join("\n");
  } catch (error) {
    throw toAgent(error, input.path);
  }
};

export const writeTextFile = async (folder: string, path: string, content: string): Promise<void> => {
  const target = await contained(folder, path);
  try {
    await mkdir(dirname(target), { recursive: true });
    if (await isOtherThanFile(target)) throw noPlainFile(path);
    await writeFile(target, content);
  } catch (error) {
    throw toAgent(error, path);
  }
};

/** A pipe would be waited for, and a device may have no end. */
const noPlainFile = (path: string): RequestError =>
  RequestError.invalidParams(undefined, `${path} is no plain file`);

const isOtherThanFile = async (path: string): Promise<boolean> => {
  try {
    return !(await stat(path)).isFile();
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
};

const contained = async (folder: string, path: string): Promise<string> => {
  if (!isAbsolute(path)) throw RequestError.invalidParams(undefined, `${path} is not an absolute path`);
  const target = await pathInside(folder, path);
  if (target === undefined)
    throw RequestError.invalidParams(undefined, `${path} is outside the session's folder`);
  return target;
};

const pathInside = async (folder: string, path: string): Promise<string | undefined> => {
  try {
    return await containedPath(folder, path);
  } catch (error) {
    throw toAgent(error, path);
  }
};

const toAgent = (error: unknown, path: string): unknown => {
  if (isErrno(error, "ENOENT")) return RequestError.resourceNotFound(path);
  if (error instanceof Error && "code" in error && !(error instanceof RequestError)) {
    return RequestError.internalError({ path, code: error.code });
  }
  return error;
};
