/**
 * Recorded conversations with codex 0.169 on a scripted model, prepared for the player: one process and one thread at a
 * time. The files in transcripts/ are those of the recordings without their stderr, and without lists of models and limits.
 */
import { readFileSync } from "node:fs";

export interface Message {
  readonly id?: number | string;
  readonly method?: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- recorded: whatever codex sent
  readonly params?: any;
  // oxlint-disable-next-line typescript/no-explicit-any -- recorded: whatever codex sent
  readonly result?: any;
  readonly error?: { readonly code: number; readonly message: string };
}

/**
 * `>` went to codex, `<` came from it; `exit` is how its process ended. Not recorded, for scripts of tests: `echo` makes
 * the player repeat what it heard last as a warning, and `touch` makes it write a file.
 */
export type Line =
  | { readonly dir: ">" | "<"; readonly msg: Message }
  | { readonly dir: "exit"; readonly msg: { readonly code: number | null; readonly signal: string | null } }
  | { readonly dir: "note" | "echo" | "touch"; readonly msg: string };

export interface Faults {
  /** Cuts the output into pieces of so many bytes, wherever that falls. */
  readonly pieces?: number;
  /** The process ends right after its last message, which has no newline. */
  readonly lastNewlineMissing?: boolean;
  /** Sends every notification twice but pieces of text, which are appended. */
  readonly doubled?: boolean;
  /** Sends the end of a message before its last piece, and the answer to a prompt after all that comes of it. */
  readonly reordered?: boolean;
  /** Adds notifications, items and requests that nobody knows, and lines that are no messages. */
  readonly unknownKinds?: boolean;
  /** Dies instead of sending its n-th message. */
  readonly crashAt?: number;
}

/** What the player is started with. */
export interface Plan {
  readonly lines: ReadonlyArray<Line>;
  readonly faults: Faults;
}

/** The warnings by which the player says what the recording has here. */
export const INTERRUPT_NOW = "player: interrupt now";
export const STEER_NOW = "player: steer now";

const OPENINGS = new Set(["thread/start", "thread/resume"]);
const OURS = new Set([
  "initialize",
  "initialized",
  ...OPENINGS,
  "turn/start",
  "turn/steer",
  "turn/interrupt",
]);

/** The threads of a recording that had prompts, each with the start of a process before it. */
export const sessionsOf = (name: string): ReadonlyArray<ReadonlyArray<Line>> => {
  const file = new URL(`transcripts/${name}.jsonl`, import.meta.url);
  const lines = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
  return splitBy(lines, (line) => line.dir === "note").flatMap((process) => {
    const [start = [], ...threads] = splitBy(process, (line) => OPENINGS.has(methodOf(line)));
    const sessions = name === "parallel" ? [threads.flat()] : threads;
    return sessions
      .map((thread) => prepare([...start, ...thread]))
      .filter((thread) => thread.some((line) => methodOf(line) === "turn/start"));
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

/** Without what Heddle would not ask: for other threads, for what codex refuses, and for a turn while one runs. */
const prepare = (lines: ReadonlyArray<Line>): ReadonlyArray<Line> => {
  const threadId = threadIdOf(lines);
  const dropped = new Set<unknown>();
  let opened = false;
  let running = false;
  for (const line of lines) {
    const method = methodOf(line);
    if (method === "turn/completed" && isMessage(line) && line.msg.params.threadId === threadId)
      running = false;
    if (!isMessage(line) || line.dir !== ">" || line.msg.id === undefined || line.msg.method === undefined)
      continue;
    const { id, params } = line.msg;
    const ofAnother = params.threadId !== undefined && params.threadId !== threadId;
    const again = OPENINGS.has(method) && opened;
    const meanwhile = method === "turn/start" && running;
    const refused = method !== "turn/start" && answerTo(lines, id)?.error !== undefined;
    if (!OURS.has(method) || ofAnother || again || meanwhile || refused) dropped.add(id);
    else if (method === "turn/start") running = true;
    if (OPENINGS.has(method)) opened = true;
  }
  const isDropped = ({ dir, msg }: Line & { dir: ">" | "<" }): boolean =>
    dropped.has(msg.id) && (dir === ">" ? msg.method !== undefined : msg.method === undefined);
  return lines.filter((line) => line.dir !== "note" && !(isMessage(line) && isDropped(line)));
};

export const isMessage = (line: Line): line is Line & { dir: ">" | "<" } =>
  line.dir === ">" || line.dir === "<";

export const methodOf = (line: Line): string => (isMessage(line) ? (line.msg.method ?? "") : "");

const answerTo = (lines: ReadonlyArray<Line>, id: unknown): Message | undefined =>
  lines.filter(isMessage).find(({ dir, msg }) => dir === "<" && msg.method === undefined && msg.id === id)
    ?.msg;

export const threadIdOf = (lines: ReadonlyArray<Line>): string => {
  const opening = lines.find((line) => OPENINGS.has(methodOf(line)));
  const id = opening !== undefined && isMessage(opening) ? opening.msg.id : undefined;
  return answerTo(lines, id)?.result?.thread.id ?? "";
};

/** The thread that a recorded `thread/resume` names. */
export const resumedIn = (lines: ReadonlyArray<Line>): { readonly resume?: { readonly threadId: string } } =>
  lines.some((line) => methodOf(line) === "thread/resume") ? { resume: { threadId: threadIdOf(lines) } } : {};

export interface ExpectedTurn {
  readonly prompt: string;
  readonly text: string;
  /** Of all requests to the model. */
  readonly inputTokens: number;
  /** Absent where the recording ends before the turn does. */
  readonly status?: "completed" | "interrupted" | "error";
}

/** What codex tells of a turn that is not among these was counted before. */
const countBefore = (lines: ReadonlyArray<Line>): number => {
  const messages = lines.filter(isMessage).map(({ msg }) => msg);
  const begun = new Set(
    messages.flatMap(({ method, params }) => (method === "turn/started" ? [params.turn.id] : [])),
  );
  const earlier = messages.find(
    ({ method, params }) => method === "thread/tokenUsage/updated" && !begun.has(params.turnId),
  );
  return earlier?.params.tokenUsage.total.inputTokens ?? 0;
};

const OUTCOMES = { completed: "completed", interrupted: "interrupted", failed: "error" } as const;

/** What a client is to see of a thread's turns, read off the recording itself. */
export const expectedTurns = (lines: ReadonlyArray<Line>): ReadonlyArray<ExpectedTurn> => {
  const threadId = threadIdOf(lines);
  const turns: Array<{
    prompt: string;
    words: Map<string, string>;
    inputTokens: number;
    status?: ExpectedTurn["status"];
  }> = [];
  /** Of the thread so far. */
  let counted = countBefore(lines);
  for (const line of lines) {
    if (!isMessage(line)) continue;
    const { method, params } = line.msg;
    const words = turns.at(-1)?.words;
    if (line.dir === ">" && method === "turn/start") {
      turns.push({ prompt: params.input[0].text, words: new Map(), inputTokens: 0 });
    } else if (line.dir === "<" && words !== undefined && params?.threadId === threadId) {
      const { itemId, item, turn } = params;
      if (method === "item/agentMessage/delta" || method === "item/plan/delta")
        words.set(itemId, (words.get(itemId) ?? "") + params.delta);
      if (method === "item/completed" && (item.type === "agentMessage" || item.type === "plan"))
        words.set(item.id, item.text);
      const last = turns.at(-1);
      if (method === "thread/tokenUsage/updated" && last) {
        last.inputTokens += params.tokenUsage.total.inputTokens - counted;
        counted = params.tokenUsage.total.inputTokens;
      }
      if (method === "turn/completed" && last) last.status = OUTCOMES[turn.status as keyof typeof OUTCOMES];
    }
  }
  return turns.map(({ prompt, words, inputTokens, status }) => ({
    prompt,
    inputTokens,
    text: [...words.values()].join(""),
    ...(status === undefined ? {} : { status }),
  }));
};

type Decision = "accept" | "acceptForSession" | "decline" | "cancel";

/** What was answered to each request, by the item that it was about. */
export const answersIn = (
  lines: ReadonlyArray<Line>,
): ReadonlyMap<string, { readonly decision?: Decision; readonly answers?: Record<string, string> }> => {
  const messages = lines.filter(isMessage);
  return new Map(
    messages.flatMap(({ dir, msg }) => {
      if (dir !== "<" || msg.id === undefined || msg.method === undefined) return [];
      const answer = messages.find(
        (line) => line.dir === ">" && line.msg.method === undefined && line.msg.id === msg.id,
      )?.msg.result;
      if (answer === undefined) return [];
      const { decision, answers = {} } = answer as {
        decision?: Decision;
        answers?: Record<string, { answers: ReadonlyArray<string> }>;
      };
      const words = Object.entries(answers).map(([id, given]) => [id, given.answers.join("\n")] as const);
      return [
        [
          String(msg.params.itemId),
          decision === undefined ? { answers: Object.fromEntries(words) } : { decision },
        ] as const,
      ];
    }),
  );
};
