/** What the orchestrator asks of an agent (SPEC section 5). One folder beside this one implements it for each protocol. */
import type { AgentState } from "@heddle/contracts/AgentRpc";
import type { ApprovalDecision, Attachment, ModelSelection, RuntimeMode } from "@heddle/contracts/Model";
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import { Context, Effect, Schema, type Scope, type Stream } from "effect";
import type { Deadlines } from "./Deadlines.ts";

/** How to start an agent: the table of built-in agents and the settings file give these. */
export const AgentLaunch = Schema.Struct({
  /** Which adapter speaks to it. */
  protocol: Schema.Literals(["acp", "claude", "codex"]).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed("acp" as const)),
  ),
  command: Schema.String.check(Schema.isMinLength(1)),
  args: Schema.Array(Schema.String).pipe(Schema.withDecodingDefaultKey(Effect.succeed([]))),
  /** Added to the server's own environment. */
  env: Schema.Record(Schema.String, Schema.String).pipe(Schema.withDecodingDefaultKey(Effect.succeed({}))),
  /** The agent's own mode to switch to for each of ours; without it, a mode of the same name is used if there is one. */
  modes: Schema.optionalKey(
    Schema.Struct({
      "approval-required": Schema.optionalKey(Schema.String),
      "auto-accept-edits": Schema.optionalKey(Schema.String),
      "full-access": Schema.optionalKey(Schema.String),
    }),
  ),
  /** For people: what it is called, how to install it, and how to log in, a line each. */
  title: Schema.optionalKey(Schema.String),
  install: Schema.optionalKey(Schema.String),
  login: Schema.optionalKey(Schema.String),
});
export type AgentLaunch = typeof AgentLaunch.Type;

export class ProviderError extends Schema.TaggedError<ProviderError>()("ProviderError", {
  provider: Schema.String,
  operation: Schema.Literals(["start", "prompt", "steer", "interrupt", "respond", "set-mode", "close"]),
  /** What was wrong and what to do, for a person. */
  message: Schema.String,
  /** The end of the agent's stderr, bounded. */
  detail: Schema.optionalKey(Schema.String),
}) {}

export interface StartInput {
  /** Absolute, resolved, and known to be inside the project. */
  readonly cwd: string;
  readonly runtimeMode: RuntimeMode;
  readonly model: ModelSelection;
  /** What `resumeCursor` gave for an earlier session of the thread. */
  readonly resume?: Schema.Json;
  /**
   * `resume` is of another thread's session: go on in a copy of it, and leave it as it is. An agent that cannot (no
   * `capabilities.fork`) starts afresh, and says so with `resumed: false`.
   */
  readonly fork?: true;
}

export interface PromptInput {
  /** A UUID, the same each time that this prompt is handed over: an agent that writes it down can be asked for it. */
  readonly promptId?: string;
  readonly text: string;
  readonly attachments: ReadonlyArray<Attachment>;
  readonly model?: ModelSelection;
  readonly effort?: string;
}

/** A live agent process with one session. Closing the scope it was started in ends the process and its children. */
export interface AgentSession {
  /** Which adapter speaks to it, as events and the table of sessions name it. */
  readonly adapterKey: string;
  readonly pid: number;
  /**
   * Stands in the environment of the agent and of whatever it started, and nowhere else. Keep it where a crash of the
   * server does not reach, and give it to `endProcessesMarked` at the next start.
   */
  readonly processMark: string;
  /** Its process has ended, and it takes nothing more; what it said before may still be on its way. */
  readonly gone: boolean;
  /** Give this back as `resume` to go on in a new process; `null` where the agent cannot. */
  readonly resumeCursor: Schema.Json;
  /**
   * In the agent's order, for one reader. The first is `session.started`; the last, whatever happens, is
   * `session.exited`, and then the stream ends. A prompt gives `turn.started` … `turn.completed`, the latter exactly
   * once unless the process dies. A request ends by an answer given here or by `request.withdrawn`. An agent whose
   * events are not read is not read either: it waits.
   */
  readonly events: Stream.Stream<ProviderRuntimeEvent>;
  /** Answers once the prompt is handed over; how the turn goes comes as events. */
  readonly prompt: (input: PromptInput) => Effect.Effect<void, ProviderError>;
  /** Only where `capabilities.steer`. */
  readonly steer: (input: PromptInput) => Effect.Effect<void, ProviderError>;
  /** Asks the running turn to end; nothing where none runs. Open requests are answered as cancelled. */
  readonly interrupt: Effect.Effect<void, ProviderError>;
  /** Answers once the agent has the decision. `cancel` also interrupts the turn. */
  readonly respondApproval: (
    requestKey: string,
    decision: ApprovalDecision,
  ) => Effect.Effect<void, ProviderError>;
  /** Answers by question id; no answers at all decline the request. */
  readonly respondUserInput: (
    requestKey: string,
    answers: Readonly<Record<string, string>>,
  ) => Effect.Effect<void, ProviderError>;
  /** Holds for what the agent asks from now on, and for what is open. */
  readonly setRuntimeMode: (mode: RuntimeMode) => Effect.Effect<void, ProviderError>;
}

/** One protocol: what the folder of its name gives, and all that anything outside of it knows of it. */
export interface ProviderAdapter {
  /** Agents that speak it and come with Heddle, by name. */
  readonly agents: Readonly<Record<string, AgentLaunch>>;
  /** Starts an agent and opens its session, or leaves nothing behind. */
  readonly start: (
    provider: string,
    launch: AgentLaunch,
    input: StartInput,
    deadlines: Deadlines,
  ) => Effect.Effect<AgentSession, ProviderError, Scope.Scope>;
  /**
   * Asks an agent that was found what it is and whether it is logged in. Gives it no prompt, changes nothing that is the
   * user's, leaves no process behind, and is over within the deadlines.
   */
  readonly check: (provider: string, launch: AgentLaunch, deadlines: Deadlines) => Effect.Effect<AgentState>;
}

/** Starts sessions of any configured agent. Its live layer is `layer` in ProviderRegistry.ts. */
export class Providers extends Context.Service<
  Providers,
  {
    /** Names of the configured agents, for messages to people. */
    readonly names: ReadonlyArray<string>;
    /** Fails with `ProviderError` (operation `start`) for an unknown agent, a missing command, or a failed handshake. */
    readonly start: (input: StartInput) => Effect.Effect<AgentSession, ProviderError, Scope.Scope>;
  }
>()("heddle/providers/Providers") {}
