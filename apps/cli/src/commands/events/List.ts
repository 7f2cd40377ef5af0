/** `heddle events list` */
import { foundEvents } from "@heddle/client/FoundEvents";
import { Effect, Option } from "effect";
import { Command, Flag } from "effect/cli";
import { wrongUsage } from "../../CliFailure.ts";
import { connected } from "../../Connection.ts";
import { Output } from "../../Output.ts";
import { counted } from "../../render/Bytes.ts";
import { dim } from "../../render/Colour.ts";
import { eventLines } from "../../render/EventLine.ts";
import * as Flags from "../Flags.ts";
import { filterFlags, filterOf } from "./Filters.ts";

const MAX_LIMIT = 100_000;

export const limitOf = (otherwise: number) =>
  Flag.Int("limit").pipe(
    Flag.withAlias("n"),
    Flag.withMetavar("<number>"),
    Flag.withDescription(`How many at most (else ${otherwise})`),
    Flag.withDefault(otherwise),
  );

const either = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withoutNegation, Flag.withDescription(description), Flag.withDefault(false));

/** Says on the terminal how far a long search is. */
export const searchStatus = Effect.map(
  Output,
  (output) => (examined: number, head: number) =>
    output.status(dim(`Looked at ${counted(examined)} events of about ${counted(head)}…`)),
);

export const list = Command.make(
  "list",
  {
    ...filterFlags,
    limit: limitOf(50).pipe(Flag.withSchema(Flags.Positive(MAX_LIMIT))),
    newest: either("newest", "The last of them (unless --from is given)"),
    oldest: either("oldest", "The first of them"),
  },
  ({ limit, newest, oldest, ...filters }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        if (newest && oldest) return yield* wrongUsage("--newest and --oldest are each other's opposite.");
        const first = oldest || (Option.isSome(filters.from) && !newest);
        const found = yield* foundEvents(client, {
          filter: yield* filterOf(client, filters),
          order: first ? "oldest" : "newest",
          limit,
          onPage: yield* searchStatus,
        }).pipe(Effect.ensuring(output.status(undefined)));
        if (output.json) return yield* output.printJson(found.events);
        const lines = eventLines(found, output.columns());
        yield* output.print(lines === "" ? "There are no events there.\n" : lines);
      }),
    ),
).pipe(
  Command.withDescription(
    "List events of the log, in its order: the last ones that fit all that is given, or from --from on the first",
  ),
  Command.withShortDescription("List events"),
  Command.withAlias("ls"),
  Command.withExamples([
    { command: "heddle events list -n 20", description: "The last 20" },
    {
      command: "heddle events list --thread fix-login-7f3k --type 'thread.turn-*'",
      description: "What its turns came to",
    },
    {
      command: "heddle events list --since 2h --actor provider --text 'permission denied'",
      description: "What agents said or met",
    },
  ]),
);
