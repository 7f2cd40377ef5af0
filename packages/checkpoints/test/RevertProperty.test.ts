import { chmodSync } from "node:fs";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import * as fc from "fast-check";
import { inFolder, inRepository, type Scene } from "./Scene.ts";

/** Few paths and short contents, so that turns and person meet on the same files, often with the same size. */
const PATHS = ["a", "b", "folder/c", "folder/deep/d", "link"];

type Act = { readonly path: string; readonly content: string | undefined; readonly executable: boolean };

const act: fc.Arbitrary<Act> = fc.record({
  path: fc.constantFrom(...PATHS),
  content: fc.option(fc.constantFrom("1", "2", "3\n"), { nil: undefined }),
  executable: fc.boolean(),
});

/** What the person does first, and then the agent in its turn. */
const round = fc.record({ person: fc.array(act, { maxLength: 3 }), agent: fc.array(act, { maxLength: 4 }) });

const history = fc.array(round, { minLength: 1, maxLength: 4 }).chain((rounds) =>
  fc.record({
    rounds: fc.constant(rounds),
    person: fc.array(act, { maxLength: 3 }),
    turnCount: fc.nat({ max: rounds.length }),
  }),
);

const perform = (scene: Scene, acts: ReadonlyArray<Act>) => {
  for (const { path, content, executable } of acts) {
    if (scene.has(path)) scene.remove(path);
    if (content === undefined) continue;
    if (path === "link") scene.link(path, content);
    else {
      scene.write(path, content);
      chmodSync(scene.path(path), executable ? 0o755 : 0o644);
    }
  }
};

type Files = Record<string, string | undefined>;

/** The rule itself: the first undone turn that changed a path says what it was; other paths are as they are. */
const expected = (now: Files, undone: ReadonlyArray<{ start: Files; end: Files }>): Files => {
  const files = { ...now };
  for (const { start, end } of undone.toReversed()) {
    for (const path of PATHS) {
      if (start[path] !== end[path]) files[path] = start[path];
    }
  }
  return Object.fromEntries(Object.entries(files).filter(([, content]) => content !== undefined));
};

const KINDS = [
  { name: "a repository", within: inRepository },
  { name: "a folder without git", within: inFolder },
];

describe.each(KINDS)("in $name", ({ within }) => {
  it(
    "whatever turns and person did, a revert undoes the turns and only the turns",
    { timeout: 120_000 },
    () =>
      fc.assert(
        fc.asyncProperty(history, ({ rounds, person, turnCount }) =>
          Effect.runPromise(
            within((scene) =>
              Effect.gen(function* () {
                const turns: Array<{ start: Files; end: Files }> = [];
                for (const [index, round] of rounds.entries()) {
                  perform(scene, round.person);
                  const start = scene.files();
                  yield* scene.turn(index + 1, () => perform(scene, round.agent));
                  turns.push({ start, end: scene.files() });
                }
                perform(scene, person);
                const goal = expected(scene.files(), turns.slice(turnCount));
                const { skipped } = yield* scene.revert(turnCount, rounds.length);
                assert.deepStrictEqual(skipped, []);
                assert.deepStrictEqual(scene.files(), goal);
              }),
            ),
          ),
        ),
        { numRuns: 15 },
      ),
  );
});
