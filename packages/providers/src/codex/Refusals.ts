/**
 * What codex asks of its client that Heddle has nothing for. It is answered at once, as codex's protocol says no where it
 * has a way to; silence would hold up the turn for good. Pure.
 */
import type {
  ApplyPatchApprovalResponse,
  DynamicToolCallResponse,
  ExecCommandApprovalResponse,
  ServerRequest,
} from "./Protocol.ts";

export type Refusal =
  | { readonly type: "answer"; readonly result: object }
  | { readonly type: "error"; readonly code: number; readonly message: string };

const METHOD_NOT_FOUND = -32601;

const NO_TOOL: DynamicToolCallResponse = {
  success: false,
  contentItems: [{ type: "inputText", text: "This tool is not there: Heddle runs no tools for its agents." }],
};

/** How codex asked before it had items; it does so only in conversations that Heddle does not open. */
const DENIED: ApplyPatchApprovalResponse & ExecCommandApprovalResponse = {
  decision: { denied: { rejection: "Heddle cannot show this request to anybody." } },
};

const REASONS: ReadonlyMap<string, string> = new Map<ServerRequest["method"], string>([
  [
    "account/chatgptAuthTokens/refresh",
    'Heddle keeps no login of codex\'s: run "codex login" in a terminal.',
  ],
  ["attestation/generate", "Heddle attests nothing."],
  ["currentTime/read", "Heddle is no clock: use the time of this machine."],
]);

export const refusalOf = (method: string): Refusal => {
  switch (method) {
    case "item/tool/call":
      return { type: "answer", result: NO_TOOL };
    case "applyPatchApproval":
    case "execCommandApproval":
      return { type: "answer", result: DENIED };
    default: {
      const message = REASONS.get(method) ?? `${method} is not known here`;
      return { type: "error", code: METHOD_NOT_FOUND, message };
    }
  }
};
