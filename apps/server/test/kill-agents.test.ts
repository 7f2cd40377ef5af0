/** An agent, and the server that it works for, killed over and over. `HEDDLE_KILL_SEED` and `HEDDLE_KILLS` repeat or lengthen it. */
import { assert, describe, it } from "vitest";
import { killLoop } from "./kill-agents/loop.ts";
import { demo } from "./real-agents/agents.ts";
import { seesProcesses } from "./real-agents/processes.ts";

const ROUNDS = Number(process.env["HEDDLE_KILLS"] ?? 15);
const SEED = Number(process.env["HEDDLE_KILL_SEED"] ?? 7);

describe("an agent that is killed, or whose server is, or both", () => {
  it.runIf(seesProcesses)(
    `leaves a thread that runs nothing, asks nothing, lost nothing and goes on, over ${ROUNDS} kills`,
    { timeout: 60_000 + ROUNDS * 60_000 },
    async (context) => {
      context.annotate(`HEDDLE_KILL_SEED=${SEED}`);
      const ends = await killLoop({ agent: demo, rounds: ROUNDS, seed: SEED });
      // It was killed while it worked, and not only when it was done.
      assert.isAtLeast(ends.filter((end) => end !== "completed").length, Math.floor(ROUNDS / 5), ends.join());
    },
  );
});
