/** Starts the player in place of codex, on a recording or on a script of a test. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Effect } from "effect";
import type { AgentLaunch } from "../../src/shared/Provider.ts";
import { type Event, type EventOf, workspace } from "../support.ts";
import type { Faults, Line, Message } from "./recording.ts";

const player = fileURLToPath(new URL("player.ts", import.meta.url));

/** A codex that says what these lines say. */
export const playing = Effect.fnUntraced(function* (lines: ReadonlyArray<Line>, faults: Faults = {}) {
  const folder = yield* workspace;
  const plan = join(folder, "plan.json");
  yield* Effect.sync(() => writeFileSync(plan, JSON.stringify({ lines, faults })));
  const codex: AgentLaunch = { protocol: "codex", command: process.execPath, args: [player, plan], env: {} };
  return { agents: { codex }, model: { provider: "codex" } };
});

export const THREAD = "thread-1";
export const TURN = "turn-1";

const line = (dir: ">" | "<", msg: Message): Line => ({ dir, msg });

/** The words of which scripts for the player are made. */
export const script = {
  hears: (method: string, id?: number): Line => line(">", id === undefined ? { method } : { method, id }),
  hearsAnswerTo: (id: number): Line => line(">", { id, result: {} }),
  answers: (id: number, result: unknown): Line => line("<", { id, result }),
  refuses: (id: number, code: number, message: string): Line => line("<", { id, error: { code, message } }),
  asks: (id: number, method: string, params: object): Line =>
    line("<", { id, method, params: { threadId: THREAD, turnId: TURN, ...params } }),
  tells: (method: string, params: object = {}): Line =>
    line("<", { method, params: { threadId: THREAD, turnId: TURN, ...params } }),
  echoes: { dir: "echo", msg: "" } satisfies Line,
  exits: { dir: "exit", msg: { code: 0, signal: null } } satisfies Line,
  /** `initialize` and `thread/start`, as the ids 1 and 2. */
  opens: (thread: object = {}): ReadonlyArray<Line> => [
    script.hears("initialize", 1),
    script.answers(1, { userAgent: "player" }),
    script.hears("initialized"),
    script.hears("thread/start", 2),
    script.answers(2, { thread: { id: THREAD }, ...thread }),
  ],
  begins: (id = 10, turnId = TURN): ReadonlyArray<Line> => [
    script.hears("turn/start", id),
    script.answers(id, { turn: { id: turnId } }),
    script.tells("turn/started", { turn: { id: turnId, status: "inProgress" } }),
  ],
  /** A turn that tells what it was asked for. */
  hearsTurn: (id: number, turnId = TURN): ReadonlyArray<Line> => [
    script.hears("turn/start", id),
    script.echoes,
    script.answers(id, { turn: { id: turnId } }),
  ],
  ends: (status = "completed", more: object = {}, turnId = TURN): Line =>
    script.tells("turn/completed", { turn: { id: turnId, status, ...more } }),
  says: (itemId: string, delta: string): Line => script.tells("item/agentMessage/delta", { itemId, delta }),
  completes: (item: object): Line => script.tells("item/completed", { item }),
  begun: (item: object): Line => script.tells("item/started", { item }),
};

/** One thread with one turn in which codex does all this. */
export const oneTurn = (...lines: ReadonlyArray<Line>) =>
  playing([...script.opens(), ...script.begins(), ...lines, script.ends(), script.exits]);

/** A warning of codex's. */
export const fromCodex = (event: Event): event is EventOf<"notice"> =>
  event.type === "notice" && event.kind === "agent";

/** What the player repeated of what it heard. */
export const isEcho = (event: Event): event is EventOf<"notice"> =>
  fromCodex(event) && event.summary.startsWith("{");

export const echoOf = ({ summary }: EventOf<"notice">): NonNullable<Message["params"]> => JSON.parse(summary);
