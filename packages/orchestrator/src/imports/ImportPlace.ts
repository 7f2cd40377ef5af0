/** Where an imported session belongs: a project for the folder that the agent worked in, and in it a thread of its own. */
import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { basename } from "node:path";
import { EventId, ProjectId, ThreadId } from "@heddle/contracts/Ids";
import { AbsolutePath } from "@heddle/contracts/Model";
import type { FoundSession } from "@heddle/imports/TranscriptSource";
import { Queries } from "@heddle/projections/Queries";
import { Effect, Schema } from "effect";
import { commandIdFrom } from "../DerivedId.ts";
import { Engine } from "../Engine.ts";
import type { Origin } from "../GroupWriter.ts";
import { RealFolder } from "../Workspace.ts";

const isAbsolutePath = Schema.is(AbsolutePath);

const hashOf = (text: string, length: number): string =>
  createHash("sha256").update(text).digest("hex").slice(0, length);

/** The agent's id where it may stand in ours and in file names, else a hash of it. */
export const safeSourceId = (sourceId: string): string =>
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(sourceId) ? sourceId : hashOf(sourceId, 32);

/** The same for each import of the session. */
export const threadIdOf = (source: string, sourceId: string): ThreadId =>
  ThreadId.make(`${source}-${safeSourceId(sourceId)}`);

/** The event that all of an imported session is caused by. */
export const threadCreatedEventId = (threadId: ThreadId): EventId =>
  EventId.make(`${commandIdFrom("import-thread", threadId)}#1`);

const server: Origin = { actor: "server", causationEventId: null, correlationId: null, metadata: {} };

/** Names of projects that were made for a folder and then deleted are passed over, up to so many. */
const MAX_TRIES = 50;

export interface Place {
  readonly cwd: string;
  /** The folder as it really is; undefined where it is gone. */
  readonly folder: string | undefined;
}

export const placeOf = Effect.fnUntraced(function* ({ cwd }: FoundSession) {
  const find = yield* RealFolder;
  const wanted = cwd !== null && isAbsolutePath(cwd) ? cwd : homedir();
  return { cwd: wanted, folder: yield* find(wanted) } satisfies Place;
});

export const makePlaces = Effect.gen(function* () {
  const engine = yield* Engine;
  const queries = yield* Queries;

  /** The project of a folder, whatever way it is named; a new one where there is none. */
  const projectFor = Effect.fnUntraced(function* ({ cwd, folder }: Place, createdAt: string) {
    const { projects } = yield* queries.shellSnapshot({ limit: 1 });
    const known = projects.find(({ workspaceRoot }) => workspaceRoot === cwd || workspaceRoot === folder);
    if (known) return known.projectId;
    const title = basename(cwd).slice(0, 200) || cwd.slice(0, 200);
    const name =
      title
        .toLowerCase()
        .replaceAll(/[^a-z0-9]+/g, "-")
        .replaceAll(/^-+|-+$/g, "") || "project";
    for (let attempt = 0; ; attempt += 1) {
      const suffix = hashOf(`${cwd}\n${attempt}`, 6);
      const projectId = ProjectId.make(`${name.slice(0, 40)}-${suffix}`);
      const there = yield* queries.project(projectId);
      if (there && there.deletedAt === null) return projectId;
      if (there && attempt < MAX_TRIES) continue;
      const commandId = commandIdFrom("import-project", projectId);
      yield* engine.dispatch(
        { type: "project.create", commandId, projectId, title, workspaceRoot: cwd, createdAt },
        server,
      );
      return projectId;
    }
  });

  return {
    /** Makes the session's thread. False where it is there already. */
    ensureThread: Effect.fnUntraced(function* (
      source: string,
      session: FoundSession,
      threadId: ThreadId,
      place: Place,
      now: string,
    ) {
      if (yield* queries.thread(threadId)) return false;
      const createdAt = session.startedAt ?? now;
      const projectId = yield* projectFor(place, createdAt);
      const model = session.model?.slice(0, 200);
      yield* engine
        .dispatch(
          {
            type: "thread.create",
            commandId: commandIdFrom("import-thread", threadId),
            threadId,
            projectId,
            title: session.title ?? `A session of ${source}`,
            model: { provider: source, ...(model && { model }) },
            branch: null,
            worktreePath: null,
            createdAt,
          },
          server,
        )
        .pipe(
          // It is there, and the read model does not know it yet.
          Effect.catchTag("CommandIdConflict", ({ message }) => Effect.logDebug(message)),
        );
      return true;
    }),
  };
});
