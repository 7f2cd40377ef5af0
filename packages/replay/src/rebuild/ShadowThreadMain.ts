/** The shadow's thread: what runs in it. Started by `ShadowThread`. */
import "effect/schema/SchemaJITCompiler/enable";
import { workerData } from "node:worker_threads";
import * as NodeRuntime from "@effect/platform-node/NodeRuntime";
import * as NodeWorkerRunner from "@effect/platform-node/NodeWorkerRunner";
import { PROJECTORS } from "@heddle/projections/Projectors";
import { Effect, Layer, Schema, Scope, Stream } from "effect";
import { RpcServer } from "effect/rpc";
import { makeShadow } from "./ShadowDatabase.ts";
import { ShadowThreadData, ShadowThreadRpcs } from "./ShadowThreadRpcs.ts";

const options = Schema.decodeUnknownSync(ShadowThreadData)(workerData);

/** What cannot be opened is told to whoever asks, by each answer. */
const handlers = ShadowThreadRpcs.toLayer(
  Effect.gen(function* () {
    const shadow = yield* Effect.cached(
      Effect.provideService(makeShadow(options, PROJECTORS), Scope.Scope, yield* Effect.scope),
    );
    return ShadowThreadRpcs.of({
      build: () => Stream.unwrap(Effect.map(shadow, ({ build }) => build)),
      count: ({ projector }) => Effect.flatMap(shadow, ({ count }) => count(projector)),
      compare: (request) => Effect.flatMap(shadow, ({ compare }) => compare(request)),
      rows: (request) => Effect.flatMap(shadow, ({ rows }) => rows(request)),
      differences: ({ projector }) => Effect.flatMap(shadow, ({ differences }) => differences(projector)),
    });
  }),
);

const served = RpcServer.layer(ShadowThreadRpcs, { disableTracing: true, disableFatalDefects: true }).pipe(
  Layer.provide(handlers),
  Layer.provide(RpcServer.layerProtocolWorkerRunner),
  Layer.provide(NodeWorkerRunner.layer),
);

NodeRuntime.runMain(Layer.launch(served));
