/** Rebuilds of the server's projections: where their shadow is, and who else writes meanwhile. */
import { join } from "node:path";
import { Engine } from "@heddle/orchestrator/Engine";
import type { Projector } from "@heddle/projections/Projector";
import { PROJECTORS } from "@heddle/projections/Projectors";
import { Rebuild } from "@heddle/replay/rebuild/Rebuild";
import { makeShadow } from "@heddle/replay/rebuild/ShadowDatabase";
import { Effect, Layer, Schedule } from "effect";
import type { DataDirectory } from "./DataDirectory.ts";

/** What is built of the log beside the database. */
export const shadowFile = ({ path }: DataDirectory): string => join(path, "rebuild.db");

export const rebuildLayer = (directory: DataDirectory, projectors: ReadonlyArray<Projector>) =>
  Layer.unwrap(
    Effect.map(Engine, ({ exclusively, catchUpProjections }) =>
      Rebuild.layer({
        database: directory.database,
        file: shadowFile(directory),
        projectors,
        exclusively,
        catchUp: catchUpProjections,
        // Another thread has the usual ones only.
        ...(projectors !== PROJECTORS && { openShadow: (options) => makeShadow(options, projectors) }),
      }),
    ),
  );

const AGAIN = "1 minute";

/** Builds projections that are to be built anew, for as long as the scope lives; what fails is tried again. */
export const fillLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { fill } = yield* Rebuild;
    yield* fill.pipe(
      Effect.tapError(({ message }) =>
        Effect.logWarning(`Projections could not be built anew yet: ${message}`),
      ),
      Effect.retry(Schedule.spaced(AGAIN)),
      Effect.forkScoped,
    );
  }),
);
