/** JSON as people read it: names and values, texts with their line ends. Pure; nothing in it acts on a terminal. */
import type { Schema } from "effect";
import { dim } from "./Colour.ts";
import { reveal, revealLine } from "./Sanitize.ts";

const STEP = "  ";

/** The fields of an object, or the entries of a list; each line behind the indent and ended. */
export const jsonText = (value: Schema.Json, indent = ""): string => {
  if (Array.isArray(value)) return value.map((entry) => item(entry, indent)).join("");
  if (typeof value !== "object" || value === null) return `${indent}${scalar(value)}\n`;
  const names = Object.keys(value).map((name) => revealLine(name));
  const cells = Math.min(20, Math.max(0, ...names.map((name) => name.length)));
  return Object.values(value)
    .map((entry, index) => field(names[index] ?? "", entry, cells, indent))
    .join("");
};

const item = (value: Schema.Json, indent: string): string => {
  const bullet = `${indent}${dim("-")} `;
  if (typeof value === "object" && value !== null && Object.keys(value).length > 0)
    return bullet + jsonText(value, indent + STEP).slice(indent.length + STEP.length);
  return typeof value === "string" && value.includes("\n")
    ? bullet + lines(value, indent + STEP).slice(indent.length + STEP.length)
    : `${bullet}${scalar(value)}\n`;
};

const field = (name: string, value: Schema.Json, cells: number, indent: string): string => {
  const head = `${indent}${dim(name)}`;
  if (typeof value === "string" && value.includes("\n")) return `${head}\n${lines(value, indent + STEP)}`;
  return typeof value === "object" && value !== null && Object.keys(value).length > 0
    ? `${head}\n${jsonText(value, indent + STEP)}`
    : `${head}${" ".repeat(Math.max(0, cells - name.length))} ${scalar(value)}\n`;
};

const lines = (text: string, indent: string): string =>
  reveal(text)
    .split("\n")
    .map((line) => `${indent}${line}\n`)
    .join("");

const scalar = (value: Schema.Json): string => {
  if (typeof value === "string") return value === "" ? dim('""') : revealLine(value);
  if (typeof value === "object" && value !== null) return dim(Array.isArray(value) ? "[]" : "{}");
  return value === null ? dim("–") : String(value);
};
