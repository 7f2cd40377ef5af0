/** What tests of real agents share, whatever protocol they speak. */
import { spawnSync } from "node:child_process";
import type { ApprovalDecision } from "@heddle/contracts/Model";
import { Effect } from "effect";
import { prompt, type Started } from "../support.ts";

/** Sends a prompt, and answers all that is asked for in its turn. */
export const turnWith = Effect.fnUntraced(function* (
  { session, seen }: Pick<Started, "session" | "seen">,
  decision: ApprovalDecision,
  text: string,
) {
  yield* prompt(session, text);
  for (;;) {
    const event = yield* seen.next(({ type }) => type === "approval.requested" || type === "turn.completed");
    if (event.type === "turn.completed") return event;
    if (event.type === "approval.requested") yield* session.respondApproval(event.requestKey, decision);
  }
});

/** Whether a process with this command line is there. */
export const commandRuns = (command: string): boolean => {
  const { stdout } = spawnSync("ps", ["-A", "-o", "args="], { encoding: "utf8" });
  return stdout.split("\n").some((line) => line.trim() === command);
};
