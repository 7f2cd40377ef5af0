/** What claude asked and waits for. Each request is answered exactly once, and at once where nobody is to be asked. */
import { randomUUID } from "node:crypto";
import { parse, resolve } from "node:path";
import type { CanUseTool, OnElicitation, PermissionResult } from "@anthropic-ai/claude-agent-sdk";
import { ProviderItemId } from "@heddle/contracts/Ids";
import type { ApprovalDecision, RuntimeMode } from "@heddle/contracts/Model";
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import { acceptedBy, AcceptedActs, type Act } from "../shared/Acceptance.ts";
import { boundJson, boundText } from "../shared/Bounded.ts";
import { containedPath } from "../shared/Containment.ts";
import { actOf, answerTo, type Approval, approvalOf, type Asked } from "./Approvals.ts";
import { agentNotice } from "./Notices.ts";
import { ASK_TOOL, type Questions, questionsOfElicitation, questionsOfTool } from "./Questions.ts";
import { MAX_TITLE } from "./Tools.ts";
import type { Translator } from "./Translator.ts";

/** Requests that were answered are remembered only so far, for those that come twice. */
const MAX_ANSWERED = 1000;

interface OpenApproval {
  readonly type: "approval";
  readonly approval: Approval;
  readonly itemId: ProviderItemId;
  /** As which it is remembered when a person accepts it for the session; `undefined` where that cannot be told. */
  readonly act: Act | undefined;
  readonly isInside: boolean;
  readonly settle: (answer: PermissionResult) => void;
}

/** The answer is bound to what the agent asked with, whichever that was. */
interface OpenQuestions {
  readonly type: "user-input";
  readonly answer: (answers: Readonly<Record<string, string>>) => Answered;
  readonly cancel: () => void;
}

type Open = OpenApproval | OpenQuestions;

/** `give` lets the agent have the answer. */
export type Answered =
  | { readonly ok: true; readonly give: () => void }
  | { readonly ok: false; readonly problem: string };

export interface OpenRequestsOptions {
  readonly translator: Translator;
  readonly cwd: string;
  readonly mode: RuntimeMode;
  readonly emit: (event: ProviderRuntimeEvent) => void;
  /** Whether the running turn is being ended: what is asked then is answered as cancelled. */
  readonly cancelling: () => boolean;
}

export class OpenRequests {
  readonly #open = new Map<string, Open>();
  readonly #answered = new Set<string>();
  readonly #accepted = new AcceptedActs();
  readonly #options: OpenRequestsOptions;
  /** Makes request keys unique among all processes of one session. */
  readonly #prefix = randomUUID().slice(0, 8);
  #looking: Promise<unknown> = Promise.resolve();
  #mode: RuntimeMode;
  #asked = 0;

  constructor(options: OpenRequestsOptions) {
    this.#options = options;
    this.#mode = options.mode;
  }

  /** What was asked so far has been looked at. Never rejects. */
  readonly settled = async (): Promise<void> => {
    await this.#looking;
  };

  readonly tool: CanUseTool = (name, input, asked) => {
    if (this.#isRepeated(asked.requestId)) return Promise.resolve(null);
    const questions = name === ASK_TOOL ? questionsOfTool(input) : undefined;
    if (questions !== undefined) return this.#ask(questions, asked.signal);
    return new Promise((settle, fail) => {
      const looking = this.#askApproval(name, input, asked, settle);
      this.#looking = looking.catch(fail);
    });
  };

  readonly elicitation: OnElicitation = (request, { signal, requestId }) => {
    if (this.#isRepeated(requestId)) return Promise.resolve(null);
    const questions = questionsOfElicitation(request);
    if (questions !== undefined) return this.#ask(questions, signal);
    const summary = `${request.serverName} asked something that cannot be asked here: ${request.message}`;
    this.#options.emit(agentNotice("error", summary));
    return Promise.resolve({ action: "decline" });
  };

  decide(requestKey: string, decision: ApprovalDecision): Answered {
    const request = this.#open.get(requestKey);
    if (request?.type !== "approval") return notOpen("approval");
    this.#open.delete(requestKey);
    if (decision === "acceptForSession" && request.act !== undefined) this.#accepted.add(request.act);
    return { ok: true, give: () => request.settle(answerTo(request.approval, decision)) };
  }

  answer(requestKey: string, answers: Readonly<Record<string, string>>): Answered {
    const request = this.#open.get(requestKey);
    if (request?.type !== "user-input") return notOpen("question");
    const answered = request.answer(answers);
    if (answered.ok) this.#open.delete(requestKey);
    return answered;
  }

  /** From now on, and for what is open already. */
  setMode(mode: RuntimeMode): void {
    this.#mode = mode;
    for (const [requestKey, request] of this.#open) {
      if (request.type !== "approval" || !this.#accepts(request)) continue;
      this.#withdraw(requestKey);
      this.#acceptAutomatically(request);
    }
  }

  /** Answers all that is open as cancelled. */
  cancelAll(): void {
    for (const [requestKey, request] of this.#open) {
      this.#withdraw(requestKey);
      cancel(request);
    }
  }

  async #askApproval(
    name: string,
    input: Record<string, unknown>,
    asked: Asked,
    settle: (answer: PermissionResult) => void,
  ): Promise<void> {
    const { translator, emit, cwd } = this.#options;
    const { toolUseID, agentID, signal } = asked;
    const known = translator.tools.inputOf(toolUseID)?.input;
    const approval = approvalOf(name, input, asked, known);
    // It may be the first that is heard of the call; one of a subagent is shown as what that does.
    if (agentID === undefined)
      for (const event of translator.tools.started(toolUseID, name, input)) emit(event);
    const leadsTo = await endsOf(cwd, approval.writes);
    const isInside = await areWithin(cwd, leadsTo);
    const act = actOf(approval, leadsTo);
    const itemId = ProviderItemId.make(translator.tools.shownAs(toolUseID));
    const request: OpenApproval = { type: "approval", approval, itemId, act, isInside, settle };
    if (this.#options.cancelling() || signal.aborted) return cancel(request);
    if (this.#accepts(request)) return this.#acceptAutomatically(request);
    const { kind, payload } = approval;
    const requestKey = this.#add(request, signal);
    const title = boundText(approval.title, MAX_TITLE);
    emit({ type: "approval.requested", requestKey, itemId, kind, title, payload: boundJson(payload) });
  }

  #ask<Result>({ questions, answer, cancelled }: Questions<Result>, signal: AbortSignal): Promise<Result> {
    return new Promise((settle) => {
      const request: OpenQuestions = {
        type: "user-input",
        answer: (answers) => {
          const answered = answer(answers);
          return answered.ok ? { ok: true, give: () => settle(answered.result) } : answered;
        },
        cancel: () => settle(cancelled),
      };
      if (this.#options.cancelling() || signal.aborted) return cancel(request);
      const requestKey = this.#add(request, signal);
      this.#options.emit({ type: "user-input.requested", requestKey, questions });
    });
  }

  /** An edit is accepted by a mode only where it stays in the thread's folder, links followed. */
  #accepts({ approval, act, isInside }: OpenApproval): boolean {
    if (this.#isRemembered(act)) return true;
    return acceptedBy(this.#mode, approval.kind) && (this.#mode === "full-access" || isInside);
  }

  #isRemembered(act: Act | undefined): boolean {
    return act !== undefined && this.#accepted.has(act);
  }

  #acceptAutomatically({ approval, itemId, act, settle }: OpenApproval): void {
    const remembered = this.#isRemembered(act);
    const why = remembered ? "accepted before for this session" : `runtime mode ${this.#mode}`;
    const title = boundText(approval.title, MAX_TITLE);
    this.#options.emit({
      type: "notice",
      tone: "approval",
      kind: "accepted-automatically",
      summary: `Accepted (${why}): ${title}`,
      payload: { itemId, kind: approval.kind, title, by: remembered ? "session" : this.#mode },
    });
    settle(answerTo(approval, "accept"));
  }

  /** Claude may ask again what was answered, and then needs no second answer. */
  #isRepeated(requestId: string): boolean {
    if (this.#answered.has(requestId)) return true;
    this.#answered.add(requestId);
    const [oldest] = this.#answered;
    if (this.#answered.size > MAX_ANSWERED && oldest !== undefined) this.#answered.delete(oldest);
    return false;
  }

  #add(request: Open, signal: AbortSignal): string {
    this.#asked += 1;
    const requestKey = `${this.#prefix}-request-${this.#asked}`;
    this.#open.set(requestKey, request);
    const takenBack = (): void => {
      if (!this.#open.has(requestKey)) return;
      this.#withdraw(requestKey);
      cancel(request);
    };
    signal.addEventListener("abort", takenBack, { once: true });
    return requestKey;
  }

  #withdraw(requestKey: string): void {
    this.#open.delete(requestKey);
    this.#options.emit({ type: "request.withdrawn", requestKey });
  }
}

/** Where paths really lead, inside of the folder or not; `undefined` where that is not known of all of them. */
const endsOf = async (
  folder: string,
  paths: ReadonlyArray<string> | undefined,
): Promise<ReadonlyArray<string> | undefined> => {
  if (paths === undefined) return undefined;
  const absolute = paths.map((path) => resolve(folder, path));
  return known(Promise.all(absolute.map((path) => containedPath(parse(path).root, path))));
};

const areWithin = async (folder: string, paths: ReadonlyArray<string> | undefined): Promise<boolean> => {
  if (paths === undefined) return false;
  const contained = await known(Promise.all(paths.map((path) => containedPath(folder, path))));
  return contained !== undefined;
};

const known = async (
  looked: Promise<ReadonlyArray<string | undefined>>,
): Promise<ReadonlyArray<string> | undefined> => {
  try {
    const found = await looked;
    return found.every((path) => path !== undefined) ? found : undefined;
  } catch (error) {
    // A path that leads nowhere (through a file, round in circles).
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
};

const cancel = (request: Open): void => {
  if (request.type === "approval") request.settle(answerTo(request.approval, "cancel"));
  else request.cancel();
};

const notOpen = (what: string): Answered => ({
  ok: false,
  problem: `No such ${what} is open: it was answered, the agent took it back, or the agent's process ended.`,
});
