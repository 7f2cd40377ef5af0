/** How claude is started, and which of a person's choices it takes. Pure. */
import type { EffortLevel, Options, PermissionMode, SettingSource } from "@anthropic-ai/claude-agent-sdk";
import type { ModelSelection, RuntimeMode } from "@heddle/contracts/Model";
import { Schema } from "effect";
import type { AgentLaunch, StartInput } from "../shared/Provider.ts";
import { maybe, read } from "../shared/Read.ts";

/** As in its own client: the person's settings, the project's with its CLAUDE.md, and those of this checkout. */
const SETTING_SOURCES: Array<SettingSource> = ["user", "project", "local"];

export const EFFORTS: ReadonlyArray<string> = [
  "low",
  "medium",
  "high",
  "xhigh",
  "max",
] satisfies Array<EffortLevel>;
export const isEffort = (effort: string): effort is EffortLevel => EFFORTS.includes(effort);

const readOptions = read(
  Schema.Struct({
    settingSources: maybe(Schema.Array(Schema.Literals(["user", "project", "local"]))),
    fallbackModel: maybe(Schema.String),
    effort: maybe(Schema.String),
  }),
);

/** The options of a model that are taken: none of them widens what claude may do. */
const KNOWN_OPTIONS = new Set(["settingSources", "fallbackModel", "effort"]);

export const unknownOptions = ({ options }: ModelSelection): ReadonlyArray<string> =>
  options !== undefined && readOptions(options) === undefined
    ? Object.keys(options)
    : Object.keys(options ?? {}).filter((name) => !KNOWN_OPTIONS.has(name));

export const effortIn = ({ options }: ModelSelection): string | undefined =>
  readOptions(options ?? {})?.effort ?? undefined;

/**
 * `default` is the mode in which claude asks. What a runtime mode accepts of that is Heddle's to accept, so that the thread
 * tells of it; and claude refuses to run as root in the mode in which it asks nothing.
 */
export const permissionModeOf = (launch: AgentLaunch, mode: RuntimeMode): PermissionMode => {
  const configured = launch.modes?.[mode];
  return configured !== undefined && isPermissionMode(configured) ? configured : "default";
};

const MODES: ReadonlyArray<string> = [
  "default",
  "acceptEdits",
  "plan",
  "dontAsk",
  "auto",
] satisfies Array<PermissionMode>;
const isPermissionMode = (mode: string): mode is PermissionMode => MODES.includes(mode);

/** Which session it is to be: a new one under an id of ours, an earlier one, or a copy of one. */
export interface Opening {
  readonly sessionId: string;
  readonly resume?: string;
  readonly fork?: true;
}

export const optionsOf = (
  launch: AgentLaunch,
  { cwd, model, runtimeMode }: StartInput,
  { sessionId, resume, fork }: Opening,
): Options => {
  const chosen = readOptions(model.options ?? {});
  const effort = chosen?.effort;
  return {
    cwd,
    pathToClaudeCodeExecutable: launch.command,
    // What it adds to this is what the process is given beside Heddle's own.
    env: {},
    // Without these, it is a model with tools and not the agent that people know.
    systemPrompt: { type: "preset", preset: "claude_code" },
    settingSources: [...(chosen?.settingSources ?? SETTING_SOURCES)],
    permissionMode: permissionModeOf(launch, runtimeMode),
    includePartialMessages: true,
    // Arguments of a process can be read by everybody on the machine.
    mcpServersDelivery: "initialize",
    ...(model.model === undefined ? {} : { model: model.model }),
    ...(effort && isEffort(effort) ? { effort } : {}),
    ...(chosen?.fallbackModel ? { fallbackModel: chosen.fallbackModel } : {}),
    ...(resume === undefined ? { sessionId } : { resume }),
    ...(fork ? { forkSession: true, sessionId } : {}),
  };
};
