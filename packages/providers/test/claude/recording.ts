/**
 * Recorded conversations between the Claude Agent SDK 0.3.329 and its claude on a scripted model, prepared for the player.
 * The files in transcripts/ are without what claude says of itself, and without the pieces of what a tool is given.
 */
import { readFileSync } from "node:fs";

export interface Message {
  readonly type?: string;
  readonly subtype?: string;
  readonly uuid?: string;
  readonly request_id?: string;
  readonly parent_tool_use_id?: string | null;
  // oxlint-disable-next-line typescript/no-explicit-any -- recorded: whatever claude sent
  readonly [key: string]: any;
}

/**
 * `>` went to claude, `<` came from it; `exit` is how its process ended. Not recorded, for scripts of tests: `echo` makes
 * the player repeat what it heard last, and `touch` makes it write a file.
 */
export type Line =
  | { readonly dir: ">" | "<"; readonly msg: Message; readonly steers?: boolean }
  | { readonly dir: "exit"; readonly msg: { readonly code: number | null; readonly signal: string | null } }
  | { readonly dir: "echo" | "touch"; readonly msg: string };

export interface Faults {
  /** Cuts the output into pieces of so many bytes, wherever that falls. */
  readonly pieces?: number;
  /** The process ends right after its last message, which has no newline. */
  readonly lastNewlineMissing?: boolean;
  /** Sends everything twice but the answers to what the SDK asked. */
  readonly doubled?: boolean;
  /** Adds messages, pieces of messages and requests that nobody knows, and lines that are no messages. */
  readonly unknownKinds?: boolean;
  /** Dies instead of sending its n-th message. */
  readonly crashAt?: number;
  /** Has no session that it could go on with. */
  readonly noSuchSession?: boolean;
}

/** What the player is started with. */
export interface Plan {
  readonly lines: ReadonlyArray<Line>;
  readonly faults: Faults;
}

/** The notices by which the player says what the recording has here. */
export const INTERRUPT_NOW = "player: interrupt now";
export const STEER_NOW = "player: steer now";

export type Recorded = Line & { dir: ">" | "<" };
export const isMessage = (line: Line): line is Recorded => line.dir === ">" || line.dir === "<";
export const isFromClaude = (line: Line): line is Recorded => line.dir === "<";

export const isPrompt = (line: Line): line is Recorded => line.dir === ">" && line.msg.type === "user";
export const isInterrupt = (line: Line): boolean =>
  line.dir === ">" && line.msg.type === "control_request" && line.msg["request"]?.subtype === "interrupt";

export const recording = (name: string): ReadonlyArray<Line> => {
  const file = new URL(`transcripts/${name}.jsonl`, import.meta.url);
  const lines = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
  const open = new Set<string>();
  return lines.map((line) => {
    if (!isMessage(line)) return line;
    const { msg } = line;
    const steers = isPrompt(line) && open.size > 0;
    if (isPrompt(line)) open.add(msg.uuid ?? "");
    if (msg.type === "result") for (const uuid of msg["user_message_uuids"] ?? open) open.delete(uuid);
    return { ...line, steers };
  });
};

export interface ExpectedTurn {
  readonly prompt: string;
  readonly text: string;
  /** Absent where the recording ends before the turn does. */
  readonly status?: "completed" | "interrupted" | "error";
}

/** What a client is to see of the turns, read off the recording itself. */
export const expectedTurns = (lines: ReadonlyArray<Line>): ReadonlyArray<ExpectedTurn> => {
  const turns: Array<{
    prompt: string;
    open: Set<string>;
    words: Array<{ text: string; whole: boolean }>;
    interrupted: boolean;
    status?: ExpectedTurn["status"];
  }> = [];
  for (const line of lines) {
    if (!isMessage(line)) continue;
    const { msg } = line;
    const turn = turns.at(-1);
    if (isPrompt(line)) {
      const uuid = msg.uuid ?? "";
      if (line.steers) turn?.open.add(uuid);
      else
        turns.push({ prompt: msg["message"].content, open: new Set([uuid]), words: [], interrupted: false });
    }
    if (turn === undefined || msg.parent_tool_use_id) continue;
    if (isInterrupt(line)) turn.interrupted = true;
    const piece = msg["event"]?.delta?.text;
    const last = turn.words.at(-1);
    if (typeof piece === "string") {
      if (last === undefined || last.whole) turn.words.push({ text: piece, whole: false });
      else last.text += piece;
    }
    if (msg.type === "assistant" && msg["error"] === undefined) {
      for (const block of msg["message"].content) {
        if (block.type !== "text") continue;
        if (last === undefined || last.whole) turn.words.push({ text: block.text, whole: true });
        else Object.assign(last, { text: block.text, whole: true });
      }
    }
    if (msg.type === "result") {
      for (const uuid of msg["user_message_uuids"]) turn.open.delete(uuid);
      const failed = turn.interrupted ? "interrupted" : "error";
      if (turn.open.size === 0) turn.status = msg["is_error"] ? failed : "completed";
    }
  }
  return turns.map(({ prompt, words, status }) => ({
    prompt,
    text: words.map(({ text }) => text).join(""),
    ...(status === undefined ? {} : { status }),
  }));
};

export interface RecordedAnswer {
  readonly decision?: "accept" | "decline";
  readonly answers?: ReadonlyArray<string>;
}

/** What was answered to each request, by the call that it was about. */
export const answersIn = (lines: ReadonlyArray<Line>): ReadonlyMap<string, RecordedAnswer> => {
  const messages = lines.filter(isMessage);
  return new Map(
    messages.flatMap(({ msg }) => {
      if (msg["request"]?.subtype !== "can_use_tool") return [];
      const answer = messages.find((line) => line.msg["response"]?.request_id === msg.request_id)?.msg[
        "response"
      ].response;
      if (answer === undefined) return [];
      const { behavior, updatedInput } = answer;
      const decision = behavior === "deny" ? "decline" : "accept";
      const answers: Record<string, string> | undefined = updatedInput?.answers;
      return [
        [msg["request"].tool_use_id, answers ? { answers: Object.values(answers) } : { decision }] as const,
      ];
    }),
  );
};
