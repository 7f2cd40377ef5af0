/**
 * The states of aggregates as they are kept between streams' events, so that a long stream need not be folded from its
 * first. A snapshot counts only for the fold that made it: give `version` the next number whenever the same events fold
 * into another state, and the old ones are folded anew.
 */
import { SessionState } from "@heddle/contracts/Events";
import { ApprovalRequestId, CommandId, MessageId, ProjectId, TurnId } from "@heddle/contracts/Ids";
import {
  ApprovalKind,
  BlobRef,
  CheckpointStatus,
  ModelSelection,
  RuntimeMode,
  StoredAttachment,
  TokenUsage,
} from "@heddle/contracts/Model";
import { HashMap, Schema, SchemaTransformation } from "effect";
import type { ProjectState } from "./Project.ts";
import { type ThreadState, type TurnRecord, turnsInOrder } from "./ThreadState.ts";

/** How the state of one kind of aggregate becomes JSON and comes back. */
export interface FoldSnapshot<State> {
  /** Of the fold: of `evolve` and of the state's form together. */
  readonly version: number;
  readonly toJson: (state: State) => string;
  /** Throws where the text is not what `toJson` gave. */
  readonly fromJson: (json: string) => State;
}

const key = Schema.optionalKey;

const RequestedTurn = { turnId: TurnId, messageId: MessageId };

const QueuedTurn = Schema.Struct({
  ...RequestedTurn,
  commandId: CommandId,
  text: Schema.String,
  fullText: key(BlobRef),
  attachments: Schema.Array(StoredAttachment),
  model: key(ModelSelection),
  effort: key(Schema.String),
  createdAt: Schema.String,
});

const OpenRequest = Schema.Struct({
  kind: Schema.Literals(["approval", "user-input"]),
  questionIds: Schema.Array(Schema.String),
  act: Schema.NullOr(Schema.Struct({ kind: ApprovalKind, title: Schema.String })),
  answered: Schema.Boolean,
});

const StoredTurns = Schema.Array(
  Schema.Tuple([Schema.Int, Schema.Struct({ turnId: TurnId, checkpoint: Schema.NullOr(CheckpointStatus) })]),
);

/** Stored by their counts, as a list that a fold with another kind of map can read too. */
const Turns = StoredTurns.pipe(
  Schema.decodeTo(
    Schema.declare((turns): turns is HashMap.HashMap<number, TurnRecord> => HashMap.isHashMap(turns)),
    SchemaTransformation.transform({
      decode: HashMap.fromIterable,
      encode: turnsInOrder,
    }),
  ),
);

const LiveThread = Schema.Struct({
  status: Schema.Literal("live"),
  projectId: ProjectId,
  title: Schema.String,
  model: ModelSelection,
  runtimeMode: RuntimeMode,
  branch: Schema.NullOr(Schema.String),
  worktreePath: Schema.NullOr(Schema.String),
  archived: Schema.Boolean,
  turnCount: Schema.Int,
  requestedTurn: Schema.NullOr(Schema.Struct(RequestedTurn)),
  activeTurn: Schema.NullOr(Schema.Struct({ ...RequestedTurn, turnCount: Schema.Int })),
  queue: Schema.Array(QueuedTurn),
  openRequests: Schema.ReadonlyMap(ApprovalRequestId, OpenRequest),
  streaming: Schema.NullOr(
    Schema.Struct({ messageId: MessageId, turnId: Schema.NullOr(TurnId), length: Schema.Int }),
  ),
  turns: Turns,
  revertingTo: Schema.NullOr(Schema.Int),
  session: SessionState,
  usage: Schema.NullOr(Schema.Struct({ total: TokenUsage, turnId: TurnId, ofTurn: TokenUsage })),
  worktree: Schema.NullOr(
    Schema.Struct({
      state: Schema.Literals(["wanted", "made"]),
      branch: Schema.NullOr(Schema.String),
      from: Schema.NullOr(Schema.String),
    }),
  ),
});

const Thread: Schema.Codec<ThreadState, unknown> = Schema.Union([
  Schema.Struct({ status: Schema.Literals(["absent", "deleted"]) }),
  LiveThread,
]);
const Project: Schema.Codec<ProjectState, unknown> = Schema.Struct({
  status: Schema.Literals(["absent", "live", "deleted"]),
});

const snapshotOf = <State>(version: number, schema: Schema.Codec<State, unknown>): FoldSnapshot<State> => {
  const codec = Schema.fromJsonString(Schema.toCodecJson(schema));
  return { version, toJson: Schema.encodeSync(codec), fromJson: Schema.decodeSync(codec) };
};

export const threadSnapshot: FoldSnapshot<ThreadState> = snapshotOf(2, Thread);
export const projectSnapshot: FoldSnapshot<ProjectState> = snapshotOf(1, Project);
