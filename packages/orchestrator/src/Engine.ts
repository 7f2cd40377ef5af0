/**
 * The way of a command: receipt, load, decide, append, project, answer. What waits goes into one transaction; a rejection
 * or a bug in one decision does not disturb its neighbours; answers are given once the commit is on disk.
 */
import type { ClientCommand } from "@heddle/contracts/Commands";
import { InternalError, ServerBusy, StoreUnavailable } from "@heddle/contracts/Errors";
import { EventStore } from "@heddle/event-store/EventStore";
import { Pruned } from "@heddle/event-store/Pruned";
import { Quarantine, quarantiningReads } from "@heddle/event-store/Quarantine";
import { explainSqlError } from "@heddle/event-store/SqliteDatabase";
import { finishPruned } from "@heddle/event-store/ThreadRows";
import { type ProjectorFault, Runner } from "@heddle/projections/Runner";
import { Context, Deferred, Effect, Fiber, Layer, Result, Semaphore } from "effect";
import { SqlClient, type SqlError } from "effect/sql";
import { CommandQueue } from "./CommandQueue.ts";
import { EffectSignal } from "./EffectSignal.ts";
import { Feed } from "./Feed.ts";
import {
  type Answer,
  type AnyCommand,
  type CommandError,
  fromClient,
  GroupWriter,
  type Origin,
  type Submission,
  submission,
} from "./GroupWriter.ts";

/**
 * Commands in one transaction at most. An agent's are larger, and a person's command waits for the group that is being
 * written: so few of them that this takes a few milliseconds.
 */
const GROUP_LIMITS = { person: 256, agent: 4 };
/** Events that are read at a time after a commit of which it is not known whether it stood. */
const PAGE_SIZE = 256;
/** Commands that may wait, for people and for agents each. */
const QUEUE_CAPACITY = 4096;

/** Events that a projector which is behind takes while commands wait. */
const CATCH_UP_PAGE = 250;
/** A start waits for projectors that have no more than this to take; others take it while the server serves. */
const CATCH_UP_AT_START = 10_000;

/** How long a stop waits for what was accepted to be written. */
const DRAIN_DEADLINE = "10 seconds";

const BUSY =
  "More commands wait than the server takes, or it is stopping. Nothing was changed: send the same command again after a moment.";

export interface EngineOptions {
  /**
   * Projectors of a long log that are to be built anew: `at-start` builds them before anything is served; `elsewhere`
   * leaves them to a rebuild. The others are taken to the head, a long way while commands are served.
   */
  readonly fill: "at-start" | "elsewhere";
}

export class Engine extends Context.Service<
  Engine,
  {
    /**
     * Puts a command to its aggregate, and answers with the sequence of the last event that it gave, once that is on
     * disk. The same command again gets the same answer. A person's command finds a full queue as `ServerBusy`; an
     * agent's waits.
     */
    readonly dispatch: (
      command: AnyCommand,
      origin: Origin,
    ) => Effect.Effect<{ readonly sequence: number }, CommandError>;
    /** The same for a person's command, by plain calls: `reply` is called once, and must not throw. */
    readonly submit: (command: ClientCommand, reply: (answer: Answer) => void) => void;
    /**
     * Runs an effect between two groups of commands: nothing else writes meanwhile, and everything that was answered is in
     * the database. Commands wait for it, so it must be short.
     */
    readonly exclusively: <A, E, R>(
      use: Effect.Effect<A, E, R>,
    ) => Effect.Effect<A, E | SqlError.SqlError, R>;
    /** Drops what is remembered of a thread that was taken out of the log. */
    readonly forgetThread: (threadId: string) => void;
    /** Takes projectors that are behind to the head, a page at a time between groups of commands. */
    readonly catchUpProjections: Effect.Effect<void, SqlError.SqlError>;
    /** Why the last group of commands could not be written, or null since one was. */
    readonly failure: () => CommandError | null;
  }
>()("heddle/orchestrator/Engine") {
  static readonly layer = ({ fill }: EngineOptions) =>
    Layer.effect(
      Engine,
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient;
        const scope = yield* Effect.scope;
        const quarantine = yield* Quarantine;
        const reads = quarantiningReads(yield* EventStore, quarantine);
        const runner = yield* Runner;
        const feed = yield* Feed;
        const effectSignal = yield* EffectSignal;
        const writer = yield* GroupWriter;
        const queue = new CommandQueue<Submission>(QUEUE_CAPACITY);

        // A prune that was cut short is brought to its end while nothing else reads or writes.
        yield* finishPruned(sql, yield* Pruned);
        // What can be read again since the last start was left out by the projectors that handle it.
        yield* sql.withTransaction(Effect.flatMap(quarantine.release, runner.restartFor));
        const readPage = (fromSequenceExclusive: number, limit: number) =>
          reads.readProjected({ fromSequenceExclusive, limit });
        const head = yield* reads.head;
        const toTake = (yield* runner.status).map(({ state, lastAppliedSequence }) =>
          state === "filling" ? head : head - lastAppliedSequence,
        );
        const atStart = fill === "at-start" || Math.max(0, ...toTake) <= CATCH_UP_AT_START;
        if (atStart) yield* runner.catchUp(readPage);
        feed.begin(head);

        // Set from a group that failed until one is written.
        let failure: CommandError | null = null;

        const commit = (
          group: ReadonlyArray<Submission>,
        ): Effect.Effect<void, SqlError.SqlError | StoreUnavailable> =>
          sql.withTransaction(writer.write(group, feed.head())).pipe(
            Effect.map((written) => {
              failure = null;
              written.committed();
              feed.publish(written.events);
              if (written.hasEffects) effectSignal.notify();
              for (const [{ reply }, answer] of written.answers) reply(answer);
            }),
            Effect.catchTags({
              // The fault is the projector's: without it, the group stands.
              ProjectorFault: (fault: ProjectorFault) =>
                runner
                  .markFaulted(fault)
                  .pipe(
                    Effect.andThen(Effect.suspend(() => commit(group))),
                    Effect.andThen(Effect.forkIn(locateFaults, scope)),
                  ),
              StreamVersionConflict: (conflict) =>
                Effect.fail(
                  new StoreUnavailable({ operation: "append", retryable: false, message: conflict.message }),
                ),
            }),
          );

        /** A commit may have stood although its caller saw an error: the log itself says how far it goes. */
        const resynchronize = Effect.gen(function* () {
          while (true) {
            const page = yield* reads.readAll({ fromSequenceExclusive: feed.head(), limit: PAGE_SIZE });
            feed.publish(page.events);
            // What cannot be read is passed over as well.
            if (page.last && page.last.sequence > feed.head()) feed.begin(page.last.sequence);
            if (page.atEnd) break;
          }
          yield* runner.reload;
          // Such a commit may have brought effects, too.
          effectSignal.notify();
        });

        const failGroup = (group: ReadonlyArray<Submission>, error: CommandError) =>
          Effect.sync(() => {
            failure = error;
            writer.forget();
            for (const { reply } of group) reply(Result.fail(error));
          });

        /**
         * A group that fails is tried again command by command, so that only what is at fault fails. A database that somebody
         * else has locked is nobody's fault: each command alone would only wait for it again.
         */
        const writeGroup = (group: ReadonlyArray<Submission>): Effect.Effect<void> => {
          const onFailure = (error: CommandError) => {
            const whole = group.length === 1 || (error._tag === "StoreUnavailable" && error.retryable);
            return Effect.andThen(
              failGroup(whole ? group : [], error),
              Effect.forEach(whole ? [] : group, (one) => writeGroup([one]), { discard: true }),
            );
          };
          return Effect.suspend(() => (failure ? resynchronize : Effect.void)).pipe(
            Effect.andThen(commit(group)),
            Effect.catchTags({
              SqlError: (error) => onFailure(storeUnavailable(error)),
              StoreUnavailable: onFailure,
            }),
            Effect.catchCause((cause) => {
              const error = internalError(group[0]?.command.commandId ?? "group");
              return Effect.andThen(Effect.logError(error.message, cause), onFailure(error));
            }),
          );
        };

        const turn = yield* Semaphore.make(1);
        const exclusively = <A, E, R>(use: Effect.Effect<A, E, R>) =>
          turn.withPermit(
            Effect.andThen(
              Effect.suspend(() => (failure ? resynchronize : Effect.void)),
              use,
            ),
          );
        const catchUpProjections: Effect.Effect<void, SqlError.SqlError> = Effect.suspend(() =>
          Effect.flatMap(exclusively(runner.step(readPage, CATCH_UP_PAGE)), (more) =>
            more ? Effect.andThen(Effect.yieldNow, catchUpProjections) : Effect.void,
          ),
        );
        /** One that failed on several events at once may have taken some of them, or all. */
        const locateFaults = Effect.andThen(
          exclusively(runner.locateFaults(readPage)),
          catchUpProjections,
        ).pipe(
          Effect.catchTag("SqlError", (error) =>
            Effect.logError(`A projector could not be taken on: ${explainSqlError(error)}`),
          ),
        );

        // Whoever is about to send something does so before the group is taken.
        const nextGroup = Effect.andThen(
          queue.waitForItems,
          Effect.andThen(Effect.yieldNow, queue.take(GROUP_LIMITS)),
        );
        const loop: Effect.Effect<void> = Effect.suspend(() =>
          Effect.flatMap(nextGroup, (group) =>
            group.length === 0 ? Effect.void : Effect.andThen(turn.withPermit(writeGroup(group)), loop),
          ),
        );
        // What was accepted is written before the end: the queue closes, and the loop ends when it is empty.
        yield* Effect.acquireRelease(Effect.forkDetach(loop), (fiber) =>
          Effect.andThen(
            Effect.sync(() => queue.close()),
            Fiber.await(fiber).pipe(
              Effect.timeoutOrElse({
                duration: DRAIN_DEADLINE,
                orElse: () =>
                  Effect.logError(
                    "Stopped before every accepted command was written; none of them was answered.",
                  ),
              }),
            ),
          ),
        );

        if (!atStart) yield* Effect.forkIn(locateFaults, scope);

        const busy = Result.fail(new ServerBusy({ message: BUSY }));
        const submit = (command: ClientCommand, reply: Submission["reply"]): void => {
          if (!queue.offer(submission(command, fromClient, reply), "person")) reply(busy);
        };

        return Engine.of({
          failure: () => failure,
          submit,
          exclusively,
          forgetThread: writer.forgetThread,
          catchUpProjections,
          dispatch: (command, origin) =>
            Effect.suspend(() => {
              const answer = Deferred.makeUnsafe<{ readonly sequence: number }, CommandError>();
              const submitted = submission(command, origin, (given) =>
                Deferred.doneUnsafe(answer, Effect.fromResult(given)),
              );
              const taken =
                origin.actor === "client"
                  ? Effect.succeed(queue.offer(submitted, "person"))
                  : queue.offerWhenRoom(submitted, origin.actor === "provider" ? "agent" : "person");
              return Effect.flatMap(taken, (ok) => (ok ? Deferred.await(answer) : Effect.fromResult(busy)));
            }),
        });
      }),
    );
}

/** What a failed transaction means to the caller. */
const storeUnavailable = (error: SqlError.SqlError): StoreUnavailable =>
  new StoreUnavailable({
    operation: error.reason.operation ?? "transaction",
    retryable: error.isRetryable,
    message: `The database did not take the command: ${explainSqlError(error)}. Nothing was changed; send the same command again after that.`,
  });

const internalError = (reference: string): InternalError =>
  new InternalError({
    reference,
    message: `The server failed on a bug; its log has more under ${reference}. Nothing was changed.`,
  });
