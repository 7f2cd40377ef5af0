/** What the tests share: a folder to work in, agents to start, and a record of what they did. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import { Deferred, Effect, Stream } from "effect";
import type { Deadlines } from "../src/shared/Deadlines.ts";
import { type AgentLaunch, type AgentSession, Providers, type StartInput } from "../src/shared/Provider.ts";
import { layer } from "../src/shared/ProviderRegistry.ts";
import type { Faults, Line, Message } from "./transcript.ts";

export type { Line };

export type Event = ProviderRuntimeEvent;
export type EventOf<Type extends Event["type"]> = Extract<Event, { type: Type }>;

export const workspace = Effect.acquireRelease(
  Effect.sync(() => realpathSync(mkdtempSync(join(tmpdir(), "heddle-providers-")))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true })),
);

/** Everything a session tells, from the first event on. */
export class Recorder {
  readonly events: Array<Event> = [];
  readonly #ended = Deferred.makeUnsafe<void>();
  #waiting: Array<() => void> = [];
  #cursor = 0;

  readonly record = (session: AgentSession) =>
    session.events.pipe(
      Stream.runForEach((event) =>
        Effect.sync(() => {
          this.events.push(event);
          this.#wake();
        }),
      ),
      Effect.ensuring(
        Effect.andThen(
          Deferred.succeed(this.#ended, undefined),
          Effect.sync(() => this.#wake()),
        ),
      ),
    );

  /** The next event, after the one that was found last, that is wanted; dies where the events end without one. */
  next<E extends Event>(wanted: (event: Event) => event is E): Effect.Effect<E>;
  next(wanted: (event: Event) => boolean): Effect.Effect<Event>;
  next(wanted: (event: Event) => boolean): Effect.Effect<Event> {
    return Effect.gen({ self: this }, function* () {
      for (;;) {
        for (; this.#cursor < this.events.length; this.#cursor += 1) {
          const event = this.events[this.#cursor];
          if (event === undefined || !wanted(event)) continue;
          this.#cursor += 1;
          return event;
        }
        if (yield* Deferred.isDone(this.#ended)) {
          return yield* Effect.die(
            new Error(`It never came. There was: ${JSON.stringify(this.events, null, 1)}`),
          );
        }
        yield* Effect.callback<void>((resume) => {
          this.#waiting.push(() => resume(Effect.void));
        });
      }
    });
  }

  readonly nextOf = <Type extends Event["type"]>(type: Type): Effect.Effect<EventOf<Type>> =>
    this.next((event): event is EventOf<Type> => event.type === type);

  /** All events, once there are no more. */
  readonly ended: Effect.Effect<ReadonlyArray<Event>> = Effect.map(
    Deferred.await(this.#ended),
    () => this.events,
  );

  all<Type extends Event["type"]>(type: Type): ReadonlyArray<EventOf<Type>> {
    return this.events.filter((event): event is EventOf<Type> => event.type === type);
  }

  get text(): string {
    return textOf(this.events);
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }
}

/** What the player repeated of what it heard. */
export const echoed = (event: EventOf<"notice">): unknown => JSON.parse(event.summary);

export const textOf = (events: ReadonlyArray<Event>): string =>
  events.map((event) => (event.type === "message.delta" ? event.text : "")).join("");

export interface Started {
  readonly session: AgentSession;
  readonly seen: Recorder;
  readonly cwd: string;
  /** Sends a prompt and waits until its turn is over. */
  readonly turn: (text: string) => Effect.Effect<EventOf<"turn.completed">>;
}

export interface StartOptions extends Partial<StartInput> {
  readonly agents?: Record<string, AgentLaunch>;
  readonly deadlines?: Partial<Deadlines>;
}

export const startOnly = Effect.fnUntraced(function* (options: StartOptions = {}) {
  const cwd = options.cwd ?? (yield* workspace);
  const { agents = {}, deadlines = {}, ...input } = options;
  const session = yield* Effect.flatMap(Providers, (providers) =>
    providers.start({ runtimeMode: "full-access", model: { provider: "demo" }, ...input, cwd }),
  ).pipe(Effect.provide(layer({ agents, deadlines })));
  return { session, cwd };
});

/** Starts an agent, the demo unless told otherwise, and records what it tells. */
export const start = Effect.fnUntraced(function* (options: StartOptions = {}) {
  const { session, cwd } = yield* startOnly(options);
  const seen = new Recorder();
  yield* Effect.forkDetach(seen.record(session));
  const turn = (text: string) =>
    Effect.orDie(session.prompt({ text, attachments: [] })).pipe(
      Effect.andThen(seen.nextOf("turn.completed")),
    );
  return { session, seen, cwd, turn } satisfies Started;
});

export const prompt = (session: AgentSession, text: string) => session.prompt({ text, attachments: [] });

/** Not merely a name in the process table that nobody has cleared away. */
export const isRunning = (pid: number): boolean => {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
  return stdout.trim() !== "" && !stdout.trim().startsWith("Z");
};

/** Looks until it is so. */
export const until = (isSo: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (isSo() ? Effect.void : Effect.andThen(Effect.sleep("5 millis"), until(isSo))));

export const nodeAgent = (...args: ReadonlyArray<string>): AgentLaunch => ({
  protocol: "acp",
  command: process.execPath,
  args,
  env: {},
});

const player = fileURLToPath(new URL("player.ts", import.meta.url));

/** An agent that says what these lines say. */
export const playing = Effect.fnUntraced(function* (lines: ReadonlyArray<Line>, faults: Faults = {}) {
  const folder = yield* workspace;
  const plan = join(folder, "plan.json");
  yield* Effect.sync(() => writeFileSync(plan, JSON.stringify({ lines, faults })));
  return { agents: { player: nodeAgent(player, plan) }, model: { provider: "player" } };
});

const message = (dir: ">" | "<", msg: Message): Line => ({ dir, msg: { jsonrpc: "2.0", ...msg } });

const SESSION = "scripted-session";

/** The words of which scripts for the player are made. */
export const script = {
  sessionId: SESSION,
  hears: (method: string, id?: number): Line =>
    message(">", id === undefined ? { method } : { method, id, params: {} }),
  hearsAnswerTo: (id: string): Line => message(">", { id, result: {} }),
  answers: (id: number, result: unknown): Line => message("<", { id, result }),
  refuses: (id: number, code: number, text: string, data?: unknown): Line =>
    message("<", { id, error: { code, message: text, data } }),
  asks: (id: string, method: string, params: object): Line =>
    message("<", { id, method, params: { sessionId: SESSION, ...params } }),
  tells: (sessionUpdate: string, update: object): Line =>
    message("<", {
      method: "session/update",
      params: { sessionId: SESSION, update: { sessionUpdate, ...update } },
    }),
  says: (text: string, messageId?: string): Line =>
    script.tells("agent_message_chunk", {
      content: { type: "text", text },
      ...(messageId ? { messageId } : {}),
    }),
  notifies: (method: string, params: object): Line => message("<", { method, params }),
  echoes: { dir: "echo", msg: SESSION } satisfies Line,
  exits: { dir: "exit", msg: { code: 0, signal: null } } satisfies Line,
  /** `initialize` and `session/new`, as the ids 0 and 1. */
  opens: (initialize: object = {}, session: object = {}): ReadonlyArray<Line> => [
    script.hears("initialize", 0),
    script.answers(0, { protocolVersion: 1, ...initialize }),
    script.hears("session/new", 1),
    script.answers(1, { sessionId: SESSION, ...session }),
  ],
  /** A prompt, what the agent does about it, and the end of the turn; as the ids from 10 on. */
  turn: (lines: ReadonlyArray<Line>, id = 10, stopReason = "end_turn"): ReadonlyArray<Line> => [
    script.hears("session/prompt", id),
    ...lines,
    script.answers(id, { stopReason }),
  ],
};

/** A notice of the agent itself, such as an echo. */
export const fromAgent = (event: { type: string; kind?: unknown }): event is EventOf<"notice"> =>
  event.type === "notice" && event.kind === "agent";

/** One session with one turn in which the agent does all this. */
export const oneTurn = (...lines: ReadonlyArray<Line>) =>
  playing([...script.opens(), ...script.turn(lines), script.exits]);
