/** Everything behind the transport, on a real database, with agents that do what the test says. Time is the test's. */
import { CheckpointStore } from "@heddle/checkpoints/CheckpointStore";
import { refName } from "@heddle/checkpoints/Refs";
import { Worktrees } from "@heddle/checkpoints/Worktrees";
import { ProviderItemId, ProviderSessionId, ThreadId } from "@heddle/contracts/Ids";
import type { EventEnvelope, EventType } from "@heddle/contracts/Events";
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import { EventStore } from "@heddle/event-store/EventStore";
import { Queries } from "@heddle/projections/Queries";
import { EventQueue } from "@heddle/providers/shared/EventQueue";
import {
  type AgentSession,
  type PromptInput,
  ProviderError,
  Providers,
  type StartInput,
} from "@heddle/providers/shared/Provider";
import { Effect, Layer, type Schema, type Scope } from "effect";
import { TestClock } from "effect/testing";
import { AgentSessions } from "../src/AgentSessions.ts";
import { EffectWorker } from "../src/EffectWorker.ts";
import { engineLayer } from "../src/EngineLayer.ts";
import { Reactions } from "../src/Reactions.ts";
import { recover } from "../src/Recovery.ts";
import { SessionTimes, type Times } from "../src/SessionTimes.ts";
import { TurnCheckpoints } from "../src/TurnCheckpoints.ts";
import { TurnStarter } from "../src/TurnStarter.ts";
import { RealFolder } from "../src/Workspace.ts";
import { createProject, createThread, send, startTurn } from "./support.ts";

type Said = Exclude<ProviderRuntimeEvent, { type: "session.started" | "session.exited" }>;

/** What a test decides of the agents to come. */
export interface Manners {
  /** Whether a session that is to be resumed is. */
  resumes: boolean;
  /** An agent that does not is there, and takes nothing. */
  comesUp: boolean;
  /** Says nothing of its own: not even that its session began. */
  silent: boolean;
  /** What an interrupt brings about. */
  obeys: boolean;
  /** What it goes by in a new process. */
  cursor: (name: string) => Schema.Json;
  /** Fails what it is asked, by the name of the call. */
  refuses: ReadonlySet<string>;
  /** The same, with a bug in place of an error. */
  breaks: ReadonlySet<string>;
}

/** An agent that was started, as the test sees it. */
export class TestAgent {
  readonly prompts: Array<PromptInput> = [];
  readonly steered: Array<PromptInput> = [];
  readonly answers: Array<string> = [];
  readonly modes: Array<string> = [];
  interrupts = 0;
  alive = true;

  readonly name: string;
  readonly input: StartInput;
  readonly #queue: EventQueue;

  constructor(name: string, input: StartInput, queue: EventQueue) {
    this.name = name;
    this.input = input;
    this.#queue = queue;
  }

  say(...events: ReadonlyArray<Said>): void {
    for (const event of events) this.#queue.push(event);
  }

  /** Its first word. */
  beginSession(resumed = false): void {
    this.#queue.push({
      type: "session.started",
      providerSessionId: ProviderSessionId.make(this.name),
      capabilities: { steer: true, resume: true, fork: true },
      resumed,
    });
  }

  /** Ends its turn. */
  complete(status: "completed" | "interrupted" | "error" = "completed"): void {
    this.say({ type: "turn.completed", status });
  }

  die(signal: string | null = null): void {
    if (!this.alive) return;
    this.alive = false;
    this.#queue.push({ type: "session.exited", exitCode: signal ? null : 1, signal, detail: "" });
    this.#queue.end();
  }
}

export class World {
  /** What a checkpoint waits for. */
  checkpoint: Effect.Effect<void> = Effect.void;
  /** What reverts restore, one after the other. */
  readonly restores: Array<ReadonlyArray<string>> = [];
  /** What an agent waits for before it is there. */
  handshake: Effect.Effect<void> = Effect.void;
  readonly agents: Array<TestAgent> = [];
  readonly manners: Manners = {
    resumes: true,
    comesUp: true,
    silent: false,
    obeys: true,
    cursor: (name) => `cursor of ${name}`,
    refuses: new Set(),
    breaks: new Set(),
  };

  /** The agent that was started last. */
  get agent(): TestAgent {
    const agent = this.agents.at(-1);
    if (!agent) throw new Error("No agent was started.");
    return agent;
  }
}

const providers = (world: World) =>
  Layer.succeed(Providers, {
    names: ["demo", "other"],
    start: (input) => startAgent(world, input),
  });

const startAgent = Effect.fnUntraced(function* (
  world: World,
  input: StartInput,
): Effect.fn.Return<AgentSession, ProviderError, Scope.Scope> {
  const { manners } = world;
  const queue = yield* EventQueue.make;
  const agent = new TestAgent(`agent-${world.agents.length + 1}`, input, queue);
  world.agents.push(agent);
  const call = (operation: ProviderError["operation"], act: () => void) =>
    Effect.suspend(() => {
      if (manners.breaks.has(operation)) return Effect.die(new Error(`${operation} is broken.`));
      if (!manners.refuses.has(operation)) return Effect.sync(act);
      const message = `It does not take ${operation}.`;
      return Effect.fail(new ProviderError({ provider: input.model.provider, operation, message }));
    });
  yield* Effect.addFinalizer(() => Effect.sync(() => agent.die("SIGTERM")));
  yield* manners.comesUp ? world.handshake : Effect.never;
  if (!manners.silent) agent.beginSession(input.resume !== undefined && manners.resumes);
  return {
    adapterKey: "test",
    pid: 1,
    processMark: agent.name,
    get gone() {
      return !agent.alive;
    },
    resumeCursor: manners.cursor(agent.name),
    events: queue.stream,
    prompt: (prompt) =>
      call("prompt", () => {
        agent.prompts.push(prompt);
        agent.say({ type: "turn.started" });
      }),
    steer: (prompt) => call("steer", () => agent.steered.push(prompt)),
    interrupt: call("interrupt", () => {
      agent.interrupts += 1;
      if (manners.obeys) agent.complete("interrupted");
    }),
    respondApproval: (key, decision) => call("respond", () => agent.answers.push(`${key} ${decision}`)),
    respondUserInput: (key, answers) =>
      call("respond", () => agent.answers.push(`${key} ${JSON.stringify(answers)}`)),
    setRuntimeMode: (mode) => call("set-mode", () => agent.modes.push(mode)),
  };
});

/** Git is real processes, and not what these tests are about. */
const nothingChanged = (world: World) =>
  Layer.merge(
    Layer.succeed(CheckpointStore, {
      capture: ({ threadId, turnCount, moment }) =>
        Effect.as(
          Effect.suspend(() => world.checkpoint),
          refName(threadId, turnCount, moment),
        ),
      diff: () => Effect.succeed({ diff: "", files: [] }),
      revert: ({ threadId, turnCount }) =>
        Effect.sync(() => ({
          files: (world.restores.shift() ?? []).map((path) => ({ path, kind: "modified" as const })),
          skipped: [],
          safetyRef: refName(threadId, turnCount, "before-revert"),
        })),
      prune: () => Effect.void,
    }),
    Layer.succeed(Worktrees, {
      make: () => Effect.die("no worktree is wanted"),
      remove: () => Effect.succeed({ found: false, left: [] }),
    }),
  );

/** The store of a database file, without anything that works on its own. */
export const storeLayer = (file: string, world = new World()) =>
  TurnCheckpoints.layer.pipe(
    Layer.provideMerge(nothingChanged(world)),
    Layer.provideMerge(engineLayer(file)),
  );

const defaultTimes: Times = { stallAfter: "2 minutes", idleAfter: "30 minutes" };

/** A server on a database file, from its start-up check to its worker. */
export const serverLayer = (file: string, world: World, times: Times = defaultTimes) =>
  EffectWorker.layer.pipe(
    Layer.provide(Reactions.layer),
    Layer.provide(TurnStarter.layer),
    Layer.provide(Layer.effectDiscard(recover())),
    Layer.provideMerge(AgentSessions.layer.pipe(Layer.provide(Layer.succeed(SessionTimes, times)))),
    Layer.provideMerge(storeLayer(file, world)),
    Layer.provide(providers(world)),
    Layer.provide(Layer.succeed(RealFolder, (path) => Effect.succeed(path))),
  );

/** Waits until there is something to find; what is done meanwhile takes no time of the test's clock. */
export const eventually = <A, E, R>(find: Effect.Effect<A | undefined | false, E, R>) =>
  Effect.gen(function* () {
    for (let turn = 0; turn < 5000; turn += 1) {
      const found = yield* find;
      if (found !== undefined && found !== false) return found;
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)));
    }
    return yield* Effect.die(new Error("What was waited for did not come."));
  });

/** Gives all that is under way its turn, for tests that something does not happen. */
export const atRest = Effect.forEach(
  Array.from({ length: 50 }),
  () => Effect.promise(() => new Promise((resolve) => setImmediate(resolve))),
  { discard: true },
);

/** Lets time pass in steps, so that what wakes may sleep again. */
export const pass = (millis: number, step = 1000) =>
  Effect.gen(function* () {
    for (let left = millis; left > 0; left -= step) {
      yield* TestClock.adjust(Math.min(step, left));
      yield* atRest;
    }
  });

export const t1 = ThreadId.make("t1");

/** A project and its first thread. */
export const beginThread = Effect.gen(function* () {
  yield* send(createProject("p1"));
  yield* send(createThread("t1"));
});

export const threadOf = (threadId: string = t1) =>
  Effect.flatMap(Queries, (queries) =>
    Effect.flatMap(queries.thread(ThreadId.make(threadId)), (thread) =>
      thread ? Effect.succeed(thread) : Effect.die(`There is no thread ${threadId}.`),
    ),
  );

export const eventsOf = (threadId: string = t1) =>
  Effect.flatMap(EventStore, (store) =>
    Effect.map(
      store.readStream({ aggregateKind: "thread", streamId: threadId, fromVersionExclusive: 0, limit: 1000 }),
      ({ events }) => events,
    ),
  );

export const eventsOfType = <Type extends EventType>(type: Type, threadId: string = t1) =>
  Effect.map(eventsOf(threadId), (events) =>
    events.flatMap((event) => (event.eventType === type ? [event as EventEnvelope<Type>] : [])),
  );

/** Sends a prompt, and waits until the agent has it. */
export const promptAgent = (world: World, messageId: string, text = "hello", threadId: string = t1) =>
  Effect.gen(function* () {
    const before = world.agents.reduce((sum, agent) => sum + agent.prompts.length, 0);
    yield* send(startTurn(threadId, messageId, text));
    yield* eventually(
      Effect.sync(() => world.agents.reduce((sum, agent) => sum + agent.prompts.length, 0) > before),
    );
    return world.agent;
  });

/** Waits until so many turns of the thread have ended. */
export const turnsEnded = (count: number, threadId: string = t1) =>
  eventually(
    Effect.map(eventsOfType("thread.turn-completed", threadId), (ended) => ended.length >= count && ended),
  );

/** A turn from its prompt to its end. */
export const runTurn = (world: World, messageId: string, reply: string, threadId: string = t1) =>
  Effect.gen(function* () {
    const ended = (yield* eventsOfType("thread.turn-completed", threadId)).length;
    const agent = yield* promptAgent(world, messageId, `prompt ${messageId}`, threadId);
    say(agent, messageId, reply);
    agent.complete();
    yield* turnsEnded(ended + 1, threadId);
    return agent;
  });

export const say = (agent: TestAgent, itemId: string, text: string): void =>
  agent.say({ type: "message.completed", itemId: ProviderItemId.make(itemId), text });
