import { chmodSync } from "node:fs";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { inRepository } from "./Scene.ts";

describe("diff", () => {
  it.live("is a unified diff in git's format, and a list of files with their counts", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        scene.write("deleted.txt", "one\ntwo\n");
        yield* scene.turn(1, () => {
          scene.write("added.txt", "one\ntwo\nthree\n");
          scene.write("committed.txt", "changed\n");
          scene.remove("deleted.txt");
        });
        const { diff, files } = yield* scene.diff(0, 1);
        assert.deepStrictEqual(files, [
          { path: "added.txt", kind: "added", additions: 3, deletions: 0 },
          { path: "committed.txt", kind: "modified", additions: 1, deletions: 1 },
          { path: "deleted.txt", kind: "deleted", additions: 0, deletions: 2 },
        ]);
        assert.include(
          diff,
          [
            "diff --git a/committed.txt b/committed.txt",
            "index d0fe822..5ea2ed4 100644",
            "--- a/committed.txt",
            "+++ b/committed.txt",
            "@@ -1 +1 @@",
            "-committed",
            "+changed",
            "",
          ].join("\n"),
        );
      }),
    ),
  );

  it.live("can be applied: a patch that git takes", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        scene.write("ünï cödé.txt", "one\n");
        yield* scene.turn(1, () => {
          scene.write("ünï cödé.txt", "two\n");
          scene.write("new\tname\n.txt", "new\n");
        });
        const { diff } = yield* scene.diff(0, 1);
        const after = scene.files();
        yield* scene.revert(0, 1);
        scene.write("../the.patch", diff);
        scene.git("apply", "../the.patch");
        assert.deepStrictEqual(scene.files(), after);
      }),
    ),
  );

  it.live("spans several turns, and leaves out what the person changed before the first of them", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        yield* scene.turn(1, () => scene.write("one.txt", "1\n"));
        scene.write("person.txt", "person\n");
        yield* scene.turn(2, () => scene.write("two.txt", "2\n"));
        yield* scene.turn(3, () => scene.write("three.txt", "3\n"));
        const paths = (from: number, to: number) =>
          Effect.map(scene.diff(from, to), ({ files }) => files.map(({ path }) => path));
        assert.deepStrictEqual(yield* paths(1, 3), ["three.txt", "two.txt"]);
        assert.deepStrictEqual(yield* paths(2, 3), ["three.txt"]);
        assert.deepStrictEqual(yield* paths(0, 3), ["one.txt", "person.txt", "three.txt", "two.txt"]);
      }),
    ),
  );

  it.live("tells a binary file, a new mode and a file that became a link", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        scene.write("binary.bin", Buffer.from([0, 1, 2]));
        scene.write("script.sh", "exit\n");
        scene.write("target", "a file\n");
        yield* scene.turn(1, () => {
          scene.write("binary.bin", Buffer.from([0, 1, 3]));
          chmodSync(scene.path("script.sh"), 0o755);
          scene.remove("target");
          scene.link("target", "committed.txt");
        });
        const { diff, files } = yield* scene.diff(0, 1);
        assert.deepStrictEqual(files, [
          { path: "binary.bin", kind: "modified", additions: 0, deletions: 0 },
          { path: "script.sh", kind: "modified", additions: 0, deletions: 0 },
          { path: "target", kind: "modified", additions: 1, deletions: 1 },
        ]);
        assert.include(diff, "Binary files a/binary.bin and b/binary.bin differ\n");
        assert.include(diff, "old mode 100644\nnew mode 100755\n");
      }),
    ),
  );

  it.live("is cut at the end of a line where it is long, and says so; the list of files stays complete", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        yield* scene.turn(1, () => {
          scene.write("a-long.txt", "äöü\n".repeat(100_000));
          scene.write("b.txt", "b\n");
        });
        const { diff, files } = yield* scene.diff(0, 1, 10_000);
        assert.isBelow(Buffer.byteLength(diff), 10_200);
        assert.notInclude(diff, "\uFFFD");
        const lines = diff.trimEnd().split("\n");
        assert.strictEqual(lines.at(-2), "+äöü");
        assert.match(lines.at(-1) ?? "", /^\\ The diff is longer than 10000 bytes and was cut here/);
        assert.deepStrictEqual(files, [
          { path: "a-long.txt", kind: "added", additions: 100_000, deletions: 0 },
          { path: "b.txt", kind: "added", additions: 1, deletions: 0 },
        ]);
      }),
    ),
  );

  it.live(
    "leaves out whole files where those before them fill it, so that what is there can be applied",
    () =>
      inRepository((scene) =>
        Effect.gen(function* () {
          yield* scene.turn(1, () => {
            scene.write("a.txt", "a\n");
            scene.write("b-long.txt", "diff --git is how a file begins\n".repeat(10_000));
            scene.write("c.txt", "c\n");
          });
          const { diff, files } = yield* scene.diff(0, 1, 10_000);
          assert.match(
            diff,
            /^diff --git a\/a\.txt [^]*\n\+a\n\\ The diff is longer than 10000 bytes [^\n]*\n$/,
          );
          assert.notInclude(diff, "b-long.txt");
          assert.lengthOf(files, 3);
        }),
      ),
  );

  it.live("between a turn and itself is empty", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        yield* scene.turn(1, () => scene.write("added.txt", "added\n"));
        assert.deepStrictEqual(yield* scene.diff(1, 1), { diff: "", files: [] });
      }),
    ),
  );

  it.live("fails with `missing`, and says which, where a start or an end was not recorded", () =>
    inRepository((scene) =>
      Effect.gen(function* () {
        yield* scene.turn(1, () => scene.write("added.txt", "added\n"));
        yield* scene.capture(2, "start");
        const noEnd = yield* Effect.flip(scene.diff(0, 2));
        assert.strictEqual(noEnd.reason, "missing");
        assert.include(noEnd.message, "the end of turn 2");
        const noStart = yield* Effect.flip(scene.diff(2, 3));
        assert.strictEqual(noStart.reason, "missing");
        assert.include(noStart.message, "the start of turn 3");
      }),
    ),
  );

  it.live(
    "does not take the end of a turn that was reverted for the end of the one that has its number now",
    () =>
      inRepository((scene) =>
        Effect.gen(function* () {
          yield* scene.turn(1, () => scene.write("old-1.txt", "old\n"));
          yield* scene.turn(2, () => scene.write("old-2.txt", "old\n"));
          yield* scene.revert(0, 2);
          yield* scene.capture(1, "start");
          assert.strictEqual((yield* Effect.flip(scene.diff(0, 1))).reason, "missing");
          assert.strictEqual((yield* Effect.flip(scene.diff(1, 2))).reason, "missing");
        }),
      ),
  );
});
