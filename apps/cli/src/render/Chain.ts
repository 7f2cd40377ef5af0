/** Causes and consequences as a tree, one row for each node. Pure. */
import type { ChainNode, EventChain } from "@heddle/contracts/InspectionRpc";
import { counted } from "./Bytes.ts";
import { bold, cyan, dim, green, magenta, red } from "./Colour.ts";
import { effectWords } from "./EventDetails.ts";
import { colourOf, summaryOf } from "./EventLine.ts";
import { revealLine } from "./Sanitize.ts";
import { truncate, width } from "./Table.ts";
import { duration } from "./Time.ts";

/** As wide as `59 min 59 s`. */
const TIME_CELLS = 11;
const ACTOR_CELLS = 8;
const ASKED = "▶";
const ON_PATH = "›";

interface Row {
  readonly node: ChainNode;
  /** The lines that lead to it. */
  readonly tree: string;
}

/** The rows, each line ended; then what was left out, with `more` as the command that shows it. */
export const chainText = (
  chain: EventChain,
  { columns, more }: { readonly columns: number; readonly more: (afterSequence: number) => string },
): string => {
  const cells = String(chain.lastSequence).length;
  const began = Date.parse(chain.startedAt);
  const rows = rowsOf(chain.nodes);
  const lines = rows.map(({ node, tree }) => `${line(node, { tree, cells, began, columns })}\n`);
  const { leftOut } = chain;
  if (leftOut === null) return lines.join("");
  const gap = rows.findIndex(({ node }) => node.sequence >= leftOut.beforeSequence);
  const words = `… ${counted(leftOut.events)} events more between ${leftOut.afterSequence} and ${leftOut.beforeSequence}: ${more(leftOut.afterSequence)}`;
  lines.splice(gap === -1 ? lines.length : gap, 0, `${" ".repeat(cells + 2)}${dim(words)}\n`);
  return lines.join("");
};

/** Each node below its cause. What hangs below nothing that is there hangs below the root. */
const rowsOf = (nodes: ReadonlyArray<ChainNode>): ReadonlyArray<Row> => {
  const ids = new Set(nodes.map(({ id }) => id));
  const root = nodes.find(({ parent }) => parent === null);
  const below = new Map<string, Array<ChainNode>>();
  for (const node of nodes) {
    if (node === root) continue;
    const parent = node.parent !== null && ids.has(node.parent) ? node.parent : (root?.id ?? "");
    const siblings = below.get(parent);
    if (siblings === undefined) below.set(parent, [node]);
    else siblings.push(node);
  }
  const rows: Array<Row> = [];
  const visit = (node: ChainNode, tree: string, lead: string): void => {
    rows.push({ node, tree });
    const children = below.get(node.id) ?? [];
    for (const [index, child] of children.entries()) {
      const last = index === children.length - 1;
      visit(child, `${lead}${last ? "└ " : "├ "}`, `${lead}${last ? "  " : "│ "}`);
    }
  };
  if (root !== undefined) visit(root, "", "");
  return rows;
};

interface Place {
  readonly tree: string;
  readonly cells: number;
  readonly began: number;
  readonly columns: number;
}

const line = (node: ChainNode, { tree, cells, began, columns }: Place): string => {
  const mark = node.asked ? ASKED : node.onPath ? ON_PATH : " ";
  const sequence = (
    node.kind === "event" || node.kind === "segments" || node.kind === "unreadable"
      ? String(node.sequence)
      : ""
  ).padStart(cells);
  const after = duration(Math.max(0, Date.parse(node.at) - began)).padStart(TIME_CELLS);
  const actor = actorOf(node).padEnd(ACTOR_CELLS);
  const { name: whole, style, words } = whatOf(node);
  const place = width(`${mark} ${sequence} ${after}  ${actor} ${tree}`);
  const name = truncate(whole, Math.max(1, columns - place - 1));
  const room = columns - place - width(name) - 3;
  const rest = words === "" || room < 4 ? "" : `  ${fit(words, room)}`;
  return `${node.asked ? bold(mark) : cyan(mark)} ${dim(sequence)} ${dim(after)}  ${dim(actor)} ${dim(tree)}${node.asked ? bold(style(name)) : style(name)}${rest}`;
};

/** Words that have colours are short, and stand as they are where they fit. */
const fit = (words: string, room: number): string => (width(words) <= room ? words : truncate(words, room));

const actorOf = (node: ChainNode): string => {
  switch (node.kind) {
    case "event":
      return node.event.actorKind;
    case "unreadable":
      return revealLine(node.unreadable.actorKind);
    case "segments":
      return "provider";
    case "command":
      return node.commandId.startsWith("heddle:") ? "server" : "client";
    case "effect":
      return "server";
  }
};

/** Of an event the type as it is in its thread: without `thread.`, which nearly all have. */
const shortType = (type: string): string => revealLine(type).replace(/^thread\./, "");

const whatOf = (
  node: ChainNode,
): { readonly name: string; readonly style: (text: string) => string; readonly words: string } => {
  switch (node.kind) {
    case "command": {
      const { receipt } = node;
      const id = revealLine(node.commandId);
      if (receipt === null) return { name: `command ${id}`, style: green, words: "whose receipt was pruned" };
      return receipt.error === null
        ? { name: `command ${id}`, style: green, words: "accepted" }
        : { name: `command refused: ${receipt.error.code}`, style: red, words: id };
    }
    case "event":
      return {
        name: shortType(node.event.eventType),
        style: colourOf(node.event),
        words: revealLine(summaryOf(node.event)),
      };
    case "unreadable":
      return {
        name: shortType(node.unreadable.eventType),
        style: red,
        words: `cannot be read: ${revealLine(node.unreadable.reason)}`,
      };
    case "segments": {
      const size = `${counted(node.characters)} characters`;
      const words = `assistant ×${node.count}: ${revealLine(node.text)} (${size})`;
      return { name: "message-sent", style: magenta, words };
    }
    case "effect":
      return { name: "effect", style: dim, words: effectWords(node.effect) };
  }
};
