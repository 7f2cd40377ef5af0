/** The methods that list and take in what agents keep themselves. */
import { homedir } from "node:os";
import { join } from "node:path";
import { InternalError, StoreUnavailable } from "@heddle/contracts/Errors";
import { type ImportItem, ImportRpcs, ListImportsInput, RunImportInput } from "@heddle/contracts/ImportRpc";
import type { JobError } from "@heddle/contracts/Jobs";
import { ImportedFiles } from "@heddle/event-store/ImportedFiles";
import { explainSqlError } from "@heddle/event-store/SqliteDatabase";
import { claudeTranscripts } from "@heddle/imports/claude/ClaudeTranscripts";
import { codexTranscripts } from "@heddle/imports/codex/CodexTranscripts";
import type { TranscriptFileError } from "@heddle/imports/TranscriptSource";
import type { CommandError } from "@heddle/orchestrator/GroupWriter";
import { Imports } from "@heddle/orchestrator/imports/Imports";
import { beginPhase } from "@heddle/replay/JobMeter";
import { OneJob } from "@heddle/replay/OneJob";
import { Effect, Layer, Queue, type Schema, Stream } from "effect";
import type { SqlError } from "effect/sql";
import type { DataDirectory } from "./DataDirectory.ts";
import { inputOf } from "./Input.ts";
import type { Settings } from "./Settings.ts";

const LIST = "orchestration.listImports";
const RUN = "orchestration.runImport";

const listInput = inputOf(LIST, ListImportsInput);
const runInput = inputOf(RUN, RunImportInput);

/** Where an agent keeps its files: where Heddle's settings start it, else where its own variable says. */
const homeOf = (agent: string, variable: string, usual: string, { agents }: Settings): string =>
  agents[agent]?.env[variable] || process.env[variable] || join(homedir(), usual);

export const importsLayer = (directory: DataDirectory, settings: Settings) =>
  Imports.layer({
    sources: {
      codex: codexTranscripts(homeOf("codex", "CODEX_HOME", ".codex", settings)),
      claude: claudeTranscripts(homeOf("claude", "CLAUDE_CONFIG_DIR", ".claude", settings)),
    },
    archives: join(directory.path, "imports"),
  }).pipe(Layer.provide(ImportedFiles.layer));

type Failure = TranscriptFileError | SqlError.SqlError | Schema.SchemaError | CommandError;

const AGAIN = "What was imported so far is there: import again, and it goes on.";

const failureOf = (error: Failure): JobError => {
  switch (error._tag) {
    case "SqlError":
      return new StoreUnavailable({
        operation: "import",
        retryable: error.isRetryable,
        message: `The database could not be used: ${explainSqlError(error)}. ${AGAIN}`,
      });
    case "StoreUnavailable":
      return new StoreUnavailable({ ...error, message: `${error.message} ${AGAIN}` });
    case "InternalError":
      return error;
    default:
      return new InternalError({ reference: "import", message: `${error.message} ${AGAIN}` });
  }
};

export const importHandlers = Effect.gen(function* () {
  const imports = yield* Imports;
  const jobs = yield* OneJob;

  const run = (input: RunImportInput) =>
    jobs.stream(
      `An import from ${input.source}`,
      Stream.callback<ImportItem, JobError>(
        (queue) =>
          Effect.gen(function* () {
            const meter = yield* beginPhase("importing", "bytes", (item) => Queue.offer(queue, item));
            const report = yield* imports.run(input, meter.at);
            yield* Queue.offer(queue, report);
            yield* Queue.end(queue);
          }).pipe(Effect.mapError(failureOf)),
        { bufferSize: 64 },
      ),
    );

  return ImportRpcs.of({
    [LIST]: (payload) =>
      listInput(payload).pipe(
        Effect.map((input) => Stream.mapError(imports.list(input), failureOf)),
        Stream.unwrap,
      ),
    [RUN]: (payload) => Stream.unwrap(Effect.map(runInput(payload), run)),
  });
});
