/**
 * Real agents, and the server that they work for, killed over and over. `HEDDLE_KILL_SEED` and `HEDDLE_KILLS` repeat or
 * lengthen it.
 */
import { assert, describe, it } from "vitest";
import { killLoop } from "./kill-agents/loop.ts";
import { isThere, opencode, realAgents, titleOf } from "./real-agents/agents.ts";
import { seesProcesses } from "./real-agents/processes.ts";

/** Opencode takes seconds to start: what becomes of it when it is killed is shown in `agents.real.test.ts` alone. */
const killed = realAgents.filter((agent) => agent !== opencode);
const ROUNDS = Number(process.env["HEDDLE_KILLS"] ?? 5);
const SEED = Number(process.env["HEDDLE_KILL_SEED"] ?? 11);

describe("a real agent that is killed, or whose server is, or both", () => {
  for (const agent of killed) {
    it.runIf(seesProcesses && isThere(agent))(
      `leaves a thread that runs nothing, asks nothing, lost nothing and goes on, over ${ROUNDS} kills: ${titleOf(agent)}`,
      { timeout: 60_000 + ROUNDS * 60_000 },
      async (context) => {
        context.annotate(`HEDDLE_KILL_SEED=${SEED}`);
        const ends = await killLoop({ agent, rounds: ROUNDS, seed: SEED });
        assert.lengthOf(ends, ROUNDS);
        context.annotate(`The turns ended ${ends.join(", ")}`);
      },
    );
  }
});
