/** Calls of tools as a thread shows them: one activity when a call begins, one when its result is there. */
import type { ApprovalKind } from "@heddle/contracts/Model";
import type { Schema } from "effect";
import { summaryFrom } from "./Texts.ts";
import type { ImportedActivity, ImportedEntry, OpenCalls } from "./TranscriptSource.ts";

/** Calls without a result are remembered only so far: an agent that was killed leaves some for good. */
const MAX_OPEN = 100;

export interface Begun {
  readonly id: string;
  readonly kind: ApprovalKind;
  readonly title: string;
  readonly input: Schema.Json;
}

export interface Ended {
  readonly id: string;
  readonly failed: boolean;
  readonly content: { readonly [name: string]: Schema.Json };
}

/** Results of these are not shown: what the call said is all that there is to it. */
const SILENT = "silent";

export class Calls {
  readonly #open: Map<string, OpenCalls[string]>;

  constructor(open: OpenCalls) {
    this.#open = new Map(Object.entries(open));
  }

  get open(): OpenCalls {
    return Object.fromEntries(this.#open);
  }

  begun({ id, kind, title, input }: Begun, createdAt: string | null): ReadonlyArray<ImportedEntry> {
    const summary = summaryFrom(title, "A tool");
    this.#remember(id, { kind, title: summary });
    return [toolActivity("started", id, kind, summary, { input }, createdAt)];
  }

  /** A call whose result is not shown. */
  silent(id: string): void {
    this.#remember(id, { kind: SILENT, title: "" });
  }

  ended({ id, failed, content }: Ended, createdAt: string | null): ReadonlyArray<ImportedEntry> {
    const { kind, title } = this.#open.get(id) ?? { kind: "other", title: "A tool" };
    this.#open.delete(id);
    if (kind === SILENT) return [];
    return [toolActivity(failed ? "failed" : "completed", id, kind, title, content, createdAt)];
  }

  #remember(id: string, call: OpenCalls[string]): void {
    this.#open.set(id, call);
    const [oldest] = this.#open.keys();
    if (this.#open.size > MAX_OPEN && oldest !== undefined) this.#open.delete(oldest);
  }
}

const toolActivity = (
  status: "started" | "completed" | "failed",
  id: string,
  kind: string,
  summary: string,
  content: Schema.Json,
  createdAt: string | null,
): ImportedActivity => ({
  kind: "activity",
  key: `${id}/${status}`,
  tone: "tool",
  type: `tool.${status}`,
  summary,
  detail: { itemId: id, kind, status: status === "started" ? "running" : status, content },
  createdAt,
});

/** A list of steps, as an agent keeps one. */
export const planActivity = (
  key: string,
  entries: ReadonlyArray<{ readonly text: string; readonly status: string }>,
  createdAt: string | null,
): ImportedActivity => ({
  kind: "activity",
  key,
  tone: "info",
  type: "plan",
  summary: `Plan of ${entries.length} steps`,
  detail: { entries: entries.map(({ text, status }) => ({ text: summaryFrom(text, ""), status })) },
  createdAt,
});
