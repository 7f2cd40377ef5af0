import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClientCommandInput } from "@heddle/contracts/Commands";
import { ClientCommand } from "@heddle/contracts/Commands";
import { Effect, Layer, Schema } from "effect";
import { Engine } from "../src/Engine.ts";
import { engineLayer } from "../src/EngineLayer.ts";
import { fromClient } from "../src/GroupWriter.ts";

export const AT = "2026-01-31T12:00:00.000Z";

/** A folder that is gone when the scope closes. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "heddle-test-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true })),
);

/** An engine on a fresh database of its own. */
export const freshEngine = Layer.unwrap(
  Effect.map(temporaryFolder, (folder) => engineLayer(join(folder, "heddle.db"))),
);

const command = Schema.decodeSync(ClientCommand);

/** Sends a command as a client does. */
export const send = (input: ClientCommandInput) =>
  Effect.flatMap(Engine, (engine) => engine.dispatch(command(input), fromClient));

export const createProject = (projectId: string, commandId = `create-${projectId}`): ClientCommandInput => ({
  type: "project.create",
  commandId,
  projectId,
  title: `Project ${projectId}`,
  workspaceRoot: "/tmp/nowhere",
  createdAt: AT,
});

export const createThread = (
  threadId: string,
  projectId = "p1",
  commandId = `create-${threadId}`,
): ClientCommandInput => ({
  type: "thread.create",
  commandId,
  threadId,
  projectId,
  title: `Thread ${threadId}`,
  model: "demo",
  branch: null,
  worktreePath: null,
  createdAt: AT,
});

type TurnStart = Extract<ClientCommandInput, { type: "thread.turn.start" }>;

export const startTurn = (
  threadId: string,
  messageId: string,
  text = "hello",
  more: Partial<Pick<TurnStart, "model" | "dispatchMode">> = {},
): ClientCommandInput => ({
  type: "thread.turn.start",
  commandId: `start-${messageId}`,
  threadId,
  message: { messageId, role: "user", text, attachments: [] },
  createdAt: AT,
  ...more,
});

export const rename = (threadId: string, title: string): ClientCommandInput => ({
  type: "thread.meta.update",
  commandId: `rename-${threadId}-${title.replaceAll(" ", "-")}`,
  threadId,
  title,
});
