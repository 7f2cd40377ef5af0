/** A thread that copies a database with `VACUUM INTO`: one statement, which holds up the thread that it runs on. */
import { DatabaseSync } from "node:sqlite";
import { workerData } from "node:worker_threads";
import { Schema } from "effect";

const { from, to } = Schema.decodeUnknownSync(Schema.Struct({ from: Schema.String, to: Schema.String }))(
  workerData,
);

const database = new DatabaseSync(from, { readOnly: true, timeout: 5000 });
database.prepare("VACUUM INTO ?").run(to);
database.close();
