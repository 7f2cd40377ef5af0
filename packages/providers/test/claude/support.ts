/** Starts the player in place of claude, on a recording or on a script of a test. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Effect } from "effect";
import type { AgentLaunch } from "../../src/shared/Provider.ts";
import { type Event, type EventOf, workspace } from "../support.ts";
import type { Faults, Line, Message } from "./recording.ts";

const player = fileURLToPath(new URL("player.ts", import.meta.url));

/** A claude that says what these lines say. */
export const playing = Effect.fnUntraced(function* (lines: ReadonlyArray<Line>, faults: Faults = {}) {
  const folder = yield* workspace;
  const plan = join(folder, "plan.json");
  yield* Effect.sync(() => writeFileSync(plan, JSON.stringify({ lines, faults })));
  const args = [player, plan];
  const claude: AgentLaunch = { protocol: "claude", command: process.execPath, args, env: {} };
  return { agents: { claude }, model: { provider: "claude" } };
});

export const PROMPT = "11111111-1111-4111-8111-111111111111";
export const STEER = "22222222-2222-4222-8222-222222222222";

/** The id of a request in the script, which the player replaces by that of this run. */
const requestOf = (subtype: string): string => `request of ${subtype}`;

let messages = 0;
const told = (msg: Message): Line => {
  messages += 1;
  return { dir: "<", msg: { parent_tool_use_id: null, uuid: `message-${messages}`, ...msg } };
};

/** The words of which scripts for the player are made. */
export const script = {
  hears: (subtype: string): Line => ({
    dir: ">",
    msg: { type: "control_request", request_id: requestOf(subtype), request: { subtype } },
  }),
  hearsPrompt: (uuid = PROMPT, steers = false): Line => ({ dir: ">", msg: { type: "user", uuid }, steers }),
  hearsAnswerTo: (request_id: string): Line => ({
    dir: ">",
    msg: { type: "control_response", response: { request_id } },
  }),
  answers: (subtype: string, response: object = {}): Line => ({
    dir: "<",
    msg: {
      type: "control_response",
      response: { subtype: "success", request_id: requestOf(subtype), response },
    },
  }),
  refuses: (subtype: string, error: string): Line => ({
    dir: "<",
    msg: { type: "control_response", response: { subtype: "error", request_id: requestOf(subtype), error } },
  }),
  asks: (request_id: string, tool_name: string, input: object, more: object = {}): Line => ({
    dir: "<",
    msg: {
      type: "control_request",
      request_id,
      request: { subtype: "can_use_tool", tool_name, input, tool_use_id: `call-${request_id}`, ...more },
    },
  }),
  tells: told,
  becomes: (state: string, command_uuid = PROMPT): Line =>
    told({ type: "command_lifecycle", command_uuid, state }),
  idle: (): Line =>
    told({ type: "system", subtype: "session_state_changed", state: "idle", sdk_host_only: true }),
  streams: (event: object): Line => told({ type: "stream_event", event }),
  begins: (id: string): Line => script.streams({ type: "message_start", message: { id } }),
  opens: (index: number, type = "text"): Line =>
    script.streams({ type: "content_block_start", index, content_block: { type } }),
  says: (index: number, text: string): Line =>
    script.streams({ type: "content_block_delta", index, delta: { type: "text_delta", text } }),
  whole: (id: string, ...content: ReadonlyArray<object>): Line =>
    told({ type: "assistant", message: { id, content } }),
  calls: (id: string, name: string, input: object): Line =>
    script.whole(`message of ${id}`, { type: "tool_use", id, name, input }),
  gives: (tool_use_id: string, content: unknown, more: object = {}): Line =>
    told({ type: "user", message: { content: [{ type: "tool_result", tool_use_id, content, ...more }] } }),
  ends: (more: object = {}, ...uuids: ReadonlyArray<string>): Line =>
    told({
      type: "result",
      subtype: "success",
      is_error: false,
      user_message_uuids: uuids.length === 0 ? [PROMPT] : uuids,
      ...more,
    }),
  echoes: { dir: "echo", msg: "" } satisfies Line,
  exits: { dir: "exit", msg: { code: 0, signal: null } } satisfies Line,
};

/** What the SDK asks before anything else. */
export const started: ReadonlyArray<Line> = [script.hears("initialize"), script.answers("initialize")];

/** One session with one turn in which claude does all this. */
export const oneTurn = (...lines: ReadonlyArray<Line>) =>
  playing([...started, script.hearsPrompt(), ...lines, script.ends(), script.exits]);

/** A notice of claude's. */
export const fromClaude = (event: Event): event is EventOf<"notice"> =>
  event.type === "notice" && event.kind === "agent";

/** What the player repeated of what it heard. */
export const isEcho = (event: Event): event is EventOf<"notice"> =>
  fromClaude(event) && event.summary.startsWith("{");

export const echoOf = ({ summary }: EventOf<"notice">): Message => JSON.parse(summary);
