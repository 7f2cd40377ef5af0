/** Texts of other programs, cut to what a thread can show. */
import { Predicate, type Schema } from "effect";

const MAX_TITLE = 500;
const MAX_SUMMARY = 2000;
const MAX_OUTPUT = 64 * 1024;
const MAX_INPUT = 16 * 1024;
const MAX_ENTRIES = 200;
const MAX_DEPTH = 16;

/** Cut in the middle, which is said. */
const bounded = (text: string, most: number): string => {
  if (text.length <= most) return text.toWellFormed();
  const head = text.slice(0, Math.ceil((most * 3) / 4));
  const tail = text.slice(text.length - Math.floor(most / 4));
  return `${head}…[${text.length - head.length - tail.length} characters left out]${tail}`.toWellFormed();
};

const oneLine = (text: string, most: number): string => {
  const line = text
    .slice(0, most * 4)
    .replaceAll(/[\s\p{Cc}]+/gu, " ")
    .trim();
  return (line.length > most ? `${line.slice(0, most - 1)}…` : line).toWellFormed();
};

/** Null where nothing is left of it. */
export const titleFrom = (text: string | undefined): string | null => oneLine(text ?? "", MAX_TITLE) || null;

export const summaryFrom = (text: string, otherwise: string): string =>
  oneLine(text, MAX_SUMMARY) || otherwise;

/** The first line, for what is a text of its own. */
export const firstLine = (text: string): string => oneLine(text.trim().split("\n", 1)[0] ?? "", 200);

export const outputFrom = (text: string): string => bounded(text, MAX_OUTPUT);

/** What a tool was given, with its long parts cut. */
export const inputFrom = (value: unknown, depth = 0): Schema.Json => {
  if (typeof value === "string") return bounded(value, MAX_INPUT);
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value === "boolean") return value;
  if (depth >= MAX_DEPTH) return "…[deeper levels left out]";
  if (Array.isArray(value)) return value.slice(0, MAX_ENTRIES).map((entry) => inputFrom(entry, depth + 1));
  if (!Predicate.isObject(value)) return null;
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, MAX_ENTRIES)
      .map(([name, entry]) => [bounded(name, 500), inputFrom(entry, depth + 1)]),
  );
};

/** As ISO 8601 in UTC, or null where it is no time. */
export const timeFrom = (value: unknown): string | null => {
  if (typeof value !== "string") return null;
  const millis = Date.parse(value);
  return Number.isNaN(millis) ? null : new Date(millis).toISOString();
};
