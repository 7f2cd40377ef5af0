/** What clients see of a store that fails and recovers. */
import { assert } from "vitest";
import { type Json, type RawClient, RpcFailure } from "./raw-client.ts";

/** The typed failure of a command that was not taken. */
export const failureOf = (answer: Promise<Json>): Promise<Json> =>
  answer.then(
    () => assert.fail("It was taken."),
    (failure: unknown) => {
      if (!(failure instanceof RpcFailure)) throw failure;
      return failure.error;
    },
  );

/** What `/ready` answers. */
export const readiness = async (url: string): Promise<{ readonly status: number; readonly body: Json }> => {
  const response = await fetch(`${url}/ready`);
  return { status: response.status, body: await response.json() };
};

/** A command that fills about 100 KB. */
export const bulky = (projectId: string, commandId: string) => ({
  type: "project.meta.update",
  commandId,
  projectId,
  scripts: Array.from({ length: 10 }, (_, index) => ({
    name: `s${index}`,
    command: commandId.padEnd(9_000, "x"),
  })),
});

/** Sends bulky commands until one is not taken; gives that one, its error, and what was answered before. */
export const sendUntilRefused = async (client: RawClient, projectId: string) => {
  const answered = new Map<string, number>();
  for (let index = 0; ; index += 1) {
    const command = bulky(projectId, `bulky-${index}`);
    try {
      answered.set(command.commandId, (await client.dispatch(command)).sequence);
    } catch (failure) {
      if (!(failure instanceof RpcFailure)) throw failure;
      return { command, error: failure.error, answered };
    }
  }
};

/** All events of the log, as a client reads them. */
export const readLog = async (client: RawClient): Promise<ReadonlyArray<Json>> => {
  const events: Array<Json> = [];
  for (let from: number | null = 0; from !== null;) {
    const page: Json = await client.call("orchestration.replayEvents", { fromSequenceExclusive: from });
    events.push(...page.events);
    from = page.nextFromSequenceExclusive;
  }
  return events;
};
