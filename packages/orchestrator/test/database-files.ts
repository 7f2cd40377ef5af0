/** A database from outside of the server that works on it. */
import { copyFileSync, existsSync } from "node:fs";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import { eventually } from "./agents.ts";
import { interceptStatements } from "./faulty-sqlite.ts";

/** The files of a database at one moment are what a crash at that moment leaves. */
export const crashImage = (file: string, to: string): void => {
  for (const end of ["", "-wal"]) if (existsSync(file + end)) copyFileSync(file + end, to + end);
};

/** Takes one as the first effect is done, but for its settling. */
export const crashBeforeSettling = (file: string, to: string) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      interceptStatements((statement) => {
        if (!existsSync(to) && statement.includes("SET status = ?, outcome = ?")) crashImage(file, to);
        return undefined;
      }),
    ),
    (restore) => Effect.sync(restore),
  );

export const openEffects = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) => sql`SELECT kind FROM orchestration_effects WHERE status IN ('pending', 'claimed')`,
);

/** Waits until no effect is open. */
export const allSettled = eventually(Effect.map(openEffects, ({ length }) => length === 0));
