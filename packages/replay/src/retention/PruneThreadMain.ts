/** The thread of a prune: what runs in it. Started by `PruneThread`. */
import "effect/schema/SchemaJITCompiler/enable";
import { workerData } from "node:worker_threads";
import * as NodeRuntime from "@effect/platform-node/NodeRuntime";
import * as NodeWorkerRunner from "@effect/platform-node/NodeWorkerRunner";
import { StoreUnavailable } from "@heddle/contracts/Errors";
import { Reader, readerLayer } from "@heddle/event-store/SqliteDatabase";
import { Effect, Layer, Schema } from "effect";
import { type Rpc, type RpcGroup, RpcServer } from "effect/rpc";
import { unreferencedBlobs } from "./BlobMarks.ts";
import { receiptsAfter, shareOfReceipts } from "./PrunableReceipts.ts";
import { chooseThreads, sharesOf } from "./PruneReads.ts";
import { PruneThreadRpcs } from "./PruneThreadRpcs.ts";
import { notReadable } from "../ReadThreadHandlers.ts";
import { archiveThreads } from "./ThreadArchive.ts";

const { filename } = Schema.decodeUnknownSync(Schema.Struct({ filename: Schema.String }))(workerData);

const notArchived = ({ message }: { readonly message: string }) =>
  Effect.fail(
    new StoreUnavailable({
      operation: "archive",
      retryable: false,
      message: `The archive could not be written: ${message} Nothing was pruned.`,
    }),
  );

type Handlers = Rpc.ToHandler<RpcGroup.Rpcs<typeof PruneThreadRpcs>>;

const handlers: Layer.Layer<Handlers, never, Reader> = PruneThreadRpcs.toLayer(
  Effect.gen(function* () {
    const sql = yield* Reader;
    return PruneThreadRpcs.of({
      choose: (selection) =>
        Effect.catchTag(sql.withTransaction(chooseThreads(sql, selection)), "SqlError", notReadable),
      shares: ({ threadId }) =>
        Effect.catchTag(sql.withTransaction(sharesOf(sql, threadId)), "SqlError", notReadable),
      receiptShare: ({ before }) => Effect.catchTag(shareOfReceipts(sql, before), "SqlError", notReadable),
      receipts: (page) => Effect.catchTag(receiptsAfter(sql, page), "SqlError", notReadable),
      unreferencedBlobs: ({ withoutThreads }) =>
        Effect.catchTag(sql.withTransaction(unreferencedBlobs(sql, withoutThreads)), "SqlError", notReadable),
      archive: ({ threadIds, path }) =>
        sql.withTransaction(archiveThreads(sql, threadIds, path)).pipe(
          Effect.map(({ bytes }) => ({ bytes })),
          Effect.catchTags({
            SqlError: notReadable,
            ArchiveDamaged: notArchived,
            ArchiveFileError: notArchived,
            ArchiveFileExists: notArchived,
          }),
        ),
    });
  }),
);

const served = RpcServer.layer(PruneThreadRpcs, { disableTracing: true, disableFatalDefects: true }).pipe(
  Layer.provide(handlers),
  Layer.provide(readerLayer(filename)),
  Layer.provide(RpcServer.layerProtocolWorkerRunner),
  Layer.provide(NodeWorkerRunner.layer),
);

NodeRuntime.runMain(Layer.launch(served));
