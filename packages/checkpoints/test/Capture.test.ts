import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { ThreadId } from "@heddle/contracts/Ids";
import { Effect } from "effect";
import { TestClock } from "effect/testing";
import { captured, inRepository, type Scene, THREAD, withEnvironment } from "./Scene.ts";

/** Every file of the repository that is not an object or a checkpoint's ref, by hash. */
const repositoryState = (scene: Scene): Record<string, string> =>
  Object.fromEntries(
    readdirSync(scene.path(".git"), { recursive: true, encoding: "utf8" })
      .filter((name) => !name.startsWith("objects") && !name.startsWith("refs/heddle"))
      .filter((name) => statSync(scene.path(join(".git", name))).isFile())
      .map((name) => [
        name,
        createHash("sha256")
          .update(readFileSync(scene.path(join(".git", name))))
          .digest("hex"),
      ]),
  );

const status = (scene: Scene) => scene.git("--no-optional-locks", "status", "--porcelain=v2", "--branch");

describe("capture", () => {
  it.live("leaves index, HEAD, branches, stash, reflogs, status and files as they were", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        scene.write("committed.txt", "stashed\n");
        scene.git("stash");
        scene.write("staged.txt", "staged\n");
        scene.git("add", "staged.txt");
        scene.write("staged.txt", "staged, then edited\n");
        scene.write("untracked.txt", "untracked\n");
        const before = { state: repositoryState(scene), status: status(scene), files: scene.files() };
        yield* scene.capture(1, "start");
        yield* scene.capture(1, "end");
        assert.deepStrictEqual(
          { state: repositoryState(scene), status: status(scene), files: scene.files() },
          before,
        );
      }),
    ),
  );

  it.effect("gives a commit of heddle's own, without a parent, at the clock's time", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        yield* TestClock.setTime(1_769_860_800_500);
        const ref = yield* scene.capture(1, "start");
        const format = "%P|%an <%ae> %at|%cn <%ce> %ct";
        assert.strictEqual(
          scene.git("show", "--no-patch", `--format=${format}`, ref).trim(),
          "|heddle <heddle@localhost> 1769860800|heddle <heddle@localhost> 1769860800",
        );
        assert.include(scene.git("show", "--no-patch", "--format=%B", ref), `Thread: ${THREAD}`);
      }),
    ),
  );

  it.live("holds tracked, staged and untracked files", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        scene.write("staged.txt", "staged\n");
        scene.git("add", "staged.txt");
        scene.write("new folder/untracked.txt", "untracked\n");
        const ref = yield* scene.capture(1, "start");
        assert.deepStrictEqual(captured(scene, ref), [
          "committed.txt",
          "new folder/untracked.txt",
          "staged.txt",
        ]);
      }),
    ),
  );

  it.live(
    "leaves out what .gitignore, info/exclude and the person's own list ignore, unless git tracks it",
    () =>
      inRepository((scene) =>
        Effect.gen(function* () {
          const home = join(scene.base, "home");
          mkdirSync(home);
          writeFileSync(join(home, ".gitconfig"), "[core]\n\texcludesFile = ~/my-ignores\n");
          writeFileSync(join(home, "my-ignores"), "*.swp\n");
          yield* withEnvironment({ HOME: home });
          scene.write(".gitignore", "dist\n");
          writeFileSync(scene.path(".git/info/exclude"), "private.txt\n");
          for (const path of ["dist/ignored", "dist/tracked", "private.txt", "edit.swp"])
            scene.write(path, path);
          scene.git("add", "--force", "dist/tracked");
          const ref = yield* scene.capture(1, "start");
          assert.deepStrictEqual(captured(scene, ref), [".gitignore", "committed.txt", "dist/tracked"]);
        }),
      ),
  );

  it.live("leaves out files that would swell the store, that are no files, or that git has no name for", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        scene.write("huge.bin", "");
        truncateSync(scene.path("huge.bin"), 65 * 1024 * 1024);
        execFileSync("mkfifo", [scene.path("pipe")]);
        scene.write(".GIT/config", "taken for git's own by some file systems\n");
        writeFileSync(Buffer.concat([Buffer.from(scene.path("")), Buffer.from([0xff])]), "not UTF-8");
        const ref = yield* scene.capture(1, "start");
        assert.deepStrictEqual(captured(scene, ref), ["committed.txt"]);
      }),
    ),
  );

  it.live("gives the same thread, turn and moment one ref, which the last capture sets", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        const first = yield* scene.capture(1, "end");
        scene.write("later.txt", "later\n");
        const second = yield* scene.capture(1, "end");
        assert.strictEqual(first, second);
        assert.include(captured(scene, second), "later.txt");
        assert.strictEqual(scene.git("for-each-ref", "refs/heddle").trim().split("\n").length, 1);
      }),
    ),
  );

  it.live("keeps threads apart whatever characters their ids hold", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        const ids = [
          "a",
          "A",
          "..",
          "x.lock",
          "a/b",
          "a/b/1/end",
          "~^:?*[\\",
          "@{0}",
          "é",
          "\u{1F9F5}".repeat(100),
        ];
        const refs = yield* Effect.forEach(ids, (id) => scene.capture(1, "start", ThreadId.make(id)));
        const names = scene.git("for-each-ref", "--format=%(refname)", "refs/heddle").trim().split("\n");
        assert.deepStrictEqual(names.toSorted(), refs.map(String).toSorted());
        assert.strictEqual(new Set(refs.map((ref) => ref.toLowerCase())).size, ids.length);
      }),
    ),
  );

  it.live("leaves out files that the server may not read", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        scene.write("secret.txt", "secret\n", 0o000);
        const ref = yield* scene.capture(1, "start");
        const root = process.getuid?.() === 0;
        assert.deepStrictEqual(captured(scene, ref), ["committed.txt", ...(root ? ["secret.txt"] : [])]);
      }),
    ),
  );

  it.live("sees an edit that keeps the file's size, at once", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        for (let turn = 1; turn <= 5; turn++) {
          scene.write("committed.txt", `content ${turn}\n`);
          const ref = yield* scene.capture(turn, "end");
          assert.strictEqual(scene.git("show", `${ref}:committed.txt`), `content ${turn}\n`);
        }
      }),
    ),
  );

  it.live("follows a file that becomes a folder, and a folder that becomes a link", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        scene.write("a", "file\n");
        scene.write("b/file", "file\n");
        yield* scene.capture(1, "start");
        scene.remove("a");
        scene.write("a/file", "file\n");
        scene.remove("b");
        scene.link("b", "a");
        const ref = yield* scene.capture(1, "end");
        assert.deepStrictEqual(captured(scene, ref), ["a/file", "b", "committed.txt"]);
      }),
    ),
  );

  it.live("is not confused by several at once", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        for (let file = 0; file < 100; file++) scene.write(`file-${file}`, `${file}`);
        const refs = yield* Effect.all(
          Array.from({ length: 8 }, (_, thread) =>
            scene.capture(1, "start", ThreadId.make(`thread-${thread}`)),
          ),
          { concurrency: "unbounded" },
        );
        for (const ref of refs) assert.strictEqual(captured(scene, ref).length, 101);
      }),
    ),
  );

  it.live(
    "goes on after a git that was killed, and with an index that is damaged or has lost its objects",
    () =>
      inRepository((scene) =>
        Effect.gen(function* () {
          scene.write("untracked.txt", "untracked\n");
          const ref = yield* scene.capture(1, "start");
          const [store = ""] = scene.stores();
          const index = join(scene.dataDir, "checkpoints", store, "index");

          writeFileSync(`${index}.lock`, "");
          yield* scene.capture(1, "start");
          assert.deepStrictEqual(captured(scene, ref), ["committed.txt", "untracked.txt"]);

          writeFileSync(index, "no index");
          yield* scene.capture(1, "start");
          assert.deepStrictEqual(captured(scene, ref), ["committed.txt", "untracked.txt"]);

          scene.git("update-ref", "-d", ref);
          scene.git("prune", "--expire=now");
          yield* scene.capture(1, "start");
          assert.strictEqual(scene.git("show", `${ref}:untracked.txt`), "untracked\n");
        }),
      ),
  );
});
