/** Tool calls as an agent tells of them, piece by piece: what is known of each, and the events that say what changed. */
import { ProviderItemId } from "@heddle/contracts/Ids";
import type { ApprovalKind } from "@heddle/contracts/Model";
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import type { Schema } from "effect";
import { boundJson, boundText, PAYLOAD_BYTES, PROGRESS_BYTES } from "../shared/Bounded.ts";
import { read } from "../shared/Read.ts";
import { TerminalMeta, type ToolCall, ToolContent, toKind } from "./Wire.ts";

type ToolUpdated = Extract<ProviderRuntimeEvent, { type: "tool.updated" }>;
type ToolStatus = ToolUpdated["status"];

export interface KnownTool {
  readonly kind: ApprovalKind;
  readonly title: string;
  readonly titleIsWhole: boolean;
  readonly status: ToolStatus;
  /** The arguments that were told last, until the call is over; agents often leave them out of a request for leave. */
  readonly input: unknown;
}

const MAX_TITLE = 2000;
/** Calls that are over are remembered only so far, for the late updates that some agents send. */
const MAX_KNOWN = 1000;

const isOver = (status: ToolStatus): boolean => status === "completed" || status === "failed";

/** Whether kind, title and arguments tell it from any other act. */
export const isDistinct = ({ titleIsWhole, status, input }: KnownTool): boolean =>
  input !== undefined || (titleIsWhole && !isOver(status));

export class ToolCalls {
  readonly #known = new Map<string, KnownTool>();

  has(toolCallId: string): boolean {
    return this.#known.has(toolCallId);
  }

  /** What a call is, by what the agent says now and what it said before. */
  describe(call: ToolCall): KnownTool {
    const known = this.#known.get(call.toolCallId);
    const status = toStatus(call.status) ?? known?.status ?? "running";
    const said = call.title ?? undefined;
    const { title, titleIsWhole } =
      said === undefined && known !== undefined ? known : bounded(said ?? call.name ?? call.toolCallId);
    return {
      kind: toKind(call.kind) ?? known?.kind ?? "other",
      title,
      titleIsWhole,
      // A repeated first message does not bring a call that is over back to life.
      status: known !== undefined && isOver(known.status) && !isOver(status) ? known.status : status,
      input: isEmpty(call.rawInput) ? known?.input : call.rawInput,
    };
  }

  /** Nothing where the agent repeats what is known, or tells only what is its own affair. */
  update(call: ToolCall): ToolUpdated | undefined {
    const known = this.#known.get(call.toolCallId);
    const next = this.describe(call);
    const payload = payloadOf(call);
    const same =
      known !== undefined &&
      known.kind === next.kind &&
      known.title === next.title &&
      known.status === next.status;
    if (same && Object.keys(payload).length === 0) return undefined;
    this.#remember(call.toolCallId, next);
    // Agents repeat the whole output with each line of it: only the first and the last word of a call are kept.
    const kept = known === undefined || isOver(next.status);
    return toolUpdated(call.toolCallId, next, boundJson(payload, kept ? PAYLOAD_BYTES : PROGRESS_BYTES));
  }

  /** Agents leave calls open when a turn is interrupted, and when they die: nobody will tell how those ended. */
  settle(status: "completed" | "failed", note: string): ReadonlyArray<ToolUpdated> {
    const open = [...this.#known].filter(([, tool]) => !isOver(tool.status));
    return open.map(([toolCallId, tool]) => {
      const ended = { ...tool, status };
      this.#remember(toolCallId, ended);
      return toolUpdated(toolCallId, ended, { note });
    });
  }

  #remember(toolCallId: string, tool: KnownTool): void {
    // Arguments may be as large as the files that they write.
    this.#known.set(toolCallId, isOver(tool.status) ? { ...tool, input: undefined } : tool);
    if (this.#known.size <= MAX_KNOWN) return;
    for (const [oldest, { status }] of this.#known) {
      if (!isOver(status)) continue;
      this.#known.delete(oldest);
      return;
    }
  }
}

/** The arguments, output and changed files that one message of the agent shows. */
export const payloadOf = (call: ToolCall): Record<string, unknown> => {
  const content = (call.content ?? []).flatMap((entry) => readContent(entry) ?? []);
  const text = content.flatMap((entry) => {
    // Heddle has no terminals for agents, so one that is shown is the agent's own, and cannot be looked into.
    if (entry.type === "terminal") return `[terminal ${entry.terminalId}]`;
    if (entry.type !== "content") return [];
    return entry.content.text ?? entry.content.uri ?? `[${entry.content.type}]`;
  });
  const diffs = content.flatMap((entry): Schema.Json => {
    if (entry.type !== "diff") return [];
    const { path, oldText, newText } = entry;
    return typeof oldText === "string" ? { path, oldText, newText } : { path, newText };
  });
  const terminal = readTerminal(call["_meta"]);
  const output = terminal?.terminal_output_delta?.data ?? terminal?.terminal_output?.data;
  return {
    ...(isEmpty(call.rawInput) ? {} : { input: call.rawInput }),
    ...(isEmpty(call.rawOutput) ? {} : { output: call.rawOutput }),
    ...(text.length > 0 ? { text: text.join("\n") } : {}),
    ...(diffs.length > 0 ? { diffs } : {}),
    ...(isEmpty(call.locations) ? {} : { locations: call.locations }),
    ...(output === undefined ? {} : { terminalOutput: output }),
    ...(terminal?.terminal_exit ? { exitCode: terminal.terminal_exit.exit_code ?? null } : {}),
  };
};

const bounded = (title: string): Pick<KnownTool, "title" | "titleIsWhole"> => ({
  title: boundText(title, MAX_TITLE),
  titleIsWhole: title.length <= MAX_TITLE,
});

const readContent = read(ToolContent);
const readTerminal = read(TerminalMeta);

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0);

const toStatus = (status: string | null | undefined): ToolStatus | undefined => {
  switch (status) {
    case "pending":
    case "completed":
    case "failed":
      return status;
    case "in_progress":
      return "running";
    default:
      return undefined;
  }
};

const toolUpdated = (
  toolCallId: string,
  { kind, title, status }: KnownTool,
  payload: Schema.Json,
): ToolUpdated => ({
  type: "tool.updated",
  itemId: ProviderItemId.make(toolCallId),
  kind,
  title,
  status,
  payload,
});
