/** `heddle thread send`, and the way of a prompt that `thread new --send` shares with it. */
import type { HeddleClientService } from "@heddle/client/HeddleClient";
import type { EventEnvelope, EventPayload } from "@heddle/contracts/Events";
import type { TurnId } from "@heddle/contracts/Ids";
import type { DispatchMode, ModelSelection } from "@heddle/contracts/Model";
import type { ThreadSnapshot } from "@heddle/contracts/ReadModel";
import { Effect, Option, Stdio, Stream } from "effect";
import { Argument, Command, Flag } from "effect/cli";
import { CliFailure, wrongUsage } from "../../CliFailure.ts";
import { connected, dispatch } from "../../Connection.ts";
import { invocation } from "../../Environment.ts";
import { findThread } from "../../Lookup.ts";
import { newCommandId, newMessageId } from "../../NewIds.ts";
import { Output } from "../../Output.ts";
import { dim, green } from "../../render/Colour.ts";
import { now } from "../../Requests.ts";
import { watch, WATCH_PAGE } from "../../Watch.ts";
import * as Flags from "../Flags.ts";

export interface Prompt {
  readonly text: string;
  readonly dispatchMode: DispatchMode;
  readonly model?: ModelSelection | undefined;
  readonly effort?: string | undefined;
  /** Stay until the turn has ended. */
  readonly watch: boolean;
  readonly acceptAll: boolean;
}

/** Sends a prompt, and shows its turn. Fails where the turn did not complete. */
export const sendPrompt = Effect.fnUntraced(function* (
  client: HeddleClientService,
  snapshot: ThreadSnapshot,
  prompt: Prompt,
) {
  const output = yield* Output;
  const { threadId } = snapshot.thread;
  const messageId = newMessageId();
  const { sequence } = yield* dispatch(client, {
    type: "thread.turn.start",
    commandId: newCommandId(),
    threadId,
    message: { messageId, role: "user", text: prompt.text, attachments: [] },
    dispatchMode: prompt.dispatchMode,
    ...(prompt.model && { model: prompt.model }),
    ...(prompt.effort !== undefined && { effort: prompt.effort }),
    createdAt: yield* now,
  });
  if (!prompt.watch) {
    if (output.json) return yield* output.printJson({ threadId, messageId, sequence });
    return yield* output.print(
      `${green("✓")} Sent to ${threadId}. ${dim(`See what comes of it: ${invocation} thread watch ${threadId}`)}\n`,
    );
  }

  let turnId: TurnId | undefined;
  const isOver = (event: EventEnvelope): boolean => {
    if (asksFor(event, messageId)) turnId = event.payload.turnId;
    if (event.eventType === "thread.deleted") return true;
    return event.eventType === "thread.turn-completed" && event.payload.turnId === turnId;
  };
  const ownMessages = new Set([messageId]);
  const ended = yield* watch(client, { snapshot, acceptAll: prompt.acceptAll, ownMessages, isOver });
  yield* tellOutcome(threadId, ended);
});

const asksFor = (
  event: EventEnvelope,
  messageId: string,
): event is EventEnvelope<
  "thread.turn-start-requested" | "thread.turn-queued" | "thread.turn-steer-requested"
> =>
  (event.eventType === "thread.turn-start-requested" ||
    event.eventType === "thread.turn-queued" ||
    event.eventType === "thread.turn-steer-requested") &&
  event.payload.messageId === messageId;

const tellOutcome = Effect.fnUntraced(function* (threadId: string, event: EventEnvelope) {
  const output = yield* Output;
  if (event.eventType !== "thread.turn-completed") {
    return yield* new CliFailure({ kind: "thread-deleted", message: "The thread was deleted.", told: true });
  }
  const { turnId, status, reason } = event.payload;
  if (output.json) yield* output.printJsonLine({ kind: "result", threadId, turnId, status, reason });
  if (status !== "completed") return yield* notCompleted(event.payload);
});

const notCompleted = ({ status, reason, turnId }: EventPayload<"thread.turn-completed">): CliFailure =>
  new CliFailure({
    kind: status === "error" ? "turn-failed" : "turn-interrupted",
    message: reason ?? (status === "error" ? "The turn failed." : "The turn was interrupted."),
    details: { turnId },
    told: true,
  });

/** The words of the arguments; for `-`, all of stdin. */
export const promptText = Effect.fnUntraced(function* (words: ReadonlyArray<string>) {
  if (words.length !== 1 || words[0] !== "-") return words.join(" ");
  const stdio = yield* Stdio.Stdio;
  const text = (yield* stdio.stdin.pipe(Stream.decodeText(), Stream.mkString)).trimEnd();
  return text === ""
    ? yield* wrongUsage("Nothing came on stdin.", "Pipe the prompt in, or write it behind the id.")
    : text;
});

export const send = Command.make(
  "send",
  {
    thread: Flags.threadId,
    text: Argument.String("text").pipe(
      Argument.withDescription("What to say; - reads it from stdin"),
      Argument.variadic({ min: 1 }),
    ),
    queue: Flag.Boolean("queue").pipe(
      Flag.withDescription("If a turn runs, wait behind it"),
      Flag.withDefault(false),
    ),
    steer: Flag.Boolean("steer").pipe(
      Flag.withDescription("If a turn runs, hand it to the agent at once"),
      Flag.withDefault(false),
    ),
    model: Flags.model("Another agent or model, for this turn"),
    effort: Flag.String("effort").pipe(
      Flag.withMetavar("<level>"),
      Flag.withDescription("How hard the model shall think, in the agent's own words"),
      Flag.optional,
    ),
    noWatch: Flags.noWatch,
    yes: Flags.yes("Accept whatever the agent asks leave for"),
  },
  ({ thread, text, queue, steer, model, effort, noWatch, yes }) =>
    connected((client) =>
      Effect.gen(function* () {
        if (queue && steer) return yield* wrongUsage("Only one of --queue and --steer can be.");
        const words = yield* promptText(text);
        const snapshot = yield* findThread(client, thread, WATCH_PAGE);
        yield* sendPrompt(client, snapshot, {
          text: words,
          dispatchMode: queue ? "queue" : steer ? "steer" : "start",
          model: Option.getOrUndefined(model),
          effort: Option.getOrUndefined(effort),
          watch: !noWatch,
          acceptAll: yes,
        });
      }),
    ),
).pipe(
  Command.withDescription(
    "Send a prompt, and show what the agent does until its turn ends. Exits with 1 if the turn fails or is interrupted.",
  ),
  Command.withShortDescription("Send a prompt, and watch its turn"),
  Command.withExamples([
    { command: 'heddle thread send fix-login-7f3k "now add a test"' },
    { command: "heddle thread send fix-login-7f3k - < prompt.md", description: "A long prompt, from a file" },
    {
      command: 'heddle thread send fix-login-7f3k --queue "and then commit"',
      description: "After the turn that runs",
    },
  ]),
);
