/** A server with threads to take out, and what its database holds. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { DatabaseSync } from "node:sqlite";
import type { Heddle } from "./support.ts";

type Command = Readonly<Record<string, unknown>>;

/** Sends commands over one connection, by the frames of SPEC section 3; rejects where one is refused. */
export class Sender {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<string, (frame: { readonly exit: { readonly _tag: string } }) => void>();
  #next = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      for (const frame of [JSON.parse(String(data))].flat()) {
        if (frame._tag === "Exit") this.#waiting.get(String(frame.requestId))?.(frame);
      }
    });
    socket.addEventListener("close", () => {
      for (const done of this.#waiting.values()) done({ exit: { _tag: "Closed" } });
    });
  }

  static async connect(heddle: Heddle): Promise<Sender> {
    const { port } = JSON.parse(readFileSync(join(heddle.dataDir, "server.json"), "utf8"));
    const token = readFileSync(join(heddle.dataDir, "token"), "utf8").trim();
    const socket = new WebSocket(`ws://127.0.0.1:${port}/rpc`, {
      headers: { authorization: `Bearer ${token}` },
    });
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("error", reject);
    });
    return new Sender(socket);
  }

  call(method: string, payload: Command): Promise<unknown> {
    const id = String((this.#next += 1));
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, (frame: { exit: { _tag: string; value?: unknown } }) => {
        this.#waiting.delete(id);
        if (frame.exit._tag === "Success") resolve(frame.exit.value);
        else reject(new Error(`${method}: ${JSON.stringify(frame.exit)}`));
      });
      this.#socket.send(
        JSON.stringify({ _tag: "Request", id, tag: `orchestration.${method}`, payload, headers: [] }),
      );
    });
  }

  send(command: Command): Promise<unknown> {
    return this.call("dispatchCommand", command);
  }

  close(): void {
    this.#socket.close();
  }
}

export const AT = "2026-01-31T12:00:00.000Z";

export const createThread = (threadId: string, projectId: string): Command => ({
  type: "thread.create",
  commandId: `create-${threadId}`,
  threadId,
  projectId,
  title: threadId,
  model: "demo",
  branch: null,
  worktreePath: null,
  createdAt: AT,
});

let renames = 0;
export const rename = (threadId: string): Command => ({
  type: "thread.meta.update",
  commandId: `rename-${(renames += 1)}`,
  threadId,
  title: `Title ${renames} ${"x".repeat(300)}`,
});

/** Sends one command after the other until it is ended; one that is refused fails it. */
export class Load {
  readonly #sent: Promise<number>;
  #going = true;

  constructor(sender: Sender, threadId: string) {
    this.#sent = this.#run(sender, threadId);
  }

  async #run(sender: Sender, threadId: string): Promise<number> {
    let sent = 0;
    while (this.#going) {
      await sender.send(rename(threadId));
      sent += 1;
    }
    return sent;
  }

  /** How many were sent. */
  end(): Promise<number> {
    this.#going = false;
    return this.#sent;
  }
}

/** Threads with so many events each, by turns, of which some are deleted. */
export const fill = async (
  sender: Sender,
  options: {
    readonly threads: number;
    readonly events: number;
    readonly deleted: number;
    readonly prefix?: string;
  },
): Promise<void> => {
  const { threads, events, deleted, prefix = "t" } = options;
  const ids = Array.from({ length: threads }, (_, index) => `${prefix}${index}`);
  await Promise.all(ids.map((id) => sender.send(createThread(id, "p"))));
  for (let event = 1; event < events; event += 1) await Promise.all(ids.map((id) => sender.send(rename(id))));
  for (const threadId of ids.slice(0, deleted)) {
    await sender.send({ type: "thread.delete", commandId: `delete-${threadId}`, threadId });
  }
};

export const createProject = (folder: string): Command => ({
  type: "project.create",
  commandId: "create-p",
  projectId: "p",
  title: "P",
  workspaceRoot: folder,
  createdAt: AT,
});

/** Reads the database from outside. */
export const look = <Row extends object>(heddle: Heddle, statement: string): ReadonlyArray<Row> => {
  const database = new DatabaseSync(join(heddle.dataDir, "heddle.db"), { readOnly: true, timeout: 5000 });
  try {
    return database
      .prepare(statement)
      .all()
      .map((row) => row as Row);
  } finally {
    database.close();
  }
};

/** A hash of every row of every table. */
export const hashOf = (heddle: Heddle): string => {
  const hash = createHash("sha256");
  const tables = look<{ name: string }>(
    heddle,
    "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
  );
  for (const { name } of tables) hash.update(JSON.stringify(look(heddle, `SELECT * FROM ${name}`)));
  return hash.digest("hex");
};

/** Until nothing is to be done any more: what follows from deleting a thread, too. */
export const settled = async (heddle: Heddle): Promise<void> => {
  for (;;) {
    const [row] = look<{ open: number }>(
      heddle,
      "SELECT count(*) AS open FROM orchestration_effects WHERE status IN ('pending', 'claimed')",
    );
    if (row?.open === 0) return;
    await setTimeout(5);
  }
};
