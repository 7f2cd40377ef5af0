/** Real agents on a real repository, through a server that is a process of its own. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "vitest";
import { AT } from "../conversation.ts";
import type { Json } from "../raw-client.ts";
import { gitStatus } from "../server-process.ts";
import { commandOf, isThere, realAgents, titleOf } from "./agents.ts";
import { seesProcesses } from "./processes.ts";
import { eventually, openThread, type TestedThread } from "./thread.ts";

const ENDLESS = "tail -f /dev/null";

/** Lets the agent begin a command that does not end by itself. */
const beginEndlessCommand = async (thread: TestedThread): Promise<number> => {
  const from = await thread.send(`[[say: so far]] [[shell: ${ENDLESS}]] [[say: never said]]`);
  void thread.answer(from, "accept");
  await eventually("The command did not begin", () =>
    thread.processes().some(({ command }) => command.includes(ENDLESS)) ? undefined : thread.processes(),
  );
  // Words of the last half second are lost with the server.
  await thread.until(
    from,
    ({ eventType, payload }) => eventType === "thread.message-sent" && payload.text.includes("so far"),
  );
  return from;
};

const nothingLeft = (thread: TestedThread, which = "") =>
  eventually("Processes are left", () => {
    const left = thread.processes().filter(({ command }) => command.includes(which));
    return left.length === 0 ? undefined : left;
  });

for (const agent of realAgents) {
  describe.runIf(seesProcesses && isThere(agent))(`the real ${titleOf(agent)}`, () => {
    it("speaks, edits, runs what it may and not what it may not, and ends its turns", async () => {
      const thread = await openThread(agent, { runtimeMode: "approval-required" });
      assert.equal(
        (await thread.turn("[[say: one two three]] [[write: made.txt | by an agent]]")).status,
        "completed",
      );
      assert.equal(readFileSync(join(thread.repository, "made.txt"), "utf8").trim(), "by an agent");
      assert.equal(
        (await thread.turn(`${commandOf(agent, "touch yes.txt")} [[say: four]]`)).status,
        "completed",
      );
      assert.isTrue(existsSync(join(thread.repository, "yes.txt")));
      assert.equal(
        (await thread.turn(`${commandOf(agent, "touch no.txt")} [[say: five]]`, "decline")).status,
        agent.declineEndsTurn ? "interrupted" : "completed",
      );
      assert.isFalse(existsSync(join(thread.repository, "no.txt")));
      assert.deepEqual(gitStatus(thread.repository).trim().split("\n").toSorted(), [
        "?? made.txt",
        "?? yes.txt",
      ]);
      const { pendingApprovals, checkpoints } = await thread.snapshot();
      assert.sameMembers(
        pendingApprovals.map(({ kind, decision }: Json) => `${kind} ${decision}`),
        ["edit accept", "execute accept", "execute decline"],
      );
      assert.deepEqual(
        checkpoints.map(({ files }: Json) => files.map(({ path }: Json) => path)),
        [["made.txt"], ["yes.txt"], []],
      );
      const said = (await thread.said()).join(" ");
      assert.equal(said.match(/one two three/g)?.length, 1);
      assert.match(said, /one two three.*four/s);
      assert.deepEqual(await thread.claims(), []);
    });

    it.skipIf(agent.question === undefined)("asks, and is answered", async () => {
      const thread = await openThread(agent);
      const { status } = await thread.turn(`${agent.question} [[say: thanks]]`);
      assert.equal(status, "completed");
      const { pendingApprovals } = await thread.snapshot();
      assert.deepEqual(
        pendingApprovals.map(({ decision }: Json) => decision),
        ["answered"],
      );
      assert.match(thread.model.heard() + (await thread.said()).join(" "), /blue/);
    });

    it("ends its turn and its command when it is interrupted, and takes the next prompt", async () => {
      const thread = await openThread(agent);
      const from = await beginEndlessCommand(thread);
      await thread.client.dispatch({
        type: "thread.turn.interrupt",
        commandId: "i1",
        threadId: "t1",
        createdAt: AT,
      });
      const ended = await thread.until(from, ({ eventType }) => eventType === "thread.turn-completed");
      assert.equal(ended.payload.status, "interrupted");
      assert.deepEqual(await thread.claims(), []);
      if (!agent.commandsGoOn) await nothingLeft(thread, ENDLESS);
      assert.equal((await thread.turn("[[say: well again]]")).status, "completed");
      const said = (await thread.said()).join(" ");
      assert.equal(said.match(/so far/g)?.length, 1);
      assert.match(said, /well again/);
      assert.notMatch(said, /never said/);
      await thread.client.dispatch({
        type: "thread.session.stop",
        commandId: "s1",
        threadId: "t1",
        createdAt: AT,
      });
      await nothingLeft(thread);
    });

    it.each(["agent", "server", "both"] as const)(
      "goes on, and remembers, where the %s was killed in the middle of a command",
      async (whom) => {
        const thread = await openThread(agent);
        assert.equal((await thread.turn("[[say: the first word]]")).status, "completed");
        const from = await beginEndlessCommand(thread);
        await thread.kill(whom);
        const ended = await thread.until(from, ({ eventType }) => eventType === "thread.turn-completed");
        assert.equal(ended.payload.status, whom === "agent" ? "error" : "interrupted");
        assert.deepEqual(await thread.claims(), []);
        await nothingLeft(thread);

        const before = thread.model.heard().length;
        assert.equal((await thread.turn("[[say: the last word]]")).status, "completed");
        assert.match(thread.model.heard().slice(before), /the first word/);
        const said = (await thread.said()).join(" ");
        for (const words of ["the first word", "so far", "the last word"])
          assert.equal(said.match(new RegExp(words, "g"))?.length, 1, said);
        assert.deepEqual(await thread.claims(), []);
      },
    );

    it.each(["agent", "server"] as const)(
      "has no request open where the %s was killed while it asked, and asks anew",
      async (whom) => {
        const thread = await openThread(agent, { runtimeMode: "approval-required" });
        const from = await thread.send(commandOf(agent, "touch no.txt"));
        const asked = await thread.until(from, ({ eventType }) => eventType === "thread.approval-requested");
        await thread.kill(whom);
        await thread.until(from, ({ eventType }) => eventType === "thread.turn-completed");
        assert.deepEqual(await thread.claims(), []);
        const { requestId } = asked.payload;
        const answer = { type: "thread.approval.respond", commandId: "late", threadId: "t1", requestId };
        const refused = await thread.client.dispatch({ ...answer, decision: "accept", createdAt: AT }).then(
          () => assert.fail("An answer that nobody waits for was taken."),
          (failure) => failure.error,
        );
        assert.equal(refused._tag, "CommandRejected");
        await nothingLeft(thread);
        assert.equal((await thread.turn(commandOf(agent, "touch yes.txt"))).status, "completed");
        assert.isTrue(existsSync(join(thread.repository, "yes.txt")));
        assert.isFalse(existsSync(join(thread.repository, "no.txt")));
      },
    );
  });
}
