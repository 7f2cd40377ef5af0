/** A line of Claude's: a message with its place in the conversation, or one of many kinds of state beside it. */
import { Schema } from "effect";
import { maybe, read } from "../Read.ts";

export const ClaudeLine = Schema.Struct({
  type: Schema.String,
  uuid: maybe(Schema.String),
  timestamp: maybe(Schema.String),
  cwd: maybe(Schema.String),
  /** Of a subagent. */
  isSidechain: maybe(Schema.Boolean),
  /** Put there by Claude Code and not by a person. */
  isMeta: maybe(Schema.Boolean),
  isCompactSummary: maybe(Schema.Boolean),
  isApiErrorMessage: maybe(Schema.Boolean),
  message: maybe(
    Schema.Struct({
      model: maybe(Schema.String),
      content: maybe(Schema.Union([Schema.String, Schema.Array(Schema.Unknown)])),
    }),
  ),
  attachment: maybe(
    Schema.Struct({
      type: maybe(Schema.String),
      commandMode: maybe(Schema.String),
      prompt: maybe(Schema.Unknown),
    }),
  ),
});
export type ClaudeLine = typeof ClaudeLine.Type;

export const readLine = read(ClaudeLine);

export const Block = Schema.Struct({
  type: Schema.String,
  text: maybe(Schema.String),
  thinking: maybe(Schema.String),
  id: maybe(Schema.String),
  name: maybe(Schema.String),
  input: maybe(Schema.Unknown),
  tool_use_id: maybe(Schema.String),
  is_error: maybe(Schema.Boolean),
  content: maybe(Schema.Unknown),
  source: maybe(
    Schema.Struct({
      type: maybe(Schema.String),
      media_type: maybe(Schema.String),
      data: maybe(Schema.String),
    }),
  ),
});
export type Block = typeof Block.Type;

export const readBlock = read(Block);
