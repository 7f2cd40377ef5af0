/** A long job at the terminal: how far it is, on a line that changes; elsewhere a line for each of its phases. */
import type { JobProgress } from "@heddle/contracts/Jobs";
import { Effect, Stream } from "effect";
import { Output } from "./Output.ts";
import { dim } from "./render/Colour.ts";
import { progressLine } from "./render/Progress.ts";

/** Shows the progress, and gives what else the job says to `onItem`. ctrl-C ends the job, and `cancelled` is said. */
export const showJob = <Item extends { readonly kind: string }, E, R, E2, R2>(
  job: Stream.Stream<Item | JobProgress, E, R>,
  cancelled: string,
  onItem: (item: Item) => Effect.Effect<unknown, E2, R2>,
) =>
  Effect.gen(function* () {
    const output = yield* Output;
    let phase = "";
    const onProgress = (progress: JobProgress) => {
      if (output.terminal) return output.status(dim(progressLine(progress)));
      if (output.json || phase === progress.phase) return Effect.void;
      phase = progress.phase;
      return output.printError(`${phase}…\n`);
    };
    yield* Stream.runForEach(job, (item) =>
      isProgress(item) ? onProgress(item) : Effect.asVoid(onItem(item)),
    ).pipe(
      Effect.onInterrupt(() =>
        Effect.andThen(
          output.status(undefined),
          output.json ? Effect.void : output.printError(`${cancelled}\n`),
        ),
      ),
    );
    yield* output.status(undefined);
  });

const isProgress = <Item extends { readonly kind: string }>(item: Item | JobProgress): item is JobProgress =>
  item.kind === "progress";
