/** Why a turn failed, in words for a person. Pure. */
import { boundText } from "../shared/Bounded.ts";
import type { TurnError } from "./Wire.ts";

const MAX_REASON = 2000;
const UNAUTHORIZED = 401;

export const reasonOf = (
  { message, additionalDetails, codexErrorInfo }: TurnError,
  loginAdvice: string,
): string => {
  const reason = boundText(additionalDetails ? `${message}: ${additionalDetails}` : message, MAX_REASON);
  return wantsLogin(codexErrorInfo) ? `${reason}. ${loginAdvice}` : reason;
};

/** Codex says it by a word, or by the status that the model's server answered with. */
const wantsLogin = (info: unknown): boolean => {
  if (info === "unauthorized") return true;
  if (typeof info !== "object" || info === null) return false;
  return Object.values(info).some(
    (detail: unknown) =>
      typeof detail === "object" &&
      detail !== null &&
      "httpStatusCode" in detail &&
      detail.httpStatusCode === UNAUTHORIZED,
  );
};
