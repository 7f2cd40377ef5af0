import { Context, Effect, Latch, Layer } from "effect";

/** Tells the effect worker that there may be something to do. */
export class EffectSignal extends Context.Service<
  EffectSignal,
  {
    readonly notify: () => void;
    /** Waits for a notification since the last wait. */
    readonly wait: Effect.Effect<void>;
  }
>()("heddle/orchestrator/EffectSignal") {
  static readonly layer = Layer.sync(EffectSignal, () => {
    const latch = Latch.makeUnsafe(false);
    return EffectSignal.of({
      notify: () => {
        latch.openUnsafe();
      },
      wait: Effect.tap(latch.await, () => latch.close),
    });
  });
}
