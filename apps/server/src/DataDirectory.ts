/** The folder that holds everything a server keeps: its database, its token, and who it is. */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { acquireExclusiveLock } from "@heddle/event-store/ExclusiveLock";
import { Clock, Effect, Schema } from "effect";

export interface DataDirectory {
  readonly path: string;
  readonly database: string;
  /** What a connection must show; in a file that only the owner can read. */
  readonly tokenFile: string;
  /** Held by the process that uses this folder. */
  readonly lockFile: string;
  /** Which process that is. */
  readonly ownerFile: string;
  /** Where the server of this folder listens. */
  readonly serverFile: string;
  readonly settingsFile: string;
}

/** The data directory cannot be used. */
export class DataDirectoryError extends Schema.TaggedError<DataDirectoryError>()("DataDirectoryError", {
  path: Schema.String,
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect()),
}) {}

/** Another process uses the data directory. */
export class DataDirectoryInUse extends Schema.TaggedError<DataDirectoryInUse>()("DataDirectoryInUse", {
  path: Schema.String,
  /** Null where it has not yet said who it is. */
  pid: Schema.NullOr(Schema.Int),
  message: Schema.String,
}) {}

const OwnerRecord = Schema.Struct({ pid: Schema.Int });
const OwnerRecordJson = Schema.fromJsonString(OwnerRecord);

export const ServerRecord = Schema.Struct({
  pid: Schema.Int,
  host: Schema.String,
  port: Schema.Int,
  startedAt: Schema.String,
});
export type ServerRecord = typeof ServerRecord.Type;

/** Where application data goes on this platform, unless `--data-dir` or HEDDLE_HOME say otherwise. */
export const defaultDataDirectory = (
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform,
): string => {
  const home = homedir();
  if (env["HEDDLE_HOME"]) return resolve(env["HEDDLE_HOME"]);
  switch (platform) {
    case "darwin":
      return join(home, "Library", "Application Support", "heddle");
    case "win32":
      return join(env["LOCALAPPDATA"] ?? join(home, "AppData", "Local"), "heddle");
    default: {
      // XDG Base Directory Specification: a relative path is to be ignored.
      const xdg = env["XDG_DATA_HOME"];
      return join(xdg && isAbsolute(xdg) ? xdg : join(home, ".local", "share"), "heddle");
    }
  }
};

export const dataDirectoryAt = (path: string): DataDirectory => ({
  path,
  database: join(path, "heddle.db"),
  tokenFile: join(path, "token"),
  lockFile: join(path, "lock"),
  ownerFile: join(path, "owner.json"),
  serverFile: join(path, "server.json"),
  settingsFile: join(path, "settings.json"),
});

const wordsOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** Codes of the system, and of SQLite (https://www.sqlite.org/rescode.html). */
const FULL = new Set<unknown>(["ENOSPC", "EDQUOT", 13]);
const UNWRITABLE = new Set<unknown>(["EACCES", "EPERM", "EROFS", 3, 8, 14]);

/** What a person can do about a file that could not be used. */
const adviceOn = (cause: unknown): string => {
  if (!(cause instanceof Error)) return "Choose another place with --data-dir.";
  const code =
    "errcode" in cause && typeof cause.errcode === "number"
      ? cause.errcode & 0xff
      : "code" in cause
        ? cause.code
        : undefined;
  if (FULL.has(code)) return "Make room on its disk, or choose another place with --data-dir.";
  if (UNWRITABLE.has(code)) {
    return "Make it writable for the user who runs this, or choose another place with --data-dir.";
  }
  return "Choose another place with --data-dir.";
};

const attempt = <A>(path: string, doing: string, run: () => Promise<A>) =>
  Effect.tryPromise({
    try: run,
    catch: (cause) =>
      new DataDirectoryError({
        path,
        message: `Could not ${doing} ${path}: ${wordsOf(cause)}. ${adviceOn(cause)}`,
        cause,
      }),
  });

/** Makes the folder, for its owner alone. */
export const createDataDirectory = (directory: DataDirectory) =>
  attempt(directory.path, "create the data directory", () =>
    mkdir(directory.path, { recursive: true, mode: 0o700 }),
  );

/** The token of the folder; made on first use, mode 0600. */
export const ensureToken = Effect.fn("ensureToken")(function* (directory: DataDirectory) {
  const { tokenFile } = directory;
  const known = yield* readIfThere(tokenFile);
  if (known !== undefined && known.trim().length >= 32) {
    yield* attempt(tokenFile, "protect the token file", () => chmod(tokenFile, 0o600));
    return known.trim();
  }
  const token = randomBytes(32).toString("base64url");
  yield* attempt(tokenFile, "write the token file", async () => {
    // Beside and renamed, so that nobody reads half a token; `mode` holds for new files only.
    const fresh = `${tokenFile}.${process.pid}`;
    await rm(fresh, { force: true });
    await writeFile(fresh, `${token}\n`, { mode: 0o600 });
    await rename(fresh, tokenFile);
  });
  return token;
});

/** The text of a file, or undefined where there is none. */
export const readIfThere = (path: string) =>
  attempt(path, "read", () =>
    readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    }),
  );

const ServerRecordJson = Schema.fromJsonString(ServerRecord);

/** Who serves the folder, or undefined; a record left by a dead process does not count. */
export const findServer = Effect.fn("findServer")(function* (directory: DataDirectory) {
  const text = yield* readIfThere(directory.serverFile);
  if (text === undefined) return undefined;
  const record = Schema.decodeUnknownOption(ServerRecordJson)(text);
  return record._tag === "Some" && isAlive(record.value.pid) ? record.value : undefined;
});

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, and somebody else's.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

/** Makes this process the only one that uses the folder, for as long as the scope is open. */
export const ownDataDirectory = Effect.fn("ownDataDirectory")(function* (directory: DataDirectory) {
  yield* acquireExclusiveLock(directory.lockFile).pipe(
    Effect.catchTag("LockUnavailable", (error) =>
      error.held
        ? Effect.flatMap(inUse(directory), Effect.fail)
        : Effect.fail(
            new DataDirectoryError({
              path: directory.lockFile,
              message: `Could not lock ${directory.lockFile}: ${wordsOf(error.cause)}. ${adviceOn(error.cause)}`,
              cause: error.cause,
            }),
          ),
    ),
  );
  const owner: typeof OwnerRecord.Type = { pid: process.pid };
  yield* attempt(directory.ownerFile, "write", () => writeFile(directory.ownerFile, JSON.stringify(owner)));
  // What a dead server left says where nobody listens any more.
  yield* attempt(directory.serverFile, "remove", () => rm(directory.serverFile, { force: true }));
});

const inUse = Effect.fnUntraced(function* ({ path, ownerFile }: DataDirectory) {
  const text = (yield* readIfThere(ownerFile)) ?? "";
  const owner = Schema.decodeUnknownOption(OwnerRecordJson)(text);
  const pid = owner._tag === "Some" ? owner.value.pid : null;
  const message = `${pid === null ? "Another process" : `Process ${pid}`} uses ${path} already. Use that server, stop it${pid === null ? "" : ` (kill ${pid})`}, or give this one another --data-dir.`;
  return new DataDirectoryInUse({ path, pid, message });
});

/** Writes where the server of the folder listens, for as long as the scope is open. */
export const announceServer = (
  directory: DataDirectory,
  address: { readonly host: string; readonly port: number },
) =>
  Effect.acquireRelease(
    Effect.gen(function* () {
      const startedAt = new Date(yield* Clock.currentTimeMillis).toISOString();
      const record: ServerRecord = { pid: process.pid, ...address, startedAt };
      yield* attempt(directory.serverFile, "write", () =>
        writeFile(directory.serverFile, `${JSON.stringify(record)}\n`, { mode: 0o600 }),
      );
    }),
    () => Effect.promise(() => rm(directory.serverFile, { force: true })),
  );
