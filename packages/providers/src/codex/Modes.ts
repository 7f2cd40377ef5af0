/** What a runtime mode means to codex: when it asks, and what its sandbox allows without asking. Pure. */
import type { RuntimeMode } from "@heddle/contracts/Model";
import { read } from "../shared/Read.ts";
import type { AskForApproval, SandboxMode, SandboxPolicy } from "./Protocol.ts";
import { ConfigResponse } from "./Wire.ts";

type WorkspaceWrite = Extract<SandboxPolicy, { type: "workspaceWrite" }>;

/**
 * With which a thread is opened, before its first turn says more. A thread that is opened with leave to write makes codex
 * note in the person's own settings that the folder is to be trusted, and so that settings in it count, for good.
 */
export const OPENED: { readonly approvalPolicy: AskForApproval; readonly sandbox: SandboxMode } = {
  approvalPolicy: "untrusted",
  sandbox: "read-only",
};

/**
 * `untrusted` is the policy by which codex asks before each command and each change of a file. What a mode accepts of that
 * is Heddle's to accept, so that the thread tells of it.
 */
export const policyOf = (
  mode: RuntimeMode,
  workspace: WorkspaceWrite,
): { readonly approvalPolicy: AskForApproval; readonly sandboxPolicy: SandboxPolicy } =>
  mode === "full-access"
    ? { approvalPolicy: "never", sandboxPolicy: { type: "dangerFullAccess" } }
    : { approvalPolicy: "untrusted", sandboxPolicy: workspace };

const readConfig = read(ConfigResponse);

/** Codex's sandbox around the folder, with what a person's own settings add to it. */
export const workspaceWrite = (config: unknown): WorkspaceWrite => {
  const own = readConfig(config)?.config.sandbox_workspace_write;
  return {
    type: "workspaceWrite",
    writableRoots: [...(own?.writable_roots ?? [])],
    networkAccess: own?.network_access ?? false,
    excludeTmpdirEnvVar: own?.exclude_tmpdir_env_var ?? false,
    excludeSlashTmp: own?.exclude_slash_tmp ?? false,
  };
};
