/**
 * Writes Protocol.ts from what a codex binary says of its own protocol:
 *
 *   node packages/providers/src/codex/generate.ts path/to/codex
 *
 * Of its hundreds of types those are kept that the methods below need. Then run the formatter and the type checker: what
 * no longer fits what Wire.ts reads is an error there.
 */
import { execFileSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

/** The members that are kept of the unions of all methods, by those unions' names. */
const METHODS: Readonly<Record<string, ReadonlyArray<string>>> = {
  ClientRequest: [
    "initialize",
    "config/read",
    "thread/start",
    "thread/resume",
    "thread/fork",
    "thread/backgroundTerminals/list",
    "thread/backgroundTerminals/terminate",
    "turn/start",
    "turn/steer",
    "turn/interrupt",
  ],
  ServerRequest: [
    "item/commandExecution/requestApproval",
    "item/fileChange/requestApproval",
    "item/permissions/requestApproval",
    "item/tool/requestUserInput",
    "mcpServer/elicitation/request",
    "item/tool/call",
    "account/chatgptAuthTokens/refresh",
    "attestation/generate",
    "currentTime/read",
    "applyPatchApproval",
    "execCommandApproval",
  ],
  ServerNotification: [
    "error",
    "warning",
    "guardianWarning",
    "configWarning",
    "model/rerouted",
    "turn/started",
    "turn/completed",
    "turn/plan/updated",
    "item/started",
    "item/completed",
    "item/agentMessage/delta",
    "item/plan/delta",
    "item/reasoning/summaryTextDelta",
    "item/reasoning/textDelta",
    "item/commandExecution/outputDelta",
    "item/fileChange/patchUpdated",
    "serverRequest/resolved",
    "thread/tokenUsage/updated",
  ],
};

/** Answers, which nothing in the unions refers to. */
const ANSWERS = [
  "InitializeResponse",
  "ConfigReadResponse",
  "ThreadStartResponse",
  "ThreadForkResponse",
  "TurnStartResponse",
  "TurnSteerResponse",
  "ThreadBackgroundTerminalsListResponse",
  "CommandExecutionRequestApprovalResponse",
  "FileChangeRequestApprovalResponse",
  "PermissionsRequestApprovalResponse",
  "ToolRequestUserInputResponse",
  "McpServerElicitationRequestResponse",
  "DynamicToolCallResponse",
  "ApplyPatchApprovalResponse",
  "ExecCommandApprovalResponse",
];

/** In place of what codex says: parts that Heddle has no use for, and that would bring hundreds of types with them. */
const REPLACED: Readonly<Record<string, string>> = {
  ResponseItem: "unknown",
  DynamicToolSpec: "unknown",
  TurnEnvironmentParams: "unknown",
  SelectedCapabilityRoot: "unknown",
  // Also what is read-only can be sent.
  JsonValue:
    "number | string | boolean | ReadonlyArray<JsonValue> | { readonly [key in string]?: JsonValue } | null",
};

interface Declared {
  readonly text: string;
  readonly uses: ReadonlyArray<string>;
}

const read = (file: string): readonly [name: string, Declared] => {
  const name = basename(file, ".ts");
  const source = readFileSync(file, "utf8");
  const uses = [...source.matchAll(/^import type \{ (\w+) \}/gm)].map(([, used = ""]) => used);
  const text = source
    .replaceAll(/^(\/\/|import ).*$/gm, "")
    .replaceAll(/\/\*\*[\s\S]*?\*\//g, "")
    .trim();
  const replaced = REPLACED[name];
  if (replaced !== undefined) return [name, { text: `export type ${name} = ${replaced};`, uses: [] }];
  const methods = METHODS[name];
  return [name, methods === undefined ? { text, uses } : keep(name, text, methods, uses)];
};

const keep = (
  name: string,
  union: string,
  methods: ReadonlyArray<string>,
  uses: ReadonlyArray<string>,
): Declared => {
  const members = methods.map((method) => {
    const member = union.split(" | { ").find((part) => part.includes(`"method": "${method}"`));
    if (member === undefined) throw new Error(`This codex has no ${method} among its ${name}s.`);
    return `{ ${member.replace(/^export type \w+ = \{ /, "").replace(/;$/, "")}`;
  });
  const text = `export type ${name} =\n  | ${members.join("\n  | ")};`;
  return { text, uses: uses.filter((used) => new RegExp(`\\b${used}\\b`).test(text)) };
};

const codex = process.argv[2];
if (codex === undefined) throw new Error("Name the codex binary: generate.ts path/to/codex");
const version = execFileSync(codex, ["--version"], { encoding: "utf8" }).trim();
const folder = mkdtempSync(join(tmpdir(), "codex-protocol-"));
try {
  execFileSync(codex, ["app-server", "generate-ts", "--experimental", "--out", folder]);
  const declared = new Map(
    globSync(join(folder, "**/*.ts"))
      .filter((file) => basename(file) !== "index.ts")
      .map(read),
  );
  const needed = new Set([...Object.keys(METHODS), ...ANSWERS]);
  for (const name of needed) for (const used of declared.get(name)?.uses ?? []) needed.add(used);
  const types = [...needed]
    .toSorted()
    .map((name) => declared.get(name)?.text ?? `export type ${name} = unknown;`);
  writeFileSync(
    new URL("Protocol.ts", import.meta.url),
    `/** The protocol of \`codex app-server\`, as ${version} prints it. Written by generate.ts: not to be edited. */\n\n${types.join("\n\n")}\n`,
  );
} finally {
  rmSync(folder, { recursive: true });
}
