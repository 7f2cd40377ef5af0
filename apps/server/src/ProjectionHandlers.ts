/** The methods about projections: how they are, and the jobs that build them a second time. */
import { type InvalidInput, StoreUnavailable } from "@heddle/contracts/Errors";
import {
  ProjectionRpcs,
  type ProjectionStatus,
  RebuildProjectionsInput,
  VerifyProjectionsInput,
} from "@heddle/contracts/ProjectionRpc";
import { eventReads } from "@heddle/event-store/EventStore";
import { explainSqlError, Reader } from "@heddle/event-store/SqliteDatabase";
import { Runner, stateAt } from "@heddle/projections/Runner";
import { Rebuild } from "@heddle/replay/rebuild/Rebuild";
import { Effect, Schema, Stream } from "effect";
import type { SqlError } from "effect/sql";
import { inputOf, invalid } from "./Input.ts";

const STATUS = "orchestration.getProjectionStatus";
const REBUILD = "orchestration.rebuildProjections";
const VERIFY = "orchestration.verifyProjections";

const statusInput = inputOf(STATUS, Schema.Struct({}));
const rebuildInput = inputOf(REBUILD, RebuildProjectionsInput);
const verifyInput = inputOf(VERIFY, VerifyProjectionsInput);

const notReadable = (error: SqlError.SqlError) =>
  Effect.fail(
    new StoreUnavailable({
      operation: "read",
      retryable: error.isRetryable,
      message: `The database could not be read: ${explainSqlError(error)}.`,
    }),
  );

export const projectionHandlers = Effect.gen(function* () {
  const runner = yield* Runner;
  const rebuild = yield* Rebuild;
  const reads = eventReads(yield* Reader);

  /** Fails where a name is none of a projector's, and says which there are. */
  const known = Effect.fnUntraced(function* (
    method: string,
    names: ReadonlyArray<string>,
  ): Effect.fn.Return<void, InvalidInput> {
    const there = (yield* runner.status).map(({ projector }) => projector);
    const issues = names.flatMap((name, index) =>
      there.includes(name)
        ? []
        : [
            {
              path: `names[${index}]`,
              message: `There is no projector ${JSON.stringify(name)}. There are: ${there.join(", ")}`,
            },
          ],
    );
    if (issues.length > 0) return yield* invalid(method, issues);
  });

  return ProjectionRpcs.of({
    [STATUS]: (payload) =>
      Effect.gen(function* () {
        yield* statusInput(payload);
        const headSequence = yield* reads.head;
        const projectors = (yield* runner.status).map((status): ProjectionStatus => ({
          ...status,
          state: stateAt(headSequence, status),
          behind: Math.max(0, headSequence - status.lastAppliedSequence),
        }));
        return { headSequence, projectors };
      }).pipe(Effect.catchTag("SqlError", notReadable)),
    [REBUILD]: (payload) =>
      Effect.gen(function* () {
        const { names } = yield* rebuildInput(payload);
        yield* known(REBUILD, names);
        return rebuild.run({ purpose: "rebuild", names, limit: 0 });
      }).pipe(Stream.unwrap),
    [VERIFY]: (payload) =>
      Effect.gen(function* () {
        const { names, repair, limit } = yield* verifyInput(payload);
        yield* known(VERIFY, names);
        return rebuild.run({ purpose: repair ? "repair" : "verify", names, limit });
      }).pipe(Stream.unwrap),
  });
});
