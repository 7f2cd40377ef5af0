/** What codex asks a person to allow, and how each decision is said to it. Pure. */
import type { ApprovalDecision, ApprovalKind } from "@heddle/contracts/Model";
import { read } from "../shared/Read.ts";
import { diffsOf } from "./Diffs.ts";
import type {
  CommandExecutionRequestApprovalResponse,
  FileChangeRequestApprovalResponse,
  PermissionsRequestApprovalResponse,
} from "./Protocol.ts";
import { kindOfChanges, titleOfChanges } from "./Tools.ts";
import { CommandApproval, type FileChange, FileChangeApproval, PermissionsApproval } from "./Wire.ts";

export interface Approval {
  readonly itemId: string;
  readonly kind: ApprovalKind;
  readonly title: string;
  readonly payload: Record<string, unknown>;
  /** Files that are written once it is accepted; `undefined` where that cannot be told. */
  readonly writes: ReadonlyArray<string> | undefined;
  readonly answer: (decision: ApprovalDecision) => object;
}

export const APPROVALS = {
  command: "item/commandExecution/requestApproval",
  fileChange: "item/fileChange/requestApproval",
  permissions: "item/permissions/requestApproval",
} as const;

export interface ApprovalContext {
  /** The thread's folder: a command that runs elsewhere says where. */
  readonly cwd: string;
  readonly changesOf: (itemId: string) => ReadonlyArray<FileChange>;
}

/** `undefined` where the request is none of these, or not of a form that is known. */
export const approvalOf = (
  method: string,
  params: unknown,
  { cwd, changesOf }: ApprovalContext,
): Approval | undefined => {
  switch (method) {
    case APPROVALS.command:
      return commandApproval(readCommand(params), cwd);
    case APPROVALS.fileChange:
      return fileChangeApproval(readFileChange(params), changesOf);
    case APPROVALS.permissions:
      return permissionsApproval(readPermissions(params));
    default:
      return undefined;
  }
};

const readCommand = read(CommandApproval);
const readFileChange = read(FileChangeApproval);
const readPermissions = read(PermissionsApproval);

const commandApproval = (
  asked: typeof CommandApproval.Type | undefined,
  folder: string,
): Approval | undefined => {
  if (asked === undefined) return undefined;
  const {
    itemId,
    kind,
    command,
    cwd,
    reason,
    networkApprovalContext: network,
    additionalPermissions,
  } = asked;
  const title = network ? `Reach ${network.host}` : (command ?? reason ?? "Run a command");
  return {
    itemId,
    // Kinds that a newer codex may add are nobody's to accept but a person's.
    kind: network ? "fetch" : COMMAND_KINDS.has(kind ?? "command") ? "execute" : "other",
    title: kind === "writeStdin" ? `Type into: ${title}` : title,
    payload: {
      ...(command ? { input: { command, ...(cwd && cwd !== folder ? { cwd } : {}) } } : {}),
      ...(reason ? { note: reason } : {}),
      ...(additionalPermissions ? { additionalPermissions } : {}),
    },
    writes: undefined,
    answer: (decision): CommandExecutionRequestApprovalResponse => ({ decision }),
  };
};

const COMMAND_KINDS = new Set(["command", "writeStdin"]);

const fileChangeApproval = (
  asked: typeof FileChangeApproval.Type | undefined,
  changesOf: (itemId: string) => ReadonlyArray<FileChange>,
): Approval | undefined => {
  if (asked === undefined) return undefined;
  const { itemId, reason, grantRoot } = asked;
  const changes = changesOf(itemId);
  const paths = changes.flatMap(({ path, kind }) => [path, ...(kind.move_path ? [kind.move_path] : [])]);
  return {
    itemId,
    // A whole folder that is opened for the rest of the session is more than an edit.
    kind: grantRoot ? "other" : kindOfChanges(changes),
    title: grantRoot ? `Write anywhere in ${grantRoot}` : titleOfChanges(changes),
    payload: { diffs: changes.flatMap(diffsOf), ...(reason ? { note: reason } : {}) },
    writes: grantRoot ? undefined : paths,
    answer: (decision): FileChangeRequestApprovalResponse => ({ decision }),
  };
};

const permissionsApproval = (asked: typeof PermissionsApproval.Type | undefined): Approval | undefined => {
  if (asked === undefined) return undefined;
  const { itemId, reason, permissions } = asked;
  const granted = Object.fromEntries(Object.entries(permissions).filter(([, value]) => value !== null));
  return {
    itemId,
    kind: "other",
    title: reason ?? "Have more permissions",
    payload: { input: granted },
    writes: undefined,
    answer: (decision): PermissionsRequestApprovalResponse => ({
      permissions: decision === "accept" || decision === "acceptForSession" ? granted : {},
      scope: decision === "acceptForSession" ? "session" : "turn",
    }),
  };
};
