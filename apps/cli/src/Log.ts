/** The log, on stderr: a line for each entry, without anything that would drive the terminal. */
import { Cause, Logger, References } from "effect";
import { dim, red, resolveMarks, yellow } from "./render/Colour.ts";
import { escapeJson, withoutControls } from "./render/Sanitize.ts";
import { moment } from "./render/Time.ts";

const LEVELS: Readonly<Record<string, (text: string) => string>> = {
  Fatal: red,
  Error: red,
  Warn: yellow,
};

const lines = (colour: boolean) =>
  Logger.make<unknown, string>(({ cause, date, fiber, logLevel, message }) => {
    const parts = (Array.isArray(message) ? message : [message]).map((part) =>
      typeof part === "string" ? part : JSON.stringify(part),
    );
    const annotations = Object.entries(fiber.getRef(References.CurrentLogAnnotations)).map(
      ([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
    );
    const level = (LEVELS[logLevel] ?? dim)(logLevel.toLowerCase().padEnd(5));
    const head = `${dim(moment(date.toISOString()))} ${level} ${[...parts, ...annotations].join(" ")}`;
    const text = cause.reasons.length > 0 ? `${head}\n${Cause.pretty(cause)}` : head;
    return resolveMarks(withoutControls(text), colour);
  });

/** For people, or as JSON lines. */
export const layer = ({ json, colour }: { readonly json: boolean; readonly colour: boolean }) =>
  Logger.layer([Logger.withConsoleError(json ? Logger.map(Logger.formatJson, escapeJson) : lines(colour))]);
