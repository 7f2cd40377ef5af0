/** `heddle thread rename`, `archive` and `delete` */
import { Title } from "@heddle/contracts/Model";
import { Effect, Option, Schema } from "effect";
import { Argument, Command, Flag } from "effect/cli";
import { confirm } from "../../Ask.ts";
import { wrongUsage } from "../../CliFailure.ts";
import { connected, dispatch } from "../../Connection.ts";
import { findThread } from "../../Lookup.ts";
import { newCommandId } from "../../NewIds.ts";
import { Output } from "../../Output.ts";
import { green } from "../../render/Colour.ts";
import { cleanLine } from "../../render/Sanitize.ts";
import * as Flags from "../Flags.ts";

const decodeTitle = Schema.decodeOption(Title);

export const rename = Command.make(
  "rename",
  {
    thread: Flags.threadId,
    title: Argument.String("title").pipe(
      Argument.withDescription("What it is called from now on"),
      Argument.variadic({ min: 1 }),
    ),
  },
  ({ thread, title }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        const name = Option.getOrUndefined(decodeTitle(title.join(" ")));
        if (name === undefined) return yield* wrongUsage("A title has 1 to 500 characters.");
        const { threadId } = (yield* findThread(client, thread)).thread;
        const { sequence } = yield* dispatch(client, {
          type: "thread.meta.update",
          commandId: newCommandId(),
          threadId,
          title: name,
        });
        if (output.json) return yield* output.printJson({ threadId, title: name, sequence });
        yield* output.print(`${green("✓")} ${threadId} is called “${cleanLine(name)}” now.\n`);
      }),
    ),
).pipe(Command.withDescription("Call a thread something else; its id stays"));

export const archive = Command.make(
  "archive",
  {
    thread: Flags.threadId,
    undo: Flag.Boolean("undo").pipe(Flag.withDescription("Take it back"), Flag.withDefault(false)),
  },
  ({ thread, undo }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        const { threadId } = (yield* findThread(client, thread)).thread;
        const { sequence } = yield* dispatch(client, {
          type: undo ? "thread.unarchive" : "thread.archive",
          commandId: newCommandId(),
          threadId,
        });
        if (output.json) return yield* output.printJson({ threadId, archived: !undo, sequence });
        yield* output.print(
          undo
            ? `${green("✓")} ${threadId} was taken back from the archive.\n`
            : `${green("✓")} ${threadId} was archived. Lists show it with --all; --undo takes it back.\n`,
        );
      }),
    ),
).pipe(
  Command.withDescription("Put a thread away; it can be read, and be taken back with --undo"),
  Command.withShortDescription("Put a thread away"),
);

export const remove = Command.make(
  "delete",
  { thread: Flags.threadId, yes: Flags.yes("Do not ask") },
  ({ thread, yes }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        const { threadId, title, worktree } = (yield* findThread(client, thread)).thread;
        const own = worktree?.state === "made";
        const stays = own ? "Its worktree goes, unless work in it is nowhere else." : "The files stay.";
        yield* confirm(`Delete thread “${cleanLine(title)}” (${threadId}) for good? ${stays}`, yes);
        const { sequence } = yield* dispatch(client, {
          type: "thread.delete",
          commandId: newCommandId(),
          threadId,
        });
        if (output.json) return yield* output.printJson({ threadId, sequence });
        const files = own
          ? "its worktree goes with it, unless work in it is nowhere else"
          : "the files are as they were";
        yield* output.print(`${green("✓")} ${threadId} was deleted; ${files}.\n`);
      }),
    ),
).pipe(
  Command.withDescription(
    "Delete a thread for good, with its checkpoints and a worktree that was made for it, unless work in that is nowhere else; other files stay as they are",
  ),
  Command.withShortDescription("Delete a thread for good"),
);
