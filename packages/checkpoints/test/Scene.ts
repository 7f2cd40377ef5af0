/** A workspace in a temporary folder, real files and real git, and a store beside it. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ThreadId } from "@heddle/contracts/Ids";
import { Effect, type Scope } from "effect";
import { CheckpointStore } from "../src/CheckpointStore.ts";

export const THREAD = ThreadId.make("thread-1");

/** As the person calls it: with their settings, and with none of the test runner's. */
export const runGit = (cwd: string, ...args: ReadonlyArray<string>): string =>
  execFileSync("git", ["-c", "user.name=Person", "-c", "user.email=person@localhost", ...args], {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" },
  });

export class Scene {
  readonly base: string;
  readonly folder: string;
  readonly dataDir: string;

  constructor(base: string, folder = join(base, "workspace")) {
    this.base = base;
    this.folder = folder;
    this.dataDir = join(base, "data");
  }

  /** The same scene with another folder, made if need be, as its workspace. */
  at(folder: string): Scene {
    mkdirSync(folder, { recursive: true });
    return new Scene(this.base, folder);
  }

  git(...args: ReadonlyArray<string>): string {
    return runGit(this.folder, ...args);
  }

  path(path: string): string {
    return join(this.folder, path);
  }

  write(path: string, content: string | Buffer, mode = 0o644): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    writeFileSync(this.path(path), content);
    chmodSync(this.path(path), mode);
  }

  link(path: string, target: string): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    symlinkSync(target, this.path(path));
  }

  remove(path: string): void {
    rmSync(this.path(path), { recursive: true });
  }

  has(path: string): boolean {
    return lstatSync(this.path(path), { throwIfNoEntry: false }) !== undefined;
  }

  read(path: string): string {
    return readFileSync(this.path(path), "utf8");
  }

  /** Every file and link below the folder but in `.git`: its kind, whether it can be executed, and its bytes. */
  files(folder = ""): Record<string, string> {
    const found: Record<string, string> = {};
    for (const item of readdirSync(this.path(folder), { withFileTypes: true })) {
      const path = join(folder, item.name);
      if (item.isSymbolicLink()) found[path] = `link to ${readlinkSync(this.path(path))}`;
      else if (item.isFile()) {
        const kind = (lstatSync(this.path(path)).mode & 0o100) === 0 ? "file" : "executable";
        found[path] = `${kind} ${readFileSync(this.path(path)).toString("base64")}`;
      } else if (item.name !== ".git") Object.assign(found, this.files(path));
    }
    return found;
  }

  capture(turnCount: number, moment: "start" | "end", threadId = THREAD) {
    return CheckpointStore.use((store) =>
      store.capture({ workspace: this.folder, threadId, turnCount, moment }),
    );
  }

  /** A whole turn of an agent that does this. */
  turn(turnCount: number, work: () => void) {
    return Effect.gen({ self: this }, function* () {
      yield* this.capture(turnCount, "start");
      work();
      yield* this.capture(turnCount, "end");
    });
  }

  diff(fromTurnCount: number, toTurnCount: number, maxBytes?: number) {
    const limit = maxBytes === undefined ? {} : { maxBytes };
    return CheckpointStore.use((store) =>
      store.diff({ workspace: this.folder, threadId: THREAD, fromTurnCount, toTurnCount, ...limit }),
    );
  }

  revert(turnCount: number, latestTurnCount: number) {
    return CheckpointStore.use((store) =>
      store.revert({ workspace: this.folder, threadId: THREAD, turnCount, latestTurnCount }),
    );
  }

  prune(threadId = THREAD) {
    return CheckpointStore.use((store) => store.prune({ workspace: this.folder, threadId }));
  }

  /** What the store keeps of workspaces: `repository/…` and `shadow/…`. */
  stores(): ReadonlyArray<string> {
    return ["repository", "shadow"].flatMap((kind) => {
      const folder = join(this.dataDir, "checkpoints", kind);
      return existsSync(folder) ? readdirSync(folder).map((name) => `${kind}/${name}`) : [];
    });
  }
}

const temporary = Effect.acquireRelease(
  Effect.sync(() => realpathSync(mkdtempSync(join(tmpdir(), "heddle-checkpoints-")))),
  (base) => Effect.sync(() => rmSync(base, { recursive: true, force: true })),
);

/** Paths in a checkpoint, relative to the top of the repository. */
export const captured = (scene: Scene, ref: string): ReadonlyArray<string> =>
  scene.git("ls-tree", "-r", "-z", "--full-tree", "--name-only", ref).split("\0").slice(0, -1);

/** Sets variables of this process until the scope closes. */
export const withEnvironment = (variables: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = { ...process.env };
      Object.assign(process.env, variables);
      return before;
    }),
    (before) =>
      Effect.sync(() => {
        for (const name of Object.keys(variables)) delete process.env[name];
        Object.assign(process.env, before);
      }),
  );

type Body = (scene: Scene) => Effect.Effect<void, unknown, CheckpointStore | Scope.Scope>;

/** Runs the body in a folder without git. */
export const inFolder = (body: Body) =>
  Effect.scoped(
    Effect.flatMap(temporary, (base) => {
      const scene = new Scene(base);
      mkdirSync(scene.folder);
      return Effect.provide(body(scene), CheckpointStore.layer({ dataDir: scene.dataDir }));
    }),
  );

/** Runs the body in a repository with one commit of `committed.txt`. */
export const inRepository = (body: Body) =>
  inFolder((scene) => {
    scene.git("init", "--quiet", "--initial-branch=main");
    scene.write("committed.txt", "committed\n");
    scene.git("add", "--all");
    scene.git("commit", "--quiet", "--message=first");
    return body(scene);
  });
