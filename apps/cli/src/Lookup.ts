/** Finds what an id, or the beginning of one, stands for. */
import type { HeddleClientService } from "@heddle/client/HeddleClient";
import type { NotFound } from "@heddle/contracts/Errors";
import type { ThreadId } from "@heddle/contracts/Ids";
import type { PendingApproval, Project, ShellSnapshot, ThreadSnapshot } from "@heddle/contracts/ReadModel";
import { Effect, Predicate } from "effect";
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

/**
 * What `ask` gives for a thread by its id or the beginning of it. A thread that is deleted now, or was not there then, is
 * known by its whole id alone: why there is no answer is for the server to say.
 */
export const findThreadThen = <A, E>(
  client: HeddleClientService,
  given: string,
  ask: (threadId: string) => Effect.Effect<A, E | NotFound>,
) =>
  ask(given).pipe(
    Effect.catchIf(isNotFound, (error) =>
      Effect.flatMap(client.getShellSnapshot, ({ threads }) => {
        const found = threads.filter(({ threadId }) => threadId.startsWith(given) && threadId !== given);
        if (found.length === 0) return Effect.fail(error);
        return Effect.flatMap(
          byPrefix(given, found, ({ threadId }) => threadId, "thread"),
          ({ threadId }) => ask(threadId),
        );
      }),
    ),
  );

const isNotFound = (error: unknown): error is NotFound => Predicate.isTagged(error, "NotFound");

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
