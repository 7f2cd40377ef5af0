/** What must hold after a recovery, at rest, and at the end of a run. */
import type { EventEnvelope } from "@heddle/contracts/Events";
import { evolveThread, initialThread } from "@heddle/domain/ThreadState";
import { eventReads } from "@heddle/event-store/EventStore";
import { checkLog, hashLog } from "@heddle/event-store/LogLaws";
import { Reader, readerLayer, writerLayer } from "@heddle/event-store/SqliteDatabase";
import { verifyProjections } from "@heddle/projections/Verify";
import { Effect, Layer } from "effect";
import { SqlClient } from "effect/sql";
import type { World } from "./World.ts";

const LIVE = "('starting', 'running', 'ready')";

/** After recovery, before any effect runs: no process of the server is left, so nothing may claim to live. */
export const nothingClaimsToLive = (world: World) =>
  Effect.sync(() => {
    const claims = world.disk.look(`
      SELECT 'session of ' || thread_id AS claim FROM projection_thread_sessions WHERE status IN ${LIVE}
      UNION ALL SELECT 'turn ' || turn_id FROM projection_thread_turns WHERE status = 'running'
      UNION ALL SELECT 'request ' || request_id FROM projection_pending_approvals WHERE status = 'pending'
      UNION ALL SELECT 'process of ' || thread_id FROM provider_session_runtime
        WHERE status IN ('starting', 'running')`);
    for (const { claim } of claims) {
      world.breaks("nothing-claims-to-live-after-a-recovery", `${claim} claims to be alive.`);
    }
    world.agents.clear();
  });

/** A server at rest: sessions are those of the agents that run, and nothing waits for what will not come. */
export const restIsTrue = (world: World) => {
  const { disk } = world;
  const sessions = disk.look(
    "SELECT thread_id, provider_session_id AS id, status FROM projection_thread_sessions",
  );
  const running = new Set(world.agents.values());
  for (const { thread_id, id, status } of sessions) {
    const claims = status === "starting" || status === "running" || status === "ready";
    if (claims && !running.has(String(id))) {
      world.breaks(
        "sessions-are-those-that-run",
        `Thread ${thread_id} shows ${id} as ${status}; it is gone.`,
      );
    }
  }
  for (const session of running) {
    // A turn that failed leaves its session in error, and going.
    if (sessions.some(({ id, status }) => id === session && status !== "stopped")) continue;
    world.breaks("sessions-are-those-that-run", `${session} runs, and no thread shows it.`);
  }
  const head = disk.look("SELECT coalesce(max(sequence), 0) AS head FROM orchestration_events")[0]?.["head"];
  for (const row of disk.look(
    "SELECT projector, last_applied_sequence AS cursor, fault FROM projection_state",
  )) {
    if (row["cursor"] === head && row["fault"] === null) continue;
    world.breaks(
      "projectors-are-at-the-head",
      `${row["projector"]} stands at ${row["cursor"]} of ${head}, ${row["fault"] ?? "without a fault"}.`,
    );
  }
};

/** After a graceful stop. */
export const nothingIsLeftRunning = (world: World) => {
  const claims = world.disk.look(`SELECT thread_id FROM projection_thread_sessions WHERE status IN ${LIVE}`);
  for (const { thread_id } of claims) {
    world.breaks("a-stop-ends-every-session", `Thread ${thread_id} shows a live session after the stop.`);
  }
  for (const id of world.agents.values()) world.breaks("a-stop-ends-every-session", `${id} still runs.`);
};

/** The laws of the log, a rebuild, and what the log says of its threads. Gives the log's hash. */
export const checkAtTheEnd = (world: World, template: (to: string) => void): string => {
  const scratchFile = world.disk.beside("rebuilt.db");
  template(scratchFile);
  const check = Effect.gen(function* () {
    const stored = yield* Reader;
    const scratch = yield* SqlClient.SqlClient;
    for (const { law, message } of yield* checkLog(stored)) world.breaks(law, message);
    const reads = eventReads(stored);
    // Small pages: the batches are not those of the writer.
    const pageSize = world.dice.between(1, 40);
    const readPage = (fromSequenceExclusive: number) =>
      reads.readProjected({ fromSequenceExclusive, limit: pageSize });
    const differences = yield* verifyProjections({ stored, scratch, scratchFile, readPage });
    for (const { table, side, row } of differences) {
      world.breaks("projections-equal-a-rebuild", `${table}: only ${side} is ${JSON.stringify(row)}`);
    }
    const log = yield* reads.readAll({ fromSequenceExclusive: 0, limit: 1_000_000, maxBytes: Infinity });
    foldsAgree(world, log.events);
    return yield* hashLog(stored);
  });
  const databases = Layer.mergeAll(readerLayer(world.disk.file), writerLayer(scratchFile));
  return Effect.runSync(check.pipe(Effect.provide(databases)));
};

/** Words without holes, and threads that wait for nothing. */
const foldsAgree = (world: World, log: ReadonlyArray<EventEnvelope>): void => {
  const lengths = new Map<string, number>();
  for (const event of log) {
    if (event.eventType !== "thread.message-sent" || event.payload.role !== "assistant") continue;
    const { messageId, offset, text } = event.payload;
    const stored = lengths.get(messageId) ?? 0;
    if (offset !== stored) {
      world.breaks(
        "replies-have-no-holes",
        `${event.eventId} brings words at ${offset} of ${messageId}, which has ${stored} so far.`,
      );
    }
    lengths.set(messageId, offset + text.length);
  }
  for (const [threadId, events] of Map.groupBy(log, ({ streamId }) => streamId)) {
    const state = events.reduce<ReturnType<typeof evolveThread>>(
      (folded, event) => (event.aggregateKind === "thread" ? evolveThread(folded, event) : folded),
      initialThread,
    );
    if (state.status !== "live") continue;
    const waits = state.activeTurn ?? state.requestedTurn ?? state.queue[0];
    if (waits) world.breaks("threads-come-to-rest", `Thread ${threadId} waits for turn ${waits.turnId}.`);
  }
};
