/** `heddle events stats` */
import { Effect } from "effect";
import { Command } from "effect/cli";
import { connected } from "../../Connection.ts";
import { Output } from "../../Output.ts";
import { dim } from "../../render/Colour.ts";
import { logStatsText } from "../../render/LogStats.ts";

export const stats = Command.make("stats", {}, () =>
  connected((client) =>
    Effect.gen(function* () {
      const output = yield* Output;
      yield* output.status(dim("Counting…"));
      const counted = yield* client.getLogStats.pipe(Effect.ensuring(output.status(undefined)));
      if (output.json) return yield* output.printJson(counted);
      yield* output.print(logStatsText(counted, output.columns()));
    }),
  ),
).pipe(
  Command.withDescription(
    "Say what the database holds and what takes the space: tables, types of events, the largest threads, blobs, days. Of a million events it takes some seconds",
  ),
  Command.withShortDescription("Say what takes the space"),
);
