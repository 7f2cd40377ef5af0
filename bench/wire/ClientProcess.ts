/** The bench's side of a client process: it is given its task, says when it is ready, and answers each request. */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface ClientProcess<Request, Answer> {
  readonly ask: (request: Request) => Promise<Answer>;
  readonly stop: () => void;
}

/** Runs `bench/wire/<program>.ts`, which answers requests by `answerRequests`. */
export const startClients = <Request extends object, Answer>(
  program: string,
): ClientProcess<Request, Answer> => {
  const child = fork(fileURLToPath(new URL(`${program}.ts`, import.meta.url)), { execArgv: [] });
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        const onExit = (code: number | null) => reject(new Error(`${program} ended with ${code}`));
        child.once("exit", onExit);
        child.once("message", (answer) => {
          child.off("exit", onExit);
          resolve(answer as Answer);
        });
        child.send(request);
      }),
    stop: () => child.kill("SIGKILL"),
  };
};

/** The other side, in the client's process: one request at a time. */
export const answerRequests = <Request, Answer>(answer: (request: Request) => Promise<Answer>): void => {
  process.once("disconnect", () => process.exit());
  process.on("message", (request) => {
    void answer(request as Request).then((value) => process.send?.(value));
  });
};
