/** A Heddle server: its parts put together, from the data directory up to the port. */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { NodeHttpServer } from "@effect/platform-node";
import { CheckpointStore } from "@heddle/checkpoints/CheckpointStore";
import { Worktrees } from "@heddle/checkpoints/Worktrees";
import { AgentSessions } from "@heddle/orchestrator/AgentSessions";
import { EffectWorker } from "@heddle/orchestrator/EffectWorker";
import { engineLayer } from "@heddle/orchestrator/EngineLayer";
import { Reactions } from "@heddle/orchestrator/Reactions";
import { recover } from "@heddle/orchestrator/Recovery";
import { SessionTimes } from "@heddle/orchestrator/SessionTimes";
import { Subscriptions } from "@heddle/orchestrator/Subscriptions";
import { TurnCheckpoints } from "@heddle/orchestrator/TurnCheckpoints";
import { TurnStarter } from "@heddle/orchestrator/TurnStarter";
import type { Projector } from "@heddle/projections/Projector";
import { PROJECTORS } from "@heddle/projections/Projectors";
import { AgentCatalog } from "@heddle/providers/shared/AgentCatalog";
import * as ProviderRegistry from "@heddle/providers/shared/ProviderRegistry";
import { refuseUnfinishedImport } from "@heddle/replay/archive/ImportMark";
import { OneJob } from "@heddle/replay/OneJob";
import { ReadThread } from "@heddle/replay/ReadThread";
import { Context, Effect, Layer } from "effect";
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http";
import { RpcServer } from "effect/rpc";
import { type AccessOptions, checkHost, checkToken, loopbackHosts, type Refusal } from "./Access.ts";
import {
  announceServer,
  createDataDirectory,
  type DataDirectory,
  ensureToken,
  ownDataDirectory,
} from "./DataDirectory.ts";
import { type ConnectionLimits, makeConnections, usualLimits } from "./Connections.ts";
import { handlersLayer } from "./Handlers.ts";
import { Moments } from "./Moments.ts";
import { importsLayer } from "./ImportHandlers.ts";
import { makeRpcProtocol } from "./RpcProtocol.ts";
import { ServedRpcs } from "./ServedRpcs.ts";
import { fillLayer, rebuildLayer } from "./ProjectionJobs.ts";
import { makeReadiness } from "./Readiness.ts";
import { endRestore, pruneLayer } from "./RetentionHandlers.ts";
import { readSettings, type Settings } from "./Settings.ts";

export interface ServerOptions {
  readonly directory: DataDirectory;
  /** 0 takes any free port. */
  readonly port: number;
  readonly connections?: ConnectionLimits;
  /** For work on the database alone: no agents, no effects, and nobody is told where it listens. */
  readonly alone?: boolean;
  readonly projectors?: ReadonlyArray<Projector>;
}

/** Where a server listens. */
export class ServerAddress extends Context.Service<
  ServerAddress,
  { readonly host: string; readonly port: number; readonly url: string }
>()("heddle/server/ServerAddress") {}

const HOST = "127.0.0.1";
/** One WebSocket message at most; a prompt with its attachments fits. */
const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;

/** What the methods stand on: the engine, and what reads beside it. */
const storeLayer = (directory: DataDirectory, projectors: ReadonlyArray<Projector>, settings: Settings) =>
  Layer.mergeAll(
    Subscriptions.layer,
    TurnCheckpoints.layer,
    Moments.layer.pipe(Layer.provideMerge(ReadThread.layer(directory.database))),
    rebuildLayer(directory, projectors),
    pruneLayer(directory),
    importsLayer(directory, settings),
  ).pipe(
    Layer.provideMerge(OneJob.layer),
    Layer.provideMerge(engineLayer(directory.database, projectors, { fill: "elsewhere" })),
    Layer.provideMerge(
      Layer.merge(
        CheckpointStore.layer({ dataDir: directory.path }),
        Worktrees.layer({ dataDir: directory.path }),
      ),
    ),
  );

/** Names the data directory to whoever reads a process's environment, and to nobody else. */
const ownerMark = ({ path }: DataDirectory): string => createHash("sha256").update(path).digest("hex");

/** What happens in the world because of events: agents and effects, recovered and at work. */
const effectsLayer = ({ agents, sessions }: Settings, owner: string) =>
  EffectWorker.layer.pipe(
    Layer.provide(Reactions.layer),
    Layer.provide(TurnStarter.layer),
    // What claims to be alive is settled before any effect runs.
    Layer.provide(Layer.effectDiscard(recover({ owner }))),
    Layer.provide(AgentSessions.layer.pipe(Layer.provide(Layer.succeed(SessionTimes, sessions)))),
    Layer.provide(ProviderRegistry.layer({ agents, owner })),
  );

// A refused upgrade ends its connection.
const refuse = ({ status, error, message }: Refusal) =>
  HttpServerResponse.jsonUnsafe(
    { error, message },
    { status, headers: { connection: "close", ...(status === 401 && { "www-authenticate": "Bearer" }) } },
  );

/** `/rpc`: the checks come before the upgrade, so that nobody who fails them gets a socket. */
const rpcProtocol = (access: AccessOptions) =>
  Layer.effect(
    RpcServer.Protocol,
    Effect.gen(function* () {
      const { connect, protocol } = yield* makeRpcProtocol;
      const router = yield* HttpRouter.HttpRouter;
      yield* router.add(
        "GET",
        "/rpc",
        Effect.gen(function* () {
          const { headers } = yield* HttpServerRequest.HttpServerRequest;
          const refusal = checkHost(headers, access) ?? checkToken(headers, access);
          if (refusal) return refuse(refusal);
          if (headers["upgrade"]?.toLowerCase() !== "websocket") {
            const message = "This is a WebSocket endpoint; SPEC section 3 shows its frames.";
            return HttpServerResponse.jsonUnsafe({ error: "UpgradeRequired", message }, { status: 426 });
          }
          return yield* connect;
        }),
      );
      return protocol;
    }),
  );

const statusRoutes = (access: AccessOptions) =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const readiness = yield* makeReadiness;
      const guarded = (answer: Effect.Effect<HttpServerResponse.HttpServerResponse>) =>
        Effect.gen(function* () {
          const { headers } = yield* HttpServerRequest.HttpServerRequest;
          const refusal = checkHost(headers, access);
          return refusal ? refuse(refusal) : yield* answer;
        });
      yield* router.add(
        "GET",
        "/health",
        guarded(Effect.succeed(HttpServerResponse.jsonUnsafe({ status: "ok" }))),
      );
      yield* router.add(
        "GET",
        "/ready",
        guarded(
          Effect.map(readiness, ({ ready, report }) =>
            HttpServerResponse.jsonUnsafe(report, { status: ready ? 200 : 503 }),
          ),
        ),
      );
    }),
  );

/** Runs a server for as long as the layer lives. It listens when all that it serves is there. */
export const serverLayer = ({
  directory,
  port,
  connections = usualLimits,
  alone = false,
  projectors = PROJECTORS,
}: ServerOptions) =>
  Layer.unwrap(
    Effect.gen(function* () {
      yield* createDataDirectory(directory);
      yield* ownDataDirectory(directory);
      yield* endRestore(directory);
      yield* refuseUnfinishedImport(directory.database);
      const token = yield* ensureToken(directory);
      const settings = yield* readSettings(directory);
      const node = NodeHttpServer.layer(() => createServer(), {
        host: HOST,
        port,
        gracefulShutdownTimeout: "2 seconds",
        websocket: { maxPayload: MAX_MESSAGE_BYTES, WebSocket: yield* makeConnections(connections) },
      });

      const address = Layer.effect(
        ServerAddress,
        Effect.gen(function* () {
          const bound = (yield* HttpServer.HttpServer).address;
          const actual = bound._tag === "UnixPathAddress" ? port : bound.port;
          return { host: HOST, port: actual, url: `http://${HOST}:${actual}` };
        }),
      );

      const routes = Layer.unwrap(
        Effect.map(ServerAddress, (bound) => {
          const access = { token, hosts: loopbackHosts(bound.port) };
          const rpc = RpcServer.layer(ServedRpcs, {
            disableTracing: true,
            disableFatalDefects: true,
          }).pipe(
            Layer.provide(handlersLayer),
            Layer.provide(AgentCatalog.layer({ agents: settings.agents, owner: ownerMark(directory) })),
            Layer.provide(rpcProtocol(access)),
          );
          return HttpRouter.serve(Layer.mergeAll(rpc, statusRoutes(access)), {
            disableLogger: true,
            disableListenLog: true,
          });
        }),
      );

      // Whoever finds the record is answered; it goes before the port does.
      const announced = Layer.effectDiscard(
        Effect.flatMap(ServerAddress, ({ host, port: bound }) =>
          announceServer(directory, { host, port: bound }),
        ),
      );

      const listening = Layer.provideMerge(routes, address).pipe(Layer.provide(node));
      const store = storeLayer(directory, projectors, settings);
      return alone
        ? Layer.provide(listening, store)
        : Layer.provideMerge(announced, listening).pipe(
            Layer.provide(Layer.merge(effectsLayer(settings, ownerMark(directory)), fillLayer)),
            Layer.provide(store),
          );
    }),
  );
