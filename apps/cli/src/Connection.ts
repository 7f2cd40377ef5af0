/** The way to the server: found by the data directory, opened with its token, and errors that say what is the matter. */
import { existsSync } from "node:fs";
import type { ClientCommandInput } from "@heddle/contracts/Commands";
import type { DispatchError } from "@heddle/contracts/Errors";
import type { DispatchResult } from "@heddle/contracts/Rpc";
import type { ConnectionError, HeddleClientService } from "@heddle/client/HeddleClient";
import { type DataDirectory, findServer, readIfThere, type ServerRecord } from "@heddle/server/DataDirectory";
import { Clock, Context, Effect, Layer, Predicate, Schedule, type Scope } from "effect";
import { CliFailure } from "./CliFailure.ts";
import { DataFolder, invocation } from "./Environment.ts";

export interface FoundServer extends ServerRecord {
  readonly url: string;
  readonly directory: DataDirectory;
}

/** The server of the data directory; fails where none runs. */
export const requireServer = Effect.gen(function* () {
  const directory = yield* DataFolder;
  const record = yield* findServer(directory);
  if (record === undefined) {
    return yield* new CliFailure({
      kind: "no-server",
      message: `No server runs for ${directory.path}.`,
      hint: `Start one with: ${invocation} serve`,
      details: { dataDirectory: directory.path },
    });
  }
  return { ...record, url: `http://${record.host}:${record.port}`, directory } satisfies FoundServer;
});

/** Calls `use` with a client of the server, for as long as that takes. */
export const connected = <A, E, R>(
  use: (client: HeddleClientService, server: FoundServer) => Effect.Effect<A, E | ConnectionError, R>,
) =>
  Effect.gen(function* () {
    const server = yield* requireServer;
    return yield* withClient(server, use);
  }).pipe(Effect.scoped);

const withClient = Effect.fnUntraced(function* <A, E, R>(
  server: FoundServer,
  use: (client: HeddleClientService, server: FoundServer) => Effect.Effect<A, E | ConnectionError, R>,
) {
  const token = ((yield* readIfThere(server.directory.tokenFile)) ?? "").trim();
  const client = yield* open(server, token);
  return yield* use(client, server).pipe(
    Effect.catchIf(isConnectionError, (error) => Effect.flatMap(diagnose(server, token, error), Effect.fail)),
  );
});

/**
 * The same, on a server of its own where none runs: without agents, and only as long as that takes. For work on the
 * database that needs nobody else.
 */
export const connectedOrAlone = <A, E, R>(
  use: (client: HeddleClientService, server: FoundServer) => Effect.Effect<A, E | ConnectionError, R>,
) =>
  Effect.gen(function* () {
    const directory = yield* DataFolder;
    if ((yield* findServer(directory)) !== undefined) return yield* connected(use);
    yield* requireDatabase(directory);
    // What is written for the data directory is nobody else's business.
    process.umask(0o077);
    const { serverLayer, ServerAddress } = yield* Effect.promise(() => import("@heddle/server/Server"));
    const address = yield* Layer.build(serverLayer({ directory, port: 0, alone: true }));
    const { url, host, port } = Context.get(address, ServerAddress);
    const startedAt = new Date(yield* Clock.currentTimeMillis).toISOString();
    const server = { pid: process.pid, host, port, startedAt, url, directory };
    return yield* withClient(server, use);
  }).pipe(Effect.scoped);

/** Fails where there is no database yet. */
export const requireDatabase = Effect.fnUntraced(function* ({ path, database }: DataDirectory) {
  if (existsSync(database)) return;
  return yield* new CliFailure({
    kind: "no-database",
    message: `There is no database in ${path}.`,
    hint: "Look whether --data-dir or HEDDLE_HOME name the right folder; a server makes the database when it starts.",
    details: { dataDirectory: path },
  });
});

const open = Effect.fnUntraced(function* (
  server: FoundServer,
  token: string,
): Effect.fn.Return<HeddleClientService, never, Scope.Scope> {
  // Loaded here, since the help and wrong usages need none of it.
  const [{ HeddleClient }, NodeSocket] = yield* Effect.promise(() =>
    Promise.all([import("@heddle/client/HeddleClient"), import("@effect/platform-node/NodeSocket")]),
  );
  // A server that was started again may listen elsewhere.
  let last: ServerRecord = server;
  const url = findServer(server.directory).pipe(
    Effect.catch(() => Effect.succeed(undefined)),
    Effect.map((record) => {
      last = record ?? last;
      return `ws://${last.host}:${last.port}/rpc`;
    }),
  );
  const layer = HeddleClient.layer({ url, token }).pipe(Layer.provide(NodeSocket.layerWebSocketConstructor));
  return Context.get(yield* Layer.build(layer), HeddleClient);
});

const isConnectionError = (error: unknown): error is ConnectionError =>
  Predicate.isTagged(error, "RpcClientError");

/** A WebSocket does not say why it was refused; a plain request to the same address does. */
const diagnose = (server: FoundServer, token: string, error: ConnectionError): Effect.Effect<CliFailure> =>
  Effect.promise(async () => {
    const details = { url: server.url, pid: server.pid };
    try {
      const response = await fetch(`${server.url}/rpc`, {
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(2000),
      });
      switch (response.status) {
        case 401:
          return new CliFailure({
            kind: "token-refused",
            message: `The server at ${server.url} refused the token in ${server.directory.tokenFile}.`,
            hint: `The file was changed after the server (process ${server.pid}) had read it. Stop the server and start it again.`,
            details,
          });
        case 426:
          return new CliFailure({
            kind: "connection-lost",
            message: `The connection to the server at ${server.url} was lost (${error.message}).`,
            hint: "What was being done may or may not have reached it. Look with `thread show`, or try again.",
            details,
          });
        default:
          return new CliFailure({
            kind: "connection-refused",
            message: `${server.url} answered ${response.status}: ${(await response.text()).slice(0, 500)}`,
            hint: `Something else may listen there. ${howToForget(server)}`,
            details,
          });
      }
    } catch (cause) {
      const silent = cause instanceof DOMException && cause.name === "TimeoutError";
      return new CliFailure({
        kind: silent ? "server-silent" : "connection-refused",
        message: silent
          ? `The server at ${server.url} (process ${server.pid}) does not answer.`
          : `Process ${server.pid} is said to serve ${server.directory.path}, but nothing listens at ${server.url}.`,
        hint: silent
          ? `It may be stopped or overloaded; look at process ${server.pid}.`
          : howToForget(server),
        details,
      });
    }
  });

const howToForget = ({ pid, directory }: FoundServer): string =>
  `If process ${pid} is not Heddle, remove ${directory.serverFile} and start the server again.`;

const BUSY = Schedule.exponential("100 millis");

/** Sends a command; a busy server is asked a few times, which is safe, as the command's id stays the same. */
export const dispatch = (
  client: HeddleClientService,
  command: ClientCommandInput,
): Effect.Effect<DispatchResult, DispatchError | ConnectionError> =>
  client
    .dispatch(command)
    .pipe(Effect.retry({ schedule: BUSY, times: 5, while: (error) => error._tag === "ServerBusy" }));
