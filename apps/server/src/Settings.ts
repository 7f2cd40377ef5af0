/** What a person may set in `settings.json` of the data directory. */
import { AgentLaunch } from "@heddle/providers/shared/Provider";
import { ProviderName } from "@heddle/contracts/Model";
import { SESSION_TIMES } from "@heddle/orchestrator/SessionTimes";
import { Duration, Effect, Schema } from "effect";
import { type DataDirectory, DataDirectoryError, readIfThere } from "./DataDirectory.ts";

/** Such as `90 seconds` or `2 hours`; `Infinity` is never. */
const SilentFor = Schema.DurationFromString.check(
  Schema.makeFilter(Duration.isGreaterThanOrEqualTo(Duration.seconds(1)), {
    expected: "a duration of at least 1 second",
  }),
);

export const Settings = Schema.Struct({
  /** Agents by name, beside the ones that come with Heddle. */
  agents: Schema.Record(ProviderName, AgentLaunch).pipe(Schema.withDecodingDefaultKey(Effect.succeed({}))),
  /** How long a session may be silent before that means something. */
  sessions: Schema.Struct({
    stallAfter: SilentFor.pipe(Schema.withDecodingDefaultKey(Effect.succeed(SESSION_TIMES.stallAfter))),
    idleAfter: SilentFor.pipe(Schema.withDecodingDefaultKey(Effect.succeed(SESSION_TIMES.idleAfter))),
  }).pipe(Schema.withDecodingDefaultKey(Effect.succeed({}))),
});
export type Settings = typeof Settings.Type;

/** A key that is none is an error: it is most likely another one, misspelt. */
const decodeSettings = Schema.decodeUnknownEffect(Schema.fromJsonString(Settings), {
  errors: "all",
  onExcessProperty: "error",
});

/** The settings, or their defaults where there is no file. Fails where the file is not what it should be. */
export const readSettings = Effect.fn("readSettings")(function* (directory: DataDirectory) {
  const text = (yield* readIfThere(directory.settingsFile)) ?? "{}";
  return yield* decodeSettings(text).pipe(
    Effect.mapError(
      (error) =>
        new DataDirectoryError({
          path: directory.settingsFile,
          message: `${directory.settingsFile} is not valid:\n${error.message}`,
        }),
    ),
  );
});
