/** What clients do to a server: commands of many kinds on a few projects and threads, and those of lives before again. */
import { AT, prompt } from "../conversation.ts";
import type { Json, RawClient } from "../raw-client.ts";
import type { Ledger } from "./ledger.ts";
import type { SeededRandom } from "./random.ts";

/** Threads in which turns are run; each costs processes. */
export const TALKING = ["talk-1", "talk-2"];
/** An agent that gets this speaks, acts, and asks before. */
export const EVERYTHING = "[[lorem: 20]] [[shell: true]] [[say: done]]";
const PROMPTS = [
  EVERYTHING,
  "[[slow: 15]] [[lorem: 60]]",
  "[[say: before]] [[ask: Which colour?]] [[say: after]]",
  "[[write: notes.txt | some text]] [[lorem: 30]]",
  "[[lorem: 10]] [[crash]]",
];

/** What exists, as far as answers have told. */
export class World {
  readonly projects: Array<string> = [];
  readonly threads: Array<string> = [];
  #made = 0;

  /** A new id, the same over all lives. */
  id(prefix: string): string {
    this.#made += 1;
    return `${prefix}-${this.#made}`;
  }
}

const threadOf = (random: SeededRandom, world: World): string =>
  random.chance(0.05) ? "nowhere" : (random.pick(world.threads) ?? "nowhere");

/** The next new command of a client. */
const invent = (random: SeededRandom, world: World): Json => {
  const commandId = world.id("c");
  const dice = random.next();
  if (dice < 0.5) {
    return { type: "thread.meta.update", commandId, threadId: threadOf(random, world), title: commandId };
  }
  if (dice < 0.56) {
    const projectId = world.id("p");
    return { type: "project.create", commandId, projectId, title: "P", workspaceRoot: "/tmp", createdAt: AT };
  }
  if (dice < 0.64) {
    const projectId = random.pick(world.projects) ?? "nowhere";
    return { type: "project.meta.update", commandId, projectId, title: commandId };
  }
  if (dice < 0.74) {
    return {
      type: "thread.create",
      commandId,
      threadId: world.id("t"),
      projectId: random.pick(world.projects) ?? "nowhere",
      title: "T",
      model: "demo",
      branch: null,
      worktreePath: null,
      createdAt: AT,
    };
  }
  if (dice < 0.8) return { type: "thread.archive", commandId, threadId: threadOf(random, world) };
  if (dice < 0.86) return { type: "thread.unarchive", commandId, threadId: threadOf(random, world) };
  if (dice < 0.9) {
    const runtimeMode = random.pick(["approval-required", "full-access"]);
    return { type: "thread.runtime-mode.set", commandId, threadId: threadOf(random, world), runtimeMode };
  }
  if (dice < 0.93) {
    const [sourceThreadId, threadId] = [threadOf(random, world), world.id("t")];
    return { type: "thread.fork", commandId, threadId, sourceThreadId, turnCount: 0, createdAt: AT };
  }
  if (dice < 0.95) return { type: "thread.delete", commandId, threadId: threadOf(random, world) };
  const threadId = random.pick(TALKING) ?? "";
  if (dice < 0.955) return { type: "thread.turn.interrupt", commandId, threadId, createdAt: AT };
  if (dice < 0.957) return { type: "thread.session.stop", commandId, threadId, createdAt: AT };
  if (dice < 0.96) {
    return { type: "thread.checkpoint.revert", commandId, threadId, turnCount: 0, createdAt: AT };
  }
  if (dice < 0.985) return { type: "thread.meta.update", commandId, threadId, title: commandId };
  return inventPrompt(random, world, random.pick(["start", "queue", "steer"]) ?? "start");
};

/** Words for an agent, who needs a moment for each. */
export const inventPrompt = (
  random: SeededRandom,
  world: World,
  dispatchMode: string,
  words = random.pick(PROMPTS) ?? "",
): Json =>
  prompt(random.pick(TALKING) ?? "", world.id("m"), words, {
    commandId: world.id("c"),
    dispatchMode,
  });

const learn = (world: World, command: Json): void => {
  if (command.type === "project.create") world.projects.push(command.projectId);
  if (command.type === "thread.create" || command.type === "thread.fork")
    world.threads.push(command.threadId);
};

export interface Client {
  readonly name: string;
  readonly connection: RawClient;
  readonly ledger: Ledger;
  readonly world: World;
  readonly random: SeededRandom;
  /** New commands at most, and how many are open at a time. */
  readonly budget: number;
  readonly width: number;
  /** Called at each answer. */
  readonly onAnswer: () => void;
}

/** Works until its budget is spent or the server is gone: what was not answered first, then new commands, and some twice. */
export const work = async (client: Client): Promise<void> => {
  const { name, connection, ledger, world, random } = client;
  const again = ledger.unanswered(name).map(({ command }) => command);
  const answered = [...ledger.entries.values()].filter((entry) => entry.answer !== undefined);
  let left = client.budget;
  let last = 0;
  const send = async (command: Json, fresh: boolean): Promise<boolean> => {
    const answer = await ledger.send(connection, name, command);
    if (answer === undefined) return false;
    if ("sequence" in answer) {
      if (fresh) {
        if (answer.sequence <= last) {
          ledger.complaints.push(`${name} was answered ${answer.sequence} after ${last}`);
        }
        last = answer.sequence;
      }
      learn(world, command);
    }
    client.onAnswer();
    return true;
  };
  const next = (): readonly [command: Json, fresh: boolean] | undefined => {
    const unanswered = again.shift();
    if (unanswered !== undefined) return [unanswered, false];
    if (left <= 0) return undefined;
    left -= 1;
    if (random.chance(0.08) && answered.length > 0) return [random.pick(answered)?.command, false];
    return [invent(random, world), true];
  };
  const lane = async (): Promise<void> => {
    for (let command = next(); command !== undefined; command = next()) {
      if (!(await send(...command))) return;
    }
  };
  await Promise.all(Array.from({ length: client.width }, lane));
};
