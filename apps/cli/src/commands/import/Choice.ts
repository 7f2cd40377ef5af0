/** Which sessions are meant: by numbers of a list, or by the beginnings of their ids. */
import type { ImportableSession } from "@heddle/contracts/ImportRpc";
import { Effect } from "effect";
import { CliFailure, wrongUsage } from "../../CliFailure.ts";
import type { Listing } from "./ImportText.ts";

/** The ones that an answer such as `1 3-5`, `2,4` or `all` names, each once; undefined where it names none. */
export const chosenBy = <A>(answer: string, all: ReadonlyArray<A>): ReadonlyArray<A> | undefined => {
  if (/^a(ll)?$/i.test(answer)) return all;
  const numbers = new Set<number>();
  for (const word of answer.split(/[\s,]+/).filter((part) => part !== "")) {
    const [, from = "", to = from] = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(word) ?? [];
    const [first, last] = [Number(from), Number(to)];
    if (from === "" || first < 1 || last < first || last > all.length) return undefined;
    for (let number = first; number <= last; number += 1) numbers.add(number);
  }
  return numbers.size === 0 ? undefined : all.filter((_, index) => numbers.has(index + 1));
};

/** A session by its id or the beginning of it. */
export const sessionOf = (
  { sessions, folder }: Listing,
  given: string,
): Effect.Effect<ImportableSession, CliFailure> => {
  const found = sessions.filter(({ sourceId }) => given !== "" && sourceId.startsWith(given));
  const exact = found.find(({ sourceId }) => sourceId === given);
  const [only] = found;
  if (exact !== undefined) return Effect.succeed(exact);
  if (only !== undefined && found.length === 1) return Effect.succeed(only);
  return Effect.fail(
    only === undefined
      ? new CliFailure({
          kind: "not-found",
          message: `There is no session ${given} in ${folder}.`,
          hint: "--dry-run shows those that there are.",
        })
      : wrongUsage(`${given} is the beginning of ${found.length} ids.`, "Give a few more letters."),
  );
};
