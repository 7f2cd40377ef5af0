/**
 * A client of a Heddle server: every RPC method as a typed call, and feeds that survive a lost connection. What the command
 * line, the web page and tests use.
 */
import type { AgentCheck, AgentList } from "@heddle/contracts/AgentRpc";
import type { ClientCommandInput } from "@heddle/contracts/Commands";
import type { DispatchError, ReadError } from "@heddle/contracts/Errors";
import type { ThreadId } from "@heddle/contracts/Ids";
import type {
  ImportItem,
  ImportListItem,
  ListImportsInput,
  RunImportInput,
} from "@heddle/contracts/ImportRpc";
import type {
  EventChain,
  EventDetails,
  EventFilter,
  EventListPage,
  LogStats,
} from "@heddle/contracts/InspectionRpc";
import type { JobError } from "@heddle/contracts/Jobs";
import type { ProjectionJobItem, ProjectionStatuses } from "@heddle/contracts/ProjectionRpc";
import type { ShellSnapshot, Snapshot, ThreadSnapshot } from "@heddle/contracts/ReadModel";
import type { PruneDatabaseInput, PruneItem, VacuumItem } from "@heddle/contracts/RetentionRpc";
import {
  type BlobPage,
  type DispatchResult,
  type EventPage,
  type FeedItem,
  OrchestrationRpcs,
  type QuarantinePage,
  type TurnDiff,
} from "@heddle/contracts/Rpc";
import type { ThreadChanges } from "@heddle/contracts/TravelRpc";
import { Context, Effect, Layer, Predicate, Schedule, Stream } from "effect";
import { RpcClient, type RpcClientError, RpcSerialization } from "effect/rpc";
import { Socket } from "effect/socket";

/** The connection failed; the call may or may not have reached the server. A command can be sent again as it is. */
export type ConnectionError = RpcClientError.RpcClientError;

export interface ConnectOptions {
  /** `ws://127.0.0.1:4747/rpc`; an effect is asked for it at each connection, as a server may come back elsewhere. */
  readonly url: string | Effect.Effect<string>;
  /** Of the server's data directory. Sent as a header, so the platform's WebSocket must take headers. */
  readonly token: string;
}

export interface HeddleClientService {
  /** Answers once the command's events are on disk. Sending the same command again is safe. */
  readonly dispatch: (
    command: ClientCommandInput,
  ) => Effect.Effect<DispatchResult, DispatchError | ConnectionError>;
  readonly getSnapshot: Effect.Effect<Snapshot, ReadError | ConnectionError>;
  readonly getShellSnapshot: Effect.Effect<ShellSnapshot, ReadError | ConnectionError>;
  readonly getThreadSnapshot: (page: {
    readonly threadId: string;
    readonly limit?: number;
    readonly before?: number;
    /** As it stood right after this event of the log, or after all that happened up to a time; one of the two. */
    readonly atSequence?: number;
    readonly atTime?: string;
  }) => Effect.Effect<ThreadSnapshot, ReadError | ConnectionError>;
  /** Everything at a moment, where the log up to there is short. */
  readonly getSnapshotAt: (
    at: { readonly atSequence: number } | { readonly atTime: string },
  ) => Effect.Effect<Snapshot, ReadError | ConnectionError>;
  /** What differs in a thread between two moments. */
  readonly getThreadChanges: (span: ThreadSpan) => Effect.Effect<ThreadChanges, ReadError | ConnectionError>;
  readonly getTurnDiff: (range: {
    readonly threadId: string;
    readonly fromTurnCount: number;
    readonly toTurnCount: number;
  }) => Effect.Effect<TurnDiff, ReadError | ConnectionError>;
  /** A page of the content that a reference (`BlobRef`, or an attachment's `blob`) stands for; see `blobBytes`. */
  readonly getBlob: (page: {
    readonly hash: string;
    readonly offset?: number;
    readonly limit?: number;
  }) => Effect.Effect<BlobPage, ReadError | ConnectionError>;
  readonly replayEvents: (page: {
    readonly fromSequenceExclusive: number;
    readonly limit?: number;
  }) => Effect.Effect<EventPage, ReadError | ConnectionError>;
  /** Events that the server cannot read, and leaves out of all else. */
  readonly getQuarantine: (page: {
    readonly fromSequenceExclusive?: number;
    readonly limit?: number;
  }) => Effect.Effect<QuarantinePage, ReadError | ConnectionError>;
  /** A page of the events that a filter means; see `foundEvents` for all of them. */
  readonly listEvents: (page: {
    readonly filter?: EventFilter;
    readonly order?: "oldest" | "newest";
    readonly cursor?: number;
    readonly limit?: number;
  }) => Effect.Effect<EventListPage, ReadError | ConnectionError>;
  /** An event with all that belongs to it. */
  readonly getEvent: (
    named: { readonly sequence: number } | { readonly eventId: string },
  ) => Effect.Effect<EventDetails, ReadError | ConnectionError>;
  /** Causes and consequences, around an event or a command. */
  readonly getChain: (
    named: ({ readonly sequence: number } | { readonly eventId: string } | { readonly commandId: string }) & {
      readonly fromSequenceExclusive?: number;
      readonly limit?: number;
    },
  ) => Effect.Effect<EventChain, ReadError | ConnectionError>;
  /** What the database holds, and what takes the space. */
  readonly getLogStats: Effect.Effect<LogStats, ReadError | ConnectionError>;
  readonly getProjectionStatus: Effect.Effect<ProjectionStatuses, ReadError | ConnectionError>;
  /** Builds projections anew, all of them without names. It ends with its stream. */
  readonly rebuildProjections: (request: {
    readonly names?: ReadonlyArray<string>;
  }) => Stream.Stream<ProjectionJobItem, JobError | ConnectionError>;
  /** Says which rows are not what the log gives; `repair` corrects them. */
  readonly verifyProjections: (request: {
    readonly names?: ReadonlyArray<string>;
    readonly repair?: boolean;
    readonly limit?: number;
  }) => Stream.Stream<ProjectionJobItem, JobError | ConnectionError>;
  /** Takes old things out of the database; with `dryRun`, says what would go. It ends with its stream. */
  readonly pruneDatabase: (
    request: Partial<PruneDatabaseInput>,
  ) => Stream.Stream<PruneItem, JobError | ConnectionError>;
  /** Gives free room in the database file back to the disk. */
  readonly vacuumDatabase: Stream.Stream<VacuumItem, JobError | ConnectionError>;
  /** All agents of the table, and where their commands are. */
  readonly listAgents: Effect.Effect<AgentList, ReadError | ConnectionError>;
  /** Starts agents to see whether they can be used: one result each, as they come. */
  readonly checkAgents: (request: {
    readonly names?: ReadonlyArray<string>;
  }) => Stream.Stream<AgentCheck, ReadError | ConnectionError>;
  /** Sessions that an agent keeps in its own files, the latest first. */
  readonly listImports: (
    request: ListImportsInput,
  ) => Stream.Stream<ImportListItem, JobError | ConnectionError>;
  /** Takes such sessions in as threads. It ends with its stream. */
  readonly runImport: (
    request: Pick<RunImportInput, "source"> & Partial<RunImportInput>,
  ) => Stream.Stream<ImportItem, JobError | ConnectionError>;
  /** The feed as the server gives it; it ends with the connection. */
  readonly subscribe: (from: number) => Stream.Stream<FeedItem, ReadError | ConnectionError>;
  readonly subscribeThread: (
    threadId: string,
    from: number,
  ) => Stream.Stream<FeedItem, ReadError | ConnectionError>;
  /**
   * The feed of a thread, or of all, over any number of connections: after a lost one it goes on behind the last event
   * that it gave, so each comes once. It ends on `reset`, and on an error of the server.
   */
  readonly follow: (target: FollowTarget) => Stream.Stream<FeedItem, ReadError>;
}

/** From one moment to another, or to now. */
export interface ThreadSpan {
  readonly threadId: string;
  readonly fromSequence?: number;
  readonly fromTime?: string;
  readonly toSequence?: number;
  readonly toTime?: string;
  readonly limit?: number;
}

export interface FollowTarget {
  readonly threadId?: ThreadId | string;
  readonly fromSequenceExclusive: number;
  /** Told each time that the connection is lost, or could not be made again; the feed goes on trying. */
  readonly onLost?: (error: ConnectionError) => Effect.Effect<void>;
}

const RECONNECT = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")]);

export class HeddleClient extends Context.Service<HeddleClient, HeddleClientService>()(
  "heddle/client/HeddleClient",
) {
  /** Connects, and connects again when the connection is lost. The platform's WebSocket comes with the layer. */
  static readonly layer = ({ url, token }: ConnectOptions) =>
    Layer.effect(HeddleClient, make).pipe(
      Layer.provide(RpcClient.layerProtocolSocket({ retryTransientErrors: false })),
      Layer.provide(RpcSerialization.layerJson),
      Layer.provide(
        Layer.effect(
          Socket.Socket,
          Socket.makeWebSocket(url, { headers: { authorization: `Bearer ${token}` } }),
        ),
      ),
    );
}

/**
 * Of what came at once, words stand behind events: an event that happened before them may come with them, and one that
 * happened after them holds the same words.
 */
const wordsLast = (
  items: readonly [FeedItem, ...Array<FeedItem>],
): readonly [FeedItem, ...Array<FeedItem>] => {
  const [first, ...others] = items.toSorted(
    (left, right) => Number(left.kind === "delta") - Number(right.kind === "delta"),
  );
  return first === undefined ? items : [first, ...others];
};

const make = Effect.gen(function* () {
  const rpc = yield* RpcClient.make(OrchestrationRpcs, { disableTracing: true });
  const subscribe = (from: number) => rpc["orchestration.subscribe"]({ fromSequenceExclusive: from });
  const subscribeThread = (threadId: string, from: number) =>
    rpc["orchestration.subscribeThread"]({ threadId, fromSequenceExclusive: from });

  const follow = ({
    threadId,
    fromSequenceExclusive,
    onLost = () => Effect.void,
  }: FollowTarget): Stream.Stream<FeedItem, ReadError> => {
    let cursor = fromSequenceExclusive;
    let synchronized = false;
    const feed = Stream.suspend(() =>
      threadId === undefined ? subscribe(cursor) : subscribeThread(threadId, cursor),
    ).pipe(
      Stream.mapArray(wordsLast),
      // Said once, however often the connection is made again.
      Stream.filter((item) => item.kind !== "synchronized" || !synchronized),
      Stream.tap((item) =>
        Effect.sync(() => {
          if (item.kind === "event") cursor = item.event.sequence;
          if (item.kind === "synchronized") synchronized = true;
        }),
      ),
    );
    return feed.pipe(
      Stream.tapError((error) => (error._tag === "RpcClientError" ? onLost(error) : Effect.void)),
      Stream.retry(Schedule.while(RECONNECT, ({ input }) => Predicate.isTagged(input, "RpcClientError"))),
      Stream.catchTag("RpcClientError", (error) => Stream.die(error)),
    );
  };

  return HeddleClient.of({
    dispatch: (command) => rpc["orchestration.dispatchCommand"](command),
    getSnapshot: rpc["orchestration.getSnapshot"]({}),
    getShellSnapshot: rpc["orchestration.getShellSnapshot"]({}),
    getThreadSnapshot: (page) => rpc["orchestration.getThreadSnapshot"](page),
    getSnapshotAt: (at) => rpc["orchestration.getSnapshot"](at),
    getThreadChanges: (span) => rpc["orchestration.getThreadChanges"](span),
    getTurnDiff: (range) => rpc["orchestration.getTurnDiff"](range),
    getBlob: (page) => rpc["orchestration.getBlob"](page),
    replayEvents: (page) => rpc["orchestration.replayEvents"](page),
    getQuarantine: (page) => rpc["orchestration.getQuarantine"](page),
    listEvents: (page) => rpc["orchestration.listEvents"](page),
    getEvent: (named) => rpc["orchestration.getEvent"](named),
    getChain: (named) => rpc["orchestration.getChain"](named),
    getLogStats: rpc["orchestration.getLogStats"]({}),
    getProjectionStatus: rpc["orchestration.getProjectionStatus"]({}),
    rebuildProjections: (request) => rpc["orchestration.rebuildProjections"](request),
    verifyProjections: (request) => rpc["orchestration.verifyProjections"](request),
    pruneDatabase: (request) => rpc["orchestration.pruneDatabase"](request),
    vacuumDatabase: rpc["orchestration.vacuumDatabase"]({}),
    listAgents: rpc["orchestration.listAgents"]({}),
    checkAgents: (request) => rpc["orchestration.checkAgents"](request),
    listImports: (request) => rpc["orchestration.listImports"](request),
    runImport: (request) => rpc["orchestration.runImport"](request),
    subscribe,
    subscribeThread,
    follow,
  });
});
