import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { ThreadId } from "@heddle/contracts/Ids";
import { Effect } from "effect";
import fc from "fast-check";
import type { Removal } from "../src/RemoveWorktree.ts";
import { folderName } from "../src/WorktreeNames.ts";
import { runGit, type Scene, withEnvironment } from "./Scene.ts";
import {
  branches,
  commitAll,
  inProject,
  listed,
  made,
  make,
  marks,
  remove,
  THREAD,
} from "./WorktreeScene.ts";

const BRANCH = "heddle/fix-the-login-7f3k";

/** What is to be left, by kind and name, with a part of the reason. */
const leaves = ({ left }: Removal, ...expected: ReadonlyArray<readonly [name: string, why: string]>) => {
  assert.deepStrictEqual(
    left.map(({ name }) => name),
    expected.map(([name]) => name),
  );
  for (const [index, [, why]] of expected.entries()) assert.include(left[index]?.why, why);
};

/** A worktree in which something was done; what of it is to stay. */
const inWorktree = (
  work: (worktree: Scene, project: Scene) => void,
  check: (removal: Removal, worktree: Scene, project: Scene) => void,
) =>
  inProject((scene) =>
    Effect.gen(function* () {
      const worktree = yield* made(scene);
      work(worktree, scene);
      check(yield* remove(scene), worktree, scene);
    }),
  );

const isGone = (removal: Removal, worktree: Scene, project: Scene) => {
  leaves(removal);
  assert.isFalse(existsSync(worktree.folder));
  assert.deepStrictEqual(readdirSync(join(project.dataDir, "worktrees")), []);
  assert.deepStrictEqual(listed(project), []);
  assert.deepStrictEqual(marks(project), []);
  assert.notInclude(branches(project), BRANCH);
};

/** The folder stays with all that is in it, and the branch that is checked out in it. */
const stays = (why: string, path?: string) => (removal: Removal, worktree: Scene, project: Scene) => {
  leaves(removal, [worktree.folder, why], [BRANCH, "it is checked out"]);
  assert.deepStrictEqual(listed(project), [worktree.folder]);
  if (path !== undefined) assert.isTrue(worktree.has(path));
};

describe("with its thread, a worktree goes", () => {
  it.live("in which nothing was done, and its branch with it", () => inWorktree(() => {}, isGone));

  it.live("whose commits were merged, or are on another branch, a tag or a remote", () =>
    Effect.forEach(
      [
        (project: Scene, commit: string) => project.git("merge", "--quiet", commit),
        (project: Scene, commit: string) => project.git("branch", "other", commit),
        (project: Scene, commit: string) => project.git("tag", "v1", commit),
        (project: Scene, commit: string) => project.git("update-ref", "refs/remotes/origin/x", commit),
      ],
      (keep) =>
        inWorktree((worktree, project) => {
          worktree.write("work.txt", "work\n");
          keep(project, commitAll(worktree));
        }, isGone),
      { discard: true },
    ),
  );

  it.live("with the ignored files that tools make, and those that the project has as well", () =>
    inWorktree((worktree, project) => {
      for (const scene of [worktree, project]) {
        scene.write(".gitignore", "node_modules\ndist/\n.env\n*.pyc\n");
        commitAll(scene);
      }
      project.write(".env", "KEY=1\n");
      worktree.write(".env", "KEY=1\n");
      worktree.write("node_modules/a/index.js", "a\n");
      worktree.write("packages/b/node_modules/c/.env", "c\n");
      worktree.write("packages/b/dist/out.js", "out\n");
      worktree.write("src/__pycache__/x.pyc", "x");
      worktree.write("src/y.pyc", "y");
      worktree.link("packages/c/node_modules", project.path("node_modules"));
      project.git("branch", "merged", "heddle/fix-the-login-7f3k");
    }, isGone),
  );

  it.live("though a stash was made in it: stashes are the repository's", () =>
    inWorktree(
      (worktree) => {
        worktree.write("committed.txt", "stashed\n");
        worktree.git("stash");
      },
      (removal, worktree, project) => {
        isGone(removal, worktree, project);
        assert.include(project.git("stash", "show", "--patch"), "+stashed");
      },
    ),
  );

  it.live("that git was killed while making", () =>
    inWorktree((worktree) => {
      const gitDir = worktree.git("rev-parse", "--absolute-git-dir").trim();
      writeFileSync(join(gitDir, "locked"), "initializing");
      rmSync(join(gitDir, "index"));
    }, isGone),
  );

  it.live("whose folder a person has removed", () =>
    inWorktree((worktree) => rmSync(worktree.folder, { recursive: true }), isGone),
  );
});

describe("though its thread goes, a worktree stays", () => {
  it.live("with files that were changed, staged, deleted or added", () =>
    Effect.forEach(
      [
        (worktree: Scene) => worktree.write("committed.txt", "changed\n"),
        (worktree: Scene) => worktree.remove("committed.txt"),
        (worktree: Scene) => worktree.write("new/untracked.txt", "new\n"),
        (worktree: Scene) => {
          worktree.write("staged.txt", "staged\n");
          worktree.git("add", "staged.txt");
        },
      ],
      (work) => inWorktree(work, stays("uncommitted changes")),
      { discard: true },
    ),
  );

  it.live("with a repository inside", () =>
    inWorktree(
      (worktree) => {
        const nested = worktree.at(worktree.path("nested"));
        nested.git("init", "--quiet");
        nested.write("file.txt", "file\n");
        commitAll(nested);
      },
      stays("uncommitted changes: nested/", "nested/file.txt"),
    ),
  );

  it.live("with changes that git was told not to look for", () =>
    Effect.forEach(
      ["--assume-unchanged", "--skip-worktree"],
      (flag) =>
        inWorktree((worktree) => {
          worktree.git("update-index", flag, "committed.txt");
          worktree.write("committed.txt", "changed\n");
        }, stays("not to look for changes in committed.txt")),
      { discard: true },
    ),
  );

  it.live("with an ignored file that may be nowhere else", () =>
    Effect.forEach(
      [".env", "notes/idea.md", "scratch/a/b.txt", "src/target/.env", "build"],
      (path) =>
        inWorktree(
          (worktree, project) => {
            worktree.write(".gitignore", "build\n.env\nnotes/\nscratch/\n");
            commitAll(worktree);
            project.write(path, "an other content\n");
            worktree.write(path, "only here\n");
          },
          stays("ignored files that may be nowhere else", path),
        ),
      { discard: true },
    ),
  );

  it.live("with what only the person's own ignore list names", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        const home = join(scene.base, "home");
        mkdirSync(join(home, "git"), { recursive: true });
        writeFileSync(join(home, "git", "ignore"), "*.draft\n.idea/\n");
        yield* withEnvironment({ HOME: home, XDG_CONFIG_HOME: home });
        const worktree = yield* made(scene);
        worktree.write("letter.draft", "only here\n");
        leaves(yield* remove(scene), [worktree.folder, "letter.draft"], [BRANCH, "checked out"]);
      }),
    ),
  );

  it.live("with commits that only its HEAD holds", () =>
    inWorktree(
      (worktree) => {
        worktree.git("checkout", "--quiet", "--detach");
        worktree.write("work.txt", "work\n");
        commitAll(worktree);
      },
      (removal, worktree) => {
        leaves(removal, [worktree.folder, "HEAD is on no branch"]);
        assert.strictEqual(worktree.git("log", "-1", "--format=%s"), "work\n");
      },
    ),
  );

  it.live("with submodules that were set up", () =>
    inWorktree((worktree, project) => {
      const module = project.at(join(project.base, "module"));
      module.git("init", "--quiet");
      commitAll(module);
      worktree.git(
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        module.folder,
        "module",
      );
      commitAll(worktree);
      project.git("branch", "merged", BRANCH);
    }, stays("submodules")),
  );

  it.live("that a person has locked", () =>
    inWorktree((worktree) => worktree.git("worktree", "lock", worktree.folder), stays("locked")),
  );

  it.live("whose repository is gone", () =>
    inWorktree(
      (worktree, project) => {
        worktree.write("work.txt", "work\n");
        renameSync(project.path(".git"), join(project.base, "moved"));
      },
      (removal, worktree) => {
        leaves(removal, [worktree.folder, "its repository is gone"]);
        assert.strictEqual(worktree.read("work.txt"), "work\n");
      },
    ),
  );

  it.live("that is none, as a file of a person's in its place", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        const place = join(scene.dataDir, "worktrees", folderName(THREAD));
        mkdirSync(place, { recursive: true });
        writeFileSync(join(place, "notes.txt"), "notes\n");
        leaves(yield* remove(scene), [join(place, "notes.txt"), "its repository is gone"]);
        assert.isTrue(existsSync(join(place, "notes.txt")));
      }),
    ),
  );
});

describe("its branch stays, though the folder goes,", () => {
  it.live("with commits that are on no other", () =>
    inWorktree(
      (worktree) => {
        worktree.write("work.txt", "work\n");
        commitAll(worktree);
      },
      (removal, worktree, project) => {
        leaves(removal, [BRANCH, "commits that are on no other branch"]);
        assert.isFalse(existsSync(worktree.folder));
        assert.strictEqual(project.git("show", `${BRANCH}:work.txt`), "work\n");
        assert.deepStrictEqual(marks(project), []);
      },
    ),
  );

  it.live("where it is checked out elsewhere", () =>
    inWorktree(
      (worktree, project) => {
        worktree.git("checkout", "--quiet", "--detach");
        project.git("checkout", "--quiet", BRANCH);
      },
      (removal, _, project) => {
        leaves(removal, [BRANCH, "it is checked out"]);
        assert.strictEqual(project.git("branch", "--show-current"), `${BRANCH}\n`);
      },
    ),
  );

  it.live("and so do other branches that were begun in the worktree", () =>
    inWorktree(
      (worktree) => {
        worktree.git("checkout", "--quiet", "-b", "mine");
        worktree.write("work.txt", "work\n");
        commitAll(worktree);
      },
      (removal, worktree, project) => {
        isGone(removal, worktree, project);
        assert.strictEqual(project.git("show", "mine:work.txt"), "work\n");
      },
    ),
  );
});

describe("removal", () => {
  it.live("is of the thread's own alone", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        const other = ThreadId.make("other-8888");
        const [, kept] = yield* Effect.all([make(scene), make(scene, { threadId: other })]);
        scene.git("worktree", "add", "--quiet", join(scene.base, "a-persons"));
        leaves(yield* remove(scene));
        assert.sameMembers([...listed(scene)], [kept.path, join(scene.base, "a-persons")]);
        assert.sameMembers([...branches(scene)], ["main", "a-persons", kept.branch]);
        assert.strictEqual(marks(scene, other).length, 1);
      }),
    ),
  );

  it.live("may be done again, and where nothing was made", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* remove(scene), { found: false, left: [] });
        yield* make(scene);
        assert.deepStrictEqual(yield* remove(scene), { found: true, left: [] });
        assert.deepStrictEqual(yield* remove(scene), { found: false, left: [] });
      }),
    ),
  );

  it.live("runs without the project's folder", () =>
    inProject((scene) =>
      Effect.gen(function* () {
        const worktree = yield* made(scene);
        rmSync(scene.folder, { recursive: true });
        leaves(yield* remove(scene), [worktree.folder, "its repository is gone"]);
      }),
    ),
  );
});

const ACTS: Readonly<Record<string, (worktree: Scene, project: Scene, step: number) => void>> = {
  edit: (worktree, _, step) => worktree.write("committed.txt", `content ${step}\n`),
  add: (worktree, _, step) => worktree.write(`file-${step}.txt`, `content ${step}\n`),
  ignored: (worktree, _, step) => worktree.write(`note-${step}.ignored`, `content ${step}\n`),
  generated: (worktree) => worktree.write("node_modules/x.ignored", "generated\n"),
  commit: (worktree, _, step) => void commitAll(worktree, `commit ${step}`),
  detach: (worktree) => void worktree.git("checkout", "--quiet", "--detach"),
  branch: (worktree, _, step) => void worktree.git("checkout", "--quiet", "-b", `branch-${step}`),
  tag: (worktree, _, step) => void worktree.git("tag", `tag-${step}`),
  merge: (worktree, project) =>
    void project.git("branch", "--force", "merged", worktree.git("rev-parse", "HEAD").trim()),
};

// Often all is committed in the end: what is not keeps the folder, and everything in it.
const ACTS_IN_A_ROW = fc
  .tuple(fc.array(fc.constantFrom("add", ...Object.keys(ACTS)), { minLength: 1, maxLength: 5 }), fc.nat(3))
  .map(([acts, end]) => (end > 0 ? [...acts, "commit"] : acts));

/** The contents of each file that was ever written by hand, wherever it is now. */
const findable = (worktree: Scene, project: Scene): string => {
  const files = existsSync(worktree.folder) ? Object.values(worktree.files()) : [];
  const decoded = files.map((file) => Buffer.from(file.split(" ")[1] ?? "", "base64").toString());
  const objects = runGit(project.folder, "log", "--branches", "--tags", "--remotes", "--format=", "--patch");
  const head = existsSync(worktree.folder) ? worktree.git("log", "--format=", "--patch") : "";
  return [...decoded, objects, head].join("\n");
};

describe("whatever was done in a worktree", () => {
  it.live(
    "each line that could be found before its removal can be found after it",
    () =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(ACTS_IN_A_ROW, (acts) =>
            Effect.runPromise(
              inProject((scene) =>
                Effect.gen(function* () {
                  scene.write(".gitignore", "*.ignored\nnode_modules\n");
                  commitAll(scene);
                  const worktree = yield* made(scene);
                  for (const [step, act] of acts.entries()) ACTS[act]?.(worktree, scene, step);
                  const wanted = new Set(findable(worktree, scene).match(/content \d+/g));
                  yield* remove(scene);
                  const after = findable(worktree, scene);
                  for (const line of wanted) assert.include(after, line);
                  assert.deepStrictEqual(marks(scene), []);
                }),
              ),
            ),
          ),
          { numRuns: 15 },
        ),
      ),
    60_000,
  );
});
