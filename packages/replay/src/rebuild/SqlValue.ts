/** Values of SQLite's columns on their way between threads, where messages are JSON. */
import { Schema } from "effect";

export const SqlValue = Schema.Union([
  Schema.Null,
  Schema.Finite,
  Schema.String,
  Schema.Struct({ base64: Schema.String }),
]);
export type SqlValue = typeof SqlValue.Type;

/** From what the driver gives. */
export const toSqlValue = (value: unknown): SqlValue => {
  if (value === null || typeof value === "number" || typeof value === "string") return value;
  if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString("base64") };
  throw new TypeError(`SQLite gave a value of type ${typeof value}.`);
};

/** As the driver takes it. */
export const fromSqlValue = (value: SqlValue): null | number | string | Uint8Array =>
  typeof value === "object" && value !== null ? Buffer.from(value.base64, "base64") : value;
