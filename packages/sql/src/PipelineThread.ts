/** The thread of a pipeline: one connection, and batches of statements in the order in which they were sent. */
import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import type { Batch, BatchAnswer, PipelineOptions } from "./Pipeline.ts";
import { PreparedStatements } from "./PreparedStatements.ts";

const { filename, pragmas } = workerData as PipelineOptions;
let open: { readonly database: DatabaseSync; readonly statements: PreparedStatements } | undefined;
/** Why nothing runs any more. */
let failure: string | undefined;

const opened = () => {
  if (open !== undefined) return open;
  const database = new DatabaseSync(filename);
  open = { database, statements: new PreparedStatements(database) };
  for (const pragma of pragmas) database.exec(`PRAGMA ${pragma}`);
  return open;
};

const run = ({ statements, shape }: Batch): ReadonlyArray<unknown> => {
  const connection = opened();
  let rows: ReadonlyArray<unknown> = [];
  for (const [index, [sql, params]] of statements.entries()) {
    rows = connection.statements.run(sql, params, index === statements.length - 1 ? shape : "objects");
  }
  return rows;
};

const answer = (batch: Batch): BatchAnswer => {
  try {
    if (failure === undefined) return { rows: run(batch), failure };
  } catch (cause) {
    failure = cause instanceof Error ? cause.message : String(cause);
    // Gives its lock back. SQLite may have ended it already.
    if (open?.database.isTransaction === true) open.database.exec("ROLLBACK");
  }
  return { rows: [], failure };
};

parentPort?.on("message", (batch: Batch | null) => {
  if (batch !== null) {
    parentPort?.postMessage(answer(batch));
    return;
  }
  // A transaction that was not committed goes with its connection.
  open?.database.close();
  parentPort?.close();
});
