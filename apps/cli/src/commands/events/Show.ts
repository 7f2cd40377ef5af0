/** `heddle events show` */
import { Effect } from "effect";
import { Argument, Command } from "effect/cli";
import { connected } from "../../Connection.ts";
import { Output } from "../../Output.ts";
import { eventDetails } from "../../render/EventDetails.ts";

/** A sequence is a number, and no id of an event is. */
export const isSequence = (given: string): boolean => /^\d{1,15}$/.test(given);

export const show = Command.make(
  "show",
  {
    event: Argument.String("event").pipe(Argument.withDescription("Sequence of the event, or its id")),
  },
  ({ event }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        const details = yield* client.getEvent(
          isSequence(event) ? { sequence: Number(event) } : { eventId: event },
        );
        if (output.json) return yield* output.printJson(details);
        yield* output.print(eventDetails(details));
      }),
    ),
).pipe(
  Command.withDescription(
    "Show an event whole: its envelope and payload, its command's receipt, what it asked for and what came of that, and the blobs that it refers to",
  ),
  Command.withShortDescription("Show an event whole"),
  Command.withExamples([
    { command: "heddle events show 42" },
    { command: "heddle events show 'cli-7f3k#1'", description: "By its id" },
  ]),
);
