/** Waits for what a command brings about, where the answer to it only says that it was taken. */
import type { HeddleClientService } from "@heddle/client/HeddleClient";
import type { EventEnvelope } from "@heddle/contracts/Events";
import type { ThreadId } from "@heddle/contracts/Ids";
import { Effect, Option, Stream } from "effect";

/** Longer than the server's own deadlines for agents that do not listen. */
const PATIENCE = "45 seconds";

/** The first event after the cursor of which `pick` makes something; undefined where none came in time. */
export const followUntil = <A>(
  client: HeddleClientService,
  threadId: ThreadId,
  fromSequenceExclusive: number,
  pick: (event: EventEnvelope) => A | undefined,
) =>
  client.follow({ threadId, fromSequenceExclusive }).pipe(
    Stream.map((item) => (item.kind === "event" ? pick(item.event) : undefined)),
    Stream.filter((picked) => picked !== undefined),
    Stream.runHead,
    Effect.map(Option.getOrUndefined),
    Effect.timeoutOption(PATIENCE),
    Effect.map(Option.getOrUndefined),
  );
