/** Finds what an id, or the beginning of one, stands for. */
import type { HeddleClientService } from "@heddle/client/HeddleClient";
import type { ThreadId } from "@heddle/contracts/Ids";
import type { PendingApproval, Project, ShellSnapshot, ThreadSnapshot } from "@heddle/contracts/ReadModel";
import { Effect } from "effect";
import { CliFailure, wrongUsage } from "./CliFailure.ts";
import { invocation } from "./Environment.ts";

const LISTED = 8;

/** The one whose id it is, or begins so; of several whose id begins so, none. */
export const byPrefix = <A>(
  given: string,
  all: ReadonlyArray<A>,
  idOf: (item: A) => string,
  noun: string,
): Effect.Effect<A, CliFailure> => {
  const exact = all.find((item) => idOf(item) === given);
  if (exact !== undefined) return Effect.succeed(exact);
  const found = all.filter((item) => given !== "" && idOf(item).startsWith(given));
  const [only] = found;
  if (only !== undefined && found.length === 1) return Effect.succeed(only);
  if (only === undefined) {
    return Effect.fail(
      new CliFailure({
        kind: "not-found",
        message: `There is no ${noun} ${given}.`,
        hint: `${invocation} ${noun} list shows those that there are.`,
      }),
    );
  }
  const names = found.slice(0, LISTED).map(idOf);
  const more = found.length > LISTED ? ` and ${found.length - LISTED} more` : "";
  return Effect.fail(
    wrongUsage(
      `${given} is the beginning of several ids: ${names.join(", ")}${more}.`,
      "Give a few more letters.",
    ),
  );
};

/** A project by its id or the beginning of it. */
export const findProject = (shell: ShellSnapshot, given: string): Effect.Effect<Project, CliFailure> =>
  byPrefix(given, shell.projects, ({ projectId }) => projectId, "project");

/** A thread by its id or the beginning of it, with the newest page of its history. */
export const findThread = Effect.fnUntraced(function* (
  client: HeddleClientService,
  given: string,
  limit = 1,
) {
  const exact = yield* client
    .getThreadSnapshot({ threadId: given, limit })
    .pipe(Effect.catchTag(["NotFound", "InvalidInput"], () => Effect.succeed(undefined)));
  if (exact !== undefined) return exact;
  const threadId = yield* threadIdOf(client, given);
  return yield* client.getThreadSnapshot({ threadId, limit });
});

const threadIdOf = (client: HeddleClientService, given: string) =>
  Effect.flatMap(client.getShellSnapshot, ({ threads }) =>
    Effect.map(
      byPrefix(given, threads, ({ threadId }) => threadId, "thread"),
      (thread): ThreadId => thread.threadId,
    ),
  );

/** What the agent of a thread waits for. */
export const openRequests = ({ thread }: ThreadSnapshot): ReadonlyArray<PendingApproval> =>
  thread.pendingApprovals.filter(({ status }) => status === "pending");
