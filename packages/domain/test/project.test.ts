import { describe, it } from "@effect/vitest";
import { AT, event, given, projectCreated, projectDeleted } from "./support.ts";

describe("project.create", () => {
  it("creates the project", () => {
    given()
      .when({
        type: "project.create",
        commandId: "c1",
        projectId: "p1",
        title: "Loom",
        workspaceRoot: "/srv/loom",
        defaultModel: "codex/gpt-5",
        createdAt: AT,
      })
      .gives(
        event("project.created", {
          projectId: "p1",
          title: "Loom",
          workspaceRoot: "/srv/loom",
          defaultModel: { provider: "codex", model: "gpt-5" },
          createdAt: AT,
        }),
      );
  });

  it("takes no model for none", () => {
    given()
      .when({
        type: "project.create",
        commandId: "c1",
        projectId: "p1",
        title: "Project",
        workspaceRoot: "/work",
        createdAt: AT,
      })
      .gives(projectCreated());
  });

  const again = {
    type: "project.create",
    commandId: "c2",
    projectId: "p1",
    title: "Another",
    workspaceRoot: "/elsewhere",
    createdAt: AT,
  } as const;

  it("is refused where the id is taken", () => {
    given(projectCreated()).when(again).rejected("project-exists");
  });

  it("is refused where the id was taken by a project that is deleted", () => {
    given(projectCreated(), projectDeleted()).when(again).rejected("project-exists");
  });
});

describe("project.meta.update", () => {
  it("says what changed and nothing else", () => {
    given(projectCreated())
      .when({ type: "project.meta.update", commandId: "c2", projectId: "p1", title: "Renamed" })
      .gives(event("project.meta-updated", { projectId: "p1", title: "Renamed" }));
  });

  it("changes every field at once", () => {
    given(projectCreated())
      .when({
        type: "project.meta.update",
        commandId: "c2",
        projectId: "p1",
        title: "Renamed",
        workspaceRoot: "/moved",
        defaultModel: "demo",
        scripts: [{ name: "test", command: "pnpm test" }],
      })
      .gives(
        event("project.meta-updated", {
          projectId: "p1",
          title: "Renamed",
          workspaceRoot: "/moved",
          defaultModel: { provider: "demo" },
          scripts: [{ name: "test", command: "pnpm test" }],
        }),
      );
  });

  it("takes the default model away with null", () => {
    given(projectCreated())
      .when({ type: "project.meta.update", commandId: "c2", projectId: "p1", defaultModel: null })
      .gives(event("project.meta-updated", { projectId: "p1", defaultModel: null }));
  });

  it("is refused where it changes nothing", () => {
    given(projectCreated())
      .when({ type: "project.meta.update", commandId: "c2", projectId: "p1" })
      .rejected("nothing-to-update");
  });

  const rename = { type: "project.meta.update", commandId: "c2", projectId: "p1", title: "Renamed" } as const;

  it("is refused where there is no such project", () => {
    given(projectCreated("p2")).when(rename).rejected("project-not-found");
  });

  it("is refused in a deleted project", () => {
    given(projectCreated(), projectDeleted()).when(rename).rejected("project-deleted");
  });
});

describe("project.delete", () => {
  const remove = { type: "project.delete", commandId: "c2", projectId: "p1" } as const;

  it("deletes the project", () => {
    given(projectCreated()).when(remove).gives(projectDeleted());
  });

  it("is refused where there is no such project", () => {
    given().when(remove).rejected("project-not-found");
  });

  it("is refused the second time", () => {
    given(projectCreated(), projectDeleted()).when(remove).rejected("project-deleted");
  });
});
