/** From a started process to a thread that takes prompts. */
import { Effect } from "effect";
import { CLIENT_INFO } from "../shared/ClientInfo.ts";
import type { ProviderError, StartInput } from "../shared/Provider.ts";
import { read } from "../shared/Read.ts";
import type { CodexSession } from "./CodexSession.ts";
import { OPENED, workspaceWrite } from "./Modes.ts";
import type { CodexRefused } from "./Overload.ts";
import type { ThreadStartParams } from "./Protocol.ts";
import { agentNotice } from "./Translator.ts";
import { ResumeCursor, ThreadResponse } from "./Wire.ts";

const readThread = read(ThreadResponse);
const readCursor = read(ResumeCursor);

/** Tells whether the thread is the one that was asked for, with its memory. Never ends where codex is gone. */
export const handshake = Effect.fnUntraced(function* (session: CodexSession, input: StartInput) {
  yield* initialize(session);
  yield* readSettings(session, input.cwd);
  const cursor = input.resume === undefined ? undefined : readCursor(input.resume);
  const resumed = cursor === undefined ? false : yield* goOn(session, input, cursor.threadId);
  if (!resumed) yield* create(session, input);
  return resumed;
});

const initialize = (session: CodexSession) =>
  session
    .ask("initialize", {
      clientInfo: CLIENT_INFO,
      // Without the first, codex asks no questions, and its commands cannot be ended one by one.
      capabilities: { experimentalApi: true, requestAttestation: false },
    })
    .pipe(
      Effect.catchTag("CodexGone", () => Effect.never),
      refusedAs(session, "would not start"),
      Effect.tap(() => Effect.sync(() => session.connection.notify("initialized"))),
    );

/** A codex that does not tell its settings works with what it has by default. */
const readSettings = (session: CodexSession, cwd: string) =>
  session.ask("config/read", { cwd, includeLayers: false }).pipe(
    Effect.tap((config) =>
      Effect.sync(() => {
        session.workspace = workspaceWrite(config);
      }),
    ),
    Effect.catchTags({
      CodexGone: () => Effect.never,
      CodexRefused: ({ reason }) =>
        Effect.logDebug(`${session.provider} does not tell its settings: ${reason}`),
    }),
  );

const create = Effect.fnUntraced(function* (session: CodexSession, input: StartInput) {
  const answer = yield* session.ask("thread/start", threadParams(input)).pipe(
    Effect.catchTag("CodexGone", () => Effect.never),
    refusedAs(session, "would not open a thread"),
  );
  yield* adopt(session, "thread/start", answer);
});

/**
 * In the thread, or in a copy of it. False where codex cannot: its record is gone, or not to be read. It then goes on in a
 * new one.
 */
const goOn = Effect.fnUntraced(function* (session: CodexSession, input: StartInput, threadId: string) {
  const [method, what] = input.fork
    ? (["thread/fork", "go on in a copy of the other thread"] as const)
    : (["thread/resume", "go on with the earlier thread"] as const);
  // Its history is here already, and may be larger than the heap.
  const params = { ...threadParams(input), threadId, excludeTurns: true };
  const answer = yield* session.ask(method, params).pipe(
    Effect.catchTags({
      CodexGone: () => Effect.never,
      CodexRefused: ({ reason }) =>
        Effect.sync(() => {
          session.emit(agentNotice("info", `Codex could not ${what}: ${reason}`, { threadId }));
          return undefined;
        }),
    }),
  );
  if (answer === undefined) return false;
  yield* adopt(session, method, answer);
  return true;
});

const threadParams = ({ cwd, model }: StartInput): ThreadStartParams => ({
  cwd,
  ...OPENED,
  ...(model.model === undefined ? {} : { model: model.model }),
  // By the names of codex's own settings, as in its config.toml.
  ...(model.options === undefined ? {} : { config: model.options }),
});

const adopt = Effect.fnUntraced(function* (session: CodexSession, method: string, answer: unknown) {
  const response = readThread(answer);
  if (response === undefined) {
    return yield* session.error(
      "start",
      `${session.provider} answered ${method} with something that Heddle does not understand.`,
    );
  }
  session.threadId = response.thread.id;
});

const refusedAs = (session: CodexSession, what: string) =>
  Effect.mapError(({ reason }: CodexRefused): ProviderError =>
    session.error("start", `${session.provider} ${what}: ${reason}`),
  );
