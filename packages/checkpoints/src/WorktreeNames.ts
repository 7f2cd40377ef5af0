/** What a thread's worktree is called where nobody gave a name: its branch, its folder, and the ref that marks it. */
import type { ThreadId } from "@heddle/contracts/Ids";
import { threadKey } from "./Refs.ts";

const MAX_SLUG_LENGTH = 40;

/** Lower-case letters, digits and single hyphens: safe in a branch, in a folder and in a shell. */
const slugOf = (text: string): string =>
  text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, MAX_SLUG_LENGTH)
    .replace(/^-+|-+$/g, "");

/**
 * Names for the branch of a thread, the one to take first: `heddle/fix-the-login-7f3k`. The end comes from the thread's
 * id, since titles repeat; another thread's id may end in the same way, so the last one holds more of it.
 */
export const branchNames = (title: string, threadId: ThreadId): ReadonlyArray<string> => {
  const name = slugOf(title) || "thread";
  const end = threadId
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "")
    .slice(-4);
  const digest = threadKey(threadId);
  return [
    `heddle/${name}-${end.length === 4 ? end : digest.slice(0, 4)}`,
    `heddle/${name}-${digest.slice(0, 12)}`,
  ];
};

/** The folder of a thread among those of all threads: the id as far as a folder's name can hold it, and what tells it apart. */
export const folderName = (threadId: ThreadId): string =>
  [slugOf(threadId), threadKey(threadId).slice(0, 8)].filter((part) => part !== "").join("-");

/** Below this ref, a branch that Heddle made for the thread has its name, and the commit that it began at. */
export const markPrefix = (threadId: ThreadId): string => `refs/heddle/worktrees/${threadKey(threadId)}/`;
