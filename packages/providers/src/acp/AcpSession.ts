/** One session of an ACP agent while its process lives: what was heard, what is open, and the turn that runs. */
import { randomUUID } from "node:crypto";
import * as acp from "@agentclientprotocol/sdk";
import { ProviderSessionId } from "@heddle/contracts/Ids";
import type { RuntimeMode } from "@heddle/contracts/Model";
import type { ProviderCapabilities, ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import { Data, Effect, type Schema } from "effect";
import { loginWanted } from "../shared/Advice.ts";
import type { AgentProcess, ProcessExit } from "../shared/AgentProcess.ts";
import { boundText } from "../shared/Bounded.ts";
import type { Deadlines } from "../shared/Deadlines.ts";
import type { EventQueue } from "../shared/EventQueue.ts";
import type { ProcessSession } from "../shared/ProcessSession.ts";
import { ProviderError } from "../shared/Provider.ts";
import { read } from "../shared/Read.ts";
import { type AgentConnection, connectAgent } from "./AgentConnection.ts";
import type { FORK } from "./Capabilities.ts";
import { type ConfigOption, readConfigOptions } from "./ConfigOptions.ts";
import { readTextFile, writeTextFile } from "./Files.ts";
import { OpenRequests } from "./OpenRequests.ts";
import { Translator } from "./Translator.ts";
import { UsageMeter } from "./Usage.ts";
import { AUTH_REQUIRED, type InitializeResponse, PromptResponse, SessionNotification } from "./Wire.ts";

const MAX_REASON = 2000;
/** What an agent may tell before it has a session. */
const MAX_EARLY = 4096;
const REQUEST_CANCELLED = -32800;

/** The agent answered with an error of JSON-RPC. */
export class AgentRefused extends Data.TaggedError("AgentRefused")<{
  readonly code: number;
  readonly reason: string;
}> {
  get wantsLogin(): boolean {
    return this.code === AUTH_REQUIRED;
  }
}

/** The agent's process ended, or closed its output, before it answered. */
export class AgentGone extends Data.TaggedError("AgentGone")<{}> {}

const readNotification = read(SessionNotification);
const readPromptResponse = read(PromptResponse);

export interface AcpSessionOptions {
  readonly provider: string;
  readonly process: AgentProcess;
  readonly queue: EventQueue;
  /** The folder outside of which the agent gets no files from Heddle. */
  readonly cwd: string;
  readonly mode: RuntimeMode;
  readonly deadlines: Deadlines;
  /** How to log in, where that is known. */
  readonly login?: string | undefined;
}

interface Turn {
  /** The agent has the prompt. */
  handedOver: boolean;
  /** A person asked for its end. */
  cancelling: boolean;
}

export class AcpSession implements ProcessSession {
  readonly provider: string;
  readonly process: AgentProcess;
  readonly requests: OpenRequests;
  readonly connection: AgentConnection;
  /** What the agent answered to `initialize`. */
  agent: InitializeResponse | undefined;
  sessionId = "";
  configOptions: ReadonlyArray<ConfigOption> = [];
  modeIds: ReadonlyArray<string> = [];
  /** While an earlier session is being loaded, and until the first prompt: the agent repeats what was said then. */
  replaying = false;
  readonly #deadlines: Deadlines;
  readonly #login: string | undefined;
  readonly #queue: EventQueue;
  readonly #translator: Translator;
  readonly usage = new UsageMeter();
  /** What came before the agent had a session; `undefined` once `session.started` is out. */
  #early: Array<ProviderRuntimeEvent> | undefined = [];
  readonly #begun = Promise.withResolvers<void>();
  #turn: Turn | undefined;
  #over = false;
  #ended = false;

  constructor({ provider, process, queue, cwd, mode, deadlines, login }: AcpSessionOptions) {
    this.provider = provider;
    this.process = process;
    this.#deadlines = deadlines;
    this.#login = login;
    this.#queue = queue;
    const prefix = randomUUID().slice(0, 8);
    this.#translator = new Translator(prefix);
    this.requests = new OpenRequests({
      prefix,
      mode,
      translator: this.#translator,
      emit: (event) => this.emit(event),
      cancelling: () => this.#over || this.#turn?.cancelling === true,
    });
    this.connection = connectAgent(process, {
      update: (params) => this.#update(params),
      permission: async (asked) => this.requests.permission(asked),
      elicitation: async (asked) => this.requests.elicitation(asked),
      readTextFile: async (params) => ({ content: await readTextFile(cwd, params) }),
      writeTextFile: async ({ path, content }) => {
        await writeTextFile(cwd, path, content);
        return {};
      },
      messageTooLong: () => {
        this.notice(
          "error",
          "message-too-long",
          "The agent sent a message too long to read; it was left out.",
        );
      },
      room: () =>
        this.#early !== undefined && this.#early.length >= MAX_EARLY ? this.#begun.promise : queue.room(),
    });
  }

  get outputEnded(): Promise<void> {
    return this.connection.ended;
  }

  get gone(): boolean {
    return this.#over || !this.process.alive;
  }

  emit(event: ProviderRuntimeEvent): void {
    if (this.#early === undefined) this.#queue.push(event);
    else this.#early.push(event);
  }

  notice(tone: "info" | "error", kind: string, summary: string, payload: Schema.Json = {}): void {
    this.emit({ type: "notice", tone, kind, summary, payload });
  }

  error(operation: ProviderError["operation"], message: string): ProviderError {
    const detail = this.process.stderrTail.trim();
    return new ProviderError({
      provider: this.provider,
      operation,
      message,
      ...(detail === "" ? {} : { detail }),
    });
  }

  /** One of the methods of the protocol, or of an extension of it; with what the agent said, not with a guess at it. */
  ask<Method extends acp.AgentRequestMethod>(
    method: Method,
    params: acp.AgentRequestParamsByMethod[Method],
  ): Effect.Effect<unknown, AgentRefused | AgentGone> {
    return this.#asking((agent) => agent.request(method, params));
  }

  /** One that is no part of the protocol, or not yet. */
  askExtension(
    method: `_${string}` | typeof FORK,
    params: unknown,
  ): Effect.Effect<unknown, AgentRefused | AgentGone> {
    return this.#asking((agent) => agent.request(method, params));
  }

  /** `session.started`, and then what the agent said meanwhile. */
  begin(capabilities: ProviderCapabilities, resumed: boolean): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    const providerSessionId = ProviderSessionId.make(this.sessionId);
    this.emit({ type: "session.started", providerSessionId, capabilities, resumed });
    for (const event of early) this.emit(event);
    this.#begun.resolve();
  }

  /** Takes the session for a turn, so that no second one begins while the first is being prepared. */
  reserveTurn(): boolean {
    if (this.#turn !== undefined) return false;
    this.#turn = { handedOver: false, cancelling: false };
    return true;
  }

  abandonTurn(): void {
    this.#turn = undefined;
  }

  /** Hands the prompt over, unless it was interrupted before; the turn ends when the agent answers it. */
  runTurn(prompt: Array<acp.ContentBlock>): boolean {
    const turn = this.#turn;
    if (turn === undefined) return false;
    this.replaying = false;
    for (const event of this.#translator.finishMessages()) this.emit(event);
    this.emit({ type: "turn.started" });
    this.usage.begin();
    if (turn.cancelling) {
      this.#endTurn("interrupted");
      return false;
    }
    turn.handedOver = true;
    this.connection.agent
      .request(acp.methods.agent.session.prompt, { sessionId: this.sessionId, prompt })
      .then(
        (response: unknown) => this.#answered(response),
        (error: unknown) => this.#refused(turn, error),
      );
    return true;
  }

  /** The protocol wants the notification first, and then an answer to everything that is open. */
  cancelTurn(): void {
    const turn = this.#turn;
    if (turn?.handedOver && !turn.cancelling && !this.gone) {
      // It fails only where the agent is gone, which its exit tells.
      const { sessionId } = this;
      this.connection.agent.notify(acp.methods.agent.session.cancel, { sessionId }).catch(ignoreGone);
    }
    if (turn !== undefined) turn.cancelling = true;
    this.requests.cancelAll();
  }

  readonly askToEnd: Effect.Effect<void> = Effect.suspend(() => {
    this.cancelTurn();
    this.close();
    const { sessionId } = this;
    const canClose = this.agent?.agentCapabilities?.sessionCapabilities?.["close"] && sessionId !== "";
    return canClose
      ? this.ask(acp.methods.agent.session.close, { sessionId }).pipe(
          Effect.timeoutOption(this.#deadlines.closing),
          Effect.ignore,
        )
      : Effect.void;
  });

  /** From now on nobody is asked anything. */
  close(): void {
    this.#over = true;
    this.#begun.resolve();
    this.requests.cancelAll();
  }

  /** The last event, whatever happened. A turn that ran is not completed by it: its agent is gone. */
  end(exit: ProcessExit): void {
    if (this.#ended) return;
    this.#ended = true;
    this.close();
    const note = "The agent's process ended before it told how this call ended.";
    for (const event of this.#translator.finish("failed", note)) this.emit(event);
    this.#turn = undefined;
    this.emit({ type: "session.exited", ...exit, detail: this.process.stderrTail });
    this.#queue.end();
  }

  #update(params: unknown): void {
    const notification = readNotification(params);
    // Some agents also tell of sessions of their own, of subagents for one.
    if (notification === undefined || (this.sessionId !== "" && notification.sessionId !== this.sessionId))
      return;
    const { update } = notification;
    if (update["sessionUpdate"] === "config_option_update" && Array.isArray(update["configOptions"])) {
      this.configOptions = readConfigOptions(update["configOptions"]);
    }
    if (update["sessionUpdate"] === "usage_update") {
      this.usage.heard(update);
      if (this.#turn?.handedOver) this.#tellUsage();
      return;
    }
    if (this.replaying) return;
    for (const event of this.#translator.update(update)) this.emit(event);
  }

  #answered(response: unknown): void {
    const answer = readPromptResponse(response);
    this.usage.ended(answer?.usage);
    const reason = answer?.stopReason;
    if (reason === "cancelled") this.#endTurn("interrupted");
    else if (reason === "end_turn") this.#endTurn("completed");
    else this.#endTurn("completed", reason ?? "The agent did not say why it stopped.");
  }

  #refused(turn: Turn, error: unknown): void {
    // Without an answer the process is gone or going, and its exit says so.
    if (!(error instanceof acp.RequestError)) return;
    const interrupted = turn.cancelling || error.code === REQUEST_CANCELLED;
    this.#endTurn(interrupted ? "interrupted" : "error", reasonOf(error, this.loginAdvice));
  }

  #endTurn(status: "completed" | "interrupted" | "error", reason?: string): void {
    // What the agent still waits for, nobody would answer any more: a turn's requests end with it.
    this.requests.cancelAll();
    const note = "The turn ended before the agent told how this call ended.";
    for (const event of this.#translator.finish(status === "completed" ? "completed" : "failed", note)) {
      this.emit(event);
    }
    if (this.#turn?.handedOver) this.#tellUsage();
    this.#turn = undefined;
    this.emit({ type: "turn.completed", status, ...(reason === undefined ? {} : { reason }) });
  }

  #tellUsage(): void {
    const event = this.usage.take();
    if (event !== undefined) this.emit(event);
  }

  #asking(
    request: (agent: acp.ClientContext) => Promise<unknown>,
  ): Effect.Effect<unknown, AgentRefused | AgentGone> {
    return Effect.tryPromise({
      try: () => request(this.connection.agent),
      catch: (error) =>
        error instanceof acp.RequestError
          ? new AgentRefused({ code: error.code, reason: reasonOf(error, this.loginAdvice) })
          : new AgentGone(),
    });
  }

  get loginAdvice(): string {
    const methods = (this.agent?.authMethods ?? []).map(({ name, description }) =>
      description ? `${name} (${description})` : name,
    );
    const how = methods.length === 0 ? "" : ` It knows: ${methods.join("; ")}.`;
    return `${loginWanted(this.provider, this.#login)}${how}`;
  }
}

const ignoreGone = (): void => {};

const reasonOf = (error: acp.RequestError, loginAdvice: string): string => {
  const data = error.data;
  const details =
    typeof data === "object" && data !== null && "details" in data && typeof data.details === "string"
      ? `: ${data.details}`
      : "";
  const reason = boundText(`${error.message}${details}`, MAX_REASON);
  return error.code === AUTH_REQUIRED ? `${reason}. ${loginAdvice}` : reason;
};
