/** How a turn ended, in words for a person. Pure. */
import type { TurnOutcome } from "@heddle/contracts/Model";
import { loginWanted } from "../shared/Advice.ts";
import { boundText } from "../shared/Bounded.ts";
import type { Result } from "./Wire.ts";

const MAX_REASON = 2000;
const UNAUTHORIZED = 401;

export interface Outcome {
  readonly status: TurnOutcome;
  readonly reason?: string;
}

interface About {
  readonly provider: string;
  /** How to log in, where that is known of the command that was started. */
  readonly login: string | undefined;
  /** A person asked for its end. */
  readonly cancelling: boolean;
  /** Why the model could not be asked, where that was the last that was heard. */
  readonly trouble: string | undefined;
}

export const outcomeOf = (result: Result, { provider, login, cancelling, trouble }: About): Outcome => {
  const failed = result.is_error === true || result.subtype !== "success";
  // Only a turn that a person ended is interrupted: what else breaks one off is an error.
  if (failed && cancelling) return { status: "interrupted" };
  if (failed) {
    const reason = reasonOf(result);
    const wantsLogin = trouble === "authentication_failed" || result.api_error_status === UNAUTHORIZED;
    return { status: "error", reason: wantsLogin ? `${reason}. ${loginWanted(provider, login)}` : reason };
  }
  const stopped = result.stop_reason;
  return stopped && !ORDINARY.has(stopped)
    ? { status: "completed", reason: stopped }
    : { status: "completed" };
};

const ORDINARY = new Set(["end_turn", "stop_sequence", "tool_use"]);

/** What a result says that something went wrong with. */
export const reasonOf = ({ subtype, errors, result, terminal_reason }: Result): string => {
  const said = [...(errors ?? []), ...(subtype === "success" && result ? [result] : [])];
  const words = said.map((text) => text.trim()).filter((text) => text !== "");
  return boundText(words.length > 0 ? words.join("; ") : (terminal_reason ?? subtype), MAX_REASON);
};
