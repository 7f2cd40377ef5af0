/** One session of claude while its process lives: what was heard, what is open, and the turn that runs. */
import { ProviderSessionId, ProviderTurnId } from "@heddle/contracts/Ids";
import type { RuntimeMode } from "@heddle/contracts/Model";
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import { Effect } from "effect";
import type { AgentProcess, ProcessExit } from "../shared/AgentProcess.ts";
import type { Deadlines } from "../shared/Deadlines.ts";
import type { EventQueue } from "../shared/EventQueue.ts";
import type { ProcessSession } from "../shared/ProcessSession.ts";
import { ProviderError } from "../shared/Provider.ts";
import { read } from "../shared/Read.ts";
import { CAPABILITIES } from "./Capabilities.ts";
import type { Conversation } from "./Conversation.ts";
import type { userMessage } from "./Input.ts";
import { agentNotice } from "./Notices.ts";
import { OpenRequests } from "./OpenRequests.ts";
import { type Outcome, outcomeOf } from "./Outcomes.ts";
import { Translator } from "./Translator.ts";
import { Turn } from "./Turn.ts";
import { UsageMeter } from "./Usage.ts";
import { CommandLifecycle, Head, Result, StreamEvent } from "./Wire.ts";

/** What claude may tell before it has a session. */
const MAX_EARLY = 4096;
/** Messages are remembered only so far, for those that come twice. */
const MAX_SEEN = 2000;

const readHead = read(Head);
const readResult = read(Result);
const readLifecycle = read(CommandLifecycle);
const readStream = read(StreamEvent);

type Prompt = ReturnType<typeof userMessage>;

export interface ClaudeSessionOptions {
  readonly provider: string;
  readonly process: AgentProcess;
  readonly queue: EventQueue;
  readonly conversation: Conversation;
  readonly sessionId: string;
  readonly cwd: string;
  readonly mode: RuntimeMode;
  readonly deadlines: Deadlines;
  /** How to log in, in words for a person. */
  readonly login?: string | undefined;
}

export class ClaudeSession implements ProcessSession {
  readonly provider: string;
  readonly process: AgentProcess;
  readonly conversation: Conversation;
  readonly requests: OpenRequests;
  readonly outputEnded: Promise<void>;
  sessionId: string;
  /** What claude said instead of beginning. */
  startFailure: Result | undefined;
  readonly #deadlines: Deadlines;
  readonly #login: string | undefined;
  readonly #queue: EventQueue;
  readonly #translator = new Translator();
  readonly #usage = new UsageMeter();
  readonly #seen = new Set<string>();
  /** What came before claude had a session; `undefined` once `session.started` is out. */
  #early: Array<ProviderRuntimeEvent> | undefined = [];
  /** Claude says of each prompt what becomes of it. */
  #tellsOfPrompts = false;
  #turn: Turn | undefined;
  #over = false;
  #ended = false;

  constructor(options: ClaudeSessionOptions) {
    const { provider, process, queue, conversation, sessionId, cwd, mode, deadlines, login } = options;
    this.provider = provider;
    this.process = process;
    this.conversation = conversation;
    this.sessionId = sessionId;
    this.#deadlines = deadlines;
    this.#login = login;
    this.#queue = queue;
    this.requests = new OpenRequests({
      translator: this.#translator,
      cwd,
      mode,
      emit: (event) => this.emit(event),
      cancelling: () => this.#over || this.#turn?.cancelling === true,
    });
    conversation.answeredBy(this.requests);
    // An SDK that ends before claude does can never hear it again.
    this.outputEnded = this.#listen();
    void conversation.bridge.connect(process, {
      messageTooLong: () =>
        this.emit(agentNotice("error", "Claude sent a message too long to read; it was left out.")),
      passed: (message) => this.#passed(message),
      settled: this.requests.settled,
      room: () => queue.room(),
    });
  }

  get gone(): boolean {
    return this.#over || !this.process.alive;
  }

  get turn(): Turn | undefined {
    return this.#turn;
  }

  emit(event: ProviderRuntimeEvent): void {
    if (this.#early === undefined) this.#queue.push(event);
    else if (this.#early.length < MAX_EARLY || event.type === "session.exited") this.#early.push(event);
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

  /** `session.started`, and then what claude said meanwhile. */
  begin(resumed: boolean): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    this.emit({
      type: "session.started",
      providerSessionId: ProviderSessionId.make(this.sessionId),
      capabilities: CAPABILITIES,
      resumed,
    });
    for (const event of early) this.emit(event);
  }

  /** Takes the session for a turn, so that no second one begins while the first is being prepared. */
  reserveTurn(): Turn | undefined {
    if (this.#turn !== undefined) return undefined;
    this.#turn = new Turn();
    return this.#turn;
  }

  /** It was given up before claude had anything of it. */
  abandonTurn(turn: Turn): void {
    if (this.#turn === turn && !turn.isHandedOver) this.#turn = undefined;
  }

  /** Claude did not take the prompt in time; what it may make of it later is nobody's. */
  loseTurn(turn: Turn): void {
    if (this.#turn !== turn) return;
    void this.#interruptOnce();
    this.#endTurn({ status: "error", reason: "The prompt was not handed over." });
  }

  /** Settles when claude has the prompt; `undefined` where the turn was interrupted before. */
  runTurn(turn: Turn, prompt: Prompt): Promise<boolean> | undefined {
    const providerTurnId = ProviderTurnId.make(String(prompt.uuid));
    this.emit({ type: "turn.started", providerTurnId });
    this.#usage.begin();
    if (turn.cancelling) {
      this.#turn = undefined;
      this.emit({ type: "turn.completed", status: "interrupted" });
      return undefined;
    }
    return this.handOver(turn, prompt);
  }

  handOver(turn: Turn, prompt: Prompt): Promise<boolean> {
    turn.handOver(String(prompt.uuid));
    const { bridge, prompts } = this.conversation;
    return bridge.sent(() => prompts.push(prompt));
  }

  /** Asks the running turn to end, and answers what is open as cancelled. How it went is told by the turn's end. */
  readonly interrupt: Effect.Effect<void> = Effect.sync(() => {
    void this.#interruptOnce();
    this.requests.cancelAll();
  });

  readonly askToEnd: Effect.Effect<void> = Effect.suspend(() => {
    this.#over = true;
    const interrupted = this.#interruptOnce();
    this.requests.cancelAll();
    return Effect.asVoid(
      Effect.timeoutOption(
        Effect.promise(() => interrupted),
        this.#deadlines.closing,
      ),
    );
  });

  /** The last event, whatever happened. A turn that ran is not completed by it: its agent is gone. */
  end(exit: ProcessExit): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#over = true;
    this.requests.cancelAll();
    this.conversation.end();
    const note = "The agent's process ended before it told how this call ended.";
    for (const event of this.#translator.finish("failed", note)) this.emit(event);
    this.#turn = undefined;
    this.emit({ type: "session.exited", ...exit, detail: this.process.stderrTail });
    this.#queue.end();
  }

  async #listen(): Promise<void> {
    try {
      for await (const message of this.conversation.query) this.#told(message);
    } catch (error) {
      // An error that claude told of already, as the end of its last turn. Of any other, whoever asks is to find why.
      this.process.appendNoise(String(error));
    }
  }

  #told(message: unknown): void {
    const head = readHead(message);
    if (head === undefined || this.#isRepeated(head)) return;
    switch (head.type) {
      case "result": {
        const result = readResult(message);
        if (result !== undefined) this.#answered(result);
        return;
      }
      case "command_lifecycle": {
        const told = readLifecycle(message);
        if (told !== undefined) this.#lifecycle(told);
        return;
      }
      default:
        if (head.subtype === "init" && head.session_id) this.sessionId = head.session_id;
        this.#emitAll(this.#translator.told(head, message));
        if (head.type === "stream_event" && !head.parent_tool_use_id) this.#streamed(message);
    }
  }

  /** What the SDK keeps to itself: that claude has nothing more to do. */
  #passed(message: { readonly [key: string]: unknown }): void {
    if (message["subtype"] !== "session_state_changed" || message["state"] !== "idle") return;
    const outcome = this.#turn?.wentIdle();
    if (outcome !== undefined) this.#endTurn(outcome);
  }

  #isRepeated({ type, uuid }: Head): boolean {
    if (!uuid) return false;
    const key = `${type} ${uuid}`;
    if (this.#seen.has(key)) return true;
    this.#seen.add(key);
    const [oldest] = this.#seen;
    if (this.#seen.size > MAX_SEEN && oldest !== undefined) this.#seen.delete(oldest);
    return false;
  }

  #streamed(message: unknown): void {
    const event = readStream(message)?.event;
    const usage = event && this.#turn && this.#usage.streamed(event);
    if (usage !== undefined) this.emit(usage);
  }

  #lifecycle({ command_uuid, state }: typeof CommandLifecycle.Type): void {
    this.#tellsOfPrompts = true;
    const turn = this.#turn;
    const outcome = turn?.lifecycle(command_uuid, state);
    if (outcome !== undefined) this.#endTurn(outcome);
    // A prompt that waited when the turn was interrupted is not to begin behind it.
    else if (turn?.cancelling && turn.outcome !== undefined && state === "started")
      void this.#askToInterrupt();
  }

  #answered(result: Result): void {
    const turn = this.#turn;
    const isOurs = turn?.isAnsweredBy(result) ?? !this.#tellsOfPrompts;
    if (this.#early !== undefined && result.is_error) this.startFailure = result;
    const trouble = this.#translator.takeTrouble()?.code;
    if (turn === undefined || !turn.isHandedOver || !isOurs) {
      // Claude began by itself, as when a command in the background has ended: what it said then is over.
      this.#emitAll(this.#translator.finish("completed", "Claude did not tell how this call ended."));
      return;
    }
    const usage = this.#usage.ended(result);
    if (usage !== undefined) this.emit(usage);
    const { provider } = this;
    const { cancelling } = turn;
    const about = { provider, login: this.#login, cancelling, trouble };
    const outcome = turn.answered(result, outcomeOf(result, about));
    if (outcome !== undefined) this.#endTurn(outcome);
  }

  #endTurn({ status, reason }: Outcome): void {
    // What claude still waits for, nobody would answer any more: a turn's requests end with it.
    this.requests.cancelAll();
    const note = "The turn ended before claude told how this call ended.";
    this.#emitAll(this.#translator.finish(status === "completed" ? "completed" : "failed", note));
    this.#turn = undefined;
    this.emit({ type: "turn.completed", status, ...(reason === undefined ? {} : { reason }) });
  }

  /** Settles when claude has heard of it. Never rejects. */
  #interruptOnce(): Promise<void> {
    const turn = this.#turn;
    if (turn === undefined || turn.cancelling) return Promise.resolve();
    turn.cancelling = true;
    return turn.isHandedOver && this.process.alive ? this.#askToInterrupt() : Promise.resolve();
  }

  async #askToInterrupt(): Promise<void> {
    try {
      // With the prompts that wait: a person who stops a turn does not want the next one to begin.
      await this.conversation.query.interrupt({ cancelQueued: true });
    } catch (error) {
      // The turn was over, which its end tells, or claude is gone, which its exit tells.
      this.process.appendNoise(`interrupt: ${String(error)}`);
    }
  }

  #emitAll(events: ReadonlyArray<ProviderRuntimeEvent>): void {
    for (const event of events) this.emit(event);
  }
}
