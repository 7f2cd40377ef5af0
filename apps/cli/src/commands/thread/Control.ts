/** `heddle thread interrupt`, `stop` and `mode`: what the agent does, and may do. */
import { Effect } from "effect";
import { Argument, Command } from "effect/cli";
import { connected, dispatch } from "../../Connection.ts";
import { followUntil } from "../../FollowUntil.ts";
import { findThread } from "../../Lookup.ts";
import { newCommandId } from "../../NewIds.ts";
import { Output } from "../../Output.ts";
import { green, yellow } from "../../render/Colour.ts";
import { turnEndLines } from "../../render/Turn.ts";
import { now } from "../../Requests.ts";
import * as Flags from "../Flags.ts";

export const interrupt = Command.make("interrupt", { thread: Flags.threadId }, ({ thread }) =>
  connected((client) =>
    Effect.gen(function* () {
      const output = yield* Output;
      const snapshot = yield* findThread(client, thread);
      const { threadId, turns } = snapshot.thread;
      yield* dispatch(client, {
        type: "thread.turn.interrupt",
        commandId: newCommandId(),
        threadId,
        createdAt: yield* now,
      });
      let turnId: string | undefined;
      const ended = yield* followUntil(client, threadId, snapshot.snapshotSequence, (event) => {
        if (event.eventType === "thread.turn-interrupt-requested") turnId ??= event.payload.turnId;
        const over = event.eventType === "thread.turn-completed" && event.payload.turnId === turnId;
        return over ? event.payload : undefined;
      });
      if (output.json)
        return yield* output.printJson({ threadId, turnId, status: ended?.status ?? "interrupting" });
      if (ended === undefined) {
        return yield* output.print(`${yellow("■")} The agent was asked to stop, and has not done so yet.\n`);
      }
      const turn = turns.find((candidate) => candidate.turnId === turnId);
      const lines = turnEndLines(
        { ...ended, turnCount: turn?.turnCount, startedAt: turn?.startedAt },
        undefined,
      );
      yield* output.print(`${lines.join("\n")}\n`);
    }),
  ),
).pipe(
  Command.withDescription("End the turn that runs; the agent stays, and what waits behind the turn begins"),
  Command.withShortDescription("End the turn that runs"),
);

export const stop = Command.make("stop", { thread: Flags.threadId }, ({ thread }) =>
  connected((client) =>
    Effect.gen(function* () {
      const output = yield* Output;
      const snapshot = yield* findThread(client, thread);
      const { threadId } = snapshot.thread;
      yield* dispatch(client, {
        type: "thread.session.stop",
        commandId: newCommandId(),
        threadId,
        createdAt: yield* now,
      });
      const status = yield* followUntil(client, threadId, snapshot.snapshotSequence, (event) => {
        const over = event.eventType === "thread.session-set" && event.payload.session.status === "stopped";
        return over ? "stopped" : undefined;
      });
      if (output.json) return yield* output.printJson({ threadId, status: status ?? "stopping" });
      yield* output.print(
        status === undefined
          ? `${yellow("■")} The agent was told to stop, and has not done so yet.\n`
          : `${green("✓")} The agent of ${threadId} was stopped; the next prompt starts it again.\n`,
      );
    }),
  ),
).pipe(
  Command.withDescription("Stop the agent's process, and with it the turn that runs and those that wait"),
  Command.withShortDescription("Stop the agent's process"),
);

export const mode = Command.make(
  "mode",
  {
    thread: Flags.threadId,
    mode: Argument.Literals("mode", ["approval-required", "auto-accept-edits", "full-access"]).pipe(
      Argument.withDescription("approval-required, auto-accept-edits or full-access"),
    ),
  },
  ({ thread, mode }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        const { threadId } = (yield* findThread(client, thread)).thread;
        const { sequence } = yield* dispatch(client, {
          type: "thread.runtime-mode.set",
          commandId: newCommandId(),
          threadId,
          runtimeMode: mode,
        });
        if (output.json) return yield* output.printJson({ threadId, runtimeMode: mode, sequence });
        yield* output.print(`${green("✓")} ${threadId} is in ${mode} now.\n`);
      }),
    ),
).pipe(
  Command.withDescription("Say what the agent may do without asking, from now on and for what is open"),
  Command.withShortDescription("Say what the agent may do without asking"),
);
