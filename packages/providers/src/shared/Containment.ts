/** Paths that an agent names, held inside the folder that it may work in. */
import { lstat, realpath } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { isErrno } from "./Errno.ts";

/**
 * Where a path really leads, or `undefined` where that is outside the folder. Relative paths start in the folder;
 * symbolic links are followed before the check. What does not exist yet is judged by the nearest folder that does.
 */
export const containedPath = async (folder: string, path: string): Promise<string | undefined> => {
  const root = await realpath(folder);
  const target = await real(resolve(root, path));
  if (target === undefined) return undefined;
  const way = relative(root, target);
  return way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way) ? undefined : target;
};

const real = async (path: string): Promise<string | undefined> => {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
  // A link that leads nowhere would be followed by the write that creates its target.
  if (await isLink(path)) return undefined;
  const parent = await real(dirname(path));
  return parent === undefined ? undefined : join(parent, path.slice(dirname(path).length));
};

const isLink = async (path: string): Promise<boolean> => {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
};
