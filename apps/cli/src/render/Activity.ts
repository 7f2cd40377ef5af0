/** What an agent does beside talking, in lines. Pure. */
import type { BlobRef } from "@heddle/contracts/Model";
import type { Activity } from "@heddle/contracts/ReadModel";
import { Option, Predicate, Schema } from "effect";
import { blobHint, withPreviews } from "./Blob.ts";
import { cyan, dim, green, red } from "./Colour.ts";
import { clean, cleanLine, revealLine } from "./Sanitize.ts";

const OUTPUT_LINES = 10;
const THOUGHT_LINES = 4;
const MAX_HINTS = 4;

const ToolDetail = Schema.Struct({ itemId: Schema.String, content: Schema.optionalKey(Schema.Json) });
const decodeTool = Schema.decodeUnknownOption(ToolDetail);

const ToolContent = Schema.Struct({
  output: Schema.optionalKey(Schema.Json),
  text: Schema.optionalKey(Schema.String),
  terminalOutput: Schema.optionalKey(Schema.String),
  exitCode: Schema.optionalKey(Schema.NullOr(Schema.Int)),
  note: Schema.optionalKey(Schema.String),
});
const decodeContent = Schema.decodeUnknownOption(ToolContent);

const Output = Schema.Struct({
  output: Schema.optionalKey(Schema.String),
  stdout: Schema.optionalKey(Schema.String),
  stderr: Schema.optionalKey(Schema.String),
  exitCode: Schema.optionalKey(Schema.NullOr(Schema.Int)),
});
const decodeOutput = Schema.decodeUnknownOption(Output);

const Plan = Schema.Struct({
  entries: Schema.Array(Schema.Struct({ text: Schema.String, status: Schema.String })),
});
const decodePlan = Schema.decodeUnknownOption(Plan);

const Reasoning = Schema.Struct({ text: Schema.String });
const decodeReasoning = Schema.decodeUnknownOption(Reasoning);

export type ActivityView = Pick<Activity, "tone" | "kind" | "summary" | "payload">;

/** Which tool call an activity is about. */
export const toolItemId = ({ kind, payload }: ActivityView): string | undefined =>
  kind.startsWith("tool.") ? Option.getOrUndefined(decodeTool(payload))?.itemId : undefined;

/** The lines of an activity. Requests are shown as such, and what was accepted by itself is seen by what was done. */
export const activityLines = (activity: ActivityView): ReadonlyArray<string> => {
  const { tone, kind, summary, payload } = activity;
  switch (kind) {
    case "approval.requested":
    case "approval.resolved":
    case "accepted-automatically":
      return [];
    case "tool.started":
      return [`${cyan("▸")} ${revealLine(summary)}`];
    case "tool.completed":
      return [`${green("✓")} ${revealLine(summary)}`, ...toolOutput(payload)];
    case "tool.failed":
      return [`${red("✗")} ${revealLine(summary)}`, ...toolOutput(payload)];
    case "plan":
      return [dim("Plan"), ...planLines(payload)];
    case "reasoning": {
      const { json, refs } = withPreviews(payload);
      const text = Option.getOrUndefined(decodeReasoning(json))?.text ?? summary;
      return [...firstLines(clean(text), THOUGHT_LINES), ...hints(refs)].map((line) => dim(line));
    }
    default:
      return [tone === "error" ? `${red("✗")} ${cleanLine(summary)}` : dim(`· ${cleanLine(summary)}`)];
  }
};

const planLines = (payload: Schema.Json): ReadonlyArray<string> =>
  (Option.getOrUndefined(decodePlan(payload))?.entries ?? []).map(({ text, status }) => {
    const words = cleanLine(text);
    if (status === "completed") return `  ${green("✓")} ${dim(words)}`;
    return status === "in_progress" ? `  ${cyan("▸")} ${words}` : `  ${dim("·")} ${words}`;
  });

/** The end of what a tool printed, where compilers and tests say what was wrong. */
const toolOutput = (payload: Schema.Json): ReadonlyArray<string> => {
  const { json, refs } = withPreviews(payload);
  const content = Option.flatMap(decodeTool(json), ({ content }) => decodeContent(content));
  if (Option.isNone(content)) return hints(refs).map((line) => `    ${dim(line)}`);
  const { output, text, terminalOutput, exitCode, note } = content.value;
  const result = Option.getOrUndefined(decodeOutput(output));
  const printed = [
    terminalOutput ?? text ?? (Predicate.isString(output) ? output : undefined),
    result?.output ?? result?.stdout,
    result?.stderr,
    note,
  ].filter((part) => Predicate.isString(part) && part.trim() !== "");
  const code = exitCode ?? result?.exitCode;
  const all = clean(printed.join("\n"));
  // Of what is kept apart only the beginning is at hand.
  const isPreview = refs.some(({ preview }) => printed.includes(preview));
  const shown = isPreview ? linesOf(all).slice(0, OUTPUT_LINES) : lastLines(all, OUTPUT_LINES);
  return [
    ...[...shown, ...hints(refs)].map((line) => `    ${dim(line)}`),
    ...(code === undefined || code === null || code === 0 ? [] : [`    ${red(`exit code ${code}`)}`]),
  ];
};

const hints = (refs: ReadonlyArray<BlobRef>): ReadonlyArray<string> =>
  refs.slice(0, MAX_HINTS).map((ref) => blobHint(ref));

const lastLines = (text: string, most: number): ReadonlyArray<string> => {
  const lines = linesOf(text);
  return lines.length > most ? [`… ${lines.length - most} lines above`, ...lines.slice(-most)] : lines;
};

const firstLines = (text: string, most: number): ReadonlyArray<string> => {
  const lines = linesOf(text);
  return lines.length > most ? [...lines.slice(0, most), `… ${lines.length - most} more lines`] : lines;
};

const linesOf = (text: string): ReadonlyArray<string> =>
  text.trim() === "" ? [] : text.trimEnd().split("\n");
