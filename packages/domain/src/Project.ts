/** The project aggregate: its state, how events fold into it, and what commands it takes. */
import type { ClientCommand } from "@heddle/contracts/Commands";
import type { NewEvent } from "@heddle/contracts/Events";
import { accept, type Decision, reject } from "./Decision.ts";

export interface ProjectState {
  readonly status: "absent" | "live" | "deleted";
}

export const initialProject: ProjectState = { status: "absent" };

export const evolveProject = (state: ProjectState, event: NewEvent): ProjectState => {
  switch (event.eventType) {
    case "project.created":
      return { status: "live" };
    case "project.deleted":
      return { status: "deleted" };
    default:
      return state;
  }
};

/** The rejection that keeps a command out of a project that is not there, or undefined. */
export const requireLiveProject = (project: ProjectState) => {
  switch (project.status) {
    case "absent":
      return reject("project-not-found", "There is no such project. Create it first with project.create.");
    case "deleted":
      return reject("project-deleted", "The project was deleted; nothing can be done in it any more.");
    case "live":
      return undefined;
  }
};

export type ProjectCommand = Extract<ClientCommand, { type: `project.${string}` }>;

export const isProjectCommand = (command: { readonly type: string }): command is ProjectCommand =>
  command.type.startsWith("project.");

export const decideProject = (project: ProjectState, command: ProjectCommand): Decision => {
  switch (command.type) {
    case "project.create": {
      if (project.status !== "absent") {
        return reject("project-exists", "This projectId is taken. A new project needs a new id.");
      }
      return accept({
        eventType: "project.created",
        payload: {
          projectId: command.projectId,
          title: command.title,
          workspaceRoot: command.workspaceRoot,
          defaultModel: command.defaultModel ?? null,
          createdAt: command.createdAt,
        },
      });
    }
    case "project.meta.update": {
      const refused = requireLiveProject(project);
      if (refused) return refused;
      const { type: _, commandId: __, ...payload } = command;
      if (Object.keys(payload).length === 1) {
        return reject(
          "nothing-to-update",
          "Give at least one of title, workspaceRoot, defaultModel, scripts.",
        );
      }
      return accept({ eventType: "project.meta-updated", payload });
    }
    case "project.delete":
      return (
        requireLiveProject(project) ??
        accept({ eventType: "project.deleted", payload: { projectId: command.projectId } })
      );
  }
};
