/** Agents that do what the dice say: words, tools, requests, questions, errors, crashes, and hanging until they are ended. */
import { MessageId, ProviderItemId, ProviderSessionId } from "@heddle/contracts/Ids";
import { promptIdFrom } from "@heddle/orchestrator/DerivedId";
import { EventQueue } from "@heddle/providers/shared/EventQueue";
import { type AgentSession, ProviderError, Providers } from "@heddle/providers/shared/Provider";
import { Deferred, Effect, Fiber, Layer, type Scope } from "effect";
import type { World } from "./World.ts";

const PROVIDER = "scripted";

const failure = (operation: ProviderError["operation"], message: string) =>
  new ProviderError({ provider: PROVIDER, operation, message });

/** The `Providers` of a run. */
export const scriptedAgents = (world: World) =>
  Layer.succeed(Providers, {
    names: [PROVIDER],
    start: () => startAgent(world),
  });

/** The prompts of the turns that run, as the log has it. */
const running = ({ disk }: World) =>
  disk
    .look("SELECT user_message_id AS id FROM projection_thread_turns WHERE status = 'running'")
    .map(({ id }) => promptIdFrom(MessageId.make(String(id))));

const startAgent = Effect.fnUntraced(function* (
  world: World,
): Effect.fn.Return<AgentSession, ProviderError, Scope.Scope> {
  const { dice, trace } = world;
  yield* Effect.sleep(dice.between(0, 80));
  if (dice.chance(0.05)) return yield* failure("start", "The command was not found.");
  const pid = world.nextId();
  const mark = `mark-${pid}`;
  const who = `agent ${pid}`;
  const queue = yield* EventQueue.make;
  const scope = yield* Effect.scope;
  const pending = new Map<string, Deferred.Deferred<void>>();
  let alive = true;
  let turn: { fiber: Fiber.Fiber<void> | undefined; readonly stubborn: boolean } | undefined;
  let items = 0;

  const exit = (exitCode: number | null, signal: string | null) => {
    if (!alive) return;
    alive = false;
    trace.add(who, `ends ${signal ?? exitCode}`);
    world.agents.delete(mark);
    queue.push({ type: "session.exited", exitCode, signal, detail: "" });
    queue.end();
  };
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      trace.add(who, "starts");
      world.agents.set(mark, `session-${pid}`);
    }),
    () =>
      Effect.andThen(
        Effect.sleep(dice.between(0, 100)),
        Effect.sync(() => exit(null, "SIGTERM")),
      ),
  );

  const item = () => {
    items += 1;
    return ProviderItemId.make(`item-${pid}-${items}`);
  };

  const ask = Effect.fnUntraced(function* () {
    const requestKey = `request-${pid}-${item()}`;
    const answered = yield* Deferred.make<void>();
    pending.set(requestKey, answered);
    if (dice.chance(0.6)) {
      queue.push({
        type: "approval.requested",
        requestKey,
        kind: dice.pick(["execute", "edit"]),
        title: "May I?",
        payload: { command: "ls" },
      });
    } else {
      const options = [{ label: "Yes", value: "yes" }];
      queue.push({
        type: "user-input.requested",
        requestKey,
        questions: [{ id: "q", prompt: "Which?", options }],
      });
    }
    if (dice.chance(0.3)) {
      yield* Effect.sleep(dice.between(0, 400));
      if (pending.delete(requestKey)) queue.push({ type: "request.withdrawn", requestKey });
      return;
    }
    yield* Deferred.await(answered);
  });

  const speak = Effect.fnUntraced(function* () {
    const itemId = item();
    const deltas = dice.between(1, 6);
    for (let count = 0; count < deltas; count += 1) {
      const length = dice.chance(0.05) ? 4500 : dice.between(1, 20);
      queue.push({
        type: "message.delta",
        itemId,
        text: `${String.fromCharCode(97 + count)}`.repeat(length),
      });
      if (dice.chance(0.5)) yield* Effect.sleep(dice.between(1, 400));
    }
    if (dice.chance(0.7)) queue.push({ type: "message.completed", itemId });
  });

  const useTool = Effect.fnUntraced(function* () {
    const tool = {
      type: "tool.updated",
      itemId: item(),
      kind: "execute",
      title: "Run",
      payload: { output: "ok" },
    } as const;
    queue.push({ ...tool, status: "running" });
    yield* Effect.sleep(dice.between(0, 50));
    queue.push({ ...tool, status: dice.chance(0.8) ? "completed" : "failed" });
  });

  const act = () => {
    switch (dice.weighted({ speak: 5, tool: 3, ask: 2, think: 1, notice: 1, plan: 1 })) {
      case "speak":
        return speak();
      case "tool":
        return useTool();
      case "ask":
        return ask();
      case "think":
        return Effect.sync(() => queue.push({ type: "reasoning", itemId: item(), text: "Hm." }));
      case "notice":
        return Effect.sync(() =>
          queue.push({ type: "notice", tone: "info", kind: "retry", summary: "Again", payload: null }),
        );
      case "plan":
        return Effect.sync(() =>
          queue.push({ type: "plan.updated", entries: [{ text: "Do it", status: "pending" }] }),
        );
    }
  };

  const finish = (status: "completed" | "interrupted" | "error") => {
    turn = undefined;
    for (const requestKey of pending.keys()) queue.push({ type: "request.withdrawn", requestKey });
    pending.clear();
    trace.add(who, `turn ${status}`);
    queue.push({ type: "turn.completed", status });
  };

  const work = Effect.gen(function* () {
    queue.push({ type: "turn.started" });
    const acts = dice.between(0, 4);
    for (let count = 0; count < acts; count += 1) {
      yield* act();
      yield* Effect.sleep(dice.between(0, 30));
    }
    const end = dice.weighted({ completed: 12, error: 1, crash: 2, hang: 2 });
    if (end === "hang") {
      trace.add(who, "hangs");
      yield* Effect.never;
    }
    if (end === "crash") exit(1, null);
    else if (end !== "hang") finish(end);
  });

  const ifAlive = <A, E>(operation: ProviderError["operation"], effect: Effect.Effect<A, E>) =>
    Effect.suspend((): Effect.Effect<A, E | ProviderError> =>
      alive ? effect : Effect.fail(failure(operation, "The agent is gone.")),
    );

  const interrupt = Effect.suspend(() => {
    const asked = turn;
    if (!asked?.fiber || asked.stubborn) return Effect.void;
    return Effect.andThen(
      Fiber.interrupt(asked.fiber),
      Effect.sync(() => {
        if (alive && turn === asked) finish("interrupted");
      }),
    );
  });

  const answer = (requestKey: string) =>
    ifAlive(
      "respond",
      Effect.suspend((): Effect.Effect<void, ProviderError> => {
        if (dice.chance(0.05)) return Effect.fail(failure("respond", "The agent did not take the answer."));
        const answered = pending.get(requestKey);
        if (!answered) return Effect.fail(failure("respond", "Unknown request."));
        pending.delete(requestKey);
        return Effect.asVoid(Deferred.succeed(answered, undefined));
      }),
    );

  if (dice.chance(0.05)) exit(127, null);
  else {
    yield* Effect.forkIn(
      Effect.andThen(
        Effect.sleep(dice.between(0, 40)),
        Effect.sync(() => {
          if (!alive) return;
          queue.push({
            type: "session.started",
            providerSessionId: ProviderSessionId.make(`session-${pid}`),
            capabilities: { steer: true, resume: true },
            resumed: dice.chance(0.5),
          });
        }),
      ),
      scope,
    );
  }

  return {
    pid,
    adapterKey: "scripted",
    processMark: mark,
    get gone() {
      return !alive;
    },
    resumeCursor: dice.chance(0.7) ? `cursor-${pid}` : null,
    events: queue.stream,
    prompt: ({ promptId = "" }) =>
      ifAlive(
        "prompt",
        Effect.suspend((): Effect.Effect<void, ProviderError> => {
          if (dice.chance(0.03)) return Effect.fail(failure("prompt", "The agent refused the prompt."));
          if (!running(world).includes(promptId)) {
            world.breaks(
              "agents-work-on-turns-that-run",
              `${who} is given ${promptId}, whose turn does not run.`,
            );
          }
          const begun: typeof turn = { fiber: undefined, stubborn: dice.chance(0.25) };
          turn = begun;
          return Effect.map(Effect.forkIn(work, scope), (fiber) => {
            begun.fiber = fiber;
          });
        }),
      ),
    steer: () => ifAlive("steer", Effect.void),
    interrupt: ifAlive("interrupt", interrupt),
    respondApproval: (requestKey, decision) =>
      Effect.andThen(answer(requestKey), decision === "cancel" ? interrupt : Effect.void),
    respondUserInput: (requestKey) => answer(requestKey),
    setRuntimeMode: () => ifAlive("set-mode", Effect.void),
  };
});
