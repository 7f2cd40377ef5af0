/** One session of codex while its process lives: what was heard, what is open, and the turn that runs. */
import { ProviderSessionId, ProviderThreadId, ProviderTurnId } from "@heddle/contracts/Ids";
import type { RuntimeMode } from "@heddle/contracts/Model";
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import { Data, Effect, Fiber } from "effect";
import { loginWanted } from "../shared/Advice.ts";
import type { AgentProcess, ProcessExit } from "../shared/AgentProcess.ts";
import { boundText } from "../shared/Bounded.ts";
import type { Deadlines } from "../shared/Deadlines.ts";
import type { EventQueue } from "../shared/EventQueue.ts";
import type { ProcessSession } from "../shared/ProcessSession.ts";
import { ProviderError } from "../shared/Provider.ts";
import { read } from "../shared/Read.ts";
import { CAPABILITIES } from "./Capabilities.ts";
import { type Asked, Connection, type Method, type ParamsOf } from "./Connection.ts";
import { workspaceWrite } from "./Modes.ts";
import { OpenRequests } from "./OpenRequests.ts";
import { CodexRefused, waitingOutOverload } from "./Overload.ts";
import { agentNotice, Translator } from "./Translator.ts";
import { reasonOf } from "./TurnErrors.ts";
import { UsageMeter } from "./Usage.ts";
import {
  type EndedTurn,
  ErrorNotification,
  RequestResolved,
  TerminalsResponse,
  TurnNotification,
  Warning,
} from "./Wire.ts";

/** What an agent may tell before it has a session. */
const MAX_EARLY = 4096;
/** Turns that ended before it was known whose they are are remembered only so far. */
const MAX_ENDED = 100;
const MAX_REASON = 2000;

/** The process ended, or closed its output, before it answered. */
export class CodexGone extends Data.TaggedError("CodexGone")<{}> {}

const readTurn = read(TurnNotification);
const readError = read(ErrorNotification);
const readWarning = read(Warning);
const readResolved = read(RequestResolved);
const readTerminals = read(TerminalsResponse);

export interface CodexSessionOptions {
  readonly provider: string;
  readonly process: AgentProcess;
  readonly queue: EventQueue;
  readonly cwd: string;
  readonly mode: RuntimeMode;
  readonly deadlines: Deadlines;
  /** How to log in, where that is known. */
  readonly login?: string | undefined;
}

/** From the moment that a prompt is taken until codex says that its turn is over. */
export interface Turn {
  /** Codex's own, known once it answered. */
  id: string | undefined;
  /** `turn.started` is out. */
  announced: boolean;
  /** A person asked for its end. */
  cancelling: boolean;
}

export class CodexSession implements ProcessSession {
  readonly provider: string;
  readonly process: AgentProcess;
  readonly connection: Connection;
  readonly requests: OpenRequests;
  threadId = "";
  mode: RuntimeMode;
  /** The mode of the turn that was begun last. */
  toldMode: RuntimeMode | undefined;
  workspace = workspaceWrite(undefined);
  readonly #deadlines: Deadlines;
  readonly #loginAdvice: string;
  readonly #queue: EventQueue;
  readonly #translator = new Translator();
  readonly #usage = new UsageMeter();
  /** What came before codex had a thread; `undefined` once `session.started` is out. */
  #early: Array<ProviderRuntimeEvent> | undefined = [];
  readonly #begun = Promise.withResolvers<void>();
  readonly #endedTurns = new Map<string, EndedTurn>();
  #turn: Turn | undefined;
  #over = false;
  #ended = false;

  constructor({ provider, process, queue, cwd, mode, deadlines, login }: CodexSessionOptions) {
    this.provider = provider;
    this.process = process;
    this.mode = mode;
    this.#deadlines = deadlines;
    this.#loginAdvice = loginWanted(provider, login);
    this.#queue = queue;
    this.requests = new OpenRequests({
      connection: () => this.connection,
      translator: this.#translator,
      cwd,
      mode,
      emit: (event) => this.emit(event),
      cancelling: () => this.#over || this.#turn?.cancelling === true,
    });
    this.connection = new Connection(process, {
      told: (method, params) => this.#told(method, params),
      asked: (request) => this.#asked(request),
      messageTooLong: () =>
        this.emit(agentNotice("error", "Codex sent a message too long to read; it was left out.", {})),
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

  get turn(): Turn | undefined {
    return this.#turn;
  }

  emit(event: ProviderRuntimeEvent): void {
    if (this.#early === undefined) this.#queue.push(event);
    else this.#early.push(event);
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

  ask<M extends Method>(method: M, params: ParamsOf<M>): Effect.Effect<unknown, CodexRefused | CodexGone> {
    return waitingOutOverload(this.askOnce(method, params));
  }

  /** `heard` has the answer before anything that codex says behind it is looked at. */
  askOnce<M extends Method>(
    method: M,
    params: ParamsOf<M>,
    heard: (result: unknown) => void = () => {},
  ): Effect.Effect<unknown, CodexRefused | CodexGone> {
    return Effect.callback((resume) => {
      this.connection.request(method, params, (reply) => {
        if (reply.type === "gone") return resume(Effect.fail(new CodexGone()));
        if (reply.type === "error") {
          const reason = boundText(reply.message, MAX_REASON);
          return resume(Effect.fail(new CodexRefused({ method, code: reply.code, reason })));
        }
        heard(reply.result);
        resume(Effect.succeed(reply.result));
      });
    });
  }

  /** `session.started`, and then what codex said meanwhile. */
  begin(resumed: boolean): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    this.emit({
      type: "session.started",
      providerSessionId: ProviderSessionId.make(this.threadId),
      providerThreadId: ProviderThreadId.make(this.threadId),
      capabilities: CAPABILITIES,
      resumed,
    });
    for (const event of early) this.emit(event);
    this.#begun.resolve();
  }

  /** Takes the session for a turn, so that no second one begins while the first is being handed over. */
  reserveTurn(): Turn | undefined {
    if (this.#turn !== undefined) return undefined;
    this.#turn = { id: undefined, announced: false, cancelling: false };
    return this.#turn;
  }

  /** Codex took the prompt. */
  turnTaken(turn: Turn, id: string): "runs" | "interrupt" | "over" {
    turn.id = id;
    if (this.#turn !== turn) {
      // It was given up meanwhile: nobody is to be surprised by what it does.
      this.connection.request("turn/interrupt", { threadId: this.threadId, turnId: id }, () => {});
      return "over";
    }
    this.#announce(turn, id);
    this.#tellUsage();
    const ended = this.#endedTurns.get(id);
    if (ended === undefined) return turn.cancelling ? "interrupt" : "runs";
    this.#endTurn(ended);
    return "over";
  }

  /** The prompt was not handed over, or nobody waits for it any more. */
  abandonTurn(turn: Turn, status: "interrupted" | "error", reason: string): void {
    if (this.#turn !== turn) return;
    this.requests.cancelAll();
    this.#turn = undefined;
    if (turn.announced) this.emit({ type: "turn.completed", status, reason });
  }

  /** It was interrupted before codex had it. */
  skipTurn(turn: Turn): void {
    if (this.#turn !== turn) return;
    this.#announce(turn, undefined);
    this.#turn = undefined;
    this.emit({ type: "turn.completed", status: "interrupted" });
  }

  /** Asks the running turn to end, and answers what is open as cancelled. How it went is told by the turn's end. */
  readonly interrupt: Effect.Effect<void> = Effect.suspend(() => {
    const turn = this.#turn;
    const id = turn?.cancelling ? undefined : turn?.id;
    if (turn !== undefined) turn.cancelling = true;
    // Codex hears of the end first, so that it does not go on with what a cancelled request leaves it to do.
    const asking = id === undefined || this.gone ? Effect.void : this.interruptTurn(id);
    return Effect.forkDetach(asking, { startImmediately: true }).pipe(
      Effect.andThen(Effect.sync(() => this.requests.cancelAll())),
    );
  });

  /** Ends the turn and the commands that run in it: by itself, codex lets those go on. */
  interruptTurn(turnId: string): Effect.Effect<void> {
    const { threadId } = this;
    // Codex starts a command a moment before it tells of it, so what is left alone is what is known to be over.
    const over = this.#translator.tools.overIds;
    const endCommands = Effect.gen({ self: this }, function* () {
      const terminals = readTerminals(yield* this.ask("thread/backgroundTerminals/list", { threadId }));
      for (const { itemId, processId } of terminals?.data ?? []) {
        if (over.has(itemId)) continue;
        yield* this.ask("thread/backgroundTerminals/terminate", { threadId, processId });
      }
    });
    return this.ask("turn/interrupt", { threadId, turnId }).pipe(
      Effect.andThen(endCommands),
      Effect.catchTags({
        // The turn was over already, which its end tells.
        CodexRefused: ({ method, reason }) => Effect.logDebug(`Codex refused ${method}: ${reason}`),
        CodexGone: () => Effect.void,
      }),
    );
  }

  readonly askToEnd: Effect.Effect<void> = Effect.suspend(() => {
    const id = this.#turn?.id;
    this.#over = true;
    this.#begun.resolve();
    if (this.#turn !== undefined) this.#turn.cancelling = true;
    const asking = id === undefined ? Effect.void : this.interruptTurn(id);
    return Effect.forkDetach(asking, { startImmediately: true }).pipe(
      Effect.tap(() => Effect.sync(() => this.requests.cancelAll())),
      Effect.flatMap((fiber) => Effect.timeoutOption(Fiber.join(fiber), this.#deadlines.closing)),
      Effect.asVoid,
    );
  });

  /** The last event, whatever happened. A turn that ran is not completed by it: its agent is gone. */
  end(exit: ProcessExit): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#over = true;
    this.#begun.resolve();
    this.requests.cancelAll();
    const note = "The agent's process ended before it told how this call ended.";
    for (const event of this.#translator.finish("failed", note)) this.emit(event);
    this.#turn = undefined;
    this.emit({ type: "session.exited", ...exit, detail: this.process.stderrTail });
    this.#queue.end();
  }

  async #asked(request: Asked): Promise<void> {
    await this.requests.asked(request);
  }

  #told(method: string, params: unknown): void {
    // Codex also tells of threads of its own, such as those of subagents.
    if (!concerns(this.threadId, params)) return;
    switch (method) {
      case "turn/started": {
        const turn = this.#turn;
        const id = readTurn(params)?.turn.id;
        if (turn !== undefined && id !== undefined && !this.#endedTurns.has(id)) this.#announce(turn, id);
        return;
      }
      case "turn/completed": {
        const ended = readTurn(params)?.turn;
        if (ended !== undefined) this.#turnCompleted(ended);
        return;
      }
      case "serverRequest/resolved": {
        const resolved = readResolved(params);
        if (resolved !== undefined) this.requests.resolved(resolved.requestId);
        return;
      }
      case "thread/tokenUsage/updated":
        this.#usage.heard(params);
        this.#tellUsage();
        return;
      case "error":
        this.#troubled(params);
        return;
      // About codex's own settings, the same at each start: for whoever looks for why something failed.
      case "configWarning": {
        const summary = readWarning(params)?.summary ?? method;
        if (!this.process.stderrTail.includes(summary)) this.process.appendNoise(summary);
        return;
      }
      default:
        for (const event of this.#translator.told(method, params)) this.emit(event);
    }
  }

  #turnCompleted(ended: EndedTurn): void {
    if (this.#endedTurns.has(ended.id)) return;
    this.#endedTurns.set(ended.id, ended);
    const [oldest] = this.#endedTurns.keys();
    if (this.#endedTurns.size > MAX_ENDED && oldest !== undefined) this.#endedTurns.delete(oldest);
    if (this.#turn?.id === ended.id) this.#endTurn(ended);
    // A turn that codex began by itself ends what it said; one whose answer is still to come ends with that.
    else if (this.#turn === undefined) this.#finishItems(ended);
  }

  #endTurn(ended: EndedTurn): void {
    // What codex still waits for, nobody would answer any more: a turn's requests end with it.
    this.requests.cancelAll();
    this.#finishItems(ended);
    this.#turn = undefined;
    const status = toOutcome(ended.status);
    const reason = ended.error ? reasonOf(ended.error, this.#loginAdvice) : undefined;
    this.emit({ type: "turn.completed", status, ...(reason === undefined ? {} : { reason }) });
  }

  #finishItems({ items, status }: EndedTurn): void {
    const note = "The turn ended before codex told how this call ended.";
    const whole = (items ?? []).flatMap((item) => this.#translator.completed(item));
    const rest = this.#translator.finish(status === "completed" ? "completed" : "failed", note);
    for (const event of [...whole, ...rest]) this.emit(event);
  }

  #announce(turn: Turn, id: string | undefined): void {
    if (turn.announced) return;
    turn.announced = true;
    this.emit({
      type: "turn.started",
      ...(id === undefined ? {} : { providerTurnId: ProviderTurnId.make(id) }),
    });
  }

  /** Of the turn that runs: what an earlier one used is told again when its thread is gone on with. */
  #tellUsage(): void {
    const event = this.#usage.take(this.#turn?.id);
    if (event !== undefined) this.emit(event);
  }

  /** What ends a turn is told by its end. */
  #troubled(params: unknown): void {
    const told = readError(params);
    if (told === undefined || (!told.willRetry && this.#turn !== undefined)) return;
    const summary = reasonOf(told.error, this.#loginAdvice);
    this.emit(agentNotice(told.willRetry ? "info" : "error", summary, {}));
  }
}

const concerns = (threadId: string, params: unknown): boolean => {
  const of = typeof params === "object" && params !== null && "threadId" in params ? params.threadId : null;
  return threadId === "" || of === null || of === undefined || of === threadId;
};

const toOutcome = (status: string): "completed" | "interrupted" | "error" =>
  status === "completed" || status === "interrupted" ? status : "error";
