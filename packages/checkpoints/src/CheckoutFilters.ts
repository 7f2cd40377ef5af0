/**
 * Which programs may convert files on their way between a worktree and the repository: those that the person's own
 * configuration names, such as Git LFS, and none that the repository's configuration does, since an agent may write there.
 */
import { Effect } from "effect";
import type { Failure } from "./Failure.ts";
import { git, type GitOptions, type Place } from "./Git.ts";

const KEYS = ["clean", "smudge", "process", "required"] as const;
type Keys = [clean: string, smudge: string, process: string, required: string];

/** `filter.NAME.KEY`: a name may hold dots. */
const filterOf = (key: string): string => key.slice("filter.".length, key.lastIndexOf("."));

const read = Effect.fnUntraced(function* (place: Place, scope: ReadonlyArray<string>, options: GitOptions) {
  const args = ["config", ...scope, "--includes", "-z", "--get-regexp", "^filter\\."];
  // 1: none; 3, 128: no configuration that git can read.
  const answer = yield* git(place, args, { ...options, okCodes: [0, 1, 3, 128] });
  if (answer.code !== 0) return [];
  return answer.stdout
    .toString("utf8")
    .split("\0")
    .slice(0, -1)
    .map((entry) => {
      const line = entry.indexOf("\n");
      return line === -1
        ? ([entry, "true"] as const)
        : ([entry.slice(0, line), entry.slice(line + 1)] as const);
    });
});

/**
 * The environment for a call of git that reads or writes files of a worktree. It is not given on the command line, where
 * a filter's name with a `=` would end early. Errors: as `git`.
 */
export const checkoutFilters = Effect.fn("CheckoutFilters.environment")(function* (
  place: Place,
): Effect.fn.Return<Readonly<Record<string, string>>, Failure> {
  const personal = new Map([
    ...(yield* read(place, ["--system"], { env: { GIT_CONFIG_NOSYSTEM: "0" } })),
    ...(yield* read(place, ["--global"], { personalConfig: true })),
  ]);
  const known = new Map(yield* read(place, [], {}));
  const names = new Set([...personal.keys(), ...known.keys()].map(filterOf));
  const settings = [...names].flatMap((name) => {
    const [clean, smudge, process, required] = KEYS.map((key) => `filter.${name}.${key}`) as Keys;
    // Git takes an empty `process` for one, and uses none of the others: only where the repository brings one, then.
    const foreign = known.has(process) && !personal.has(process);
    return [
      [clean, personal.get(clean) ?? ""],
      [smudge, personal.get(smudge) ?? ""],
      ...(foreign || personal.has(process) ? [[process, personal.get(process) ?? ""] as const] : []),
      [required, foreign ? "false" : (personal.get(required) ?? "false")],
    ] as const;
  });
  return {
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(
      settings.flatMap(([key, value], index) => [
        [`GIT_CONFIG_KEY_${index}`, key],
        [`GIT_CONFIG_VALUE_${index}`, value],
      ]),
    ),
    // What Git LFS cannot download stays the pointer that it is in the repository.
    GIT_LFS_SKIP_DOWNLOAD_ERRORS: "1",
  };
});
