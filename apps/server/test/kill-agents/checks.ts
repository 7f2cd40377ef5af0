/** What must hold of a thread after a kill, in words where it does not. */
import type { Json } from "../raw-client.ts";
import { type Round, WORD } from "./plan.ts";
import type { Watcher } from "./watcher.ts";

/**
 * A word that a client saw as it came may be so many milliseconds old and not yet stored: a segment waits for half a second
 * (`ReplyText.ts` of the orchestrator), and then for a busy machine and its disk. What came as a stored event is never lost.
 */
const NOT_YET_STORED = 3_000;

const isAlive = (status: string | undefined): boolean => status === "running" || status === "starting";

/** Turns and requests of a thread that go on; `since` leaves out those that began after a sequence. */
export const aliveIn = (
  { turns, pendingApprovals }: Json,
  born: ReadonlyMap<string, number>,
  until = Infinity,
): ReadonlyArray<string> => {
  const alive: ReadonlyArray<string> = [
    ...turns.filter(({ status }: Json) => isAlive(status)).map(({ turnId }: Json) => turnId),
    ...pendingApprovals
      .filter(({ status }: Json) => status === "pending")
      .map(({ requestId }: Json) => requestId),
  ];
  return alive.filter((id) => (born.get(id) ?? Infinity) <= until);
};

/** What claims to go on in a thread in which nothing does. */
export const claimsOf = (thread: Json): ReadonlyArray<string> => [
  ...aliveIn(thread, new Map([])).map((id) => `${id} goes on`),
  ...(isAlive(thread.session?.status) ? [`the session is ${thread.session.status}`] : []),
  ...thread.messages.flatMap(({ messageId, isStreaming }: Json) =>
    isStreaming ? [`message ${messageId} is not finished`] : [],
  ),
  ...thread.queuedTurns.map(({ messageId }: Json) => `${messageId} waits`),
];

/** Where the words of a round are not those that were said, each once, in order, from the first on. */
export const wordFaults = (
  { words, index }: Round,
  thread: Json,
  { seen, stored }: Pick<Watcher, "seen" | "stored">,
  serverDied: number | undefined,
): ReadonlyArray<string> => {
  const said: ReadonlyArray<string> = thread.messages
    .filter(({ role }: Json) => role === "assistant")
    .flatMap(({ text }: Json) => text.match(WORD) ?? [])
    .filter((word: string) => word.startsWith(`r${index}w`));
  const wrong = said.findIndex((word, place) => word !== words[place]);
  const mayBeLost = (word: string): boolean =>
    serverDied !== undefined &&
    !stored.has(word) &&
    (seen.get(word) ?? Infinity) > serverDied - NOT_YET_STORED;
  const lost = words.filter((word) => seen.has(word) && !said.includes(word) && !mayBeLost(word));
  // The last may have been cut in the middle.
  const cut = wrong === said.length - 1 && words[wrong]?.startsWith(said[wrong] ?? "-");
  return [
    ...(wrong === -1 || cut
      ? []
      : [`Word ${wrong + 1} of round ${index} is ${said[wrong]}: ${said.join(" ")}`]),
    ...(lost.length === 0 ? [] : [`Seen, and not in the transcript: ${lost.join(" ")}`]),
  ];
};

/** A turn that is said to be complete has said everything. */
export const incompleteTurn = ({ words, index }: Round, thread: Json): ReadonlyArray<string> => {
  const turn = thread.turns.find(({ turnId }: Json) => turnId === `turn:send-round-${index}`);
  const text = thread.messages.map(({ role, text }: Json) => (role === "assistant" ? text : "")).join(" ");
  const missing = words.filter((word) => !new RegExp(`${word}(?!\\d)`).test(text));
  return turn?.status === "completed" && missing.length > 0
    ? [`Round ${index} is completed without ${missing.join(" ")}`]
    : [];
};
