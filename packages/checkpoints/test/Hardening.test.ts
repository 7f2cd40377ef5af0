import { execFileSync } from "node:child_process";
import { closeSync, constants, existsSync, mkdirSync, readdirSync, writeFileSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Duration, Effect, Fiber } from "effect";
import { CheckpointError } from "../src/CheckpointStore.ts";
import { GitTimeout } from "../src/Git.ts";
import { inFolder, inRepository, runGit, Scene, withEnvironment } from "./Scene.ts";

const PROGRAMS = [
  "core.fsmonitor",
  "core.sshCommand",
  "core.gitProxy",
  "core.askPass",
  "core.editor",
  "core.pager",
  "core.alternateRefsCommand",
  "sequence.editor",
  "credential.helper",
  "diff.external",
  "diff.evil.command",
  "diff.evil.textconv",
  "filter.evil.clean",
  "filter.evil.smudge",
  "merge.evil.driver",
  "gpg.program",
  "pager.ls-files",
  "pager.diff-tree",
];

/** Makes a repository in which every way that git has to run a program leads to one that leaves a mark. */
const poison = (scene: Scene) => {
  const mark = join(scene.base, "mark");
  const program = join(scene.base, "evil.sh");
  writeFileSync(program, `#!/bin/sh\necho "$0 $*" >> '${mark}'\ncat\n`, { mode: 0o755 });
  const hooks = join(scene.base, "hooks");
  mkdirSync(hooks);
  for (const hook of ["reference-transaction", "post-index-change", "pre-commit", "post-checkout"]) {
    writeFileSync(join(hooks, hook), `#!/bin/sh\n${program} ${hook}\n`, { mode: 0o755 });
    writeFileSync(scene.path(`.git/hooks/${hook}`), `#!/bin/sh\n${program} ${hook}\n`, { mode: 0o755 });
  }
  scene.write(".gitattributes", "* text=auto eol=crlf ident filter=evil diff=evil merge=evil\n");
  for (const key of PROGRAMS) scene.git("config", key, program);
  scene.git("config", "filter.evil.required", "true");
  scene.git("config", "core.hooksPath", hooks);
  scene.git("config", "commit.gpgSign", "true");
  scene.git("config", "core.autocrlf", "true");
  // Objects that are missing are asked for at a "remote" that is a program.
  scene.git("config", "core.repositoryFormatVersion", "1");
  scene.git("config", "extensions.partialClone", "origin");
  scene.git("config", "remote.origin.promisor", "true");
  scene.git("config", "remote.origin.url", `ext::${program}`);
  scene.git("config", "protocol.ext.allow", "always");
  return mark;
};

describe("what a repository configures", () => {
  it.live("is not run by capture, diff, revert or prune", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        const mark = poison(scene);
        const elsewhere = join(scene.base, "elsewhere");
        mkdirSync(elsewhere);
        scene.git("config", "core.worktree", elsewhere);
        yield* scene.turn(1, () => {
          scene.write("committed.txt", "changed\r\n$Id$\n");
          scene.write("added.txt", "added\n");
        });
        yield* scene.diff(0, 1);
        yield* scene.revert(0, 1);
        yield* scene.prune();
        assert.isFalse(existsSync(mark), "nothing ran");
        assert.deepStrictEqual(readdirSync(elsewhere), []);
        assert.strictEqual(scene.read("committed.txt"), "committed\n");

        scene.git("config", "--unset", "core.worktree");
        scene.git("status");
        assert.isTrue(existsSync(mark), "the person's own git would have run it");
      }),
    ),
  );

  it.live("is not run in nested repositories either", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        const nested = scene.at(scene.path("nested"));
        nested.git("init", "--quiet");
        nested.write("file.txt", "1\n");
        nested.git("add", "--all");
        nested.git("commit", "--quiet", "--message=nested");
        const mark = poison(nested);
        yield* scene.turn(1, () => nested.write("file.txt", "2\n"));
        yield* scene.turn(2, () => nested.write("file.txt", "3\n"));
        yield* scene.revert(0, 2);
        assert.isFalse(existsSync(mark));
        assert.strictEqual(nested.read("file.txt"), "3\n");
      }),
    ),
  );

  it.live("does not change what is recorded: content goes in and out byte for byte", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        poison(scene);
        scene.write(
          ".gitattributes",
          "* text=auto eol=crlf ident filter=evil\n*.u16 working-tree-encoding=UTF-16LE\n",
        );
        scene.write("dos.txt", "one\r\ntwo\r\n");
        scene.write("unix.txt", "one\ntwo\n");
        scene.write("ident.txt", "$Id: kept $\n");
        scene.write("text.u16", Buffer.from("one\ntwo\n", "utf16le"));
        scene.write("macro/.gitattributes", "[attr]evil filter=evil text\n* evil\n");
        scene.write("macro/file.txt", "one\r\n");
        const before = scene.files();
        yield* scene.turn(1, () => {
          for (const path of Object.keys(before)) scene.remove(path);
        });
        yield* scene.revert(0, 1);
        assert.deepStrictEqual(scene.files(), before);
      }),
    ),
  );
});

describe("the server's environment", () => {
  it.live("does not reach git", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        const mark = join(scene.base, "mark");
        const program = join(scene.base, "evil.sh");
        writeFileSync(program, `#!/bin/sh\ntouch '${mark}'\n`, { mode: 0o755 });
        const other = scene.at(join(scene.base, "other"));
        other.git("init", "--quiet");
        yield* withEnvironment({
          GIT_DIR: other.path(".git"),
          GIT_WORK_TREE: other.folder,
          GIT_INDEX_FILE: join(scene.base, "index"),
          GIT_OBJECT_DIRECTORY: join(scene.base, "objects"),
          GIT_NAMESPACE: "other",
          GIT_EXTERNAL_DIFF: program,
          GIT_CONFIG_COUNT: "1",
          GIT_CONFIG_KEY_0: "core.fsmonitor",
          GIT_CONFIG_VALUE_0: program,
        });
        yield* scene.turn(1, () => scene.write("committed.txt", "changed\n"));
        assert.strictEqual((yield* scene.diff(0, 1)).files.length, 1);
        assert.isFalse(existsSync(mark));
        assert.strictEqual(runGit(scene.folder, "for-each-ref", "refs/heddle").trim().split("\n").length, 2);
        assert.strictEqual(runGit(other.folder, "for-each-ref"), "");
      }),
    ),
  );
});

const failure = (effect: ReturnType<Scene["capture"]>) =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.instanceOf(error, CheckpointError);
    return error;
  });

// git waits for whoever writes the other end of a pipe: a call that does not end by itself.
const hang = (scene: Scene) => {
  mkdirSync(scene.path("folder"));
  execFileSync("mkfifo", [scene.path("folder/.gitignore")]);
};

describe("an error says what was wrong", () => {
  it.live("where the workspace is not a folder", () =>
    inFolder((scene) =>
      Effect.gen(function* () {
        scene.write("file.txt", "file\n");
        for (const path of ["missing", "file.txt", "file.txt/inside"]) {
          const workspace = scene.path(path);
          const error = yield* failure(new Scene(scene.base, workspace).capture(1, "start"));
          assert.deepInclude(error, { operation: "capture", workspace, reason: "not-a-directory" });
        }
      }),
    ),
  );

  it.live("where there is no git", () =>
    inFolder((scene) =>
      Effect.gen(function* () {
        yield* withEnvironment({ PATH: scene.base });
        const error = yield* failure(scene.capture(1, "start"));
        assert.strictEqual(error.reason, "git-not-found");
        assert.match(error.message, /Install git/);
      }),
    ),
  );

  it.live("where git fails, with git's own words", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        // A file where git wants the folder of the refs.
        writeFileSync(scene.path(".git/refs/heddle"), "");
        const error = yield* failure(scene.capture(1, "start"));
        assert.strictEqual(error.reason, "git-failed");
        assert.match(error.message, /^git update-ref failed/);
        assert.include(error.detail, "refs/heddle");
      }),
    ),
  );

  it.live("where git takes too long", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        hang(scene);
        const error = yield* failure(
          scene.capture(1, "start").pipe(Effect.provideService(GitTimeout, Duration.millis(200))),
        );
        assert.strictEqual(error.reason, "timeout");
        assert.include(error.message, "200ms");
      }),
    ),
  );

  it.live("and git ends when the fiber is interrupted", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        hang(scene);
        const fiber = yield* Effect.forkChild(scene.capture(1, "start"));
        // Opens once git is there to read.
        const pipe = yield* Effect.promise(() => open(scene.path("folder/.gitignore"), constants.O_WRONLY));
        yield* Fiber.interrupt(fiber);
        assert.throws(() => writeSync(pipe.fd, "x"), /EPIPE/);
        closeSync(pipe.fd);
      }),
    ),
  );
});
