/** The reading thread: what runs in it. Started by `ReadThread`. */
import "effect/schema/SchemaJITCompiler/enable";
import { workerData } from "node:worker_threads";
import * as NodeRuntime from "@effect/platform-node/NodeRuntime";
import * as NodeWorkerRunner from "@effect/platform-node/NodeWorkerRunner";
import { readerLayer } from "@heddle/event-store/SqliteDatabase";
import { Layer, Schema } from "effect";
import { RpcServer } from "effect/rpc";
import { readThreadHandlers } from "./ReadThreadHandlers.ts";
import { ReadThreadRpcs } from "./ReadThreadRpcs.ts";

const { filename } = Schema.decodeUnknownSync(Schema.Struct({ filename: Schema.String }))(workerData);

const served = RpcServer.layer(ReadThreadRpcs, { disableTracing: true, disableFatalDefects: true }).pipe(
  Layer.provide(readThreadHandlers),
  Layer.provide(readerLayer(filename)),
  Layer.provide(RpcServer.layerProtocolWorkerRunner),
  Layer.provide(NodeWorkerRunner.layer),
);

NodeRuntime.runMain(Layer.launch(served));
