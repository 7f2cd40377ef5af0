/**
 * Carries out durable effects: claims what is due, one at a time per lane and many lanes at once, retries with backoff,
 * and gives up with a word in the thread. docs/adr/0006-durable-effects.md.
 */
import type { ThreadId } from "@heddle/contracts/Ids";
import { type ClaimedEffect, Effects } from "@heddle/event-store/Effects";
import {
  Cause,
  Clock,
  Context,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  Random,
  Schedule,
} from "effect";
import { commandIdFrom } from "./DerivedId.ts";
import { EffectSignal } from "./EffectSignal.ts";
import { Engine } from "./Engine.ts";
import { isForGood, type Origin } from "./GroupWriter.ts";
import { Reactions } from "./Reactions.ts";

const MAX_ATTEMPTS = 5;
/** A worker that has not renewed its leases for so long is taken for dead. */
export const LEASE_MILLIS = 60_000;
const CLAIM_LIMIT = 64;
const FIRST_RETRY_MILLIS = 500;

export class EffectWorker extends Context.Service<EffectWorker, { readonly owner: string }>()(
  "heddle/orchestrator/EffectWorker",
) {
  /** Starts working. What a dead process had claimed is open again before. */
  static readonly layer = Layer.effect(
    EffectWorker,
    Effect.gen(function* () {
      const effects = yield* Effects;
      const signal = yield* EffectSignal;
      const reactions = yield* Reactions;
      const engine = yield* Engine;
      const scope = yield* Effect.scope;
      // Pids come back, and are the same in two containers.
      const owner = `pid:${process.pid}/${(yield* Random.nextIntBetween(0, 2 ** 52)).toString(36)}`;
      const carriedOut = new Map<number, Fiber.Fiber<void> | undefined>();
      let renewing = false;
      /** A claim failed, and may have stood all the same. */
      let claimLost = false;

      const sayDead = (effect: ClaimedEffect, threadId: ThreadId, reason: string) =>
        engine
          .dispatch(
            {
              type: "thread.activity.append",
              commandId: commandIdFrom("effect-dead", effect.effectId),
              threadId,
              turnId: null,
              tone: "error",
              kind: "effect.dead",
              summary: `Gave up on ${effect.kind} after ${effect.attempts} attempts`,
              detail: { effectId: effect.effectId, kind: effect.kind, reason },
            },
            originOf(effect),
          )
          .pipe(
            // The thread was deleted; or it was said before a crash, in other words.
            Effect.catchTag(["CommandRejected", "CommandIdConflict"], ({ message }) =>
              Effect.logDebug(message),
            ),
          );

      const giveUp = Effect.fnUntraced(function* (effect: ClaimedEffect, reason: string) {
        const kept = yield* effects.renew({ owner, leaseMillis: LEASE_MILLIS });
        if (!kept.has(effect.effectId)) return;
        const threadId = threadOf(effect);
        yield* reactions.abandon(effect, originOf(effect), reason).pipe(
          Effect.andThen(threadId === undefined ? Effect.void : sayDead(effect, threadId, reason)),
          // It would be so the next time as well, and the lane would wait for it for ever.
          Effect.catchIf(isForGood, ({ message }) =>
            Effect.logError(`Giving up effect ${effect.effectId} could not be said: ${message}`),
          ),
        );
        yield* effects.bury(effect, reason);
      });

      const settle = (effect: ClaimedEffect, exit: Exit.Exit<string, unknown>) => {
        if (Exit.isSuccess(exit)) return effects.complete(effect, exit.value);
        const reason = reasonOf(exit.cause);
        if (effect.attempts >= MAX_ATTEMPTS) return giveUp(effect, reason);
        return Effect.flatMap(Clock.currentTimeMillis, (now) =>
          effects.retry(effect, now + FIRST_RETRY_MILLIS * 2 ** (effect.attempts - 1), reason),
        );
      };

      const carryOut = (effect: ClaimedEffect) =>
        Effect.exit(reactions.run(effect, originOf(effect))).pipe(
          Effect.flatMap((exit) =>
            Effect.suspend(() => settle(effect, exit)).pipe(
              // A row that stays claimed would hold its lane up: it is settled as soon as the database takes it.
              Effect.tapError((error) =>
                Effect.logError(`Effect ${effect.effectId} is not settled yet`, error),
              ),
              Effect.retry(Schedule.spaced("1 second")),
            ),
          ),
          Effect.catchCause((cause) =>
            Effect.logError(`Effect ${effect.effectId} (${effect.kind}) was not settled`, cause),
          ),
          // Its lane is free, and a retry may be due earlier than what is waited for.
          Effect.ensuring(
            Effect.sync(() => {
              carriedOut.delete(effect.effectId);
              signal.notify();
            }),
          ),
          Effect.withSpan("EffectWorker.carryOut", { attributes: { kind: effect.kind, lane: effect.lane } }),
        );

      /** As long as anything is carried out. What went to another all the same is his: it is not gone on with here. */
      const keepLeases: Effect.Effect<void> = Effect.gen(function* () {
        while (carriedOut.size > 0) {
          yield* Effect.sleep(LEASE_MILLIS / 3);
          const mine = new Map(carriedOut);
          const kept = yield* effects.renew({ owner, leaseMillis: LEASE_MILLIS }).pipe(
            Effect.tapError((error) => Effect.logError("Leases of effects could not be renewed", error)),
            Effect.option,
          );
          if (Option.isNone(kept)) continue;
          for (const [effectId, fiber] of mine) {
            if (!fiber || kept.value.has(effectId) || carriedOut.get(effectId) !== fiber) continue;
            yield* Effect.logWarning(
              `Effect ${effectId} went to another worker, since its lease had expired.`,
            );
            yield* Effect.forkIn(Fiber.interrupt(fiber), scope);
          }
        }
      }).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            renewing = false;
          }),
        ),
      );

      const begin = (effect: ClaimedEffect) =>
        Effect.gen(function* () {
          carriedOut.set(effect.effectId, undefined);
          const fiber = yield* Effect.forkIn(carryOut(effect), scope);
          if (carriedOut.has(effect.effectId)) carriedOut.set(effect.effectId, fiber);
          if (renewing) return;
          renewing = true;
          yield* Effect.forkIn(keepLeases, scope);
        });

      const waitForWork = Effect.gen(function* () {
        const due = yield* effects.nextDue(owner);
        if (due === null) return yield* signal.wait;
        const now = yield* Clock.currentTimeMillis;
        yield* Effect.raceFirst(signal.wait, Effect.sleep(Duration.millis(Math.max(due - now, 1))));
      });

      const work = Effect.gen(function* () {
        if (claimLost) yield* effects.releaseLost(owner, [...carriedOut.keys()]);
        claimLost = true;
        const claimed = yield* effects.claim({ owner, leaseMillis: LEASE_MILLIS, limit: CLAIM_LIMIT });
        claimLost = false;
        for (const effect of claimed) yield* begin(effect);
        if (claimed.length === 0) yield* waitForWork;
      }).pipe(
        Effect.tapError((error) => Effect.logError("Effects could not be claimed; trying again", error)),
        Effect.retry(Schedule.spaced("1 second")),
        Effect.forever,
      );

      yield* effects.releaseClaims;
      yield* Effect.forkScoped(work);
      return EffectWorker.of({ owner });
    }),
  );
}

/** For a person: an error's own words, without the places in the program. */
const reasonOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause);
  return error instanceof Error ? error.message : String(error);
};

/** What an effect brings about stands in the chain of the event that asked for it. */
const originOf = (effect: ClaimedEffect): Origin => ({
  actor: "server",
  causationEventId: effect.eventId,
  correlationId: effect.correlationId,
  metadata: {},
});

const threadOf = ({ payload }: ClaimedEffect): ThreadId | undefined =>
  payload !== null && typeof payload === "object" && "threadId" in payload
    ? (payload["threadId"] as ThreadId)
    : undefined;
