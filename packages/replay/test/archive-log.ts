/** A log with rows in every table that an archive is made of, as a server could have written them. */
import { createHash } from "node:crypto";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
const randomFrom = (seed: number) => {
  let state = seed;
  return (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
};

const TEXTS = [
  "plain words",
  'quotes " and \\ and \n lines',
  "ünïcödé 🚀 \u2028 \u0000 \u001b[31m",
  "",
  '"blob":"not a hash"',
  "x".repeat(5000),
];

const AT = Date.UTC(2026, 1, 3);

/** Writes what a server could have written, in steps that a seed chooses. */
export class LogMaker {
  readonly #database: DatabaseSync;
  readonly #random: () => number;
  readonly #versions = new Map<string, number>();
  readonly #threads: Array<string> = [];
  readonly #blobs: Array<string> = [];
  #time = AT;
  #commands = 0;
  #sequence = 0;

  /** The database is there, with the present schema. */
  constructor(path: string, seed: number) {
    this.#database = new DatabaseSync(path);
    this.#random = randomFrom(seed);
    this.#command("project", "p1", [
      [
        "project.created",
        { projectId: "p1", title: "P", workspaceRoot: "/tmp", defaultModel: null, createdAt: this.#now() },
      ],
    ]);
    this.#createThread();
  }

  get head(): number {
    return this.#sequence;
  }

  close(): void {
    this.#database.close();
  }

  run(steps: number): void {
    for (let step = 0; step < steps; step += 1) {
      this.#time += Math.floor(this.#random() ** 4 * 10_000_000);
      this.#database.exec("BEGIN");
      this.#pick([
        () => this.#createThread(),
        () => this.#say(),
        () => this.#say(),
        () => this.#say(),
        () => this.#sayWithBlob(),
        () => this.#unreadable(),
        () => this.refuse(),
        () => this.#ask(),
        () => this.#settle(),
        () => this.#diff(),
        () => this.#dropDiffs(),
        () => this.#session(),
      ])();
      this.#database.exec("COMMIT");
    }
  }

  /** Takes a thread out of the log, as a prune does. */
  prune(): void {
    const threadId = this.#threads.shift();
    if (threadId === undefined) return;
    const [found] = this.#database
      .prepare(
        `SELECT min(sequence) AS first, max(sequence) AS last, count(*) AS events FROM orchestration_events
         WHERE stream_id = ?`,
      )
      .all(threadId);
    this.#database.exec("BEGIN");
    this.#insert("orchestration_pruned", {
      thread_id: threadId,
      first_sequence: Number(found?.["first"]),
      last_sequence: Number(found?.["last"]),
      event_count: Number(found?.["events"]),
      archive: "gone.jsonl",
      checkpoints_in: null,
      state: "done",
      pruned_at: this.#now(),
    });
    for (const sql of [
      "DELETE FROM orchestration_effects WHERE event_sequence IN (SELECT sequence FROM orchestration_events WHERE stream_id = ?)",
      "DELETE FROM orchestration_events WHERE stream_id = ?",
      "DELETE FROM orchestration_command_receipts WHERE aggregate_id = ?",
      "DELETE FROM orchestration_quarantine WHERE stream_id = ?",
      "DELETE FROM checkpoint_diff_blobs WHERE thread_id = ?",
      "DELETE FROM provider_session_runtime WHERE thread_id = ?",
      "DELETE FROM projection_threads WHERE thread_id = ?",
      "DELETE FROM projection_thread_messages WHERE thread_id = ?",
    ]) {
      this.#database.prepare(sql).run(threadId);
    }
    this.#database.exec("COMMIT");
    // Who begins again under that name begins at the first version.
    this.#versions.delete(threadId);
    if (this.#random() < 0.5 || this.#threads.length === 0) this.#createThread(threadId);
  }

  pruneReceipts(): void {
    const before = new Date(this.#time - 1_000_000).toISOString();
    this.#database
      .prepare(
        `DELETE FROM orchestration_command_receipts WHERE accepted_at < ? AND result_sequence < coalesce(
           (SELECT min(event_sequence) FROM orchestration_effects WHERE status IN ('pending', 'claimed')), 1e9)`,
      )
      .run(before);
    this.#database
      .prepare("INSERT OR IGNORE INTO orchestration_pruned_receipts VALUES (?, ?)")
      .run(before, this.#now());
  }

  #pick<A>(from: ReadonlyArray<A>): A {
    return from[Math.floor(this.#random() * from.length)] as A;
  }

  #now(): string {
    this.#time += 1;
    return new Date(this.#time).toISOString();
  }

  #insert(table: string, row: Readonly<Record<string, SQLInputValue>>, or = ""): void {
    const columns = Object.keys(row);
    this.#database
      .prepare(
        `INSERT ${or} INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`,
      )
      .run(...Object.values(row));
  }

  #receipt(commandId: string, kind: string, streamId: string, error: object | null): void {
    this.#insert("orchestration_command_receipts", {
      command_id: commandId,
      aggregate_kind: kind,
      aggregate_id: streamId,
      accepted_at: this.#now(),
      result_sequence: this.#sequence,
      status: error === null ? "accepted" : "rejected",
      error: error === null ? null : JSON.stringify(error),
      fingerprint: commandId,
    });
  }

  #command(
    kind: "project" | "thread",
    streamId: string,
    events: ReadonlyArray<readonly [type: string, payload: object | string]>,
  ): void {
    this.#commands += 1;
    const commandId = `command-${Math.floor(this.#random() * 1e9)}-${this.#commands}`;
    for (const [index, [type, payload]] of events.entries()) {
      const version = (this.#versions.get(streamId) ?? 0) + 1;
      this.#versions.set(streamId, version);
      this.#sequence += 1;
      this.#insert("orchestration_events", {
        sequence: this.#sequence,
        event_id: `${commandId}#${index + 1}`,
        aggregate_kind: kind,
        stream_id: streamId,
        stream_version: version,
        event_type: type,
        event_version: 1,
        occurred_at: this.#now(),
        command_id: commandId,
        causation_event_id: null,
        correlation_id: this.#random() < 0.5 ? null : commandId,
        actor_kind: "client",
        payload_json: typeof payload === "string" ? payload : JSON.stringify(payload),
        metadata_json: "{}",
      });
    }
    this.#receipt(commandId, kind, streamId, null);
  }

  #createThread(threadId = `thread-${this.#threads.length}-${this.#sequence}`): void {
    this.#threads.push(threadId);
    const rest = {
      projectId: "p1",
      title: "T",
      model: { provider: "demo" },
      branch: null,
      worktreePath: null,
    };
    this.#command("thread", threadId, [
      [
        "thread.created",
        { threadId, ...rest, runtimeMode: "full-access", forkedFrom: null, createdAt: this.#now() },
      ],
    ]);
  }

  #message(more: object): void {
    const threadId = this.#pick(this.#threads);
    const messageId = `message-${this.#sequence}`;
    const said = { threadId, turnId: null, messageId, role: "user", offset: 0, streaming: false };
    const payload = { ...said, text: this.#pick(TEXTS), attachments: [], createdAt: this.#now(), ...more };
    this.#command("thread", threadId, [
      ["thread.message-sent", payload],
      ["thread.message-sent", { ...payload, messageId: `${messageId}-again` }],
    ]);
  }

  #say(): void {
    this.#message({});
  }

  #blob(content: string): string {
    const bytes = Buffer.from(content);
    const hash = createHash("sha256").update(bytes).digest("hex");
    const row = { hash, size: bytes.length, content: bytes, created_at: this.#now() };
    this.#insert("orchestration_blobs", row, "OR IGNORE");
    this.#blobs.push(hash);
    return hash;
  }

  #sayWithBlob(): void {
    const inner = this.#blob(`${this.#pick(TEXTS)} ${this.#sequence}`);
    const fresh = this.#blob(JSON.stringify({ content: { $blob: inner, bytes: 1, preview: "" } }));
    const hash = this.#random() < 0.5 ? fresh : this.#pick(this.#blobs);
    // One that only another blob names, and one that is named by an attachment.
    this.#message({
      fullText: { $blob: fresh, bytes: 1, preview: "" },
      attachments: [{ name: "a", mimeType: "text/plain", bytes: 1, blob: hash }],
    });
  }

  #unreadable(): void {
    const payload = this.#pick(["{}", '{"half":', '{"a" : 1.50, "b":"\\u00e9"}']);
    this.#command("thread", this.#pick(this.#threads), [["thread.invented", payload]]);
  }

  /** A command that is rejected: it says where the log stood, and gives nothing. */
  refuse(): void {
    this.#commands += 1;
    this.#receipt(`rejected-${this.#commands}`, "thread", this.#pick(this.#threads), { code: "no" });
  }

  #ask(): void {
    this.#say();
    this.#insert("orchestration_effects", {
      event_sequence: this.#sequence,
      event_id: this.#lastEventId(),
      correlation_id: null,
      kind: "turn.start",
      lane: "thread/x",
      payload_json: this.#pick(['{"a":1}', "{}"]),
      status: "pending",
      due_at: this.#time,
      attempts: 0,
      created_at: this.#now(),
      updated_at: this.#now(),
    });
  }

  #lastEventId(): string {
    const [row] = this.#database
      .prepare("SELECT event_id FROM orchestration_events ORDER BY sequence DESC LIMIT 1")
      .all();
    return String(row?.["event_id"]);
  }

  /** Claims an effect, gives it back without a word of when, or is done with it. */
  #settle(): void {
    const [claimed, pending] = ["claimed", "pending"].map((status) =>
      this.#database
        .prepare("SELECT effect_id FROM orchestration_effects WHERE status = ? ORDER BY effect_id LIMIT 1")
        .all(status)
        .map((row) => Number(row["effect_id"])),
    );
    const of = (effectId: number, set: string, ...values: ReadonlyArray<SQLInputValue>) =>
      this.#database
        .prepare(`UPDATE orchestration_effects SET ${set} WHERE effect_id = ?`)
        .run(...values, effectId);
    const [id] = claimed ?? [];
    if (id === undefined) {
      if (pending?.[0] !== undefined) {
        of(
          pending[0],
          "status = 'claimed', lease_owner = 'x', lease_until = 1, attempts = attempts + 1, updated_at = ?",
          this.#now(),
        );
      }
    } else if (this.#random() < 0.5) {
      of(id, "status = 'pending', lease_owner = NULL, lease_until = NULL");
    } else {
      of(
        id,
        "status = 'done', lease_owner = NULL, lease_until = NULL, outcome = 'ok', updated_at = ?",
        this.#now(),
      );
    }
  }

  #diff(): void {
    const from = Math.floor(this.#random() * 3);
    this.#insert(
      "checkpoint_diff_blobs",
      {
        thread_id: this.#pick(this.#threads),
        from_turn_count: from,
        to_turn_count: from + Math.floor(this.#random() * 3),
        diff: this.#pick(TEXTS),
        created_at: this.#now(),
      },
      "OR REPLACE",
    );
  }

  #dropDiffs(): void {
    this.#database
      .prepare("DELETE FROM checkpoint_diff_blobs WHERE thread_id = ? AND to_turn_count > 1")
      .run(this.#pick(this.#threads));
  }

  #session(): void {
    this.#insert(
      "provider_session_runtime",
      {
        provider_session_id: `session-${Math.floor(this.#random() * 4)}`,
        thread_id: this.#pick(this.#threads),
        provider_name: "demo",
        adapter_key: "acp",
        provider_thread_id: null,
        status: this.#pick(["running", "stopped"]),
        last_seen_at: this.#now(),
        resume_cursor_json: this.#pick([null, "{}"]),
        runtime_payload_json: '{"pid":1,"mark":"m"}',
      },
      "OR REPLACE",
    );
  }
}
