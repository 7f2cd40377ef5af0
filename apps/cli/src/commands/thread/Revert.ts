/** `heddle thread revert` */
import type { HeddleClientService } from "@heddle/client/HeddleClient";
import type { ThreadId } from "@heddle/contracts/Ids";
import type { CheckpointSummary, Turn } from "@heddle/contracts/ReadModel";
import { Effect } from "effect";
import { Argument, Command } from "effect/cli";
import { confirm } from "../../Ask.ts";
import { CliFailure } from "../../CliFailure.ts";
import { connected, dispatch } from "../../Connection.ts";
import { followUntil } from "../../FollowUntil.ts";
import { findThread } from "../../Lookup.ts";
import { newCommandId } from "../../NewIds.ts";
import { Output } from "../../Output.ts";
import { dim, green } from "../../render/Colour.ts";
import { revealLine } from "../../render/Sanitize.ts";
import { turnEndLines } from "../../render/Turn.ts";
import { now } from "../../Requests.ts";
import * as Flags from "../Flags.ts";

const PAGE = 1000;

interface Later {
  readonly turns: ReadonlyArray<Turn>;
  readonly checkpoints: ReadonlyArray<CheckpointSummary>;
}

/** The turns after a turn, with what they changed, oldest first. */
const laterTurns = Effect.fnUntraced(function* (
  client: HeddleClientService,
  threadId: ThreadId,
  turnCount: number,
) {
  const turns = new Map<string, Turn>();
  const checkpoints = new Map<string, CheckpointSummary>();
  let before: number | null | undefined;
  while (before !== null) {
    const page = yield* client.getThreadSnapshot({
      threadId,
      limit: PAGE,
      ...(before !== undefined && { before }),
    });
    for (const turn of page.thread.turns) turns.set(turn.turnId, turn);
    for (const checkpoint of page.thread.checkpoints) checkpoints.set(checkpoint.turnId, checkpoint);
    // Older pages only have older turns.
    before = page.thread.turns.some((turn) => turn.turnCount <= turnCount) ? null : page.olderCursor;
  }
  return {
    turns: [...turns.values()]
      .filter((turn) => turn.turnCount > turnCount)
      .toSorted((left, right) => left.turnCount - right.turnCount),
    checkpoints: [...checkpoints.values()],
  } satisfies Later;
});

const place = (turnCount: number): string =>
  turnCount === 0 ? "before the first turn" : `at the end of turn ${turnCount}`;

const describe = ({ turns, checkpoints }: Later, turnCount: number): string => {
  const lines = turns.flatMap((turn) =>
    turnEndLines(
      turn,
      checkpoints.find(({ turnId, status }) => turnId === turn.turnId && status === "ready"),
    ),
  );
  return [
    `These leave the thread, and their files go back to what they were ${place(turnCount)}:`,
    ...lines.map((line) => `  ${line}`),
    dim("What the thread did not change stays as it is; a checkpoint of the present state is kept."),
    "",
  ].join("\n");
};

export const revert = Command.make(
  "revert",
  {
    thread: Flags.threadId,
    turn: Argument.Int("turn").pipe(
      Argument.withDescription("Turn to go back to the end of, 0 for before the first"),
      Argument.withSchema(Flags.Count),
    ),
    yes: Flags.yes("Do not ask"),
  },
  ({ thread, turn: turnCount, yes }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        const snapshot = yield* findThread(client, thread);
        const { threadId } = snapshot.thread;
        const later = yield* laterTurns(client, threadId, turnCount);
        if (later.turns.length === 0) {
          return yield* new CliFailure({
            kind: "nothing-to-revert",
            message: `No turn of ${threadId} comes after turn ${turnCount}: there is nothing to take back.`,
          });
        }
        if (!output.json) yield* output.print(describe(later, turnCount));
        yield* confirm("Take them back?", yes);
        yield* dispatch(client, {
          type: "thread.checkpoint.revert",
          commandId: newCommandId(),
          threadId,
          turnCount,
          createdAt: yield* now,
        });
        const event = yield* followUntil(client, threadId, snapshot.snapshotSequence, (event) =>
          event.eventType === "thread.reverted" || event.eventType === "thread.checkpoint-revert-failed"
            ? event
            : undefined,
        );
        if (event?.eventType === "thread.checkpoint-revert-failed") {
          return yield* new CliFailure({
            kind: "revert-failed",
            message: `The files could not be taken back: ${event.payload.reason}`,
          });
        }
        if (event?.eventType !== "thread.reverted") {
          return yield* new CliFailure({
            kind: "revert-pending",
            message: "The server is still at it; `thread show` will say when it is done.",
          });
        }
        const { files, filesOmitted = 0 } = event.payload;
        const count = files.length + filesOmitted;
        if (output.json) return yield* output.printJson(event.payload);
        const restored = count === 1 ? revealLine(files[0] ?? "") : `${count} files`;
        yield* output.print(
          `${green("✓")} ${threadId} is where it was ${place(turnCount)}; restored ${restored}.\n`,
        );
      }),
    ),
).pipe(
  Command.withDescription(
    "Go back to the end of a turn: later turns leave the thread, and what they did to files is undone",
  ),
  Command.withShortDescription("Go back to the end of a turn"),
  Command.withExamples([
    { command: "heddle thread revert fix-login-7f3k 2", description: "Undo what came after turn 2" },
  ]),
);
