import { existsSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { CheckpointStore } from "../src/CheckpointStore.ts";
import { captured, inFolder, inRepository } from "./Scene.ts";

describe("capture works in", () => {
  it.live("a repository without a commit", () =>
    inFolder((scene) =>
      Effect.gen(function* () {
        scene.git("init", "--quiet");
        const empty = yield* scene.capture(1, "start");
        assert.deepStrictEqual(captured(scene, empty), []);
        scene.write("first.txt", "first\n");
        const ref = yield* scene.capture(1, "end");
        assert.deepStrictEqual(captured(scene, ref), ["first.txt"]);
      }),
    ),
  );

  it.live("a repository of SHA-256 objects", () =>
    inFolder((scene) =>
      Effect.gen(function* () {
        scene.git("init", "--quiet", "--object-format=sha256");
        scene.write("first.txt", "first\n");
        const ref = yield* scene.capture(1, "start");
        assert.deepStrictEqual(captured(scene, ref), ["first.txt"]);
      }),
    ),
  );

  it.live("a repository with a split index", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        scene.write(".gitignore", "dist\n");
        scene.write("dist/tracked", "tracked\n");
        scene.git("add", "--force", "dist/tracked");
        scene.git("update-index", "--split-index");
        const ref = yield* scene.capture(1, "start");
        assert.include(captured(scene, ref), "dist/tracked");
      }),
    ),
  );

  it.live("a clone that borrows its objects from another", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        const clone = scene.at(join(scene.base, "clone"));
        scene.git("clone", "--quiet", "--shared", scene.folder, clone.folder);
        writeFileSync(clone.path(".git/objects/info/alternates"), "../../../workspace/.git/objects\n");
        yield* clone.turn(1, () => clone.remove("committed.txt"));
        yield* clone.revert(0, 1);
        assert.strictEqual(clone.read("committed.txt"), "committed\n");
      }),
    ),
  );

  it.live("a linked worktree, with the refs in the repository it belongs to", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        const worktree = scene.at(join(scene.base, "worktree"));
        scene.git("worktree", "add", "--quiet", worktree.folder);
        worktree.write("in-worktree.txt", "new\n");
        const ref = yield* worktree.capture(1, "start");
        assert.deepStrictEqual(captured(scene, ref), ["committed.txt", "in-worktree.txt"]);
      }),
    ),
  );

  it.live(
    "a folder inside a repository, of which it takes that folder only, by the repository's ignore files",
    () =>
      inRepository((scene) =>
        Effect.gen(function* () {
          scene.write(".gitignore", "dist\n");
          scene.write("beside.txt", "beside\n");
          const inner = scene.at(scene.path("packages/inner"));
          inner.write("file.txt", "1\n");
          inner.write("dist/out", "ignored\n");
          yield* inner.capture(1, "start");
          inner.write("file.txt", "2\n");
          scene.write("beside.txt", "changed by someone else\n");
          const ref = yield* inner.capture(1, "end");
          assert.deepStrictEqual(captured(scene, ref), ["packages/inner/file.txt"]);
          const { diff, files } = yield* inner.diff(0, 1);
          assert.deepStrictEqual(files, [{ path: "file.txt", kind: "modified", additions: 1, deletions: 1 }]);
          assert.include(diff, "--- a/file.txt\n+++ b/file.txt\n");
        }),
      ),
  );

  it.live("a folder that its repository ignores, as if it had no git", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        scene.write(".gitignore", "scratch/\n");
        const scratch = scene.at(scene.path("scratch"));
        yield* scratch.turn(1, () => scratch.write("file.txt", "new\n"));
        assert.deepStrictEqual(
          (yield* scratch.diff(0, 1)).files.map(({ path }) => path),
          ["file.txt"],
        );
      }),
    ),
  );

  it.live("a repository with others inside, of which it takes the commit's id only", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        const nested = scene.at(scene.path("nested"));
        nested.git("init", "--quiet");
        nested.write("file.txt", "in nested\n");
        nested.git("add", "--all");
        nested.git("commit", "--quiet", "--message=nested");
        const unborn = scene.at(scene.path("unborn"));
        unborn.git("init", "--quiet");
        unborn.write("file.txt", "in unborn\n");
        scene.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", nested.folder, "module");
        const ref = yield* scene.capture(1, "start");
        assert.deepStrictEqual(captured(scene, ref), [".gitmodules", "committed.txt", "module", "nested"]);
        assert.match(scene.git("ls-tree", ref, "nested"), /^160000 commit/);

        nested.git("commit", "--quiet", "--allow-empty", "--message=second");
        yield* scene.capture(1, "end");
        assert.deepStrictEqual((yield* scene.diff(0, 1)).files, [
          { path: "nested", kind: "modified", additions: 1, deletions: 1 },
        ]);
      }),
    ),
  );

  it.live("a folder that holds the data directory, which it leaves out", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        const ref = yield* scene
          .capture(1, "start")
          .pipe(Effect.provide(CheckpointStore.layer({ dataDir: scene.path("[x]/.heddle") })));
        assert.isTrue(existsSync(scene.path("[x]/.heddle/checkpoints")));
        assert.deepStrictEqual(captured(scene, ref), ["committed.txt"]);
      }),
    ),
  );

  it.live("a folder reached by a link, as in the folder itself", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        const link = join(scene.base, "link");
        symlinkSync(scene.folder, link);
        yield* scene.capture(1, "start");
        scene.write("new.txt", "new\n");
        yield* scene.at(link).capture(1, "end");
        assert.strictEqual((yield* scene.diff(0, 1)).files.length, 1);
        assert.strictEqual(scene.stores().length, 1);
      }),
    ),
  );
});

describe("a folder without git", () => {
  it.live("gets checkpoints from a shadow repository, and nothing is written into it", () =>
    inFolder((scene) =>
      Effect.gen(function* () {
        scene.write("file.txt", "1\n");
        yield* scene.turn(1, () => scene.write("file.txt", "2\n"));
        assert.deepStrictEqual((yield* scene.diff(0, 1)).files, [
          { path: "file.txt", kind: "modified", additions: 1, deletions: 1 },
        ]);
        assert.deepStrictEqual(readdirSync(scene.folder), ["file.txt"]);
      }),
    ),
  );

  it.live("is taken without its dependency folders and what its .gitignore names", () =>
    inFolder((scene) =>
      Effect.gen(function* () {
        scene.write(".gitignore", "*.log\n");
        yield* scene.turn(1, () => {
          scene.write("node_modules/dependency/index.js", "x");
          scene.write("inner/.venv/bin/python", "x");
          scene.write("debug.log", "x");
          scene.write("kept.txt", "x\n");
        });
        assert.deepStrictEqual(
          (yield* scene.diff(0, 1)).files.map(({ path }) => path),
          ["kept.txt"],
        );
      }),
    ),
  );

  it.live("keeps its shadow repository when a turn makes a repository of it", () =>
    inFolder((scene) =>
      Effect.gen(function* () {
        yield* scene.turn(1, () => {
          scene.git("init", "--quiet");
          scene.write("first.txt", "first\n");
          scene.git("add", "--all");
          scene.git("commit", "--quiet", "--message=first");
        });
        assert.deepStrictEqual(
          (yield* scene.diff(0, 1)).files.map(({ path }) => path),
          ["first.txt"],
        );
        assert.strictEqual(scene.git("for-each-ref", "refs/heddle"), "");
        yield* scene.revert(0, 1);
        assert.isFalse(scene.has("first.txt"));
        assert.strictEqual(scene.git("log", "--format=%s").trim(), "first");
      }),
    ),
  );
});
