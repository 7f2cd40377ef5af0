/** Brings claude's settings in line with what a person chose for a turn, and says where that is not possible. */
import type { ModelSelection } from "@heddle/contracts/Model";
import { Effect } from "effect";
import type { Deadlines } from "../shared/Deadlines.ts";
import type { PromptInput } from "../shared/Provider.ts";
import type { ClaudeSession } from "./ClaudeSession.ts";
import { effortIn, EFFORTS, isEffort, unknownOptions } from "./Options.ts";

/** What claude was told of a person's choices. */
export interface Told {
  model: string | undefined;
  effort: string | undefined;
  options: ModelSelection["options"];
}

/** With what the process was started. */
export const toldAtStart = (model: ModelSelection): Told => ({
  model: model.model,
  effort: effortIn(model),
  options: model.options,
});

/** Says what of a person's choices was not taken at the start. */
export const tellIgnored = (session: ClaudeSession, model: ModelSelection): void => {
  for (const name of unknownOptions(model))
    ignored(session, name, "claude has no such option here, or not of this form");
  const effort = effortIn(model);
  if (effort !== undefined && !isEffort(effort)) ignored(session, "effort", noSuchEffort(effort));
};

/** A choice that cannot be granted costs a notice, not the turn. */
export const applyChoices = Effect.fnUntraced(function* (
  session: ClaudeSession,
  told: Told,
  { model, effort: wanted }: PromptInput,
  deadlines: Deadlines,
) {
  const { query } = session.conversation;
  const set = (name: string, asking: () => Promise<void>): Effect.Effect<boolean> =>
    Effect.tryPromise({ try: asking, catch: (error) => String(error) }).pipe(
      Effect.as(true),
      Effect.timeoutOrElse({
        duration: deadlines.handOver,
        orElse: () => Effect.fail("claude did not answer in time"),
      }),
      Effect.catch((why) =>
        Effect.sync(() => {
          if (!session.gone) ignored(session, name, why);
          return false;
        }),
      ),
    );

  const chosen = model?.model;
  if (chosen !== undefined && chosen !== told.model) {
    if (yield* set("model", () => query.setModel(chosen))) told.model = chosen;
  }
  const effort = wanted ?? (model === undefined ? undefined : effortIn(model));
  if (effort !== undefined && effort !== told.effort) {
    if (!isEffort(effort)) ignored(session, "effort", noSuchEffort(effort));
    else if (yield* set("effort", () => query.applyFlagSettings({ effortLevel: effort })))
      told.effort = effort;
  }
  if (model !== undefined && others(model.options) !== others(told.options)) {
    told.options = model.options;
    ignored(session, "options", "claude takes other options only when its process starts");
  }
});

/** The effort may change with each turn. */
const others = (options: ModelSelection["options"]): string =>
  JSON.stringify(Object.entries(options ?? {}).filter(([name]) => name !== "effort"));

const noSuchEffort = (effort: string): string => `"${effort}" is none of ${EFFORTS.join(", ")}`;

const ignored = (session: ClaudeSession, name: string, why: string): void => {
  const summary = `The setting ${name} was ignored: ${why}.`;
  session.emit({ type: "notice", tone: "info", kind: "setting-ignored", summary, payload: { name } });
};
