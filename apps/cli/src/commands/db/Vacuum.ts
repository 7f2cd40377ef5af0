/** `heddle db vacuum` */
import type { VacuumReport } from "@heddle/contracts/RetentionRpc";
import { findServer, ownDataDirectory } from "@heddle/server/DataDirectory";
import { Effect, Stream } from "effect";
import { Command } from "effect/cli";
import { CliFailure } from "../../CliFailure.ts";
import { connected, requireDatabase } from "../../Connection.ts";
import { DataFolder } from "../../Environment.ts";
import { Output } from "../../Output.ts";
import { bytesOf } from "../../render/Bytes.ts";
import { dim, green } from "../../render/Colour.ts";
import { progressLine } from "../../render/Progress.ts";

type Vacuumed = Pick<VacuumReport, "pages" | "fileBytesBefore" | "fileBytesAfter">;

const onServer = connected((client) =>
  Effect.gen(function* () {
    const output = yield* Output;
    let report: Vacuumed | undefined;
    yield* Stream.runForEach(client.vacuumDatabase, (item) => {
      if (item.kind === "progress") return output.status(progressLine(item));
      report = item;
      return output.status(undefined);
    }).pipe(Effect.ensuring(output.status(undefined)));
    return report;
  }),
);

const offline = Effect.gen(function* () {
  const output = yield* Output;
  const directory = yield* DataFolder;
  const { vacuumOffline } = yield* Effect.promise(() => import("@heddle/replay/retention/VacuumOffline"));
  yield* ownDataDirectory(directory);
  yield* output.status(dim("rewriting the database"));
  return yield* vacuumOffline(directory.database).pipe(
    Effect.mapError(
      ({ message }) => new CliFailure({ kind: "database", message, hint: "It is as it was before." }),
    ),
    Effect.ensuring(output.status(undefined)),
  );
}).pipe(Effect.scoped);

export const vacuum = Command.make(
  "vacuum",
  {},
  Effect.fnUntraced(function* () {
    const output = yield* Output;
    const directory = yield* DataFolder;
    yield* requireDatabase(directory);
    const running = (yield* findServer(directory)) !== undefined;
    const done = running ? yield* onServer : yield* offline;
    if (done === undefined) return;
    if (output.json) return yield* output.printJson({ ...done, online: running });
    yield* output.print(
      `${green("Vacuumed.")} The database was ${bytesOf(done.fileBytesBefore)} and is ${bytesOf(done.fileBytesAfter)}.\n`,
    );
  }),
).pipe(
  Command.withDescription(
    "Give free room in the database file back to the disk. While a server runs: free pages, some at a time between commands. Where none runs: the whole file is rewritten, which needs as much room again for as long as it takes.",
  ),
  Command.withShortDescription("Give free room back to the disk"),
);
