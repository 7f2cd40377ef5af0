/** Looks at copies of a dead server's database, so that what the server will find is what the kill left. */
import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { checkLog } from "@heddle/event-store/LogLaws";
import { Reader } from "@heddle/event-store/SqliteDatabase";
import { engineLayer } from "@heddle/orchestrator/EngineLayer";
import { Effect } from "effect";
import { openDatabase, PROJECTIONS, projectionRows } from "../database.ts";

/** Copies the database as it is on the disk, with what is in its log; gives the copy's file. */
export const copyDatabase = (dataDir: string, into: string): string => {
  for (const name of ["heddle.db", "heddle.db-wal"]) {
    if (existsSync(join(dataDir, name))) copyFileSync(join(dataDir, name), join(into, name));
  }
  return join(into, "heddle.db");
};

/** Where the log of a copy stands. */
export const headOf = (file: string): number => {
  const database = new DatabaseSync(file);
  const [row] = database.prepare("SELECT coalesce(max(sequence), 0) AS head FROM orchestration_events").all();
  database.close();
  return Number(row?.["head"]);
};

/** Empties the projections of a copy, lets the engine build them from the log, and gives the tables that came out differently. */
export const rebuildDiffers = async (folder: string): Promise<ReadonlyArray<string>> => {
  const database = openDatabase(folder);
  const before = projectionRows(database);
  for (const table of PROJECTIONS) database.exec(`DELETE FROM ${table}`);
  database.close();
  const broken = await Effect.runPromise(
    Effect.flatMap(Reader, checkLog).pipe(Effect.provide(engineLayer(join(folder, "heddle.db")))),
  );
  const rebuilt = openDatabase(folder);
  const after = projectionRows(rebuilt);
  rebuilt.close();
  return [
    ...broken.map(({ law, message }) => `${law}: ${message}`),
    ...PROJECTIONS.filter((table) => JSON.stringify(after[table]) !== JSON.stringify(before[table])),
  ];
};
