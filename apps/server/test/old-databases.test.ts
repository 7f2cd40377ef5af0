/** Databases that earlier versions have left, opened by this one. `old-databases/README.md` says how they were made. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliDecompressSync } from "node:zlib";
import { ClientCommand, type ClientCommandInput } from "@heddle/contracts/Commands";
import { ThreadId } from "@heddle/contracts/Ids";
import { EventStore } from "@heddle/event-store/EventStore";
import { checkLog } from "@heddle/event-store/LogLaws";
import { migrate, MIGRATIONS, migrationHash } from "@heddle/event-store/Migrations";
import { writerLayer } from "@heddle/event-store/SqliteDatabase";
import { Engine } from "@heddle/orchestrator/Engine";
import { engineLayer } from "@heddle/orchestrator/EngineLayer";
import { fromClient } from "@heddle/orchestrator/GroupWriter";
import { Queries } from "@heddle/projections/Queries";
import { verifyProjections } from "@heddle/projections/Verify";
import { Effect, Schema } from "effect";
import { SqlClient } from "effect/sql";
import { assert, describe, it } from "vitest";
import { startServer, temporaryFolder } from "./server-process.ts";

const SAMPLES = new URL("old-databases/", import.meta.url);
const ENDING = ".db.br";

/** Every migration, by the release that it came with. All but the last of these have a sample. */
const RELEASED_TOGETHER: ReadonlyArray<ReadonlyArray<string>> = [
  [
    "001_orchestration_events",
    "002_orchestration_command_receipts",
    "003_checkpoint_diff_blobs",
    "004_provider_session_runtime",
    "005_projections",
    "006_orchestration_effects",
  ],
  ["007_orchestration_blobs", "008_orchestration_quarantine", "009_orchestration_stream_snapshots"],
  ["010_orchestration_thread_moments", "011_orchestration_pruned"],
  ["012_agents", "013_imported_files"],
];

const samples = readdirSync(SAMPLES)
  .filter((name) => name.endsWith(ENDING))
  .map((name) => name.slice(0, -ENDING.length))
  .toSorted();

/** A data directory with a copy of the sample in it. */
const copyOf = (sample: string): string => {
  const folder = temporaryFolder();
  const packed = readFileSync(new URL(`${sample}${ENDING}`, SAMPLES));
  writeFileSync(join(folder, "heddle.db"), brotliDecompressSync(packed));
  return folder;
};

const sampleOf = (sample: string) => {
  const file = join(copyOf(sample), "heddle.db");
  /** Opens it with the present code, from its migrations to its projections. */
  const opened = <A, E>(
    use: Effect.Effect<A, E, Engine | EventStore | Queries | SqlClient.SqlClient>,
  ): Promise<A> => Effect.runPromise(Effect.scoped(Effect.provide(use, engineLayer(file))));
  return { file, opened };
};

const decodeCommand = Schema.decodeSync(ClientCommand);
const dispatch = (command: ClientCommandInput) =>
  Effect.flatMap(Engine, (engine) => engine.dispatch(decodeCommand(command), fromClient));

describe("the samples", () => {
  it("are one for each schema that a release has had before the present one", () => {
    assert.deepStrictEqual(
      MIGRATIONS.map(({ name }) => name),
      RELEASED_TOGETHER.flat(),
      "A migration is new: add it to RELEASED_TOGETHER. If the last line there was released, begin a new one, and make a sample of the schema before it (old-databases/README.md).",
    );
    assert.deepStrictEqual(
      samples,
      RELEASED_TOGETHER.slice(0, -1).map((release) => release.at(-1)),
    );
  });
});

describe.each(samples)("a database of the schema %s", (sample) => {
  it("is what that version left", async () => {
    const { file } = sampleOf(sample);
    const ledger = await Effect.runPromise(
      Effect.flatMap(
        SqlClient.SqlClient,
        (sql) => sql<{ name: string; hash: string }>`SELECT name, hash FROM heddle_migrations ORDER BY name`,
      ).pipe(Effect.provide(writerLayer(file)), Effect.scoped),
    );
    const upTo = MIGRATIONS.slice(0, MIGRATIONS.findIndex(({ name }) => name === sample) + 1);
    assert.deepStrictEqual(
      ledger.map((row) => ({ ...row })),
      upTo.map((migration) => ({ name: migration.name, hash: migrationHash(migration) })),
    );
  });

  it("gets the present schema, and its log keeps the laws", async () => {
    const { opened } = sampleOf(sample);
    await opened(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient;
        const ledger = yield* sql<{ name: string }>`SELECT name FROM heddle_migrations ORDER BY name`;
        assert.deepStrictEqual(
          ledger.map(({ name }) => name),
          MIGRATIONS.map(({ name }) => name),
        );
        assert.deepStrictEqual(yield* checkLog(sql), []);
      }),
    );
  });

  it("has events that can all be read", async () => {
    const { opened } = sampleOf(sample);
    const { page, head } = await opened(
      Effect.gen(function* () {
        const log = yield* EventStore;
        return {
          page: yield* log.readAll({ fromSequenceExclusive: 0, limit: 10_000 }),
          head: yield* log.head,
        };
      }),
    );
    assert.deepStrictEqual(page.unreadable, []);
    assert.isAbove(head, 100);
    assert.lengthOf(page.events, head);
  });

  it("has the projections that its log gives", async () => {
    const { opened } = sampleOf(sample);
    const scratchFile = join(temporaryFolder(), "scratch.db");
    const differences = await opened(
      Effect.gen(function* () {
        const stored = yield* SqlClient.SqlClient;
        const log = yield* EventStore;
        return yield* Effect.gen(function* () {
          yield* migrate();
          return yield* verifyProjections({
            stored,
            scratch: yield* SqlClient.SqlClient,
            scratchFile,
            readPage: (fromSequenceExclusive, limit) => log.readAll({ fromSequenceExclusive, limit }),
          });
        }).pipe(Effect.provide(writerLayer(scratchFile)));
      }),
    );
    assert.deepStrictEqual(differences, []);
  });

  it("takes commands on its old threads, and knows those that it has answered", async () => {
    const { opened } = sampleOf(sample);
    await opened(
      Effect.gen(function* () {
        const before = yield* Effect.flatMap(EventStore, ({ head }) => head);
        const threadId = "t1";
        const rename = {
          type: "thread.meta.update",
          commandId: "rename",
          threadId,
          title: "Renamed",
        } as const;
        assert.strictEqual((yield* dispatch(rename)).sequence, before + 1);
        const archive = { type: "thread.archive", commandId: "archive", threadId: "t4" } as const;
        assert.isBelow((yield* dispatch(archive)).sequence, before);
        const again = yield* Effect.flip(dispatch({ ...archive, commandId: "archive-again" }));
        assert.strictEqual(again._tag, "CommandRejected");
        const { thread } = yield* Effect.flatMap(Queries, (queries) =>
          queries.threadSnapshot({ threadId: ThreadId.make(threadId), limit: 100 }),
        );
        assert.strictEqual(thread.title, "Renamed");
        assert.deepInclude(
          thread.messages.map(({ text }) => text),
          "Good day",
        );
      }),
    );
  });

  it("is served: what was open is settled, and what there was is shown", async () => {
    const server = await startServer(copyOf(sample));
    const client = await server.connect();
    const snapshot = await client.call("orchestration.getSnapshot", {});
    const threads = new Map<string, { readonly [key: string]: unknown }>(
      snapshot.threads.map((thread: { readonly threadId: string }) => [thread.threadId, thread]),
    );
    const named = (state: string) =>
      [...threads.values()].filter((thread) => thread[state] !== null).map(({ threadId }) => threadId);
    assert.deepStrictEqual([...threads.keys()].toSorted(), ["t1", "t2", "t3", "t4", "t5", "t6", "t7"]);
    assert.deepStrictEqual([named("archivedAt"), named("deletedAt").toSorted()], [["t4"], ["t5", "t6"]]);
    const { thread } = await client.call("orchestration.getThreadSnapshot", { threadId: "t1" });
    // One was reverted, two came after it, and the last brought a picture that the agent does not take.
    assert.deepStrictEqual(
      thread.turns.map(({ turnCount, status }: Record<string, unknown>) => [turnCount, status]),
      [
        [1, "completed"],
        [2, "completed"],
        [3, "error"],
      ],
    );
    const { diff } = await client.call("orchestration.getTurnDiff", {
      threadId: "t1",
      fromTurnCount: 0,
      toTurnCount: 1,
    });
    assert.include(diff, "one.txt");
    client.close();
    assert.strictEqual(await server.kill("SIGTERM"), 130);
  });
});
