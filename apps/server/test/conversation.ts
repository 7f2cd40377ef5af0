/** The steps that a client takes, over the raw frames. */
import type { Json, RawClient } from "./raw-client.ts";

export const AT = "2026-01-31T12:00:00.000Z";

export const createProject = (
  client: RawClient,
  projectId: string,
  workspaceRoot: string,
  commandId = `create-${projectId}`,
) =>
  client.dispatch({
    type: "project.create",
    commandId,
    projectId,
    title: `Project ${projectId}`,
    workspaceRoot,
    createdAt: AT,
  });

export const createThread = (client: RawClient, threadId: string, projectId: string, more: Json = {}) =>
  client.dispatch({
    type: "thread.create",
    commandId: `create-${threadId}`,
    threadId,
    projectId,
    title: `Thread ${threadId}`,
    model: "demo",
    branch: null,
    worktreePath: null,
    createdAt: AT,
    ...more,
  });

export const prompt = (threadId: string, messageId: string, text: string, more: Json = {}) => ({
  type: "thread.turn.start",
  commandId: `send-${messageId}`,
  threadId,
  message: { messageId, role: "user", text },
  createdAt: AT,
  ...more,
});

/** Follows a thread from the start, answering as `answer` says, until a turn has ended; gives all of its events. */
export const watchTurn = async (
  client: RawClient,
  threadId: string,
  options: {
    readonly from?: number;
    readonly decide?: (event: Json) => string;
    readonly turns?: number;
  } = {},
): Promise<ReadonlyArray<Json>> => {
  const events: Array<Json> = [];
  const answers: Array<Promise<Json>> = [];
  let left = options.turns ?? 1;
  await client.stream(
    "orchestration.subscribeThread",
    { threadId, fromSequenceExclusive: options.from ?? 0 },
    (item) => {
      if (item.kind !== "event") return undefined;
      const { event } = item;
      events.push(event);
      const { requestId } = event.payload;
      const base = { commandId: `answer-${requestId}`, threadId, requestId, createdAt: AT };
      if (event.eventType === "thread.approval-requested") {
        const decision = options.decide?.(event) ?? "accept";
        answers.push(client.dispatch({ type: "thread.approval.respond", ...base, decision }));
      }
      if (event.eventType === "thread.user-input-requested") {
        const answered = event.payload.questions.map(({ id }: Json) => [id, "blue"]);
        answers.push(
          client.dispatch({
            type: "thread.user-input.respond",
            ...base,
            answers: Object.fromEntries(answered),
          }),
        );
      }
      if (event.eventType === "thread.turn-completed") left -= 1;
      // The session's state comes with the turn's end, in the same commit.
      return left === 0 && event.eventType === "thread.session-set" ? "stop" : undefined;
    },
  );
  await Promise.all(answers);
  return events;
};
