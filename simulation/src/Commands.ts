/** What people send: mostly what makes sense, sometimes what is too late, wrong, or about things that are not there. */
import { ClientCommand, type ClientCommandInput } from "@heddle/contracts/Commands";
import { Schema } from "effect";
import type { World } from "./World.ts";

const AT = "2026-01-31T12:00:00.000Z";
const PROJECTS = ["p0", "p1"] as const;
const THREADS = ["t0", "t1", "t2", "t3"] as const;

const WEIGHTS = {
  "project.create": 2,
  "project.meta.update": 1,
  "project.delete": 0.3,
  "thread.create": 4,
  "thread.meta.update": 2,
  "thread.delete": 0.5,
  "thread.archive": 0.5,
  "thread.unarchive": 0.5,
  "thread.fork": 1,
  "thread.runtime-mode.set": 1,
  "thread.turn.start": 14,
  "thread.queue.reorder": 2,
  "thread.turn.interrupt": 2,
  "thread.approval.respond": 4,
  "thread.user-input.respond": 3,
  "thread.checkpoint.revert": 1.5,
  "thread.session.stop": 1,
} as const satisfies Record<ClientCommand["type"], number>;

const decode = Schema.decodeSync(ClientCommand);

/** What every run begins with, so that there is something to talk about. */
export const firstCommands = (): ReadonlyArray<ClientCommand> =>
  [
    project("first-project", "p0"),
    thread("first-thread", "t0", "p0"),
    thread("second-thread", "t1", "p0"),
  ].map((input) => decode(input));

const project = (commandId: string, projectId: string): ClientCommandInput => ({
  type: "project.create",
  commandId,
  projectId,
  title: `Project ${commandId}`,
  workspaceRoot: `/projects/${projectId}`,
  createdAt: AT,
});

const thread = (commandId: string, threadId: string, projectId: string): ClientCommandInput => ({
  type: "thread.create",
  commandId,
  threadId,
  projectId,
  title: `Thread ${commandId}`,
  model: "scripted",
  branch: null,
  worktreePath: null,
  createdAt: AT,
});

/** A new command. */
export const randomCommand = (world: World): ClientCommand => {
  const { dice } = world;
  return decode(inputOf(world, dice.weighted(WEIGHTS), `c${world.nextId()}`));
};

const inputOf = (world: World, type: ClientCommand["type"], commandId: string): ClientCommandInput => {
  const { dice } = world;
  const threadId = dice.pick(THREADS);
  const projectId = dice.pick(PROJECTS);
  switch (type) {
    case "project.create":
      return project(commandId, projectId);
    case "project.meta.update":
      return { type, commandId, projectId, title: `Renamed ${commandId}` };
    case "project.delete":
      return { type, commandId, projectId };
    case "thread.create":
      return { ...thread(commandId, threadId, projectId), ...(dice.chance(0.3) && { worktree: {} }) };
    case "thread.meta.update":
      return { type, commandId, threadId, title: `Renamed ${commandId}` };
    case "thread.delete":
    case "thread.archive":
    case "thread.unarchive":
      return { type, commandId, threadId };
    case "thread.fork":
      return {
        type,
        commandId,
        threadId,
        sourceThreadId: dice.pick(THREADS),
        turnCount: dice.between(0, 2),
        createdAt: AT,
      };
    case "thread.runtime-mode.set":
      return { type, commandId, threadId, runtimeMode: dice.pick(["approval-required", "full-access"]) };
    case "thread.turn.start":
      return {
        type,
        commandId,
        threadId,
        message: { messageId: `m-${commandId}`, role: "user", text: `Do ${commandId}` },
        dispatchMode: dice.pick(["start", "queue", "queue", "steer"]),
        createdAt: AT,
      };
    case "thread.queue.reorder":
      return { type, commandId, ...queuedOf(world) };
    case "thread.turn.interrupt":
    case "thread.session.stop":
      return { type, commandId, threadId, createdAt: AT };
    case "thread.approval.respond": {
      const { decision, ...request } = { ...requestOf(world, "approval"), decision: dice.pick(DECISIONS) };
      return { type, commandId, ...request, decision, createdAt: AT };
    }
    case "thread.user-input.respond":
      return {
        type,
        commandId,
        ...requestOf(world, "user-input"),
        answers: dice.chance(0.2) ? {} : { q: "yes" },
        createdAt: AT,
      };
    case "thread.checkpoint.revert":
      return { type, commandId, threadId, turnCount: dice.between(0, 2), createdAt: AT };
  }
};

const DECISIONS = ["accept", "accept", "decline", "cancel"] as const;

/** Mostly one of the latest. */
const requestOf = ({ dice, requests }: World, kind: "approval" | "user-input") => {
  const recent = requests.filter((request) => request.kind === kind).slice(-4);
  const { threadId, requestId } = dice.pick(recent) ?? { threadId: "t0", requestId: "request:none" };
  return { threadId, requestId };
};

/** One of the latest comes first. */
const queuedOf = ({ dice, queued }: World) => {
  const { threadId, turnId } = dice.pick(queued.slice(-4)) ?? { threadId: "t0", turnId: "turn:none" };
  return { threadId, turnIds: [turnId] };
};

/** The same id with another body. */
export const withAnotherBody = (command: ClientCommand): ClientCommand =>
  decode({
    type: "project.meta.update",
    commandId: command.commandId,
    projectId: "p0",
    title: "Another body",
  });
