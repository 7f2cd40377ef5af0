/** What codex asked and waits for. Each request is answered exactly once, and at once where nobody is to be asked. */
import { randomUUID } from "node:crypto";
import { ProviderItemId } from "@heddle/contracts/Ids";
import type { ApprovalDecision, RuntimeMode } from "@heddle/contracts/Model";
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import { acceptedBy } from "../shared/Acceptance.ts";
import { boundJson, boundText } from "../shared/Bounded.ts";
import { containedPath } from "../shared/Containment.ts";
import { type Approval, approvalOf, APPROVALS } from "./Approvals.ts";
import type { Asked, Connection } from "./Connection.ts";
import type { RequestId } from "./Protocol.ts";
import { type Questions, QUESTIONS, questionsOf } from "./Questions.ts";
import { refusalOf } from "./Refusals.ts";
import type { Translator } from "./Translator.ts";

const INVALID_PARAMS = -32602;
const REFUSED = -32000;
const MAX_TITLE = 2000;

type Open =
  | {
      readonly type: "approval";
      readonly id: RequestId;
      readonly approval: Approval;
      readonly isInside: boolean;
    }
  | { readonly type: "user-input"; readonly id: RequestId; readonly questions: Questions };

/** The answer is on its way, and `sent` says when the agent has it; or it was none. */
export type Answered =
  | { readonly ok: true; readonly sent: Promise<boolean> }
  | { readonly ok: false; readonly problem: string };

export interface OpenRequestsOptions {
  readonly connection: () => Connection;
  readonly translator: Translator;
  readonly cwd: string;
  readonly mode: RuntimeMode;
  readonly emit: (event: ProviderRuntimeEvent) => void;
  /** Whether the running turn is being ended: what is asked then is answered as cancelled. */
  readonly cancelling: () => boolean;
}

const KNOWN = new Set<string>([...Object.values(APPROVALS), ...Object.values(QUESTIONS)]);

export class OpenRequests {
  readonly #open = new Map<string, Open>();
  readonly #options: OpenRequestsOptions;
  /** Makes request keys unique among all processes of one session. */
  readonly #prefix = randomUUID().slice(0, 8);
  #mode: RuntimeMode;
  #asked = 0;

  constructor(options: OpenRequestsOptions) {
    this.#options = options;
    this.#mode = options.mode;
  }

  async asked({ id, method, params }: Asked): Promise<void> {
    const { connection, translator, cwd } = this.#options;
    const changesOf = (itemId: string) => translator.tools.changesOf(itemId);
    const approval = approvalOf(method, params, { cwd, changesOf });
    if (approval !== undefined) return this.#askApproval(id, approval);
    const questions = questionsOf(method, params);
    if (questions !== undefined && "questions" in questions) return this.#askQuestions(id, questions);
    if (questions !== undefined) {
      this.#notice("error", "question-refused", `A question was not asked: ${questions.refused}`, {});
      void connection().refuse(id, REFUSED, questions.refused);
    } else if (KNOWN.has(method)) {
      void connection().refuse(id, INVALID_PARAMS, `not a request of the kind ${method} that is known here`);
    } else {
      const refusal = refusalOf(method);
      if (refusal.type === "answer") void connection().answer(id, refusal.result);
      else void connection().refuse(id, refusal.code, refusal.message);
    }
  }

  decide(requestKey: string, decision: ApprovalDecision): Answered {
    const request = this.#open.get(requestKey);
    if (request?.type !== "approval") return notOpen("approval");
    this.#open.delete(requestKey);
    return { ok: true, sent: this.#answer(request, request.approval.answer(decision)) };
  }

  answer(requestKey: string, answers: Readonly<Record<string, string>>): Answered {
    const request = this.#open.get(requestKey);
    if (request?.type !== "user-input") return notOpen("question");
    const answer = request.questions.answer(answers);
    if (!answer.ok) return answer;
    this.#open.delete(requestKey);
    return { ok: true, sent: this.#answer(request, answer.result) };
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

  /** The agent took it back, or somebody else answered it. */
  resolved(id: RequestId): void {
    for (const [requestKey, request] of this.#open) if (request.id === id) this.#withdraw(requestKey);
  }

  /** Answers all that is open as cancelled. */
  cancelAll(): void {
    for (const [requestKey, request] of this.#open) {
      this.#withdraw(requestKey);
      void this.#answer(request, cancelled(request));
    }
  }

  async #askApproval(id: RequestId, approval: Approval): Promise<void> {
    const isInside = await this.#isInside(approval);
    const request: Open = { type: "approval", id, approval, isInside };
    if (this.#options.cancelling()) return void this.#answer(request, cancelled(request));
    if (this.#accepts(request)) return this.#acceptAutomatically(request);
    const { kind, payload } = approval;
    this.#options.emit({
      type: "approval.requested",
      requestKey: this.#add(request),
      itemId: ProviderItemId.make(approval.itemId),
      kind,
      title: boundText(approval.title, MAX_TITLE),
      payload: boundJson(payload),
    });
  }

  #askQuestions(id: RequestId, questions: Questions): void {
    const request: Open = { type: "user-input", id, questions };
    if (this.#options.cancelling()) return void this.#answer(request, questions.cancelled);
    const requestKey = this.#add(request);
    this.#options.emit({ type: "user-input.requested", requestKey, questions: questions.questions });
  }

  /** An edit is accepted by a mode only where it stays in the thread's folder, links followed. */
  #accepts({ approval, isInside }: Open & { type: "approval" }): boolean {
    return acceptedBy(this.#mode, approval.kind) && (this.#mode === "full-access" || isInside);
  }

  async #isInside({ writes }: Approval): Promise<boolean> {
    const { cwd } = this.#options;
    if (writes === undefined) return false;
    try {
      const contained = await Promise.all(writes.map((path) => containedPath(cwd, path)));
      return contained.every((path) => path !== undefined);
    } catch (error) {
      // A path that leads nowhere (through a file, round in circles) is not known to be inside.
      if (error instanceof Error && "code" in error) return false;
      throw error;
    }
  }

  #acceptAutomatically(request: Open & { type: "approval" }): void {
    const { itemId, kind, title, answer } = request.approval;
    const payload = { itemId, kind, title: boundText(title, MAX_TITLE), by: this.#mode };
    const summary = `Accepted (runtime mode ${this.#mode}): ${payload.title}`;
    this.#notice("approval", "accepted-automatically", summary, payload);
    void this.#answer(request, answer("accept"));
  }

  #answer({ id }: Open, result: object): Promise<boolean> {
    return this.#options.connection().answer(id, result);
  }

  #notice(
    tone: "approval" | "error",
    kind: string,
    summary: string,
    payload: { readonly [key: string]: string },
  ): void {
    this.#options.emit({ type: "notice", tone, kind, summary, payload });
  }

  #add(request: Open): string {
    this.#asked += 1;
    const requestKey = `${this.#prefix}-request-${this.#asked}`;
    this.#open.set(requestKey, request);
    return requestKey;
  }

  #withdraw(requestKey: string): void {
    this.#open.delete(requestKey);
    this.#options.emit({ type: "request.withdrawn", requestKey });
  }
}

const cancelled = (request: Open): object =>
  request.type === "approval" ? request.approval.answer("cancel") : request.questions.cancelled;

const notOpen = (what: string): Answered => ({
  ok: false,
  problem: `No such ${what} is open: it was answered, the agent took it back, or the agent's process ended.`,
});
