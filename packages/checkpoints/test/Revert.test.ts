import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { inFolder, inRepository, type Scene } from "./Scene.ts";

describe("revert", () => {
  it.live("undoes what a turn did: added files go, changed and deleted ones come back", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        scene.write("untracked.txt", "untracked\n");
        const before = scene.files();
        yield* scene.turn(1, () => {
          scene.write("added.txt", "added\n");
          scene.write("committed.txt", "changed\n");
          scene.remove("untracked.txt");
        });
        const { files, skipped } = yield* scene.revert(0, 1);
        assert.deepStrictEqual(scene.files(), before);
        assert.deepStrictEqual(files, [
          { path: "added.txt", kind: "deleted" },
          { path: "committed.txt", kind: "modified" },
          { path: "untracked.txt", kind: "added" },
        ]);
        assert.deepStrictEqual(skipped, []);
      }),
    ),
  );

  it.live("goes back several turns, and to the end of any", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        const states = [scene.files()];
        for (let turn = 1; turn <= 4; turn++) {
          yield* scene.turn(turn, () => {
            scene.write("committed.txt", `turn ${turn}\n`);
            scene.write(`only-${turn}.txt`, `turn ${turn}\n`);
            if (turn > 1) scene.remove(`only-${turn - 1}.txt`);
          });
          states.push(scene.files());
        }
        for (const turn of [4, 3, 1, 0]) {
          yield* scene.revert(turn, 4);
          assert.deepStrictEqual(scene.files(), states[turn]);
        }
      }),
    ),
  );

  it.live("leaves alone what no turn changed: the person's files, index, branch and HEAD", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        yield* scene.turn(1, () => scene.write("agent.txt", "agent\n"));
        scene.write("untracked.txt", "untracked\n");
        scene.write("staged.txt", "staged\n");
        scene.write("committed.txt", "person's edit\n");
        scene.git("add", "staged.txt");
        yield* scene.turn(2, () => scene.write("agent.txt", "agent again\n"));
        const index = readFileSync(scene.path(".git/index"));
        const head = scene.git("rev-parse", "HEAD");
        yield* scene.revert(0, 2);
        assert.isFalse(scene.has("agent.txt"));
        assert.strictEqual(scene.read("untracked.txt"), "untracked\n");
        assert.strictEqual(scene.read("staged.txt"), "staged\n");
        assert.strictEqual(scene.read("committed.txt"), "person's edit\n");
        assert.deepStrictEqual(readFileSync(scene.path(".git/index")), index);
        assert.strictEqual(scene.git("rev-parse", "HEAD"), head);
        assert.strictEqual(scene.git("branch", "--show-current").trim(), "main");
      }),
    ),
  );

  it.live("gives a file that a turn changed what the person had made of it before that turn", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        yield* scene.turn(1, () => scene.write("other.txt", "1\n"));
        scene.write("committed.txt", "person's edit\n");
        yield* scene.turn(2, () => scene.write("committed.txt", "agent's edit\n"));
        yield* scene.revert(0, 2);
        assert.strictEqual(scene.read("committed.txt"), "person's edit\n");
      }),
    ),
  );

  it.live("brings back every kind of file, byte for byte", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        scene.write("with space.txt", "x\n");
        scene.write("ünï/cödé/\u{1F9F5}.txt", "x\n");
        scene.write("new\nline.txt", "x\n");
        scene.write('tab\t"quote" \\.txt', "x\n");
        scene.write("-rf", "x\n");
        scene.write(":(top)magic*", "x\n");
        scene.write("script.sh", "#!/bin/sh\n", 0o755);
        scene.write("dos.txt", "one\r\ntwo\r\n");
        scene.write("no-newline.txt", "x");
        scene.write("empty.txt", "");
        scene.write("binary.bin", Buffer.from(Array.from({ length: 1024 }, (_, byte) => byte % 256)));
        scene.write("deep/er/and/deeper/file.txt", "x\n");
        scene.link("link", "committed.txt");
        scene.link("broken link", "ünï/nowhere");
        scene.link("folder link", "deep");
        const before = scene.files();
        yield* scene.turn(1, () => {
          for (const path of Object.keys(before)) scene.remove(path);
        });
        yield* scene.revert(0, 1);
        assert.deepStrictEqual(scene.files(), before);
      }),
    ),
  );

  it.live("gives back the executable bit, and keeps the permissions that git does not record", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        scene.write("secret.txt", "secret\n", 0o600);
        scene.write("script.sh", "1\n", 0o750);
        scene.write("data.txt", "1\n", 0o640);
        const mode = (path: string) => (statSync(scene.path(path)).mode & 0o777).toString(8);
        yield* scene.turn(1, () => {
          scene.write("secret.txt", "changed\n", 0o600);
          chmodSync(scene.path("script.sh"), 0o640);
          chmodSync(scene.path("data.txt"), 0o750);
        });
        yield* scene.revert(0, 1);
        assert.deepStrictEqual(["secret.txt", "script.sh", "data.txt"].map(mode), ["600", "750", "640"]);
      }),
    ),
  );

  it.live("removes the folders that it empties, and no others", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        mkdirSync(scene.path("person's empty folder"));
        yield* scene.turn(1, () => {
          scene.write("new/deep/file.txt", "x\n");
          scene.write("shared/agent.txt", "x\n");
        });
        scene.write("shared/person.txt", "x\n");
        yield* scene.revert(0, 1);
        assert.isFalse(scene.has("new"));
        assert.isTrue(scene.has("shared/person.txt"));
        assert.isFalse(scene.has("shared/agent.txt"));
        assert.isTrue(scene.has("person's empty folder"));
      }),
    ),
  );

  it.live("turns folders, files and links back into each other", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        scene.write("file", "file\n");
        scene.write("folder/file", "file\n");
        scene.link("link", "folder");
        const before = scene.files();
        yield* scene.turn(1, () => {
          for (const path of ["file", "folder", "link"]) scene.remove(path);
          scene.write("file/inside", "x\n");
          scene.write("link", "file now\n");
          scene.link("folder", "/");
        });
        const { skipped } = yield* scene.revert(0, 1);
        assert.deepStrictEqual(skipped, []);
        assert.deepStrictEqual(scene.files(), before);
      }),
    ),
  );

  it.live("takes a checkpoint first, which a revert that is done again keeps within reach", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        yield* scene.turn(1, () => scene.write("agent.txt", "agent\n"));
        scene.write("agent.txt", "person's edit of it\n");
        const { safetyRef } = yield* scene.revert(0, 1);
        assert.match(safetyRef, /\/1\/before-revert$/);
        assert.strictEqual(scene.git("show", `${safetyRef}:agent.txt`), "person's edit of it\n");
        const again = yield* scene.revert(0, 1);
        assert.deepStrictEqual(again, { files: [], skipped: [], safetyRef });
        assert.strictEqual(scene.git("show", `${safetyRef}^:agent.txt`), "person's edit of it\n");
      }),
    ),
  );

  it.live("to the latest turn changes nothing", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        yield* scene.turn(1, () => scene.write("agent.txt", "agent\n"));
        assert.deepStrictEqual((yield* scene.revert(1, 1)).files, []);
        assert.isTrue(scene.has("agent.txt"));
      }),
    ),
  );

  it.live("touches only the workspace where that is a folder inside a repository", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        const inner = scene.at(scene.path("packages/inner"));
        inner.write("file.txt", "1\n");
        yield* inner.turn(1, () => {
          inner.write("file.txt", "2\n");
          inner.write("new/file.txt", "2\n");
          scene.write("beside.txt", "made by the agent outside of its workspace\n");
        });
        const { files } = yield* inner.revert(0, 1);
        assert.deepStrictEqual(
          files.map(({ path }) => path),
          ["file.txt", "new/file.txt"],
        );
        assert.deepStrictEqual(Object.keys(inner.files()), ["file.txt"]);
        assert.isTrue(scene.has("beside.txt"));
      }),
    ),
  );

  it.live("works in a folder without git", () =>
    inFolder((scene) =>
      Effect.gen(function* () {
        scene.write("file.txt", "1\n");
        scene.write("node_modules/dependency", "as installed\n");
        yield* scene.turn(1, () => {
          scene.write("file.txt", "2\n");
          scene.write("added.txt", "2\n");
        });
        scene.write("person.txt", "person\n");
        yield* scene.revert(0, 1);
        assert.deepStrictEqual(Object.keys(scene.files()).toSorted(), [
          "file.txt",
          "node_modules/dependency",
          "person.txt",
        ]);
        assert.strictEqual(scene.read("file.txt"), "1\n");
      }),
    ),
  );
});

describe("revert of a turn that was cut off", () => {
  it.live("counts what came before the next turn as its own", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        yield* scene.capture(1, "start");
        scene.write("cut-off.txt", "agent\n");
        yield* scene.turn(2, () => scene.write("second.txt", "agent\n"));
        yield* scene.revert(0, 2);
        assert.deepStrictEqual(Object.keys(scene.files()), ["committed.txt"]);
      }),
    ),
  );

  it.live("counts what came before the revert as its own where it was the last", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        yield* scene.turn(1, () => scene.write("first.txt", "agent\n"));
        yield* scene.capture(2, "start");
        scene.write("cut-off.txt", "agent\n");
        yield* scene.revert(1, 2);
        assert.deepStrictEqual(Object.keys(scene.files()).toSorted(), ["committed.txt", "first.txt"]);
      }),
    ),
  );

  it.live("fails with `missing` and restores nothing where its start was not recorded", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        yield* scene.turn(1, () => scene.write("first.txt", "agent\n"));
        scene.write("second.txt", "agent\n");
        yield* scene.capture(2, "end");
        const before = scene.files();
        const error = yield* Effect.flip(scene.revert(0, 2));
        assert.deepInclude(error, { operation: "revert", reason: "missing" });
        assert.include(error.message, "the start of turn 2");
        assert.deepStrictEqual(scene.files(), before);
      }),
    ),
  );
});

const treeEntry = (mode: string, name: string, id: Buffer) =>
  Buffer.concat([Buffer.from(`${mode} ${name}\0`), id]);

/** Makes a ref a checkpoint that no capture made: its tree holds one file, by any name. */
const forge = (scene: Scene, ref: string, folder: string, name: string) => {
  const file = join(scene.base, "object");
  const store = (type: string, content: Buffer) => {
    writeFileSync(file, content);
    return Buffer.from(scene.git("hash-object", "-t", type, "-w", "--literally", file).trim(), "hex");
  };
  const blob = store("blob", Buffer.from("forged\n"));
  const inner = store("tree", treeEntry("100644", name, blob));
  const outer = store("tree", treeEntry("40000", folder, inner));
  scene.git("update-ref", ref, scene.git("commit-tree", outer.toString("hex"), "-m", "forged").trim());
};

describe("revert where a content is gone from the object store", () => {
  it.live("fails before it touches anything", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        scene.write("untracked.txt", "untracked\n");
        yield* scene.turn(1, () => {
          scene.remove("untracked.txt");
          scene.write("added.txt", "added\n");
        });
        const id = createHash("sha1").update("blob 10\0untracked\n").digest("hex");
        rmSync(scene.path(`.git/objects/${id.slice(0, 2)}/${id.slice(2)}`));
        const before = scene.files();
        const error = yield* Effect.flip(scene.revert(0, 1));
        assert.strictEqual(error.reason, "git-failed");
        assert.deepStrictEqual(scene.files(), before);
      }),
    ),
  );
});

describe("revert leaves a path as it is, and says why", () => {
  it.live("where a folder with the person's files stands in its place", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        scene.write("file", "file\n");
        yield* scene.turn(1, () => {
          scene.remove("file");
          scene.write("file/agent.txt", "agent\n");
        });
        scene.write("file/person.txt", "person\n");
        const { files, skipped } = yield* scene.revert(0, 1);
        assert.deepStrictEqual(skipped, [{ path: "file", reason: "folder-in-the-way" }]);
        assert.deepStrictEqual(files, [{ path: "file/agent.txt", kind: "deleted" }]);
        assert.strictEqual(scene.read("file/person.txt"), "person\n");
      }),
    ),
  );

  it.live("where a parent is now a link: nothing is written or removed outside of the workspace", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        const outside = scene.at(join(scene.base, "outside"));
        outside.write("changed.txt", "outside\n");
        outside.write("added.txt", "outside\n");
        scene.write("folder/changed.txt", "1\n");
        scene.write("folder/deleted.txt", "1\n");
        yield* scene.turn(1, () => {
          scene.write("folder/changed.txt", "2\n");
          scene.write("folder/added.txt", "2\n");
          scene.remove("folder/deleted.txt");
        });
        scene.remove("folder");
        scene.link("folder", outside.folder);
        const before = outside.files();
        const { files, skipped } = yield* scene.revert(0, 1);
        assert.deepStrictEqual(files, []);
        assert.deepStrictEqual(skipped, [
          { path: "folder/changed.txt", reason: "parent-not-a-folder" },
          { path: "folder/deleted.txt", reason: "parent-not-a-folder" },
        ]);
        assert.deepStrictEqual(outside.files(), before);
      }),
    ),
  );

  it.live("where what stands there now is ignored, so that the checkpoint before does not hold it", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        scene.write("settings.local", "before\n");
        yield* scene.turn(1, () => scene.remove("settings.local"));
        scene.write(".gitignore", "*.local\n");
        scene.write("settings.local", "the person's, ignored\n");
        const { skipped } = yield* scene.revert(0, 1);
        assert.deepStrictEqual(skipped, [{ path: "settings.local", reason: "not-in-checkpoint" }]);
        assert.strictEqual(scene.read("settings.local"), "the person's, ignored\n");
      }),
    ),
  );

  it.live("where what a turn added has grown too large for a checkpoint since", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        yield* scene.turn(1, () => scene.write("data.bin", "small\n"));
        truncateSync(scene.path("data.bin"), 65 * 1024 * 1024);
        const { files, skipped } = yield* scene.revert(0, 1);
        assert.deepStrictEqual(files, []);
        assert.deepStrictEqual(skipped, [{ path: "data.bin", reason: "not-in-checkpoint" }]);
        assert.isTrue(scene.has("data.bin"));
      }),
    ),
  );

  it.live("where it is a nested repository", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        const nested = () => scene.at(scene.path("nested"));
        yield* scene.turn(1, () => {
          nested().git("init", "--quiet");
          nested().git("commit", "--quiet", "--allow-empty", "--message=nested");
        });
        const { skipped } = yield* scene.revert(0, 1);
        assert.deepStrictEqual(skipped, [{ path: "nested", reason: "nested-repository" }]);
        assert.isTrue(scene.has("nested/.git"));
      }),
    ),
  );

  it.live("where git would not make such a path: the checkpoint was tampered with", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        const start = yield* scene.capture(1, "start");
        yield* scene.capture(1, "end");
        for (const [folder, name] of [
          ["..", "escaped"],
          [".git", "config"],
          [".GIT", "config"],
        ] as const) {
          forge(scene, start, folder, name);
          const config = readFileSync(scene.path(".git/config"), "utf8");
          const { skipped } = yield* scene.revert(0, 1);
          assert.deepInclude(skipped, { path: `${folder}/${name}`, reason: "unsafe-path" });
          assert.isFalse(existsSync(join(scene.base, "escaped")));
          assert.strictEqual(readFileSync(scene.path(".git/config"), "utf8"), config);
        }
      }),
    ),
  );
});
