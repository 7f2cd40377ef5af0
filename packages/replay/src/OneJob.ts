/** Of the jobs that change the database beside commands (a rebuild, a prune, a vacuum), one runs at a time. */
import { MaintenanceBusy } from "@heddle/contracts/Jobs";
import { Clock, Context, Effect, Layer, Stream } from "effect";

interface Running {
  readonly job: string;
  readonly startedAt: string;
}

export class OneJob extends Context.Service<
  OneJob,
  {
    /** Runs a job, named for people; fails with `MaintenanceBusy` where another one runs. */
    readonly run: <A, E, R>(
      job: string,
      work: Effect.Effect<A, E, R>,
    ) => Effect.Effect<A, E | MaintenanceBusy, R>;
    /** The same for a job that says how far it is. */
    readonly stream: <A, E, R>(
      job: string,
      work: Stream.Stream<A, E, R>,
    ) => Stream.Stream<A, E | MaintenanceBusy, R>;
  }
>()("heddle/replay/OneJob") {
  static readonly layer = Layer.sync(OneJob, () => {
    let running: Running | null = null;
    const begin = (job: string) =>
      Effect.flatMap(Clock.currentTimeMillis, (millis) => {
        if (running !== null) {
          const message = `${running.job} is at work since ${running.startedAt}. Wait for its end, or end it.`;
          return Effect.fail(new MaintenanceBusy({ ...running, message }));
        }
        running = { job, startedAt: new Date(millis).toISOString() };
        return Effect.void;
      });
    const end = Effect.sync(() => {
      running = null;
    });
    const held = (job: string) => Effect.acquireRelease(begin(job), () => end);
    return OneJob.of({
      run: (job, work) => Effect.scoped(Effect.andThen(held(job), work)),
      stream: (job, work) => Stream.scoped(Stream.unwrap(Effect.as(held(job), work))),
    });
  });
}
