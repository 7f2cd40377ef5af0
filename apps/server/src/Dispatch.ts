/**
 * `dispatchCommand`: decode, hand over, answer. It is called thousands of times in a second, so it goes from frame to
 * engine and back by plain calls; all other methods are handlers of Effect's RPC server.
 */
import { DispatchError } from "@heddle/contracts/Errors";
import { Engine } from "@heddle/orchestrator/Engine";
import { Effect, Result, Schema } from "effect";
import type { RpcMessage } from "effect/rpc";
import { readCommand } from "./Input.ts";

export const DISPATCH = "orchestration.dispatchCommand";

type Answer = (frame: RpcMessage.ResponseExitEncoded) => void;

const encodeError = Schema.encodeSync(DispatchError);

/** Takes a request, and gives its answer once the command's events are on disk. */
export const makeDispatch = Effect.map(
  Engine,
  (engine) =>
    ({ id, payload }: RpcMessage.RequestEncoded, answer: Answer): void => {
      const fail = (error: DispatchError) =>
        answer({
          _tag: "Exit",
          requestId: id,
          exit: { _tag: "Failure", cause: [{ _tag: "Fail", error: encodeError(error) }] },
        });
      const command = readCommand(payload);
      if (Result.isFailure(command)) return fail(command.failure);
      engine.submit(command.success, (given) => {
        if (Result.isFailure(given)) return fail(given.failure);
        answer({ _tag: "Exit", requestId: id, exit: { _tag: "Success", value: given.success } });
      });
    },
);
