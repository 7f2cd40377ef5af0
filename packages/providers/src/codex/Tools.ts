/** What the agent does besides speaking: commands, changes of files, calls of tools, each as one tool call that ends once. */
import { basename } from "node:path";
import { ProviderItemId } from "@heddle/contracts/Ids";
import type { ApprovalKind } from "@heddle/contracts/Model";
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import { boundJson, boundText, TextTail } from "../shared/Bounded.ts";
import { read } from "../shared/Read.ts";
import { diffsOf } from "./Diffs.ts";
import { CommandItem, type FileChange, FileChangeItem, ToolItem } from "./Wire.ts";

type ToolUpdated = Extract<ProviderRuntimeEvent, { type: "tool.updated" }>;

const MAX_TITLE = 2000;
const MAX_OUTPUT = 64 * 1024;
/** Calls that are over are remembered only so far, for what comes twice or too late. */
const MAX_OVER = 1000;

const readCommand = read(CommandItem);
const readFileChange = read(FileChangeItem);
const readTool = read(ToolItem);

interface Described {
  readonly kind: ApprovalKind;
  readonly title: string;
  readonly payload: Record<string, unknown>;
}

interface OpenTool extends Described {
  /** What a command has printed so far: codex does not always repeat it at the end. */
  readonly output: TextTail;
  changes: ReadonlyArray<FileChange>;
}

export class Tools {
  readonly #open = new Map<string, OpenTool>();
  readonly #over = new Set<string>();

  /** Nothing where the call is known already. */
  started(id: string, type: string, item: unknown): ReadonlyArray<ToolUpdated> {
    if (this.#open.has(id) || this.#over.has(id)) return [];
    const described = describe(type, item);
    this.#open.set(id, { ...described, output: new TextTail(MAX_OUTPUT), changes: changesIn(item) });
    return [updated(id, "running", described)];
  }

  completed(id: string, type: string, item: unknown): ReadonlyArray<ToolUpdated> {
    if (this.#over.has(id)) return [];
    const open = this.#open.get(id);
    this.#close(id);
    const described = describe(type, item);
    const printed = open?.output.last() ?? "";
    const output =
      type === "commandExecution" && described.payload["output"] === undefined && printed !== ""
        ? { output: printed }
        : {};
    const payload = { ...described.payload, ...output };
    return [updated(id, statusOf(item), { ...described, payload })];
  }

  printed(id: string, text: string): void {
    this.#open.get(id)?.output.append(text);
  }

  patched(id: string, changes: ReadonlyArray<FileChange>): void {
    const open = this.#open.get(id);
    if (open !== undefined) open.changes = changes;
  }

  /** What a call is about to change; nothing where it is not known. */
  changesOf(id: string): ReadonlyArray<FileChange> {
    return this.#open.get(id)?.changes ?? [];
  }

  /** Calls that are over by now, of this turn or of one before. */
  get overIds(): ReadonlySet<string> {
    return new Set(this.#over);
  }

  /** Codex leaves calls open when a turn is interrupted, and when it dies: nobody will tell how those ended. */
  settle(status: "completed" | "failed", note: string): ReadonlyArray<ToolUpdated> {
    return [...this.#open].map(([id, { kind, title }]) => {
      this.#close(id);
      return updated(id, status, { kind, title, payload: { note } });
    });
  }

  #close(id: string): void {
    this.#open.delete(id);
    this.#over.add(id);
    const [oldest] = this.#over;
    if (this.#over.size > MAX_OVER && oldest !== undefined) this.#over.delete(oldest);
  }
}

/** How files are about to change, in one word: the weightiest of what is done to them. */
export const kindOfChanges = (changes: ReadonlyArray<FileChange>): ApprovalKind => {
  if (changes.some(({ kind }) => kind.type === "delete")) return "delete";
  if (changes.some(({ kind }) => kind.move_path)) return "move";
  return changes.length > 0 && changes.every(({ kind }) => kind.type === "add" || kind.type === "update")
    ? "edit"
    : "other";
};

export const titleOfChanges = (changes: ReadonlyArray<FileChange>): string => {
  const names = changes.map(({ path, kind }) => {
    const to = kind.move_path ? ` to ${basename(kind.move_path)}` : "";
    return `${VERBS[kind.type] ?? "Change"} ${basename(path)}${to}`;
  });
  return names.length === 0 ? "Change files" : names.join(", ");
};

const VERBS: Readonly<Record<string, string>> = { add: "Write", update: "Edit", delete: "Delete" };

const changesIn = (item: unknown): ReadonlyArray<FileChange> => readFileChange(item)?.changes ?? [];

/** Of a type that Heddle does not know, what is shown is what codex sent. */
const describe = (type: string, item: unknown): Described => {
  const command = type === "commandExecution" ? readCommand(item) : undefined;
  if (command !== undefined) {
    const { command: line, cwd, aggregatedOutput: output, exitCode } = command;
    const payload = {
      input: { command: line },
      ...(cwd ? { cwd } : {}),
      ...(output ? { output } : {}),
      ...(typeof exitCode === "number" ? { exitCode } : {}),
    };
    return { kind: "execute", title: line, payload };
  }
  const changed = type === "fileChange" ? readFileChange(item) : undefined;
  if (changed !== undefined) {
    const { changes } = changed;
    const payload = { diffs: changes.flatMap(diffsOf) };
    return { kind: kindOfChanges(changes), title: titleOfChanges(changes), payload };
  }
  const { title, kind } = OTHERS[type] ?? { title: () => type, kind: "other" };
  return { kind, title: title(readTool(item) ?? {}), payload: { input: withoutNulls(item) } };
};

interface Other {
  readonly kind: ApprovalKind;
  readonly title: (item: typeof ToolItem.Type) => string;
}

const named = (...parts: ReadonlyArray<unknown>): string =>
  parts.filter((part) => typeof part === "string" && part !== "").join(" ");

const OTHERS: Readonly<Record<string, Other>> = {
  mcpToolCall: { kind: "other", title: ({ server, tool }) => named(server, tool) },
  dynamicToolCall: { kind: "other", title: ({ namespace, tool }) => named(namespace, tool) },
  collabAgentToolCall: { kind: "other", title: ({ tool }) => named("Subagent:", tool) },
  subAgentActivity: { kind: "other", title: () => "Subagent" },
  webSearch: { kind: "search", title: ({ query }) => named("Search the web:", query) },
  imageView: { kind: "read", title: ({ path }) => named("Look at", path) },
  imageGeneration: { kind: "other", title: () => "Make an image" },
  contextCompaction: { kind: "think", title: () => "Compact the context" },
  sleep: { kind: "other", title: () => "Wait" },
};

const statusOf = (item: unknown): ToolUpdated["status"] => {
  const status = readTool(item)?.status;
  return status === "failed" || status === "declined" ? "failed" : "completed";
};

const withoutNulls = (item: unknown): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(typeof item === "object" && item !== null ? item : {}).filter(
      ([name, value]) => value !== null && !name.endsWith("AtMs"),
    ),
  );

const updated = (
  id: string,
  status: ToolUpdated["status"],
  { kind, title, payload }: Described,
): ToolUpdated => ({
  type: "tool.updated",
  itemId: ProviderItemId.make(id),
  status,
  kind,
  title: boundText(title === "" ? "A tool" : title, MAX_TITLE),
  payload: boundJson(payload),
});
