/** `heddle project …` */
import { realpath, stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import type { HeddleClientService } from "@heddle/client/HeddleClient";
import type { Project, ShellSnapshot } from "@heddle/contracts/ReadModel";
import { Clock, Effect, Option } from "effect";
import { Argument, Command } from "effect/cli";
import { confirm } from "../Ask.ts";
import { CliFailure } from "../CliFailure.ts";
import { connected, dispatch } from "../Connection.ts";
import { invocation, workingFolder } from "../Environment.ts";
import { findProject } from "../Lookup.ts";
import { newCommandId, newProjectId } from "../NewIds.ts";
import { Output } from "../Output.ts";
import { bold, cyan, dim, green } from "../render/Colour.ts";
import { cleanLine, revealLine } from "../render/Sanitize.ts";
import { table } from "../render/Table.ts";
import { ago, moment } from "../render/Time.ts";
import { modelName, threadState } from "../render/Turn.ts";
import { now } from "../Requests.ts";
import * as Flags from "./Flags.ts";

/** The real path of a folder on this machine, which is the server's too. */
export const realFolder = (path: string): Effect.Effect<string, CliFailure> =>
  Effect.tryPromise({
    try: async () => {
      const real = await realpath(resolve(workingFolder(), path));
      return (await stat(real)).isDirectory() ? real : undefined;
    },
    catch: (error) => {
      const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
      return notAFolder(path, missing ? "does not exist" : `cannot be read (${(error as Error).message})`);
    },
  }).pipe(
    Effect.flatMap((real) =>
      real === undefined ? Effect.fail(notAFolder(path, "is not a folder")) : Effect.succeed(real),
    ),
  );

const notAFolder = (path: string, problem: string): CliFailure =>
  new CliFailure({
    kind: "not-a-folder",
    message: `${resolve(workingFolder(), path)} ${problem}.`,
    hint: "Name the folder that agents shall work in.",
  });

const add = Command.make(
  "add",
  {
    path: Argument.String("path").pipe(Argument.withDescription("Folder that agents shall work in")),
    title: Flags.title("What it is called (else as its folder)"),
    model: Flags.model("Agent for its threads, such as demo or codex/gpt-5"),
  },
  ({ path, title, model }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        const workspaceRoot = yield* realFolder(path);
        const { projects } = yield* client.getShellSnapshot;
        const same = projects.find((project) => project.workspaceRoot === workspaceRoot);
        if (same !== undefined) {
          return yield* new CliFailure({
            kind: "project-exists",
            message: `${workspaceRoot} is project ${same.projectId} already.`,
            details: { projectId: same.projectId },
          });
        }
        const name = Option.getOrElse(title, () => basename(workspaceRoot) || workspaceRoot);
        const projectId = newProjectId(name);
        const { sequence } = yield* dispatch(client, {
          type: "project.create",
          commandId: newCommandId(),
          projectId,
          title: name,
          workspaceRoot,
          defaultModel: Option.getOrNull(model),
          createdAt: yield* now,
        });
        if (output.json) return yield* output.printJson({ projectId, title: name, workspaceRoot, sequence });
        yield* output.print(
          `${green("✓")} Project ${bold(projectId)} is ${revealLine(workspaceRoot)}\n` +
            `${dim("  Next:")} ${cyan(`${invocation} thread new --project ${projectId} --send "hello"`)}\n`,
        );
      }),
    ),
).pipe(
  Command.withDescription("Make a folder a project, so that agents can work in it"),
  Command.withExamples([
    { command: "heddle project add ." },
    { command: 'heddle project add ~/code/shop --title "The shop" --model codex' },
  ]),
);

const list = Command.make("list", {}, () =>
  connected((client) =>
    Effect.gen(function* () {
      const output = yield* Output;
      const { projects, threads } = yield* client.getShellSnapshot;
      if (output.json) return yield* output.printJson(projects);
      if (projects.length === 0) {
        return yield* output.print(
          `There are no projects yet. Add one with: ${invocation} project add FOLDER\n`,
        );
      }
      const counts = Map.groupBy(threads, ({ projectId }) => projectId);
      yield* output.print(
        table(
          [
            { title: "ID" },
            { title: "TITLE", shrinkTo: 12 },
            { title: "THREADS", align: "right" },
            { title: "AGENT" },
            { title: "FOLDER", shrinkTo: 20 },
          ],
          projects.map((project) => [
            [project.projectId, cyan],
            cleanLine(project.title),
            String(counts.get(project.projectId)?.length ?? 0),
            project.defaultModel === null ? ["–", dim] : modelName(project.defaultModel),
            revealLine(project.workspaceRoot),
          ]),
          output.columns(),
        ),
      );
    }),
  ),
).pipe(Command.withDescription("List the projects"), Command.withAlias("ls"));

const show = Command.make("show", { project: Flags.projectId }, ({ project }) =>
  connected((client) =>
    Effect.gen(function* () {
      const output = yield* Output;
      const shell = yield* client.getShellSnapshot;
      const found = yield* findProject(shell, project);
      const threads = threadsOf(shell, found);
      if (output.json) return yield* output.printJson({ ...found, threads });
      yield* output.print(describe(found, threads, yield* Clock.currentTimeMillis, output.columns()));
    }),
  ),
).pipe(Command.withDescription("Show a project and its threads"));

const threadsOf = ({ threads }: ShellSnapshot, { projectId }: Project): ShellSnapshot["threads"] =>
  threads
    .filter((thread) => thread.projectId === projectId)
    .toSorted((left, right) => right.updatedAt.localeCompare(left.updatedAt));

const describe = (
  project: Project,
  threads: ShellSnapshot["threads"],
  at: number,
  columns: number,
): string => {
  const facts: ReadonlyArray<readonly [string, string]> = [
    ["Folder", revealLine(project.workspaceRoot)],
    ["Agent", project.defaultModel === null ? dim("none of its own") : modelName(project.defaultModel)],
    ["Created", moment(project.createdAt)],
    ...project.scripts.map(
      ({ name, command }) => [`Script ${cleanLine(name)}`, revealLine(command)] as const,
    ),
  ];
  const head = `${bold(cleanLine(project.title))}  ${dim(project.projectId)}\n`;
  const list =
    threads.length === 0
      ? dim("No threads.\n")
      : table(
          [{ title: "THREAD" }, { title: "TITLE", shrinkTo: 12 }, { title: "STATE" }, { title: "CHANGED" }],
          threads.map((thread) => {
            const { word, style } = threadState(thread);
            return [
              [thread.threadId, cyan],
              cleanLine(thread.title),
              [word, style],
              [ago(thread.updatedAt, at), dim],
            ];
          }),
          columns,
        );
  return `${head}${facts.map(([name, value]) => `${dim(name.padEnd(8))} ${value}\n`).join("")}\n${list}`;
};

const remove = Command.make(
  "remove",
  { project: Flags.projectId, yes: Flags.yes("Do not ask") },
  ({ project, yes }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        const shell = yield* client.getShellSnapshot;
        const found = yield* findProject(shell, project);
        const count = threadsOf(shell, found).length;
        const threads = count === 0 ? "" : ` with its ${count} ${count === 1 ? "thread" : "threads"}`;
        yield* confirm(
          `Remove project ${cleanLine(found.title)} (${found.projectId})${threads}? Its files stay.`,
          yes,
        );
        const sequence = yield* removeProject(client, found);
        if (output.json) return yield* output.printJson({ projectId: found.projectId, sequence });
        yield* output.print(
          `${green("✓")} Project ${found.projectId} was removed; its files are as they were.\n`,
        );
      }),
    ),
).pipe(
  Command.withDescription("Remove a project and its threads; the files in its folder stay as they are"),
  Command.withAlias("rm"),
);

const removeProject = (client: HeddleClientService, { projectId }: Project) =>
  Effect.map(
    dispatch(client, { type: "project.delete", commandId: newCommandId(), projectId }),
    ({ sequence }) => sequence,
  );

export const project = Command.make("project").pipe(
  Command.withDescription("Folders that agents work in"),
  Command.withSubcommands([add, list, show, remove]),
  Command.withExamples([{ command: "heddle project add ." }, { command: "heddle project list" }]),
);
