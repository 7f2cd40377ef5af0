/** The real engine with everything behind the transport, on the simulated disk, with simulated agents and folders. */
import { AgentSessions } from "@heddle/orchestrator/AgentSessions";
import { EffectWorker } from "@heddle/orchestrator/EffectWorker";
import { Engine } from "@heddle/orchestrator/Engine";
import { engineLayer } from "@heddle/orchestrator/EngineLayer";
import { Feed } from "@heddle/orchestrator/Feed";
import { Reactions } from "@heddle/orchestrator/Reactions";
import { recover } from "@heddle/orchestrator/Recovery";
import { Subscriptions } from "@heddle/orchestrator/Subscriptions";
import { TurnCheckpoints } from "@heddle/orchestrator/TurnCheckpoints";
import { TurnStarter } from "@heddle/orchestrator/TurnStarter";
import { RealFolder } from "@heddle/orchestrator/Workspace";
import type { Reader } from "@heddle/event-store/SqliteDatabase";
import { EndMarked } from "@heddle/providers/shared/ProcessTree";
import { Effect, Layer } from "effect";
import { checkpoints, worktrees } from "./Checkpoints.ts";
import { nothingClaimsToLive } from "./Laws.ts";
import { scriptedAgents } from "./ScriptedAgent.ts";
import type { World } from "./World.ts";

/** Parts that are replaced by broken ones, to show that the laws see it. */
export interface Plants {
  readonly engine?: (engine: Engine["Service"], feed: Feed["Service"]) => Engine["Service"];
  readonly subscriptions?: Layer.Layer<Subscriptions, never, Feed | Reader>;
}

/** As `orchestrationLayer` of the server puts it together. */
export const simulatedServer = (world: World, plants: Plants) => {
  const plant = plants.engine;
  const real = engineLayer(world.disk.file);
  const engine = plant
    ? Layer.effect(
        Engine,
        Effect.gen(function* () {
          return plant(yield* Engine, yield* Feed);
        }),
      ).pipe(Layer.provideMerge(real))
    : real;
  const agents = AgentSessions.layer.pipe(Layer.provideMerge(TurnCheckpoints.layer));
  const worker = EffectWorker.layer.pipe(
    Layer.provide(Reactions.layer),
    Layer.provide(TurnStarter.layer),
    Layer.provide(Layer.effectDiscard(Effect.andThen(recover(), nothingClaimsToLive(world)))),
  );
  return Layer.mergeAll(worker, plants.subscriptions ?? Subscriptions.layer).pipe(
    Layer.provideMerge(agents),
    Layer.provideMerge(engine),
    Layer.provide(checkpoints(world)),
    Layer.provide(worktrees(world)),
    Layer.provide(scriptedAgents(world)),
    Layer.provide(Layer.succeed(RealFolder, (path) => Effect.succeed(path))),
    Layer.provide(
      Layer.succeed(EndMarked, ({ value }) => Effect.sync(() => (world.agents.delete(value) ? 1 : 0))),
    ),
  );
};
