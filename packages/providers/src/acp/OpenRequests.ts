/** What an agent asked and waits for. Each request ends exactly once: answered, or withdrawn. */
import {
  type CreateElicitationResponse,
  type JsonRpcId,
  RequestError,
  type RequestPermissionResponse,
} from "@agentclientprotocol/sdk";
import { ProviderItemId } from "@heddle/contracts/Ids";
import type { ApprovalDecision, RuntimeMode } from "@heddle/contracts/Model";
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import { acceptedBy, AcceptedActs, type Act } from "../shared/Acceptance.ts";
import { boundJson } from "../shared/Bounded.ts";
import { fill, type Form, type FormValue, questionsOf, readForm } from "../shared/Elicitation.ts";
import { read } from "../shared/Read.ts";
import { optionFor, type PermissionOption } from "./Approvals.ts";
import type { Asked } from "./AgentConnection.ts";
import { isDistinct, type KnownTool, payloadOf } from "./ToolCalls.ts";
import type { Translator } from "./Translator.ts";
import { PermissionRequest, type ToolCall } from "./Wire.ts";

interface Wanted {
  readonly itemId: ProviderItemId;
  readonly tool: KnownTool;
  readonly act: Act;
  readonly options: ReadonlyArray<PermissionOption>;
}

interface OpenApproval extends Wanted {
  readonly requestId: JsonRpcId;
  readonly type: "approval";
  readonly settle: (response: RequestPermissionResponse) => void;
  readonly fail: (error: unknown) => void;
}

interface OpenQuestions {
  readonly requestId: JsonRpcId;
  readonly type: "user-input";
  readonly form: Form;
  readonly settle: (response: CreateElicitationResponse) => void;
  readonly fail: (error: unknown) => void;
}

/** The answer is on its way as the response to this request, or it was none. */
export type Answered =
  | { readonly ok: true; readonly requestId: JsonRpcId }
  | { readonly ok: false; readonly problem: string };

const readPermission = read(PermissionRequest);

const CANCELLED: RequestPermissionResponse = { outcome: { outcome: "cancelled" } };

export interface OpenRequestsOptions {
  /** Makes request keys unique among all processes of one session. */
  readonly prefix: string;
  readonly mode: RuntimeMode;
  readonly translator: Translator;
  readonly emit: (event: ProviderRuntimeEvent) => void;
  /** Whether the running turn is being ended: what is asked then is answered as cancelled. */
  readonly cancelling: () => boolean;
}

export class OpenRequests {
  readonly #open = new Map<string, OpenApproval | OpenQuestions>();
  readonly #accepted = new AcceptedActs();
  readonly #options: OpenRequestsOptions;
  #mode: RuntimeMode;
  #asked = 0;

  constructor(options: OpenRequestsOptions) {
    this.#options = options;
    this.#mode = options.mode;
  }

  /** Answers `session/request_permission`. */
  permission({ requestId, params, signal }: Asked): Promise<RequestPermissionResponse> {
    const request = readPermission(params);
    if (request === undefined) throw RequestError.invalidParams(undefined, "not a permission request");
    const { emit, translator, cancelling } = this.#options;
    for (const event of translator.announce(request.toolCall)) emit(event);
    if (cancelling()) return Promise.resolve(CANCELLED);

    const { options, toolCall } = request;
    const tool = translator.tools.describe(toolCall);
    const itemId = ProviderItemId.make(toolCall.toolCallId);
    const wanted: Wanted = { itemId, tool, act: actOf(tool, toolCall), options };
    const automatic = this.#acceptAutomatically(wanted);
    if (automatic !== undefined) return Promise.resolve(automatic);

    return new Promise((settle, fail) => {
      const requestKey = this.#add({ ...wanted, type: "approval", requestId, settle, fail }, signal);
      const payload = boundJson({
        ...payloadOf(toolCall),
        options: options.map(({ kind, name }) => ({ kind, name })),
      });
      const { kind, title } = tool;
      emit({ type: "approval.requested", requestKey, itemId, kind, title, payload });
    });
  }

  /** Answers `elicitation/create`. */
  elicitation({ requestId, params, signal }: Asked): Promise<CreateElicitationResponse> {
    const form = readForm(params);
    if (form === undefined)
      throw RequestError.invalidParams(undefined, "only forms and addresses of the web can be asked here");
    if (this.#options.cancelling()) return Promise.resolve({ action: "cancel" });
    return new Promise((settle, fail) => {
      const requestKey = this.#add({ type: "user-input", requestId, form, settle, fail }, signal);
      this.#options.emit({ type: "user-input.requested", requestKey, questions: questionsOf(form) });
    });
  }

  decide(requestKey: string, decision: ApprovalDecision): Answered {
    const request = this.#open.get(requestKey);
    if (request?.type !== "approval") return notOpen("approval");
    const { requestId, tool, act } = request;
    if (decision === "cancel") {
      this.#open.delete(requestKey);
      request.settle(CANCELLED);
      return { ok: true, requestId };
    }
    const option = optionFor(request.options, decision);
    if (option === undefined && decision !== "decline") {
      return { ok: false, problem: "The agent offers no way to accept this. Decline it, or cancel it." };
    }
    this.#open.delete(requestKey);
    if (decision === "acceptForSession" && isDistinct(tool)) this.#accepted.add(act);
    // An agent that offers no refusal is refused by the only other answer that there is.
    request.settle(option === undefined ? CANCELLED : selected(option));
    return { ok: true, requestId };
  }

  answer(requestKey: string, answers: Readonly<Record<string, string>>): Answered {
    const request = this.#open.get(requestKey);
    if (request?.type !== "user-input") return notOpen("question");
    const filled = fill(request.form, answers);
    if (!filled.ok) return filled;
    this.#open.delete(requestKey);
    request.settle(toResponse(request.form, filled.content));
    return { ok: true, requestId: request.requestId };
  }

  /** From now on, and for what is open already. */
  setMode(mode: RuntimeMode): void {
    this.#mode = mode;
    for (const [requestKey, request] of this.#open) {
      if (request.type !== "approval") continue;
      const response = this.#acceptAutomatically(request);
      if (response === undefined) continue;
      this.#withdraw(requestKey);
      request.settle(response);
    }
  }

  /** Answers all that is open as cancelled. */
  cancelAll(): void {
    for (const [requestKey, request] of this.#open) {
      this.#withdraw(requestKey);
      if (request.type === "approval") request.settle(CANCELLED);
      else request.settle({ action: "cancel" });
    }
  }

  #acceptAutomatically({ itemId, tool, act, options }: Wanted): RequestPermissionResponse | undefined {
    const remembered = this.#accepted.has(act);
    if (!remembered && !acceptedBy(this.#mode, tool.kind)) return undefined;
    const option = optionFor(options, "accept");
    if (option === undefined) return undefined;
    const by = remembered ? "accepted before for this session" : `runtime mode ${this.#mode}`;
    this.#options.emit({
      type: "notice",
      tone: "approval",
      kind: "accepted-automatically",
      summary: `Accepted (${by}): ${tool.title}`,
      payload: { itemId, kind: tool.kind, title: tool.title, by: remembered ? "session" : this.#mode },
    });
    return selected(option);
  }

  #add(request: OpenApproval | OpenQuestions, signal: AbortSignal): string {
    this.#asked += 1;
    const requestKey = `${this.#options.prefix}-request-${this.#asked}`;
    this.#open.set(requestKey, request);
    const takenBack = (): void => {
      if (!this.#open.has(requestKey)) return;
      this.#withdraw(requestKey);
      request.fail(signal.reason);
    };
    signal.addEventListener("abort", takenBack, { once: true });
    return requestKey;
  }

  #withdraw(requestKey: string): void {
    this.#open.delete(requestKey);
    this.#options.emit({ type: "request.withdrawn", requestKey });
  }
}

/** With what is shown beside the arguments: some agents tell only by that what they would write into a file. */
const actOf = ({ kind, title, input }: KnownTool, { content }: ToolCall): Act => ({
  kind,
  title,
  input: [input ?? null, content ?? null],
});

const toResponse = (
  form: Form,
  content: Record<string, FormValue> | undefined,
): CreateElicitationResponse => {
  if (content === undefined) return { action: "decline" };
  return form.kind === "form" ? { action: "accept", content } : { action: "accept" };
};

const selected = ({ optionId }: PermissionOption): RequestPermissionResponse => ({
  outcome: { outcome: "selected", optionId },
});

const notOpen = (what: string): Answered => ({
  ok: false,
  problem: `No such ${what} is open: it was answered, the agent took it back, or the agent's process ended.`,
});
