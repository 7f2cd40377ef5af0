/** `heddle events chain` */
import type { HeddleClientService } from "@heddle/client/HeddleClient";
import type { GetChainInput } from "@heddle/contracts/InspectionRpc";
import { Effect, Option } from "effect";
import { Argument, Command, Flag } from "effect/cli";
import { connected } from "../../Connection.ts";
import { invocation } from "../../Environment.ts";
import { Output } from "../../Output.ts";
import { chainText } from "../../render/Chain.ts";
import { dim } from "../../render/Colour.ts";
import * as Flags from "../Flags.ts";
import { isSequence } from "./Show.ts";

const MAX_LIMIT = 2000;

export const chain = Command.make(
  "chain",
  {
    of: Argument.String("of").pipe(
      Argument.withDescription("Sequence or id of an event, or id of a command"),
    ),
    limit: Flag.Int("limit").pipe(
      Flag.withAlias("n"),
      Flag.withMetavar("<number>"),
      Flag.withDescription("How many rows at most, of the beginning and of the end (else 200)"),
      Flag.withDefault(200),
      Flag.withSchema(Flags.Positive(MAX_LIMIT)),
    ),
    after: Flag.Int("after").pipe(
      Flag.withMetavar("<sequence>"),
      Flag.withDescription("Begin behind this event"),
      Flag.withSchema(Flags.Count),
      Flag.optional,
    ),
  },
  ({ of, limit, after }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        const chain = yield* chainOf(client, of, {
          limit,
          ...(Option.isSome(after) && { fromSequenceExclusive: after.value }),
        });
        if (output.json) return yield* output.printJson(chain);
        const more = (sequence: number) => `${invocation} events chain ${of} --after ${sequence}`;
        yield* output.print(chainText(chain, { columns: output.columns(), more }));
        if (chain.events === 0) yield* output.print(dim("It gave no events.\n"));
      }),
    ),
).pipe(
  Command.withDescription(
    "Draw what led to an event or a command and what came of it: from the prompt over all that it caused, and what people said meanwhile, to the diff. " +
      "▶ marks what was asked for, and › the way to it; times count from the root",
  ),
  Command.withShortDescription("Draw causes and consequences as a tree"),
  Command.withExamples([
    { command: "heddle events chain 42" },
    { command: "heddle events chain cli-7f3k-… --json", description: "All that a command brought about" },
  ]),
);

type Page = Pick<GetChainInput, "limit" | "fromSequenceExclusive">;

/** An id may be that of an event or of a command: events' are told by their end, which few commands have. */
const chainOf = (client: HeddleClientService, given: string, page: Page) => {
  if (isSequence(given)) return client.getChain({ sequence: Number(given), ...page });
  const ofCommand = client.getChain({ commandId: given, ...page });
  return /#\d+$/.test(given)
    ? client
        .getChain({ eventId: given, ...page })
        .pipe(Effect.catchTag("NotFound", (missing) => Effect.mapError(ofCommand, () => missing)))
    : ofCommand;
};
