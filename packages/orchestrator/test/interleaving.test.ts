import { assert, describe, it } from "@effect/vitest";
import type { EventEnvelope } from "@heddle/contracts/Events";
import { isProjectCommand } from "@heddle/domain/Project";
import { isServerCommand } from "@heddle/domain/ServerCommand";
import { play, randomSteps } from "@heddle/domain/testing/Steps";
import { EventStore } from "@heddle/event-store/EventStore";
import { type Receipt, Receipts } from "@heddle/event-store/Receipts";
import { dropReadModel, readModel, restart } from "@heddle/projections/testing/support";
import { Effect, Exit } from "effect";
import { SqlClient } from "effect/sql";
import fc from "fast-check";
import { Engine } from "../src/Engine.ts";
import { type AnyCommand, fromClient, type Origin } from "../src/GroupWriter.ts";
import { freshEngine } from "./support.ts";

const fromAgent: Origin = { actor: "provider", causationEventId: null, correlationId: null, metadata: {} };

/** The commands of a random history: what people send, and what agents do meanwhile. */
const commandsOf = (steps: Parameters<typeof play>[0]): ReadonlyArray<AnyCommand> => {
  const commands: Array<AnyCommand> = [];
  play(steps, (_, command) => commands.push(command));
  return commands;
};

/** Who sends a command, and who sends it a second time. */
interface Sender {
  readonly client: number;
  readonly again: number | null;
}
const CLIENTS = 4;
const senders = fc.array(
  fc.record({
    client: fc.nat(CLIENTS - 1),
    again: fc.option(fc.nat(CLIENTS - 1), { nil: null, freq: 3 }),
  }),
  { minLength: 1, maxLength: 20 },
);

/** How many commands each client has under way at once, by turns. */
const pipelines = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: CLIENTS, maxLength: CLIENTS });

const shares = (commands: ReadonlyArray<AnyCommand>, plan: ReadonlyArray<Sender>) => {
  const shared = Array.from({ length: CLIENTS }, (): Array<AnyCommand> => []);
  for (const [index, command] of commands.entries()) {
    const { client, again } = plan[index % plan.length] ?? { client: 0, again: null };
    shared[client]?.push(command);
    if (again !== null) shared[again]?.push(command);
  }
  return shared;
};

interface Outcome {
  readonly log: ReadonlyArray<EventEnvelope>;
  readonly receipts: ReadonlyMap<string, Receipt>;
  readonly answers: ReadonlyMap<string, ReadonlyArray<Exit.Exit<{ readonly sequence: number }, unknown>>>;
}

/** Sends everything, and looks at what came of it. */
const run = Effect.fnUntraced(function* (
  commands: ReadonlyArray<AnyCommand>,
  plan: ReadonlyArray<Sender>,
  depths: ReadonlyArray<number>,
) {
  const engine = yield* Engine;
  const answers = new Map<string, Array<Exit.Exit<{ readonly sequence: number }, unknown>>>();
  const dispatch = (command: AnyCommand) =>
    Effect.map(
      Effect.exit(engine.dispatch(command, isServerCommand(command) ? fromAgent : fromClient)),
      (exit) => answers.set(command.commandId, [...(answers.get(command.commandId) ?? []), exit]),
    );
  yield* Effect.forEach(
    shares(commands, plan).entries(),
    ([client, share]) => Effect.forEach(share, dispatch, { concurrency: depths[client] ?? 1 }),
    { concurrency: "unbounded" },
  );
  const store = yield* EventStore;
  const receipts = yield* Receipts;
  return {
    log: (yield* store.readAll({ fromSequenceExclusive: 0, limit: 100_000 })).events,
    receipts: yield* receipts.find(commands.map(({ commandId }) => commandId)),
    answers,
  };
});

/** Sequences are dense, and versions are dense in each stream. */
const logIsDense = ({ log }: Outcome) => {
  const versions = new Map<string, number>();
  for (const [index, event] of log.entries()) {
    assert.strictEqual(event.sequence, index + 1);
    const stream = `${event.aggregateKind} ${event.streamId}`;
    assert.strictEqual(event.streamVersion, (versions.get(stream) ?? 0) + 1);
    versions.set(stream, event.streamVersion);
  }
  assert.strictEqual(new Set(log.map((event) => event.eventId)).size, log.length);
};

/** One receipt for each command; an accepted one points to the command's last event, a rejected one has none. */
const receiptsPoint = ({ log, receipts }: Outcome, commands: ReadonlyArray<AnyCommand>) => {
  const events = Map.groupBy(log, (event) => event.commandId);
  for (const command of commands) {
    const { commandId } = command;
    const receipt = receipts.get(commandId);
    const own = events.get(commandId) ?? [];
    assert.isDefined(receipt);
    const aggregateId = isProjectCommand(command) ? command.projectId : command.threadId;
    assert.strictEqual(receipt?.aggregateId, aggregateId);
    if (receipt?.error) {
      assert.isEmpty(own);
      assert.isAtMost(receipt.resultSequence, log.length);
    } else {
      assert.strictEqual(own.at(-1)?.sequence, receipt?.resultSequence);
      assert.isTrue(own.every((event) => event.streamId === aggregateId));
      // One decision's events stand together.
      assert.strictEqual((own.at(-1)?.sequence ?? 0) - (own[0]?.sequence ?? 0), own.length - 1);
    }
  }
};

/** Whoever sent it, and however often: the receipt's answer. */
const answersAgree = ({ answers, receipts }: Outcome) => {
  for (const [commandId, given] of answers) {
    const receipt = receipts.get(commandId);
    for (const answer of given) {
      if (receipt?.error) assert.deepStrictEqual<unknown>(answer, Exit.fail(receipt.error));
      else assert.deepStrictEqual<unknown>(answer, Exit.succeed({ sequence: receipt?.resultSequence }));
    }
  }
};

const facts = (events: ReadonlyArray<EventEnvelope>) =>
  events.map(({ sequence, streamVersion, eventId, eventType }) => [
    sequence,
    streamVersion,
    eventId,
    eventType,
  ]);

describe("several clients at once, who send some commands twice,", () => {
  it.live(
    "get one log without holes, one receipt and one answer a command, and a read model that equals a rebuild",
    () =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(randomSteps(150), senders, pipelines, (steps, plan, depths) =>
            Effect.gen(function* () {
              const commands = commandsOf(steps);
              const outcome = yield* run(commands, plan, depths);
              logIsDense(outcome);
              receiptsPoint(outcome, commands);
              answersAgree(outcome);
              const sql = yield* SqlClient.SqlClient;
              const [counted] = yield* sql<{ count: number }>`
                SELECT count(*) AS count FROM orchestration_command_receipts`;
              assert.strictEqual(counted?.count, commands.length);

              const live = yield* readModel;
              yield* dropReadModel;
              yield* restart();
              assert.deepStrictEqual(yield* readModel, live);
            }).pipe(Effect.provide(freshEngine), Effect.runPromise),
          ),
          { numRuns: 40 },
        ),
      ),
    120_000,
  );

  it.live("get the very log of one client who sends the same commands one after the other", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(randomSteps(120), (steps) =>
          Effect.gen(function* () {
            const world = play(steps);
            const { log } = yield* run(commandsOf(steps), [{ client: 0, again: null }], [1]);
            assert.deepStrictEqual(facts(log), facts(world.log));
          }).pipe(Effect.provide(freshEngine), Effect.runPromise),
        ),
        { numRuns: 20 },
      ),
    ),
  );
});
