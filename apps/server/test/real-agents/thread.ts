/** One thread with a real agent in it, seen by a client that may be connected again. */
import { writeFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { assert } from "vitest";
import { AT, createProject, createThread, prompt } from "../conversation.ts";
import type { Json, RawClient } from "../raw-client.ts";
import {
  afterwards,
  makeRepository,
  type RunningServer,
  startServer,
  temporaryFolder,
} from "../server-process.ts";
import type { TestedAgent } from "./agents.ts";
import { type Model, startModel } from "./model.ts";
import { endAll, killAgents, processesOf, WORD_VARIABLE } from "./processes.ts";

/** The longest that an agent takes for anything here, on a busy machine. */
const PATIENCE = 40_000;

/** Until it holds; fails with what it said last. */
export const eventually = async (what: string, holds: () => unknown, within = PATIENCE): Promise<void> => {
  const end = Date.now() + within;
  for (;;) {
    const problem = await holds();
    if (problem === undefined) return;
    if (Date.now() > end) assert.fail(`${what}: ${JSON.stringify(problem)}`);
    await sleep(50);
  }
};

/** A data directory whose settings name these agents, and a repository to work in. */
export const makeWorkplace = async (agents: ReadonlyArray<TestedAgent>) => {
  const model = await startModel();
  const [dataDir, repository, word] = [temporaryFolder(), makeRepository(5), randomUUID()];
  afterwards(() => endAll(word));
  const launches = agents.map(({ name, file, launch }) => {
    const { env, ...rest } = launch(file ?? "", model.port);
    return [name, { ...rest, env: { ...env, [WORD_VARIABLE]: word } }];
  });
  writeFileSync(join(dataDir, "settings.json"), JSON.stringify({ agents: Object.fromEntries(launches) }));
  return { model, dataDir, repository, word };
};

/** A server, a project and a thread of this agent. */
export const openThread = async (agent: TestedAgent, more: Json = {}): Promise<TestedThread> => {
  const { model, dataDir, repository, word } = await makeWorkplace([agent]);
  const server = await startServer(dataDir);
  const client = await server.connect();
  await createProject(client, "p1", repository);
  await createThread(client, "t1", "p1", { model: agent.name, ...more });
  return new TestedThread({ model, dataDir, repository, word }, server, client);
};

export type Workplace = Awaited<ReturnType<typeof makeWorkplace>>;

export class TestedThread {
  readonly dataDir: string;
  readonly repository: string;
  readonly model: Model;
  readonly word: string;
  server: RunningServer;
  client: RawClient;
  #prompts = 0;

  constructor({ dataDir, repository, model, word }: Workplace, server: RunningServer, client: RawClient) {
    this.dataDir = dataDir;
    this.repository = repository;
    this.model = model;
    this.word = word;
    this.server = server;
    this.client = client;
  }

  async snapshot(): Promise<Json> {
    const { threads } = await this.client.call("orchestration.getSnapshot", {});
    return threads[0];
  }

  /** Sends a prompt; gives the sequence that what it leads to comes after. */
  async send(text: string): Promise<number> {
    this.#prompts += 1;
    const { sequence } = await this.client.dispatch(prompt("t1", `m${this.#prompts}`, text));
    return sequence;
  }

  /** The first event after a sequence that matches. */
  async until(from: number, matches: (event: Json) => boolean): Promise<Json> {
    let found: Json;
    const seen: Array<string> = [];
    const following = this.#follow(from, (event) => {
      seen.push(`${event.eventType} ${event.payload.summary ?? event.payload.reason ?? ""}`);
      if (!matches(event)) return undefined;
      found = event;
      return "stop";
    });
    const exit = await Promise.race([following, sleep(PATIENCE, "nothing more")]);
    if (!found) assert.fail(`It did not come (${JSON.stringify(exit)}), but:\n${seen.join("\n")}`);
    return found;
  }

  /** Answers what is asked after a sequence, until the turn has ended or the server is gone. */
  async answer(from: number, decision: "accept" | "decline"): Promise<void> {
    const answers: Array<Promise<unknown>> = [];
    await this.#follow(from, ({ eventType, payload, sequence }) => {
      const { requestId } = payload;
      const commandId = `answer-${requestId}-${sequence}`;
      const base = { commandId, threadId: "t1", requestId, createdAt: AT };
      if (eventType === "thread.approval-requested") {
        answers.push(this.client.dispatch({ type: "thread.approval.respond", ...base, decision }));
      }
      if (eventType === "thread.user-input-requested") {
        const blue = payload.questions.map(({ id }: Json) => [id, "blue"]);
        const chosen = decision === "accept" ? Object.fromEntries(blue) : {};
        answers.push(this.client.dispatch({ type: "thread.user-input.respond", ...base, answers: chosen }));
      }
      return eventType === "thread.turn-completed" ? "stop" : undefined;
    });
    await Promise.allSettled(answers);
  }

  #follow(from: number, onEvent: (event: Json) => "stop" | undefined) {
    const payload = { threadId: "t1", fromSequenceExclusive: from };
    return this.client.stream("orchestration.subscribeThread", payload, ({ event }) =>
      event ? onEvent(event) : undefined,
    );
  }

  /** Sends a prompt, answers what is asked, and gives the turn's end. */
  async turn(text: string, decision: "accept" | "decline" = "accept"): Promise<Json> {
    const from = await this.send(text);
    void this.answer(from, decision);
    const ended = await this.until(from, ({ eventType }) => eventType === "thread.turn-completed");
    return ended.payload;
  }

  /** What the agent has said, in order. */
  async said(): Promise<ReadonlyArray<string>> {
    const { messages } = await this.snapshot();
    return messages.filter(({ role }: Json) => role === "assistant").map(({ text }: Json) => text);
  }

  async kill(whom: "agent" | "server" | "both"): Promise<void> {
    if (whom !== "server") assert.isTrue(killAgents(this.word, this.server.process.pid));
    if (whom === "agent") return;
    await this.server.kill("SIGKILL");
    this.server = await startServer(this.dataDir);
    this.client = await this.server.connect();
  }

  /** What claims to go on although it does not. */
  async claims(): Promise<ReadonlyArray<string>> {
    const { turns, session, pendingApprovals } = await this.snapshot();
    return [
      ...turns.flatMap(({ turnId, status }: Json) => (status === "running" ? [`turn ${turnId} runs`] : [])),
      ...pendingApprovals.flatMap(({ requestId, status }: Json) =>
        status === "pending" ? [`request ${requestId} is open`] : [],
      ),
      ...(session && ["starting", "running"].includes(session.status)
        ? [`the session is ${session.status}`]
        : []),
    ];
  }

  processes() {
    return processesOf(this.word);
  }
}
