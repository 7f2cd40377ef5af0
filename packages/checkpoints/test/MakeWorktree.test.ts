import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { ThreadId } from "@heddle/contracts/Ids";
import { Effect } from "effect";
import { folderInWorktree } from "../src/WorktreeList.ts";
import { withEnvironment } from "./Scene.ts";
import {
  branches,
  commitAll,
  inPlainFolder,
  inProject,
  listed,
  made,
  make,
  marks,
  placeOf,
  remove,
  subfolder,
} from "./WorktreeScene.ts";

describe("a worktree of a thread's own", () => {
  it.live("is a checkout of what the project stands at, on a branch that is called after the thread", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        scene.write("committed.txt", "changed, not committed\n");
        const { branch, path, baseCommit } = yield* make(scene);
        assert.strictEqual(branch, "heddle/fix-the-login-7f3k");
        assert.strictEqual(path, placeOf(scene));
        assert.strictEqual(baseCommit, scene.git("rev-parse", "HEAD").trim());
        assert.strictEqual(readFileSync(join(path, "committed.txt"), "utf8"), "committed\n");
        assert.strictEqual(scene.at(path).git("status", "--porcelain=v1", "--branch"), `## ${branch}\n`);
        assert.strictEqual(scene.git("branch", "--show-current"), "main\n");
        assert.strictEqual(scene.read("committed.txt"), "changed, not committed\n");
      }),
    ),
  );

  it.live("begins at the branch, tag or commit that is named, on the branch that is named", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        const first = scene.git("rev-parse", "HEAD").trim();
        scene.git("tag", "v1");
        scene.git("branch", "next");
        // A branch goes before a tag of its name.
        const second = commitAll(scene, "second");
        scene.git("tag", "next");
        for (const [name, from, expected] of [
          ["a", "v1", first],
          ["b", "next", first],
          ["c", second.slice(0, 10), second],
          ["d", "HEAD~1", first],
        ] as const) {
          const result = yield* make(scene, {
            threadId: ThreadId.make(name),
            branch: `feature/${name}`,
            from,
          });
          assert.deepInclude(result, { branch: `feature/${name}`, baseCommit: expected });
          assert.strictEqual(scene.git("rev-parse", `refs/heads/feature/${name}`).trim(), expected);
        }
      }),
    ),
  );

  it.live("is called by what of the title a branch can hold, and else by the thread's id", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        const branchOf = (title: string, threadId: string) =>
          Effect.map(make(scene, { title, threadId: ThreadId.make(threadId) }), ({ branch }) => branch);
        assert.strictEqual(
          yield* branchOf("  Überall: fix ~^:?*[ .lock @{ ", "t-AB12"),
          "heddle/uberall-fix-lock-ab12",
        );
        assert.strictEqual(yield* branchOf("修正", "x-9999"), "heddle/thread-9999");
        assert.match(yield* branchOf("Short id", "t1"), /^heddle\/short-id-[0-9a-f]{4}$/);
        assert.match(yield* branchOf("A/b", `../${"x".repeat(190)}/..`), /^heddle\/a-b-xxxx$/);
        // Another thread's branch has the name.
        assert.match(yield* branchOf("修正", "y-9999"), /^heddle\/thread-[0-9a-f]{12}$/);
      }),
    ),
  );

  it.live("holds the project's folder, where that is a folder of its repository", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        const shop = subfolder(scene);
        const { path } = yield* make(scene, { root: shop.folder });
        assert.strictEqual(path, join(placeOf(scene), "packages", "shop"));
        assert.isTrue(existsSync(join(path, "index.ts")));
      }),
    ),
  );

  it.live("is refused with a reason where there can be none, and leaves nothing", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        const reasonOf = (more: Parameters<typeof make>[1]) =>
          Effect.map(Effect.flip(make(scene, more)), (error) => {
            assert.strictEqual(error._tag, "WorktreeError");
            assert.strictEqual(error.reason, "refused");
            return error.message;
          });
        scene.git("branch", "taken");
        scene.git("branch", "heddle");
        assert.include(yield* reasonOf({ branch: "taken" }), "There is a branch taken already");
        assert.include(yield* reasonOf({ branch: "taken/more" }), "taken stands in the way of taken/more");
        assert.include(yield* reasonOf({}), "heddle stands in the way of heddle/fix-the-login-");
        assert.include(yield* reasonOf({ branch: "a..b" }), "not a name that git takes");
        assert.include(yield* reasonOf({ branch: "HEAD" }), "not a name that git takes");
        assert.include(yield* reasonOf({ branch: "@{-1}" }), "not a name that git takes");
        assert.include(
          yield* reasonOf({ branch: "b", from: "nowhere" }),
          "nowhere is no branch, tag or commit",
        );
        assert.include(
          yield* reasonOf({ branch: "b", from: "HEAD:committed.txt" }),
          "is no branch, tag or commit",
        );
        const untracked = scene.at(scene.path("untracked"));
        assert.include(
          yield* reasonOf({ branch: "b", root: untracked.folder }),
          "untracked is not in commit",
        );
        assert.deepStrictEqual(branches(scene), ["heddle", "main", "taken"]);
        assert.deepStrictEqual(listed(scene), []);
        assert.deepStrictEqual(marks(scene), []);
        assert.isFalse(existsSync(join(scene.dataDir, "worktrees")));
      }),
    ),
  );

  it.live("is refused in a folder without git, in one without a commit, and in none", () =>
    inPlainFolder((scene) =>
      Effect.gen(function* () {
        const message = Effect.map(Effect.flip(make(scene)), (error) => error.message);
        assert.include(yield* message, "is in no git repository");
        scene.git("init", "--quiet");
        assert.include(yield* message, "has no commit yet");
        scene.remove("");
        assert.include(yield* message, "is not a folder on this machine");
      }),
    ),
  );

  it.live("stands beside those of other threads", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        const [one, two] = yield* Effect.all(
          [made(scene), made(scene, { threadId: ThreadId.make("other-8888") })],
          { concurrency: "unbounded" },
        );
        one.write("committed.txt", "one\n");
        two.write("committed.txt", "two\n");
        assert.strictEqual(one.read("committed.txt"), "one\n");
        assert.strictEqual(scene.read("committed.txt"), "committed\n");
      }),
    ),
  );

  it.live("has checkpoints of its own, which go back in it alone", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        const worktree = yield* made(scene);
        yield* worktree.turn(1, () => {
          worktree.write("committed.txt", "by the agent\n");
          worktree.write("added.txt", "added\n");
        });
        const { files } = yield* worktree.diff(0, 1);
        assert.deepStrictEqual(
          files.map(({ path }) => path),
          ["added.txt", "committed.txt"],
        );
        scene.write("added.txt", "a person's\n");
        yield* worktree.revert(0, 1);
        assert.isFalse(worktree.has("added.txt"));
        assert.strictEqual(worktree.read("committed.txt"), "committed\n");
        assert.strictEqual(scene.read("added.txt"), "a person's\n");
        yield* worktree.prune();
        assert.deepStrictEqual((yield* remove(scene)).left, []);
        assert.strictEqual(scene.git("for-each-ref", "refs/heddle"), "");
      }),
    ),
  );

  it.live("runs no hook of the repository's, and no filter that its configuration names", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        const mark = join(scene.base, "mark");
        const program = join(scene.base, "evil.sh");
        writeFileSync(program, `#!/bin/sh\necho "$0 $*" >> '${mark}'\ncat\n`, { mode: 0o755 });
        for (const hook of ["post-checkout", "reference-transaction", "post-index-change"]) {
          writeFileSync(scene.path(`.git/hooks/${hook}`), `#!/bin/sh\n${program} ${hook}\n`, { mode: 0o755 });
        }
        scene.write(".gitattributes", "*.txt filter=evil\n*.md filter=e=vil\n");
        scene.write("other.md", "other\n");
        commitAll(scene);
        for (const name of ["evil", "e=vil"]) {
          for (const key of ["smudge", "clean", "process"]) {
            writeFileSync(
              scene.path(".git/config"),
              `[filter "${name}"]\n\t${key} = ${program}\n\trequired = true\n[core]\n\tfsmonitor = ${program}\n`,
              { flag: "a" },
            );
          }
        }
        rmSync(mark, { force: true });
        const { path } = yield* make(scene);
        assert.strictEqual(readFileSync(join(path, "committed.txt"), "utf8"), "committed\n");
        assert.deepStrictEqual((yield* remove(scene)).left, []);
        assert.isFalse(existsSync(mark), "nothing ran");
      }),
    ),
  );

  it.live("is written by the filters of the person's own configuration", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        const home = join(scene.base, "home");
        mkdirSync(home);
        writeFileSync(
          join(home, ".gitconfig"),
          '[filter "upper"]\n\tsmudge = tr a-z A-Z\n\tclean = tr A-Z a-z\n\trequired\n',
        );
        yield* withEnvironment({ HOME: home, XDG_CONFIG_HOME: home });
        scene.write(".gitattributes", "*.txt filter=upper\n");
        commitAll(scene);
        // What the repository says of the same filter does not count.
        scene.git("config", "filter.upper.smudge", "false");
        const worktree = yield* made(scene);
        assert.strictEqual(worktree.read("committed.txt"), "COMMITTED\n");
        assert.deepStrictEqual((yield* remove(scene)).left, []);
      }),
    ),
  );
});

describe("a worktree that is asked for again", () => {
  it.live("is the one that there is, with what was done in it", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        const first = yield* make(scene);
        scene.at(first.path).write("work.txt", "work\n");
        commitAll(scene, "the project goes on");
        const second = yield* make(scene, { title: "Renamed", from: null });
        assert.deepStrictEqual(second, first);
        assert.strictEqual(scene.at(first.path).read("work.txt"), "work\n");
        assert.strictEqual(listed(scene).length, 1);
      }),
    ),
  );

  it.live("is found where the data directory is reached by a link", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        const elsewhere = join(scene.base, "elsewhere");
        mkdirSync(elsewhere);
        mkdirSync(scene.dataDir);
        symlinkSync(elsewhere, join(scene.dataDir, "worktrees"));
        const first = yield* make(scene);
        assert.isTrue(first.path.startsWith(elsewhere));
        assert.deepStrictEqual(yield* make(scene), first);
        assert.deepStrictEqual(yield* remove(scene), { found: true, left: [] });
      }),
    ),
  );

  it.live("is made on the branch of a try that was cut short after it", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        const first = yield* make(scene);
        scene.git("worktree", "remove", first.path);
        commitAll(scene, "the project goes on");
        const again = yield* make(scene, { title: "Renamed" });
        assert.deepStrictEqual(again, first);
        assert.strictEqual(scene.at(first.path).read("committed.txt"), "committed\n");
      }),
    ),
  );

  it.live("is made anew where git was cut short while it wrote the files", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        const { path } = yield* make(scene);
        const gitDir = scene.at(path).git("rev-parse", "--absolute-git-dir").trim();
        // As `git worktree add` leaves it on SIGKILL.
        writeFileSync(join(gitDir, "locked"), "initializing");
        rmSync(join(gitDir, "index"));
        rmSync(join(path, "committed.txt"));
        yield* make(scene);
        assert.strictEqual(scene.at(path).git("status", "--porcelain"), "");
        assert.isTrue(existsSync(join(path, "committed.txt")));
      }),
    ),
  );

  it.live("is made anew where only its folder or only git's record of it is left", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        const { path } = yield* make(scene);
        rmSync(path, { recursive: true });
        yield* make(scene);
        assert.isTrue(existsSync(join(path, "committed.txt")));

        rmSync(scene.path(".git/worktrees"), { recursive: true });
        rmSync(join(path, "committed.txt"));
        yield* make(scene);
        assert.isTrue(existsSync(join(path, "committed.txt")));
      }),
    ),
  );

  it.live("takes no folder with files that it does not know", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        const place = placeOf(scene);
        mkdirSync(place, { recursive: true });
        writeFileSync(join(place, "notes.txt"), "a person's\n");
        const error = yield* Effect.flip(make(scene));
        assert.include(error.message, `There are files in ${place}`);
        assert.strictEqual(readFileSync(join(place, "notes.txt"), "utf8"), "a person's\n");
      }),
    ),
  );
});

describe("a worktree that a person names", () => {
  it.live("is taken wherever it is, if it is one of the project's repository", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        const worktree = scene.at(join(scene.base, "elsewhere"));
        scene.git("worktree", "add", "--quiet", worktree.folder);
        const inner = worktree.at(worktree.path("inner"));
        assert.strictEqual(yield* folderInWorktree(scene.folder, worktree.folder), worktree.folder);
        assert.strictEqual(yield* folderInWorktree(scene.folder, inner.folder), inner.folder);
        assert.strictEqual(yield* folderInWorktree(worktree.folder, scene.folder), scene.folder);
        assert.isUndefined(yield* folderInWorktree(scene.folder, scene.base));
        assert.isUndefined(yield* folderInWorktree(scene.base, worktree.folder));
      }),
    ),
  );

  it.live("gives the project's folder in it", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        const shop = subfolder(scene);
        const worktree = scene.at(join(scene.base, "elsewhere"));
        scene.git("worktree", "add", "--quiet", worktree.folder);
        const folder = join(worktree.folder, "packages", "shop");
        assert.strictEqual(yield* folderInWorktree(shop.folder, worktree.folder), folder);
        assert.strictEqual(yield* folderInWorktree(shop.folder, folder), folder);
        worktree.remove("packages");
        worktree.link("packages", scene.base);
        assert.isUndefined(yield* folderInWorktree(shop.folder, worktree.folder));
      }),
    ),
  );

  it.live("is refused where only one of the two names the other", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        const worktree = scene.at(join(scene.base, "elsewhere"));
        scene.git("worktree", "add", "--quiet", worktree.folder);
        const stranger = scene.at(join(scene.base, "stranger"));
        // The repository is made to name a folder that is none of its worktrees, and a folder to name the repository.
        writeFileSync(scene.path(".git/worktrees/elsewhere/gitdir"), `${stranger.path(".git")}\n`);
        assert.isUndefined(yield* folderInWorktree(scene.folder, stranger.folder));
        assert.isUndefined(yield* folderInWorktree(scene.folder, worktree.folder));
      }),
    ),
  );
});
