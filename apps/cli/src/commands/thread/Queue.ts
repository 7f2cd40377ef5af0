/** `heddle thread queue`: the prompts that wait for the running turn. */
import type { TurnId } from "@heddle/contracts/Ids";
import type { QueuedTurn } from "@heddle/contracts/ReadModel";
import { Effect } from "effect";
import { Argument, Command } from "effect/cli";
import { CliFailure } from "../../CliFailure.ts";
import { connected, dispatch } from "../../Connection.ts";
import { findThread } from "../../Lookup.ts";
import { newCommandId } from "../../NewIds.ts";
import { Output } from "../../Output.ts";
import { cyan, dim, green } from "../../render/Colour.ts";
import { revealLine } from "../../render/Sanitize.ts";
import { table } from "../../render/Table.ts";
import { moment } from "../../render/Time.ts";
import { now } from "../../Requests.ts";
import * as Flags from "../Flags.ts";

const list = Command.make("list", { thread: Flags.threadId }, ({ thread }) =>
  connected((client) =>
    Effect.gen(function* () {
      const output = yield* Output;
      const { queuedTurns } = (yield* findThread(client, thread)).thread;
      if (output.json) return yield* output.printJson(queuedTurns);
      if (queuedTurns.length === 0) return yield* output.print("No prompt waits.\n");
      yield* output.print(queueTable(queuedTurns, output.columns()));
    }),
  ),
).pipe(Command.withDescription("List the prompts that wait, the next one first"), Command.withAlias("ls"));

const queueTable = (queue: ReadonlyArray<QueuedTurn>, columns: number): string =>
  table(
    [{ title: "PLACE" }, { title: "PROMPT", shrinkTo: 20 }, { title: "SENT" }],
    queue.map(({ text, createdAt }, index) => [
      [String(index + 1), cyan],
      revealLine(text),
      [moment(createdAt), dim],
    ]),
    columns,
  );

const placeArgument = (name: string, what: string) =>
  Argument.Int(name).pipe(Argument.withDescription(what), Argument.withSchema(Flags.Positive(50)));

/** The prompt at a place, counted from 1. */
const waitingAt = (queue: ReadonlyArray<QueuedTurn>, place: number) => {
  const turn = queue[place - 1];
  return turn === undefined
    ? Effect.fail(
        new CliFailure({
          kind: "no-turn",
          message:
            queue.length === 0
              ? "No prompt waits in this thread."
              : `There is no place ${place}: ${queue.length} wait. See them with: thread queue list`,
        }),
      )
    : Effect.succeed(turn);
};

const move = Command.make(
  "move",
  {
    thread: Flags.threadId,
    from: placeArgument("from", "Place of the prompt to move, counted from 1"),
    to: placeArgument("to", "Its new place"),
  },
  ({ thread, from, to }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        const { threadId, queuedTurns } = (yield* findThread(client, thread)).thread;
        const moved = yield* waitingAt(queuedTurns, from);
        const turnIds: Array<TurnId> = queuedTurns.map(({ turnId }) => turnId);
        turnIds.splice(from - 1, 1);
        turnIds.splice(to - 1, 0, moved.turnId);
        const commandId = newCommandId();
        yield* dispatch(client, { type: "thread.queue.reorder", commandId, threadId, turnIds });
        const byId = new Map(queuedTurns.map((turn) => [turn.turnId, turn]));
        const reordered = turnIds.flatMap((turnId) => byId.get(turnId) ?? []);
        if (output.json) return yield* output.printJson(reordered);
        yield* output.print(queueTable(reordered, output.columns()));
      }),
    ),
).pipe(Command.withDescription("Give a prompt that waits another place"));

const withdraw = Command.make(
  "withdraw",
  { thread: Flags.threadId, place: placeArgument("place", "Place of the prompt, counted from 1") },
  ({ thread, place }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        const { threadId, queuedTurns } = (yield* findThread(client, thread)).thread;
        const { turnId, text } = yield* waitingAt(queuedTurns, place);
        const commandId = newCommandId();
        const createdAt = yield* now;
        yield* dispatch(client, { type: "thread.turn.interrupt", commandId, threadId, turnId, createdAt });
        if (output.json) return yield* output.printJson({ threadId, turnId, status: "interrupted" });
        yield* output.print(`${green("✓")} Withdrawn: ${revealLine(text)}\n`);
      }),
    ),
).pipe(Command.withDescription("Take a prompt that waits back"));

export const queue = Command.make("queue").pipe(
  Command.withDescription(
    "The prompts that wait for the running turn: list them, reorder them, take them back",
  ),
  Command.withShortDescription("The prompts that wait"),
  Command.withSubcommands([list, move, withdraw]),
  Command.withExamples([
    { command: "heddle thread queue list fix-login-7f3k" },
    { command: "heddle thread queue move fix-login-7f3k 3 1", description: "The third becomes the next" },
    { command: "heddle thread queue withdraw fix-login-7f3k 2" },
  ]),
);
