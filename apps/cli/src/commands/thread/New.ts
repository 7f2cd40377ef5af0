/** `heddle thread new` and `heddle thread fork` */
import { sep } from "node:path";
import type { HeddleClientService } from "@heddle/client/HeddleClient";
import type { ClientCommandInput } from "@heddle/contracts/Commands";
import type { ThreadId } from "@heddle/contracts/Ids";
import { BranchName } from "@heddle/contracts/Model";
import type { Project, ShellSnapshot, ThreadSnapshot } from "@heddle/contracts/ReadModel";
import { Effect, Option } from "effect";
import { Command, Flag } from "effect/cli";
import { CliFailure, wrongUsage } from "../../CliFailure.ts";
import { connected, dispatch } from "../../Connection.ts";
import { invocation, workingFolder } from "../../Environment.ts";
import { findProject, findThread } from "../../Lookup.ts";
import { newCommandId, newThreadId } from "../../NewIds.ts";
import { Output } from "../../Output.ts";
import { bold, dim, green } from "../../render/Colour.ts";
import { cleanLine } from "../../render/Sanitize.ts";
import { truncate } from "../../render/Table.ts";
import { isRunning, modelName } from "../../render/Turn.ts";
import { now } from "../../Requests.ts";
import { WATCH_PAGE } from "../../Watch.ts";
import * as Flags from "../Flags.ts";
import { realFolder } from "../project.ts";
import { promptText, sendPrompt } from "./Send.ts";

/** The project that a folder is in; the innermost, where one project is within another. */
export const projectAt = (folder: string, projects: ReadonlyArray<Project>): Project | undefined =>
  projects
    .filter(
      ({ workspaceRoot }) => folder === workspaceRoot || folder.startsWith(withSeparator(workspaceRoot)),
    )
    .toSorted((left, right) => right.workspaceRoot.length - left.workspaceRoot.length)[0];

const withSeparator = (path: string): string => (path.endsWith(sep) ? path : path + sep);

const chooseProject = Effect.fnUntraced(function* (shell: ShellSnapshot, given: Option.Option<string>) {
  if (Option.isSome(given)) return yield* findProject(shell, given.value);
  const here = yield* realFolder(workingFolder());
  const [first, ...others] = shell.projects;
  if (first === undefined) {
    return yield* new CliFailure({
      kind: "no-project",
      message: "There is no project yet.",
      hint: `Make this folder one: ${invocation} project add .`,
    });
  }
  const found = projectAt(here, shell.projects) ?? (others.length === 0 ? first : undefined);
  if (found) return found;
  const lines = shell.projects.map(({ projectId, workspaceRoot }) => `${projectId}  ${workspaceRoot}`);
  return yield* wrongUsage(
    [`${here} is in none of the projects:`, ...lines].join("\n"),
    `Name one with --project, or make this folder one: ${invocation} project add .`,
  );
});

type Creating = Extract<ClientCommandInput, { type: "thread.create" | "thread.fork" }>;

/** Dispatches with a fresh id; another one where somebody has taken it. */
const create = (client: HeddleClientService, title: string, command: (threadId: ThreadId) => Creating) =>
  Effect.suspend(() => {
    const threadId = newThreadId(title);
    return Effect.as(dispatch(client, command(threadId)), threadId);
  }).pipe(
    Effect.retry({
      times: 3,
      while: (error) => error._tag === "CommandRejected" && error.code === "thread-exists",
    }),
  );

const TITLE_LENGTH = 60;

const titleFrom = (prompt: string): string => truncate(cleanLine(prompt), TITLE_LENGTH) || "New thread";

/** The worktree to make, if one was asked for. */
const worktreeOf = Effect.fnUntraced(function* (options: {
  readonly worktree: boolean;
  readonly branch: Option.Option<string>;
  readonly from: Option.Option<string>;
  readonly in: Option.Option<string>;
}) {
  if (!options.worktree) {
    if (Option.isNone(options.from)) return undefined;
    return yield* wrongUsage("--from says where a worktree begins.", "Give --worktree with it.");
  }
  if (Option.isSome(options.in)) {
    return yield* wrongUsage(
      "--worktree makes a folder, and --in names one that is there.",
      "Give one of them.",
    );
  }
  return {
    ...(Option.isSome(options.branch) && { branch: options.branch.value }),
    ...(Option.isSome(options.from) && { from: options.from.value }),
  };
});

export const newThread = Command.make(
  "new",
  {
    project: Flags.inProject,
    title: Flags.title("What it is called (else as its first prompt begins)"),
    model: Flags.model("Agent, such as demo or codex/gpt-5 (else the project's, else demo)"),
    mode: Flag.Literals("mode", ["approval-required", "auto-accept-edits", "full-access"]).pipe(
      Flag.withDescription("What the agent may do without asking"),
      Flag.withDefault("approval-required"),
    ),
    branch: Flag.String("branch").pipe(
      Flag.withMetavar("<name>"),
      Flag.withDescription(
        "Branch that the thread is about, as a label; with --worktree, what its branch is called",
      ),
      Flag.withSchema(BranchName),
      Flag.optional,
    ),
    worktree: Flag.Boolean("worktree").pipe(
      Flag.withDescription("Make a git worktree for it, on a branch of its own"),
      Flag.withDefault(false),
    ),
    from: Flag.String("from").pipe(
      Flag.withMetavar("<commit>"),
      Flag.withDescription(
        "Branch, tag or commit that the worktree begins at (else where the project stands)",
      ),
      Flag.optional,
    ),
    in: Flag.String("in").pipe(
      Flag.withMetavar("<folder>"),
      Flag.withDescription("Folder to work in: within the project, or a worktree of its repository"),
      Flag.optional,
    ),
    send: Flag.String("send").pipe(
      Flag.withMetavar("<text>"),
      Flag.withDescription("First prompt; - reads it from stdin"),
      Flag.optional,
    ),
    noWatch: Flags.noWatch,
    yes: Flags.yes("Accept whatever the agent asks leave for"),
  },
  (options) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        const text = Option.isSome(options.send) ? yield* promptText([options.send.value]) : undefined;
        const project = yield* chooseProject(yield* client.getShellSnapshot, options.project);
        const title = Option.getOrElse(options.title, () => titleFrom(text ?? ""));
        const model = Option.getOrElse(options.model, () => project.defaultModel ?? { provider: "demo" });
        const worktree = yield* worktreeOf(options);
        const worktreePath = Option.isSome(options.in) ? yield* realFolder(options.in.value) : null;
        const createdAt = yield* now;
        const threadId = yield* create(client, title, (threadId) => ({
          type: "thread.create",
          commandId: newCommandId(),
          threadId,
          projectId: project.projectId,
          title,
          model,
          branch: worktree ? null : Option.getOrNull(options.branch),
          worktreePath,
          ...(worktree && { worktree }),
          runtimeMode: options.mode,
          createdAt,
        }));
        if (text === undefined) {
          if (output.json) return yield* output.printJson({ threadId, projectId: project.projectId, title });
          return yield* output.print(
            `${green("✓")} Thread ${bold(threadId)} in ${project.projectId}\n` +
              `${dim(`  Next: ${invocation} thread send ${threadId} "…"`)}\n`,
          );
        }
        if (!output.json) {
          yield* output.print(
            `${green("✓")} Thread ${bold(threadId)} ${dim(`in ${project.projectId}, with ${modelName(model)}`)}\n\n`,
          );
        }
        yield* sendPrompt(client, yield* client.getThreadSnapshot({ threadId, limit: WATCH_PAGE }), {
          text,
          dispatchMode: "start",
          watch: !options.noWatch,
          acceptAll: options.yes,
        });
      }),
    ),
).pipe(
  Command.withDescription("Begin a thread in a project: the one that this folder is in, or the only one"),
  Command.withShortDescription("Begin a thread"),
  Command.withExamples([
    { command: 'heddle thread new --send "hello"' },
    {
      command:
        'heddle thread new --project shop-4kd2 --model codex --title "Fix the login" --mode auto-accept-edits',
    },
    {
      command: 'heddle thread new --worktree --from main --send "try another way"',
      description: "In a git worktree of its own, beside what the project's folder holds",
    },
  ]),
);

export const fork = Command.make(
  "fork",
  {
    thread: Flags.threadId,
    turn: Flag.Int("turn").pipe(
      Flag.withMetavar("<number>"),
      Flag.withDescription(
        "Turn after which it goes another way, 0 for none of them (else the last that ended)",
      ),
      Flag.withSchema(Flags.Count),
      Flag.optional,
    ),
    title: Flags.title("What it is called (else as the first)"),
  },
  (options) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        const snapshot = yield* findThread(client, options.thread);
        const source = snapshot.thread;
        const turnCount = Option.getOrElse(options.turn, () => lastEndedTurn(snapshot));
        const title = Option.getOrElse(options.title, () => source.title);
        const createdAt = yield* now;
        const threadId = yield* create(client, title, (threadId) => ({
          type: "thread.fork",
          commandId: newCommandId(),
          threadId,
          sourceThreadId: source.threadId,
          turnCount,
          title,
          createdAt,
        }));
        if (output.json) {
          return yield* output.printJson({ threadId, forkedFrom: { threadId: source.threadId, turnCount } });
        }
        yield* output.print(
          `${green("✓")} Thread ${bold(threadId)} goes on from ${source.threadId} after turn ${turnCount}\n` +
            `${dim(`  Next: ${invocation} thread send ${threadId} "…"`)}\n`,
        );
      }),
    ),
).pipe(
  Command.withDescription("Begin a thread with the history of another one, up to the end of a turn"),
  Command.withShortDescription("Go another way from a turn"),
);

/** The number of the last turn that is over; 0 where none is. */
export const lastEndedTurn = ({ thread }: ThreadSnapshot): number => {
  const ended = thread.turns.filter(({ status }) => status !== "running").map(({ turnCount }) => turnCount);
  if (ended.length > 0) return Math.max(...ended);
  // The page holds the turn that runs; those before it are over.
  const [running] = thread.turns;
  return running && isRunning(thread) ? running.turnCount - 1 : 0;
};
