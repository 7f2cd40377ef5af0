/** What can go wrong with a database file, for a person. */
import type { CopyFailed } from "@heddle/replay/database/CopyDatabase";
import type { NotLookedAt } from "@heddle/replay/database/Onlook";
import { CliFailure } from "../../CliFailure.ts";
import { invocation } from "../../Environment.ts";

export const copyFailure = ({ reason, message, path }: CopyFailed): CliFailure => {
  const hints: Readonly<Record<CopyFailed["reason"], string>> = {
    exists: "Nothing was changed.",
    missing: "Nothing was changed.",
    unwritable: "Look at the disk, and at who may write there. Nothing was put in anything's place.",
    unsound: "Nothing was changed. Take another backup, if there is one.",
    "unknown-version": "Nothing was changed. Use the version of Heddle that it comes from, or a newer one.",
  };
  return new CliFailure({ kind: `database-${reason}`, message, hint: hints[reason], details: { path } });
};

export const lookFailure = ({ reason, message, path }: NotLookedAt): CliFailure => {
  const hints: Readonly<Record<NotLookedAt["reason"], string>> = {
    unreadable: "Look at its permissions and at the disk.",
    damaged: `Stop the server, and take a backup: ${invocation} db restore FILE`,
    "other-version": "Nothing was looked at.",
    "no-database": "Look whether --data-dir or HEDDLE_HOME name the right folder.",
  };
  return new CliFailure({ kind: `database-${reason}`, message, hint: hints[reason], details: { path } });
};
