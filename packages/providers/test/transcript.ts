/**
 * Recorded conversations with real agents, prepared for the player: one process and one session at a time. The files in
 * transcripts/ are those of the recordings without their stderr and without the lists of commands and models.
 */
import { readFileSync } from "node:fs";

export interface Message {
  readonly jsonrpc?: "2.0";
  readonly id?: number | string;
  readonly method?: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- recorded: whatever the agents sent
  readonly params?: any;
  // oxlint-disable-next-line typescript/no-explicit-any -- recorded: whatever the agents sent
  readonly result?: any;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

/**
 * `>` went to the agent, `<` came from it; `exit` is how its process ended. Not recorded, for scripts of tests: `touch`
 * makes the player write a file, `echo` makes it repeat what it heard last as the title of a notice.
 */
export type Line =
  | { readonly dir: ">" | "<"; readonly msg: Message }
  | { readonly dir: "exit"; readonly msg: { readonly code: number | null; readonly signal: string | null } }
  | { readonly dir: "stderr" | "note" | "touch" | "echo"; readonly msg: string };

export interface Faults {
  /** Cuts the output into pieces of so many bytes, wherever that falls. */
  readonly pieces?: number;
  /** The process ends right after its last message, which has no newline. */
  readonly lastNewlineMissing?: boolean;
  /** Sends twice what may be repeated: everything that is told but pieces of text, which are appended. */
  readonly doubled?: boolean;
  /** Adds notifications, kinds of updates and requests that nobody knows, and lines that are no JSON. */
  readonly unknownKinds?: boolean;
  /** Dies instead of sending its n-th message. */
  readonly crashAt?: number;
}

/** What the player is started with. */
export interface Plan {
  readonly lines: ReadonlyArray<Line>;
  readonly faults: Faults;
}

/** The title of the notice by which the player says that the recording has a cancel here. */
export const CANCEL_NOW = "player: cancel now";

const OPENINGS = new Set(["session/new", "session/load", "session/resume"]);
/** What the recording driver asked for and Heddle does not. */
const NOT_OURS = new Set(["session/set_mode", "session/list"]);

/** The sessions of a recording, each with the start of a process before it. */
export const sessionsOf = (name: string): ReadonlyArray<ReadonlyArray<Line>> => {
  const file = new URL(`transcripts/${name}.jsonl`, import.meta.url);
  const lines = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
  return splitBy(lines, (line) => line.dir === "note").flatMap((process) => {
    const [start = [], ...sessions] = splitBy(process, (line) => OPENINGS.has(methodOf(line)));
    return sessions
      .filter((session) => session.some((line) => methodOf(line) === "session/prompt"))
      .map((session) => prepare(structuredClone([...start, ...session])));
  });
};

const splitBy = (lines: ReadonlyArray<Line>, starts: (line: Line) => boolean): Array<Array<Line>> => {
  const parts: Array<Array<Line>> = [[]];
  for (const line of lines) {
    if (starts(line)) parts.push([]);
    parts.at(-1)?.push(line);
  }
  return parts;
};

const prepare = (lines: ReadonlyArray<Line>): ReadonlyArray<Line> => {
  const opening = lines.find((line) => OPENINGS.has(methodOf(line)));
  const dropped = new Set(
    lines.flatMap((line) => (line.dir === ">" && NOT_OURS.has(methodOf(line)) ? [line.msg.id] : [])),
  );
  return lines
    .filter(
      (line) =>
        line.dir !== "note" && !(isMessage(line) && line.msg.id !== undefined && isDropped(line, dropped)),
    )
    .map((line) => {
      const capabilities = line.dir === "<" ? line.msg.result?.agentCapabilities : undefined;
      // The driver loaded where Heddle, given the choice, resumes.
      if (opening !== undefined && methodOf(opening) === "session/load")
        delete capabilities?.sessionCapabilities.resume;
      return line;
    });
};

const isDropped = (line: Line & { dir: ">" | "<" }, dropped: ReadonlySet<unknown>): boolean =>
  line.dir === ">" ? NOT_OURS.has(methodOf(line)) : line.msg.method === undefined && dropped.has(line.msg.id);

export const isMessage = (line: Line): line is Line & { dir: ">" | "<" } =>
  line.dir === ">" || line.dir === "<";

export const methodOf = (line: Line): string => (isMessage(line) ? (line.msg.method ?? "") : "");

export interface ExpectedTurn {
  readonly prompt: string;
  readonly text: string;
  /** Absent where the recording ends before the turn does. */
  readonly status?: "completed" | "interrupted" | "error";
}

/** What a client is to see of a session's turns, read off the recording itself. */
export const expectedTurns = (lines: ReadonlyArray<Line>): ReadonlyArray<ExpectedTurn> => {
  const turns: Array<{ id: unknown; prompt: string; text: string; status?: ExpectedTurn["status"] }> = [];
  for (const line of lines) {
    if (!isMessage(line)) continue;
    const { msg } = line;
    const turn = turns.at(-1);
    if (line.dir === ">" && msg.method === "session/prompt") {
      turns.push({ id: msg.id, prompt: msg.params.prompt[0].text, text: "" });
    } else if (turn !== undefined && line.dir === "<") {
      if (msg.params?.update?.sessionUpdate === "agent_message_chunk")
        turn.text += msg.params.update.content.text;
      if (msg.method === undefined && msg.id === turn.id) turn.status = statusOf(msg);
    }
  }
  return turns.map(({ prompt, text, status }) =>
    status === undefined ? { prompt, text } : { prompt, text, status },
  );
};

const statusOf = (response: Message): NonNullable<ExpectedTurn["status"]> =>
  response.error !== undefined
    ? "error"
    : response.result.stopReason === "cancelled"
      ? "interrupted"
      : "completed";

/** What the driver decided on each request, by the call that it was about. */
export const decisionsOf = (
  lines: ReadonlyArray<Line>,
): ReadonlyMap<string, "accept" | "acceptForSession" | "decline" | "cancel"> => {
  const decisions = {
    allow_once: "accept",
    allow_always: "acceptForSession",
    reject_once: "decline",
    reject_always: "decline",
  } as const;
  const messages = lines.filter(isMessage);
  return new Map(
    messages.flatMap(({ dir, msg }) => {
      if (dir !== "<" || msg.method !== "session/request_permission") return [];
      const answer = messages.find(
        (line) => line.dir === ">" && line.msg.id === msg.id && line.msg.method === undefined,
      );
      if (answer === undefined) return [];
      const option = msg.params.options.find(
        (candidate: { optionId: string }) => candidate.optionId === answer.msg.result.outcome.optionId,
      );
      const kind = option?.kind as keyof typeof decisions | undefined;
      return [[msg.params.toolCall.toolCallId, kind === undefined ? "cancel" : decisions[kind]] as const];
    }),
  );
};
