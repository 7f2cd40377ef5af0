/** The calls of tools: each is told when it begins and once when it ends. */
import { ProviderItemId } from "@heddle/contracts/Ids";
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import { boundJson, boundText, PROGRESS_BYTES } from "../shared/Bounded.ts";
import { read } from "../shared/Read.ts";
import { type Call, callOf, isShown } from "./Calls.ts";
import { diffsOf } from "./Diffs.ts";
import { Block, BlockList } from "./Wire.ts";

type ToolUpdated = Extract<ProviderRuntimeEvent, { type: "tool.updated" }>;

export const MAX_TITLE = 2000;
/** Calls that are over, and those of subagents, are remembered only so far. */
const MAX_KEPT = 1000;

interface OpenTool extends Call {
  readonly name: string;
  readonly input: unknown;
}

const readBlocks = read(BlockList);
const readBlock = read(Block);

export class Tools {
  readonly #open = new Map<string, OpenTool>();
  readonly #over = new Set<string>();
  /** The call of the subagent that a call of its belongs to. */
  readonly #owners = new Map<string, string>();

  /** Nothing where the call is known already, or is shown otherwise. */
  started(id: string, name: string, input: unknown): ReadonlyArray<ToolUpdated> {
    if (this.#open.has(id) || this.#over.has(id)) return [];
    const call = callOf(name, input);
    this.#open.set(id, { ...call, name, input });
    return isShown(name) ? [updated(id, "running", call)] : [];
  }

  /** What a call was given, as long as it is open. */
  inputOf(id: string): { readonly name: string; readonly input: unknown } | undefined {
    return this.#open.get(id);
  }

  completed(id: string, { is_error, content }: Block, outcome: unknown): ReadonlyArray<ToolUpdated> {
    const open = this.#open.get(id);
    if (open === undefined || this.#over.has(id)) return [];
    this.#close(id);
    if (!isShown(open.name)) return [];
    const output = textOf(content);
    const diffs = diffsOf(open.input, outcome);
    const payload =
      open.kind === "edit" && diffs.length > 0
        ? // What claude is told of an edit that went well is about its own context.
          { diffs, ...(is_error ? { output } : {}) }
        : { ...open.payload, ...(output === "" ? {} : { output }) };
    return [updated(id, is_error ? "failed" : "completed", { ...open, payload })];
  }

  /** A subagent does something: it is told as what its own call does now. */
  ofSubagent(owner: string, id: string, name: string, input: unknown): ReadonlyArray<ToolUpdated> {
    keep(this.#owners, id, owner);
    const open = this.#open.get(owner);
    if (open === undefined) return [];
    const doing = boundText(callOf(name, input).title, MAX_TITLE);
    return [updated(owner, "running", { ...open, payload: { doing } }, PROGRESS_BYTES)];
  }

  /** The call as the thread knows it: of a subagent's, that is the subagent. */
  shownAs(id: string): string {
    const seen = new Set([id]);
    let shown = id;
    // Subagents may have subagents. Whatever claude says of whose they are, this comes to an end.
    for (;;) {
      const owner = this.#owners.get(shown);
      if (owner === undefined || seen.has(owner)) return shown;
      seen.add(owner);
      shown = owner;
    }
  }

  /** Calls are left open when a turn is interrupted, and when claude dies: nobody will tell how those ended. */
  settle(status: "completed" | "failed", note: string): ReadonlyArray<ToolUpdated> {
    return [...this.#open].flatMap(([id, call]) => {
      this.#close(id);
      return isShown(call.name) ? [updated(id, status, { ...call, payload: { note } })] : [];
    });
  }

  #close(id: string): void {
    this.#open.delete(id);
    this.#over.add(id);
    const [oldest] = this.#over;
    if (this.#over.size > MAX_KEPT && oldest !== undefined) this.#over.delete(oldest);
  }
}

const keep = (owners: Map<string, string>, id: string, owner: string): void => {
  if (id === owner) return;
  owners.set(id, owner);
  const [oldest] = owners.keys();
  if (owners.size > MAX_KEPT && oldest !== undefined) owners.delete(oldest);
};

/** What a tool gave back: words, or a list of words and of what is none. */
const textOf = (content: unknown): string => {
  if (typeof content === "string") return content;
  const blocks = (readBlocks(content) ?? []).flatMap((block) => readBlock(block) ?? []);
  return blocks.map(({ type, text }) => text ?? `[${type}]`).join("\n");
};

const updated = (
  id: string,
  status: ToolUpdated["status"],
  { kind, title, payload }: Pick<Call, "kind" | "title" | "payload">,
  maxBytes?: number,
): ToolUpdated => ({
  type: "tool.updated",
  itemId: ProviderItemId.make(id),
  status,
  kind,
  title: boundText(title === "" ? "A tool" : title, MAX_TITLE),
  payload: boundJson(payload, maxBytes),
});
