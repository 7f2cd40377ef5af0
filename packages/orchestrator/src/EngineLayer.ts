/** The engine with its parts on one database: what the server, the bench and tests build on. */
import { Blobs } from "@heddle/event-store/Blobs";
import { DiffBlobs } from "@heddle/event-store/DiffBlobs";
import { Effects } from "@heddle/event-store/Effects";
import { EventStore } from "@heddle/event-store/EventStore";
import { Pruned } from "@heddle/event-store/Pruned";
import { Quarantine } from "@heddle/event-store/Quarantine";
import { Receipts } from "@heddle/event-store/Receipts";
import { SessionRuntime } from "@heddle/event-store/SessionRuntime";
import { StreamSnapshots } from "@heddle/event-store/StreamSnapshots";
import { migratedLayer, pipelineTo, Reader, readerLayer } from "@heddle/event-store/SqliteDatabase";
import type { Projector } from "@heddle/projections/Projector";
import { Queries } from "@heddle/projections/Queries";
import { Runner } from "@heddle/projections/Runner";
import { Effect, Layer } from "effect";
import { SqlClient } from "effect/sql";
import { EffectSignal } from "./EffectSignal.ts";
import { Engine, type EngineOptions } from "./Engine.ts";
import { Feed } from "./Feed.ts";
import { GroupWriter } from "./GroupWriter.ts";

const readSide = (filename: string) =>
  Queries.layer.pipe(
    Layer.provide(
      Layer.effect(
        SqlClient.SqlClient,
        Effect.map(Reader, (sql) => sql),
      ),
    ),
    Layer.provideMerge(readerLayer(filename)),
  );

/** Opens or creates the database at `filename`, brings it up to date, and starts the writer. */
export const engineLayer = (
  filename: string,
  projectors?: ReadonlyArray<Projector>,
  { fill }: EngineOptions = { fill: "at-start" },
) =>
  Engine.layer({ fill }).pipe(
    Layer.provide(GroupWriter.layer),
    Layer.provideMerge(
      Layer.mergeAll(Feed.layer, EffectSignal.layer, Runner.layer(projectors, pipelineTo(filename))),
    ),
    Layer.provideMerge(
      Layer.mergeAll(
        EventStore.layer,
        Blobs.layer,
        Receipts.layer,
        Effects.layer,
        DiffBlobs.layer,
        Pruned.layer,
        Quarantine.layer,
        StreamSnapshots.layer,
        SessionRuntime.layer,
      ),
    ),
    // The reader opens what the writer has created.
    Layer.provideMerge(Layer.unwrap(Effect.as(SqlClient.SqlClient, readSide(filename)))),
    Layer.provideMerge(migratedLayer(filename)),
  );
