/** `heddle events quarantine` */
import type { QuarantinedEvent } from "@heddle/contracts/ReadModel";
import { Effect, Option } from "effect";
import { Command, Flag } from "effect/cli";
import { connected } from "../../Connection.ts";
import { Output } from "../../Output.ts";
import { bold } from "../../render/Colour.ts";
import { revealLine } from "../../render/Sanitize.ts";
import * as Flags from "../Flags.ts";
import { filterFlags } from "./Filters.ts";
import { limitOf } from "./List.ts";

const PAGE = 1000;

export const quarantine = Command.make(
  "quarantine",
  { from: filterFlags.from, limit: limitOf(50).pipe(Flag.withSchema(Flags.Positive(PAGE))) },
  ({ from, limit }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        const page = yield* client.getQuarantine({
          fromSequenceExclusive: Math.max(0, Option.getOrElse(from, () => 0) - 1),
          limit,
        });
        if (output.json) return yield* output.printJson(page);
        if (page.total === 0) return yield* output.print("Every event that was met could be read.\n");
        yield* output.print(
          `${page.events.map(quarantinedLine).join("")}${page.total} in all. They are left out of everything else, and their threads take no commands, until a version of Heddle that can read them runs here.\n`,
        );
      }),
    ),
).pipe(
  Command.withDescription(
    "List the events that the server cannot read, and why: of a type or version that it does not know, or damaged",
  ),
  Command.withShortDescription("List events that cannot be read"),
);

const quarantinedLine = ({ sequence, eventType, eventVersion, streamId, reason }: QuarantinedEvent): string =>
  `${bold(String(sequence))}  ${revealLine(eventType)} version ${eventVersion}  ${revealLine(streamId)}\n    ${revealLine(reason)}\n`;
