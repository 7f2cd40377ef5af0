/**
 * A client: sends commands, some of them again, and remembers what it was answered, whatever becomes of the server. A
 * command without an answer is sent again with the same id, as SPEC section 3 tells clients to.
 */
import type { ClientCommand } from "@heddle/contracts/Commands";
import { Engine } from "@heddle/orchestrator/Engine";
import { fromClient } from "@heddle/orchestrator/GroupWriter";
import { Effect, Exit } from "effect";
import { randomCommand, withAnotherBody } from "./Commands.ts";
import type { World } from "./World.ts";

/** An answer that stands: the sequence of an accepted command, or the code of a rejection. */
type Answer = { readonly accepted: number } | { readonly rejected: string };

interface Sent {
  readonly command: ClientCommand;
  answer: Answer | undefined;
}

const TRIES = 4;

export class Client {
  readonly name: string;
  readonly #world: World;
  readonly #sent: Array<Sent>;
  #budget: number;

  constructor(world: World, name: string, budget: number, first: ReadonlyArray<ClientCommand> = []) {
    this.#world = world;
    this.name = name;
    this.#budget = budget;
    this.#sent = first.map((command) => ({ command, answer: undefined }));
  }

  /** Sends what was left without an answer, and then up to `count` commands of all kinds. */
  work(count: number): Effect.Effect<void, never, Engine> {
    const { dice } = this.#world;
    const unanswered = this.#sent.filter(({ answer }) => answer === undefined);
    const acts = Math.min(count, this.#budget);
    return Effect.forEach(unanswered, (sent) => this.#send(sent), { discard: true }).pipe(
      Effect.andThen(
        Effect.forEach(Array.from({ length: acts }), () => this.#act(), {
          concurrency: dice.between(1, 4),
          discard: true,
        }),
      ),
    );
  }

  /** Puts each command once more, to a server at rest: every answer is given again, and what had none gets one. */
  get confirm(): Effect.Effect<void, never, Engine> {
    return Effect.forEach(
      this.#sent,
      (sent) =>
        Effect.andThen(
          this.#send(sent),
          Effect.sync(() => {
            if (sent.answer === undefined) {
              this.#world.breaks("commands-are-answered", `${sent.command.commandId} never got an answer.`);
            }
          }),
        ),
      { concurrency: "unbounded", discard: true },
    );
  }

  /** How many commands each kind of answer was given to. */
  get tally() {
    const answers = this.#sent.map(({ answer }) => answer);
    return {
      accepted: answers.filter((answer) => answer && "accepted" in answer).length,
      rejected: answers.filter((answer) => answer && "rejected" in answer).length,
    };
  }

  #act(): Effect.Effect<void, never, Engine> {
    return Effect.suspend(() => {
      const { dice } = this.#world;
      this.#budget -= 1;
      const earlier = dice.pick(this.#sent);
      const kind = earlier ? dice.weighted({ fresh: 16, again: 3, other: 1 }) : "fresh";
      const act =
        kind === "fresh" || !earlier
          ? this.#sendNew()
          : kind === "again"
            ? this.#send(earlier)
            : this.#sendOther(earlier);
      return Effect.andThen(dice.chance(0.6) ? Effect.sleep(dice.between(0, 600)) : Effect.void, act);
    });
  }

  #sendNew(): Effect.Effect<void, never, Engine> {
    return Effect.suspend(() => {
      const sent: Sent = { command: randomCommand(this.#world), answer: undefined };
      this.#sent.push(sent);
      return this.#send(sent);
    });
  }

  /** Until there is an answer that stands, or patience is at an end. */
  #send(sent: Sent, tries = TRIES): Effect.Effect<void, never, Engine> {
    return Effect.gen({ self: this }, function* () {
      const { command } = sent;
      const { trace, dice } = this.#world;
      const engine = yield* Engine;
      trace.add(this.name, `sends ${command.commandId} ${command.type}`);
      const exit = yield* Effect.exit(engine.dispatch(command, fromClient));
      const answer = Exit.isSuccess(exit)
        ? { accepted: exit.value.sequence }
        : yield* this.#failed(command, exit);
      if (answer !== undefined) return this.#record(sent, answer);
      if (tries <= 1) return;
      yield* Effect.sleep(dice.between(10, 1500));
      yield* this.#send(sent, tries - 1);
    });
  }

  /** What a failure answers: nothing, where the same command is to be sent again. */
  #failed(
    command: ClientCommand,
    exit: Exit.Failure<unknown, Effect.Error<ReturnType<Engine["Service"]["dispatch"]>>>,
  ) {
    return Effect.map(Effect.catchCause(Effect.flip(exit), Effect.succeed), (error): Answer | undefined => {
      const { trace } = this.#world;
      const tag = "_tag" in error ? error._tag : "defect";
      if (tag === "CommandRejected" && "code" in error) return { rejected: error.code };
      trace.add(this.name, `${command.commandId}: ${tag}`);
      if (tag !== "ServerBusy" && tag !== "StoreUnavailable") {
        const message = error instanceof Error ? error.message : JSON.stringify(error);
        this.#world.breaks("answers-are-typed", `${command.commandId} was answered with ${tag}: ${message}`);
      }
      return undefined;
    });
  }

  #record(sent: Sent, answer: Answer): void {
    const { trace } = this.#world;
    const { commandId } = sent.command;
    const words = JSON.stringify(answer);
    trace.add(this.name, `${commandId}: ${words}`);
    if (sent.answer === undefined) sent.answer = answer;
    else if (JSON.stringify(sent.answer) !== words) {
      this.#world.breaks(
        "the-same-command-gets-the-same-answer",
        `${commandId} was answered ${JSON.stringify(sent.answer)}, and then ${words}.`,
      );
    }
    this.#mustBeStored(commandId, answer);
  }

  /** What was answered is on disk, and a read shows it. */
  #mustBeStored(commandId: string, answer: Answer): void {
    const { disk } = this.#world;
    const [receipt] = disk.look(
      "SELECT result_sequence, status FROM orchestration_command_receipts WHERE command_id = ?",
      commandId,
    );
    const accepted = "accepted" in answer ? answer.accepted : undefined;
    const stored = receipt?.["status"] === (accepted === undefined ? "rejected" : "accepted");
    if (!stored || (accepted !== undefined && receipt["result_sequence"] !== accepted)) {
      this.#world.breaks(
        "what-was-answered-is-stored",
        `${commandId} was answered ${JSON.stringify(answer)}; on disk is ${JSON.stringify(receipt ?? null)}.`,
      );
    }
    const [behind] = disk.look(
      "SELECT projector, last_applied_sequence AS cursor FROM projection_state WHERE fault IS NULL AND last_applied_sequence < ?",
      accepted ?? 0,
    );
    if (behind) {
      this.#world.breaks(
        "reads-show-what-was-answered",
        `${commandId} was answered with ${accepted}; ${behind["projector"]} stands at ${behind["cursor"]}.`,
      );
    }
  }

  #sendOther(sent: Sent): Effect.Effect<void, never, Engine> {
    return Effect.gen({ self: this }, function* () {
      // Without an answer it is not known which of the two bodies came first.
      if (sent.answer === undefined) return;
      const { trace } = this.#world;
      const engine = yield* Engine;
      const command = withAnotherBody(sent.command);
      trace.add(this.name, `sends ${command.commandId} with another body`);
      const exit = yield* Effect.exit(engine.dispatch(command, fromClient));
      if (Exit.isSuccess(exit)) {
        this.#world.breaks(
          "an-id-stands-for-one-command",
          `${command.commandId} with another body was accepted.`,
        );
        return;
      }
      const error = yield* Effect.catchCause(Effect.flip(exit), Effect.succeed);
      const tag = "_tag" in error ? error._tag : "defect";
      if (tag !== "CommandIdConflict" && tag !== "ServerBusy" && tag !== "StoreUnavailable") {
        this.#world.breaks(
          "an-id-stands-for-one-command",
          `${command.commandId} with another body got ${tag}.`,
        );
      }
    });
  }
}
