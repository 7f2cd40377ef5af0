/**
 * The archive of a log (docs/adr/0017-archive-format.md): JSON lines. A header, what was stored as it was stored, and a
 * manifest by which the whole can be checked. Columns go in their order and texts as they are, so that an event which this
 * version cannot read comes out as it went in.
 */
import type { EVENT_COLUMNS } from "@heddle/event-store/EventCodec";
import { Schema } from "effect";

export const ARCHIVE_VERSION = 1;

/** A longer line is refused: nothing that Heddle stores comes near it, and it has to fit into memory. */
export const MAX_LINE_BYTES = 256 * 1024 * 1024;

const Text = Schema.NullOr(Schema.String);
/** Bytes that are no text in UTF-8, or were never text. */
export const RawBytes = Schema.Struct({ base64: Schema.String });

const EventFields = {
  sequence: Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)),
  event_id: Schema.String,
  aggregate_kind: Schema.String,
  stream_id: Schema.String,
  stream_version: Schema.Int,
  event_type: Schema.String,
  event_version: Schema.Int,
  occurred_at: Schema.String,
  command_id: Text,
  causation_event_id: Text,
  correlation_id: Text,
  actor_kind: Schema.String,
  payload_json: Schema.Union([Schema.String, RawBytes]),
  metadata_json: Schema.String,
} satisfies Record<(typeof EVENT_COLUMNS)[number], Schema.Top>;

/** The kinds of rows, in the order in which they stand, and what a row of each is. Events, blobs and receipts are mixed. */
export const ARCHIVED = {
  blob: {
    table: "orchestration_blobs",
    fields: { hash: Schema.String, size: Schema.Int, content: RawBytes, created_at: Schema.String },
  },
  event: { table: "orchestration_events", fields: EventFields },
  receipt: {
    table: "orchestration_command_receipts",
    fields: {
      command_id: Schema.String,
      aggregate_kind: Schema.String,
      aggregate_id: Schema.String,
      accepted_at: Schema.String,
      result_sequence: Schema.Int,
      status: Schema.String,
      error: Text,
      fingerprint: Schema.String,
    },
  },
  diff: {
    table: "checkpoint_diff_blobs",
    fields: {
      thread_id: Schema.String,
      from_turn_count: Schema.Int,
      to_turn_count: Schema.Int,
      diff: Schema.String,
      created_at: Schema.String,
    },
  },
  effect: {
    table: "orchestration_effects",
    fields: {
      effect_id: Schema.Int,
      event_sequence: Schema.Int,
      event_id: Schema.String,
      correlation_id: Text,
      kind: Schema.String,
      lane: Schema.String,
      payload_json: Schema.String,
      status: Schema.String,
      due_at: Schema.Int,
      attempts: Schema.Int,
      lease_owner: Text,
      lease_until: Schema.NullOr(Schema.Int),
      outcome: Text,
      created_at: Schema.String,
      updated_at: Schema.String,
    },
  },
  session: {
    table: "provider_session_runtime",
    fields: {
      provider_session_id: Schema.String,
      thread_id: Schema.String,
      provider_name: Schema.String,
      adapter_key: Schema.String,
      provider_thread_id: Text,
      status: Schema.String,
      last_seen_at: Schema.String,
      resume_cursor_json: Text,
      runtime_payload_json: Text,
    },
  },
  pruned: {
    table: "orchestration_pruned",
    fields: {
      thread_id: Schema.String,
      first_sequence: Schema.Int,
      last_sequence: Schema.Int,
      event_count: Schema.Int,
      archive: Text,
      checkpoints_in: Text,
      state: Schema.String,
      pruned_at: Schema.String,
    },
  },
  "pruned-receipts": {
    table: "orchestration_pruned_receipts",
    fields: { accepted_before: Schema.String, pruned_at: Schema.String },
  },
} as const;

export type RowKind = keyof typeof ARCHIVED;
export type ArchivedRow<Kind extends RowKind> = Schema.Struct.Type<(typeof ARCHIVED)[Kind]["fields"]>;

export const ROW_KINDS = Object.keys(ARCHIVED) as ReadonlyArray<RowKind>;

export const columnsOf = (kind: RowKind): ReadonlyArray<string> => Object.keys(ARCHIVED[kind].fields);

/** The last event that an archive builds upon: whoever imports it must have the same. */
const Anchor = Schema.Struct({ sequence: Schema.Int, eventId: Schema.String });

export const Header = Schema.Struct({
  kind: Schema.Literal("heddle-archive"),
  version: Schema.Literal(ARCHIVE_VERSION),
  fromSequenceExclusive: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
  /** Null where no event stands at or before it. */
  after: Schema.NullOr(Anchor),
  /** Only in an archive of threads that were pruned: these, and nothing else of the log. */
  threads: Schema.optionalKey(Schema.Array(Schema.String)),
});
export type Header = typeof Header.Type;

/** Which diffs of a thread there are: the others were removed since. */
export const DiffList = Schema.Struct({
  kind: Schema.Literal("diff-list"),
  threadId: Schema.String,
  ranges: Schema.Array(Schema.Tuple([Schema.Int, Schema.Int])),
});
export type DiffList = typeof DiffList.Type;

/** Lines between header and manifest, by their kind. */
export const LINE_KINDS = [
  "blob",
  "event",
  "receipt",
  "diff",
  "diff-list",
  "effect",
  "session",
  "pruned",
  "pruned-receipts",
] as const satisfies ReadonlyArray<RowKind | "diff-list">;
export type LineKind = (typeof LINE_KINDS)[number];

export const Manifest = Schema.Struct({
  kind: Schema.Literal("manifest"),
  /** Lines of each kind. */
  counts: Schema.Struct(
    Object.fromEntries(LINE_KINDS.map((kind) => [kind, Schema.Int])) as Record<LineKind, typeof Schema.Int>,
  ),
  /** Of the events in it; null where there are none. */
  firstSequence: Schema.NullOr(Schema.Int),
  lastSequence: Schema.NullOr(Schema.Int),
  /** Where the log stood: what the next archive is to begin after. */
  headSequence: Schema.Int,
  /** Of all bytes before this line. */
  sha256: Schema.String,
});
export type Manifest = typeof Manifest.Type;

export type RowLine = {
  [Kind in RowKind]: { readonly kind: Kind; readonly row: ArchivedRow<Kind> };
}[RowKind];
export type ArchiveLine = Header | RowLine | DiffList | Manifest;

const strict = { onExcessProperty: "error" } as const;

const rowDecoder = <Kind extends RowKind>(kind: Kind) =>
  Schema.decodeUnknownSync(
    Schema.Struct({ kind: Schema.Literal(kind), row: Schema.Struct(ARCHIVED[kind].fields) }),
    strict,
  );

const decoders: Readonly<Record<string, (json: unknown) => unknown>> = {
  "heddle-archive": Schema.decodeUnknownSync(Header, strict),
  "diff-list": Schema.decodeUnknownSync(DiffList, strict),
  manifest: Schema.decodeUnknownSync(Manifest, strict),
  ...Object.fromEntries(ROW_KINDS.map((kind) => [kind, rowDecoder(kind)])),
};

const isObject = (json: unknown): json is { readonly kind?: unknown; readonly version?: unknown } =>
  typeof json === "object" && json !== null;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Thrown for the header of an archive that a later version has written. */
export class NewerArchive extends Error {
  readonly version: number;
  constructor(version: number) {
    super(`it is an archive of version ${version}`);
    this.version = version;
  }
}

/** Throws an error that says why where the bytes are no line of an archive. */
export const decodeLine = (bytes: Uint8Array): ArchiveLine => {
  const json: unknown = JSON.parse(utf8.decode(bytes));
  const { kind, version } = isObject(json) ? json : {};
  // What else stands in its header is not known here.
  if (kind === "heddle-archive" && typeof version === "number" && version > ARCHIVE_VERSION) {
    throw new NewerArchive(version);
  }
  const decode = typeof kind === "string" && Object.hasOwn(decoders, kind) ? decoders[kind] : undefined;
  if (decode === undefined)
    throw new Error(`there is no kind of line that is called ${JSON.stringify(kind)}`);
  return decode(json) as ArchiveLine;
};

export const encodeLine = (line: object): string => `${JSON.stringify(line)}\n`;
