/** What a person may set in `settings.json` of the data directory. */
import { AgentLaunch } from "@heddle/providers/shared/Provider";
import { ProviderName } from "@heddle/contracts/Model";
import { Effect, Schema } from "effect";
import { type DataDirectory, DataDirectoryError, readIfThere } from "./DataDirectory.ts";

export const Settings = Schema.Struct({
  /** Agents by name, beside the ones that come with Heddle. */
  agents: Schema.Record(ProviderName, AgentLaunch).pipe(Schema.withDecodingDefaultKey(Effect.succeed({}))),
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
