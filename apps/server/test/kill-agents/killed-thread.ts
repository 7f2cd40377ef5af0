/** One agent in one thread of one database, over many lives of the server: what is done to it, and what is seen of it. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { assert } from "vitest";
import { AT, createProject, createThread, prompt } from "../conversation.ts";
import { copyDatabase, headOf, rebuildDiffers } from "../kill-loop/copies.ts";
import { type Life, Lives } from "../kill-loop/standby.ts";
import type { Json, RawClient } from "../raw-client.ts";
import type { TestedAgent } from "../real-agents/agents.ts";
import { killAgents, processesOf } from "../real-agents/processes.ts";
import { eventually, makeWorkplace, type Workplace } from "../real-agents/thread.ts";
import { afterwards, temporaryFolder } from "../server-process.ts";
import { aliveIn } from "./checks.ts";
import { Watcher } from "./watcher.ts";

const THREAD = "t1";

export class KilledThread {
  readonly place: Workplace;
  readonly watcher = new Watcher(THREAD);
  readonly #lives: Lives;
  readonly #copies = temporaryFolder();
  #life: Life;
  #client: RawClient | undefined;

  private constructor(place: Workplace) {
    this.place = place;
    const lives = new Lives(place.dataDir);
    this.#lives = lives;
    this.#life = lives.take();
    afterwards(() => lives.dispose());
    afterwards(() => this.#life.end("SIGKILL"));
  }

  static async open(agent: TestedAgent): Promise<KilledThread> {
    const thread = new KilledThread(await makeWorkplace([agent]));
    await thread.#begin();
    await createProject(thread.#connection, "p1", thread.place.repository);
    await createThread(thread.#connection, THREAD, "p1", { model: agent.name });
    return thread;
  }

  get #connection(): RawClient {
    assert.isDefined(this.#client);
    return this.#client;
  }

  async #begin(): Promise<void> {
    const server = await this.#life.begin();
    assert.isDefined(server);
    void this.watcher.follow(await server.connect());
    this.#client = await server.connect();
  }

  async now(): Promise<Json> {
    return (await this.#connection.call("orchestration.getSnapshot", {})).threads[0];
  }

  send(messageId: string, text: string): Promise<unknown> {
    return this.#connection.dispatch(prompt(THREAD, messageId, text));
  }

  /** Fails where there is no turn to interrupt, or no session to stop. */
  command(type: "thread.turn.interrupt" | "thread.session.stop", commandId: string): Promise<unknown> {
    return this.#connection.dispatch({ type, commandId, threadId: THREAD, createdAt: AT });
  }

  /** How the turn of a message ended; undefined as long as it has not. */
  endOf(messageId: string): string | undefined {
    return this.watcher.ended.get(`turn:send-${messageId}`);
  }

  processes() {
    return processesOf(this.place.word);
  }

  /** The processes of at most so many sessions are there. */
  nothingLeft(sessions: 0 | 1): Promise<void> {
    return eventually("Processes are left over", () => {
      const left = this.processes();
      return new Set(left.map(({ mark }) => mark)).size <= sessions ? undefined : left;
    });
  }

  /** Where there is one; a prompt that the server takes before it sees that is told that its agent died, and rightly so. */
  async killAgent(): Promise<void> {
    if (!killAgents(this.place.word, this.#life.process.pid)) return;
    await eventually("The end of the agent is not seen", async () => {
      const { session } = await this.now();
      return ["error", "stopped", "interrupted"].includes(session?.status) ? undefined : session;
    });
  }

  /**
   * Also the agent in the same moment, where that is said, and the next server so many milliseconds after it began to start.
   * Gives when that was; the one after that serves, and nothing from before goes on.
   */
  async killServer(victim: "server" | "both", dyingStart: number | undefined): Promise<number> {
    if (victim === "both") killAgents(this.place.word, this.#life.process.pid);
    const died = Date.now();
    await this.#life.end("SIGKILL");
    this.#life = this.#lives.take();
    if (dyingStart !== undefined) {
      const beginning = this.#life.begin();
      await sleep(dyingStart);
      await this.#life.end("SIGKILL");
      await beginning;
      this.#life = this.#lives.take();
    }
    const head = headOf(copyDatabase(this.place.dataDir, temporaryFolder()));
    await this.#begin();
    const alive = aliveIn(await this.now(), this.watcher.born, head);
    assert.deepEqual(alive, [], "These go on from before the start");
    return died;
  }

  /** The laws of the log hold, and the projections are what comes out when they are built again. */
  async checkDatabase(): Promise<void> {
    const folder = join(this.#copies, String(this.watcher.sequence));
    mkdirSync(folder);
    copyDatabase(this.place.dataDir, folder);
    assert.deepEqual(await rebuildDiffers(folder), []);
  }

  async close(): Promise<void> {
    await this.#life.end("SIGTERM");
    await this.nothingLeft(0);
    await this.checkDatabase();
  }
}
