/**
 * One agent through as many rounds as asked for: in each it is given something to do, and at a moment that the seed chooses
 * it dies, or the server, or both. Afterwards nothing of that goes on, all that was said is there, and the next prompt works.
 */
import { assert } from "vitest";
import type { Json } from "../raw-client.ts";
import type { TestedAgent } from "../real-agents/agents.ts";
import { eventually } from "../real-agents/thread.ts";
import { aliveIn, claimsOf, incompleteTurn, wordFaults } from "./checks.ts";
import { KilledThread } from "./killed-thread.ts";
import { ENDLESS, PATIENCE, planRound, type Round } from "./plan.ts";
import type { Watcher } from "./watcher.ts";

/** Rounds between two stops of the session. */
const STOP_EVERY = 4;

export interface LoopOptions {
  readonly agent: TestedAgent;
  readonly rounds: number;
  readonly seed: number;
}

/** Gives how each turn ended in which somebody was killed. */
export const killLoop = async ({ agent, rounds, seed }: LoopOptions): Promise<ReadonlyArray<string>> => {
  const thread = await KilledThread.open(agent);
  const ends: Array<string> = [];
  for (let index = 1; index <= rounds; index += 1) {
    await runRound(thread, planRound(seed, index, agent.question));
    ends.push(thread.endOf(`round-${index}`) ?? "unknown");
    await takesPrompt(thread, `after-${index}`, `after ${index}`);
    if (index % STOP_EVERY === 0) {
      await thread.command("thread.session.stop", `stop-${index}`);
      await thread.nothingLeft(0);
    }
  }
  // What was said after the first round, the agent knows in the last one: it kept it, or was told again.
  if (agent.resumes && rounds > 1) assert.include(thread.place.model.heardLast(), "after 1");
  await thread.close();
  return ends;
};

const runRound = async (thread: KilledThread, round: Round): Promise<void> => {
  const { index, victim, dyingStart } = round;
  thread.watcher.decide(round.decisions);
  const moment = momentOf(round, thread.watcher);
  await thread.send(`round-${index}`, round.prompt);
  await moment;
  const died = victim === "agent" ? undefined : await thread.killServer(victim, dyingStart);
  if (victim === "agent") await thread.killAgent();
  await settle(thread, round);
  const now = await thread.now();
  await thread.nothingLeft(victim === "agent" || now.session?.status === "ready" ? 1 : 0);
  const faults = [...wordFaults(round, now, thread.watcher, died), ...incompleteTurn(round, now)];
  assert.deepEqual(faults, [], `Round ${index}: ${JSON.stringify(round)}`);
};

/** Until the moment of the round has come, or will not. */
const momentOf = ({ moment }: Round, watcher: Watcher): Promise<void> =>
  new Promise((resolve) => {
    const soon = (milliseconds: number): void => void setTimeout(resolve, milliseconds);
    soon(PATIENCE);
    if (moment.after === "prompt") soon(moment.milliseconds);
    const before = watcher.seen.size;
    watcher.onWords = () => {
      if (moment.after === "words" && watcher.seen.size >= before + moment.words) soon(moment.milliseconds);
    };
    watcher.onEvent = ({ eventType, actorKind }) => {
      if (moment.after === "event" && eventType === moment.eventType && actorKind !== "client")
        soon(moment.milliseconds);
    };
  });

/** Turns end by themselves, or begin now if they had not begun when the server died; an endless command is interrupted. */
const settle = async (thread: KilledThread, { index, endless }: Round): Promise<void> => {
  thread.watcher.acceptAll();
  let interrupts = 0;
  const isSettled = async () => {
    const now = await thread.now();
    const claims = claimsOf(now);
    const end = thread.endOf(`round-${index}`);
    if (claims.length === 0 && end !== undefined) return undefined;
    const hangs = endless && thread.processes().some(({ command }) => command.includes(ENDLESS));
    if (hangs && aliveIn(now, new Map()).length > 0) {
      interrupts += 1;
      // The turn may end in this moment, and then there is nothing to interrupt.
      await thread.command("thread.turn.interrupt", `interrupt-${index}-${interrupts}`).catch(() => {});
    }
    return { claims, session: now.session, end };
  };
  await eventually(`Round ${index} does not settle`, isSettled, 60_000);
};

const takesPrompt = async (thread: KilledThread, messageId: string, text: string): Promise<void> => {
  await thread.send(messageId, `[[say: ${text}]]`);
  const hasEnded = () =>
    thread.endOf(messageId) === undefined ? [...thread.watcher.ended].at(-1) : undefined;
  await eventually(`${messageId} does not end`, hasEnded, 60_000);
  const { turns, messages, session } = await thread.now();
  const ofTurn = (each: Json): boolean => each.turnId === `turn:send-${messageId}`;
  const said = messages.filter((each: Json) => ofTurn(each) && each.role === "assistant");
  assert.deepEqual(
    [turns.find(ofTurn)?.status, said.map((each: Json) => each.text).join("")],
    ["completed", text],
    JSON.stringify([turns.find(ofTurn), session]),
  );
};
