import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { ThreadId } from "@heddle/contracts/Ids";
import { Effect } from "effect";
import { inFolder, inRepository, type Scene } from "./Scene.ts";

const OTHER = ThreadId.make("thread-2");

const refs = (scene: Scene): ReadonlyArray<string> =>
  scene.git("for-each-ref", "--format=%(refname)", "refs/heddle").split("\n").slice(0, -1);

const objects = (scene: Scene, store: string): ReadonlyArray<string> =>
  readdirSync(join(scene.dataDir, "checkpoints", store, "objects"), { recursive: true, encoding: "utf8" });

describe("prune", () => {
  it.live("deletes the thread's refs and the workspace's store, and may be done again", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        yield* scene.turn(1, () => scene.write("agent.txt", "agent\n"));
        yield* scene.revert(0, 1);
        assert.strictEqual(refs(scene).length, 3);
        yield* scene.prune();
        assert.deepStrictEqual(refs(scene), []);
        assert.deepStrictEqual(scene.stores(), []);
        yield* scene.prune();
      }),
    ),
  );

  it.live("leaves other threads what is theirs", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        yield* scene.capture(1, "start");
        const ref = yield* scene.capture(1, "start", OTHER);
        yield* scene.prune();
        assert.deepStrictEqual(refs(scene), [ref]);
        assert.strictEqual(scene.stores().length, 1);
        yield* scene.prune(OTHER);
        assert.deepStrictEqual(scene.stores(), []);
      }),
    ),
  );

  it.live("frees what a shadow repository kept for the thread alone", () =>
    inFolder((scene) =>
      Effect.gen(function* () {
        scene.write("shared.txt", "shared\n");
        yield* scene.capture(1, "start", OTHER);
        const [store = ""] = scene.stores();
        const before = objects(scene, store).length;
        yield* scene.turn(1, () => scene.write("agent.txt", "only in this thread\n"));
        scene.remove("agent.txt");
        yield* scene.capture(1, "end", OTHER);
        yield* scene.prune();
        assert.isAtMost(objects(scene, store).length, before + 2, "one commit more, in a folder");
        scene.write("shared.txt", "changed\n");
        yield* scene.capture(2, "start", OTHER);
        yield* scene.prune(OTHER);
        assert.deepStrictEqual(scene.stores(), []);
      }),
    ),
  );

  it.live("finds the refs of worktrees that are gone", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        const worktree = scene.at(join(scene.base, "worktree"));
        scene.git("worktree", "add", "--quiet", worktree.folder);
        yield* worktree.capture(1, "start");
        yield* worktree.capture(1, "start", OTHER);
        scene.git("worktree", "remove", "--force", worktree.folder);
        yield* worktree.prune();
        assert.strictEqual(refs(scene).length, 1);
        yield* worktree.prune(OTHER);
        assert.deepStrictEqual(refs(scene), []);
        assert.deepStrictEqual(scene.stores(), []);
      }),
    ),
  );

  it.live("finds the refs where the data directory was lost", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        yield* scene.capture(1, "start");
        rmSync(scene.dataDir, { recursive: true });
        yield* scene.prune();
        assert.deepStrictEqual(refs(scene), []);
      }),
    ),
  );

  it.live("has nothing to do where the repository is gone as well", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        yield* scene.capture(1, "start");
        rmSync(scene.folder, { recursive: true });
        yield* scene.prune();
        assert.deepStrictEqual(scene.stores(), []);
      }),
    ),
  );
});
