import { EVENT_TYPES } from "@heddle/contracts/Events";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import { nothingToRemember, type Projector } from "../src/Projector.ts";

/** Writes the sequence of each event, and throws at one of them. */
export const breaksAt = (sequence: number): Projector => ({
  name: "breaks",
  version: 1,
  table: "breaks",
  key: ["sequence"],
  handles: EVENT_TYPES,
  bind: (sql, table) => (events) =>
    Effect.gen(function* () {
      for (const event of events) {
        if (event.sequence === sequence) throw new Error("a bug");
        yield* sql`INSERT INTO ${sql(table)} (sequence) VALUES (${event.sequence})`;
      }
      return nothingToRemember;
    }),
});

/** Its table, which no migration makes. */
export const tableOfBreaks = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient;
  yield* sql`CREATE TABLE breaks (sequence INTEGER PRIMARY KEY)`;
});
