import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Effect, Layer } from "effect";
import { nodeSqliteLayer } from "../src/NodeSqlite.ts";

/** A folder that is gone when the scope closes. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "heddle-test-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true })),
);

/** A real database in a folder of its own. */
export const freshDatabase = Layer.unwrap(
  Effect.map(temporaryFolder, (folder) =>
    nodeSqliteLayer({ filename: join(folder, "test.db"), pragmas: [], begin: "BEGIN IMMEDIATE" }),
  ),
);
