import { keyedProjector } from "../Projector.ts";

export interface ProjectRow {
  readonly project_id: string;
  readonly title: string;
  readonly workspace_root: string;
  readonly default_model: string | null;
  readonly scripts_json: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly deleted_at: string | null;
}

export const projects = keyedProjector<ProjectRow>({
  name: "projects",
  version: 1,
  table: "projection_projects",
  key: "project_id",
  columns: [
    "project_id",
    "title",
    "workspace_root",
    "default_model",
    "scripts_json",
    "created_at",
    "updated_at",
    "deleted_at",
  ],
  handles: ["project.created", "project.meta-updated", "project.deleted"],
  begins: ["project.created"],
  keyOf: (event) => event.streamId,
  evolve: (row, event) => {
    switch (event.eventType) {
      case "project.created": {
        const { projectId, title, workspaceRoot, defaultModel, createdAt } = event.payload;
        return {
          project_id: projectId,
          title,
          workspace_root: workspaceRoot,
          default_model: defaultModel && JSON.stringify(defaultModel),
          scripts_json: "[]",
          created_at: createdAt,
          updated_at: event.occurredAt,
          deleted_at: null,
        };
      }
      case "project.meta-updated": {
        if (row === undefined) return row;
        const { title, workspaceRoot, defaultModel, scripts } = event.payload;
        return {
          ...row,
          ...(title !== undefined && { title }),
          ...(workspaceRoot !== undefined && { workspace_root: workspaceRoot }),
          ...(defaultModel !== undefined && { default_model: defaultModel && JSON.stringify(defaultModel) }),
          ...(scripts !== undefined && { scripts_json: JSON.stringify(scripts) }),
          updated_at: event.occurredAt,
        };
      }
      case "project.deleted":
        return row && { ...row, deleted_at: event.occurredAt, updated_at: event.occurredAt };
      default:
        return row;
    }
  },
});
