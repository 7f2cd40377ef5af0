/** What claude tells beside its work: that it tries again, that it made room, that something was not kept. Pure. */
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import { boundText } from "../shared/Bounded.ts";
import { read } from "../shared/Read.ts";
import {
  ApiRetry,
  CompactBoundary,
  type Head,
  Level,
  PermissionDenied,
  RateLimit,
  Words,
  WritesLost,
} from "./Wire.ts";

type Notice = Extract<ProviderRuntimeEvent, { type: "notice" }>;

const MAX_NOTICE = 4000;

const readRetry = read(ApiRetry);
const readCompact = read(CompactBoundary);
const readDenied = read(PermissionDenied);
const readWritesLost = read(WritesLost);
const readRateLimit = read(RateLimit);
const readWords = read(Words);
const readLevel = read(Level);

/** Nothing for what Heddle does not know, or has no use for. */
export const noticesOf = ({ type, subtype }: Head, message: unknown): ReadonlyArray<Notice> => {
  switch (type === "system" ? subtype : type) {
    case "api_retry": {
      const retry = readRetry(message);
      if (retry === undefined) return [];
      const why = [retry.error_status, retry.error].filter((part) => part !== null && part !== undefined);
      const tries = `${retry.attempt} of ${retry.max_retries}`;
      return [agentNotice("info", `The model did not answer (${why.join(" ")}). Trying again, ${tries}.`)];
    }
    case "rate_limit_event": {
      const limit = readRateLimit(message)?.rate_limit_info;
      return limit === undefined || limit.status === "allowed" ? [] : [limitNotice(limit)];
    }
    case "compact_boundary": {
      const compacted = readCompact(message)?.compact_metadata;
      if (compacted === undefined) return [];
      const tokens = compacted.pre_tokens ? ` of ${compacted.pre_tokens} tokens` : "";
      return [
        agentNotice("info", `Claude made its context${tokens} shorter.`, { trigger: compacted.trigger }),
      ];
    }
    case "permission_denied": {
      const denied = readDenied(message);
      if (denied === undefined) return [];
      const why = denied.decision_reason ?? denied.message ?? "";
      return [
        agentNotice("info", `Claude's own rules denied ${denied.tool_name}${why === "" ? "." : `: ${why}`}`),
      ];
    }
    case "session_writes_lost": {
      const { error_code, lost } = readWritesLost(message) ?? { error_code: "", lost: [] };
      const what = lost.includes("transcript") ? "part of this conversation" : lost.join(", ");
      const summary = `Claude could not write down ${what || "something"} (${error_code}): a later session may not know of it. Make room on the disk.`;
      return [agentNotice("error", summary)];
    }
    case "model_refusal_fallback":
    case "model_refusal_no_fallback":
    case "informational": {
      const content = readWords(message)?.content;
      const level = readLevel(message)?.level;
      return !content || level === "info" ? [] : [agentNotice("info", content)];
    }
    default:
      return [];
  }
};

const limitNotice = (limit: (typeof RateLimit.Type)["rate_limit_info"]): Notice => {
  const which = limit.rateLimitType ? ` (${limit.rateLimitType.replaceAll("_", " ")})` : "";
  const until = limit.resetsAt ? ` It is lifted at ${new Date(limit.resetsAt * 1000).toISOString()}.` : "";
  return limit.status === "rejected"
    ? agentNotice("error", `The limit of the account${which} is reached.${until}`)
    : agentNotice("info", `The limit of the account${which} is near.${until}`);
};

export const agentNotice = (
  tone: "info" | "error",
  summary: string,
  payload: { readonly [key: string]: string } = {},
): Notice => ({ type: "notice", tone, kind: "agent", summary: boundText(summary, MAX_NOTICE), payload });
