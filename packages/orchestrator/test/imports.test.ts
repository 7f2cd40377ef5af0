import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { assert, describe, it } from "@effect/vitest";
import { ProviderSessionId, ProviderThreadId, ThreadId } from "@heddle/contracts/Ids";
import type { ImportReport, RunImportInput } from "@heddle/contracts/ImportRpc";
import { ImportedFiles } from "@heddle/event-store/ImportedFiles";
import { SessionRuntime } from "@heddle/event-store/SessionRuntime";
import { claudeTranscripts } from "@heddle/imports/claude/ClaudeTranscripts";
import { codexTranscripts } from "@heddle/imports/codex/CodexTranscripts";
import { Queries } from "@heddle/projections/Queries";
import { Effect, Layer, Stream } from "effect";
import { SqlClient } from "effect/sql";
import { engineLayer } from "../src/EngineLayer.ts";
import { Imports } from "../src/imports/Imports.ts";
import { send, temporaryFolder } from "./support.ts";

/** A machine with a Claude that somebody used, and a Heddle beside it. */
interface Machine {
  readonly home: string;
  readonly project: string;
  readonly data: string;
}

const SESSION = "5e55104f-0000-4000-8000-000000000001";

const machine = Effect.map(temporaryFolder, (folder): Machine => {
  const [home, project, data] = ["home", "project", "data"].map((name) => {
    mkdirSync(join(folder, name));
    return join(folder, name);
  }) as [string, string, string];
  return { home, project, data };
});

const fileOf = ({ home }: Machine, session = SESSION) => join(home, "projects", "p", `${session}.jsonl`);

let uuids = 0;
const line = (type: string, cwd: string, content: unknown) => {
  uuids += 1;
  const message = { role: type, model: "claude-opus-4-5", content };
  const timestamp = `2025-06-01T10:00:0${uuids % 10}.000Z`;
  return JSON.stringify({ type, uuid: `u${uuids}`, timestamp, cwd, isSidechain: false, message });
};
const exchange = (cwd: string, word: string) => [
  line("user", cwd, `Say ${word}`),
  line("assistant", cwd, [{ type: "text", text: word }]),
];

const write = (file: string, lines: ReadonlyArray<string>) => {
  mkdirSync(join(file, ".."), { recursive: true });
  appendFileSync(file, lines.map((text) => `${text}\n`).join(""));
};

const heddle = ({ home, data }: Machine) =>
  Imports.layer({
    sources: { claude: claudeTranscripts(home), codex: codexTranscripts(home) },
    archives: join(data, "imports"),
  }).pipe(Layer.provideMerge(ImportedFiles.layer), Layer.provideMerge(engineLayer(join(data, "heddle.db"))));

const run = (input: Partial<RunImportInput> = { all: true }) =>
  Effect.flatMap(Imports, (imports) =>
    imports.run({ source: "claude", sourceIds: [], all: false, archive: false, ...input }, () => Effect.void),
  );

const states = Effect.flatMap(Imports, (imports) =>
  Effect.map(Stream.runCollect(imports.list({ source: "claude" })), (items) =>
    items.flatMap((item) => (item.kind === "session" ? [item.state] : [])),
  ),
);

const threadOf = (threadId: string) =>
  Effect.flatMap(Queries, (queries) =>
    Effect.map(
      queries.threadSnapshot({ threadId: ThreadId.make(threadId), limit: 1000 }),
      ({ thread }) => thread,
    ),
  );

const saidIn = (threadId: string) =>
  Effect.map(threadOf(threadId), ({ messages }) => messages.map(({ text }) => text));

const THREAD = `claude-${SESSION}`;

const added = ({ messages, activities, unreadableCount }: ImportReport) => ({
  messages,
  activities,
  unreadableCount,
});

describe("an imported session", () => {
  it.live("is a thread of its agent and model, in a project for its folder, with its own times", () =>
    Effect.gen(function* () {
      const at = yield* machine;
      write(fileOf(at), exchange(at.project, "one"));
      yield* Effect.gen(function* () {
        const report = yield* run();
        assert.deepInclude(report.threads[0], {
          threadId: ThreadId.make(THREAD),
          isNew: true,
          messages: 2,
          resumable: true,
          note: null,
        });
        const thread = yield* threadOf(THREAD);
        assert.deepInclude(thread, {
          title: "Say one",
          model: { provider: "claude", model: "claude-opus-4-5" },
        });
        assert.match(thread.messages[0]?.createdAt ?? "", /^2025-06-01T10:00:0/);
        const project = yield* Effect.flatMap(Queries, (queries) => queries.project(thread.projectId));
        assert.deepInclude(project, { workspaceRoot: at.project, title: "project" });
      }).pipe(Effect.provide(heddle(at)));
    }).pipe(Effect.scoped),
  );

  it.live("goes into the project of its folder where there is one", () =>
    Effect.gen(function* () {
      const at = yield* machine;
      write(fileOf(at), exchange(at.project, "one"));
      yield* Effect.gen(function* () {
        yield* send({
          type: "project.create",
          commandId: "c1",
          projectId: "mine",
          title: "Mine",
          workspaceRoot: at.project,
          createdAt: "2026-01-31T12:00:00.000Z",
        });
        yield* run();
        assert.strictEqual((yield* threadOf(THREAD)).projectId, "mine");
      }).pipe(Effect.provide(heddle(at)));
    }).pipe(Effect.scoped),
  );

  it.live("is taken in once, however often it is imported", () =>
    Effect.gen(function* () {
      const at = yield* machine;
      write(fileOf(at), exchange(at.project, "one"));
      yield* Effect.gen(function* () {
        yield* run();
        assert.deepStrictEqual(yield* states, ["imported"]);
        assert.deepStrictEqual((yield* run()).threads, []);
        const named = yield* run({ sourceIds: [SESSION] });
        assert.match(named.threads[0]?.note ?? "", /there already/);
        assert.deepStrictEqual(yield* saidIn(THREAD), ["Say one", "one"]);
      }).pipe(Effect.provide(heddle(at)));
    }).pipe(Effect.scoped),
  );

  it.live("gets what was said since, once, and what was half written when it is whole", () =>
    Effect.gen(function* () {
      const at = yield* machine;
      const file = fileOf(at);
      const [third = "", fourth = ""] = exchange(at.project, "two");
      write(file, exchange(at.project, "one"));
      appendFileSync(file, third.slice(0, 40));
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(added(yield* run()), { messages: 2, activities: 0, unreadableCount: 0 });
        appendFileSync(file, `${third.slice(40)}\n${fourth}\n`);
        assert.deepStrictEqual(yield* states, ["changed"]);
        const report = yield* run();
        assert.deepStrictEqual(added(report), { messages: 2, activities: 0, unreadableCount: 0 });
        assert.isFalse(report.threads[0]?.isNew);
        assert.deepStrictEqual(yield* saidIn(THREAD), ["Say one", "one", "Say two", "two"]);
      }).pipe(Effect.provide(heddle(at)));
    }).pipe(Effect.scoped),
  );

  it.live("shows the result of a call that was open at the last import under the call's own title", () =>
    Effect.gen(function* () {
      const at = yield* machine;
      write(fileOf(at), [
        line("user", at.project, "Run it"),
        line("assistant", at.project, [
          { type: "tool_use", id: "t1", name: "Bash", input: { command: "make cloth" } },
        ]),
      ]);
      yield* Effect.gen(function* () {
        yield* run();
        write(fileOf(at), [
          line("user", at.project, [{ type: "tool_result", tool_use_id: "t1", content: "woven" }]),
        ]);
        yield* run();
        const { activities } = yield* threadOf(THREAD);
        assert.deepStrictEqual(
          activities.map(({ kind, summary }) => `${kind} ${summary}`),
          ["tool.started make cloth", "tool.completed make cloth"],
        );
      }).pipe(Effect.provide(heddle(at)));
    }).pipe(Effect.scoped),
  );

  it.live("is there once where the watermark was lost, and where lines stand in the file twice", () =>
    Effect.gen(function* () {
      const at = yield* machine;
      const [asked = "", answered = ""] = exchange(at.project, "one");
      write(fileOf(at), [asked, asked, answered, asked.replace("Say one", "Say something else")]);
      yield* Effect.gen(function* () {
        yield* run();
        assert.deepStrictEqual(yield* saidIn(THREAD), ["Say one", "one"]);
        // As after a crash between the commands and the watermark.
        const sql = yield* SqlClient.SqlClient;
        yield* sql`DELETE FROM imported_files`;
        assert.deepStrictEqual(yield* states, ["new"]);
        yield* run();
        assert.deepStrictEqual(yield* saidIn(THREAD), ["Say one", "one"]);
      }).pipe(Effect.provide(heddle(at)));
    }).pipe(Effect.scoped),
  );

  it.live("names each line that it passes over, and goes on behind it", () =>
    Effect.gen(function* () {
      const at = yield* machine;
      const [asked = "", answered = ""] = exchange(at.project, "one");
      write(fileOf(at), [asked, '{"type":"assis', '{"type":"brand-new"}', answered]);
      yield* Effect.gen(function* () {
        const report = yield* run();
        assert.deepStrictEqual(report.unreadable, [
          { kind: "unreadable", file: fileOf(at), line: 2, reason: "It is no JSON." },
        ]);
        assert.deepStrictEqual(report.unknown, { "brand-new": 1 });
        assert.deepStrictEqual(yield* saidIn(THREAD), ["Say one", "one"]);
      }).pipe(Effect.provide(heddle(at)));
    }).pipe(Effect.scoped),
  );

  it.live("keeps a text that is too large for an event as a blob", () =>
    Effect.gen(function* () {
      const at = yield* machine;
      write(fileOf(at), [
        line("user", at.project, "Much"),
        line("assistant", at.project, [{ type: "text", text: "word ".repeat(100_000) }]),
      ]);
      yield* Effect.gen(function* () {
        yield* run();
        const [, answer] = (yield* threadOf(THREAD)).messages;
        assert.strictEqual(answer?.fullText?.bytes, 500_000);
      }).pipe(Effect.provide(heddle(at)));
    }).pipe(Effect.scoped),
  );
});

describe("going on in an imported session", () => {
  it.live("begins from the agent's own session, unless its folder is gone, which is said", () =>
    Effect.gen(function* () {
      const at = yield* machine;
      const other = "5e55104f-0000-4000-8000-000000000002";
      write(fileOf(at), exchange(at.project, "one"));
      write(fileOf(at, other), exchange(join(at.data, "gone"), "two"));
      yield* Effect.gen(function* () {
        const report = yield* run();
        const runtime = yield* SessionRuntime;
        assert.deepInclude(yield* runtime.latest(ThreadId.make(THREAD)), {
          status: "stopped",
          providerName: "claude",
          adapterKey: "claude",
          providerThreadId: ProviderThreadId.make(SESSION),
          resumeCursor: { sessionId: SESSION },
        });
        assert.strictEqual((yield* runtime.latest(ThreadId.make(`claude-${other}`)))?.resumeCursor, null);
        const gone = report.threads.find(({ sourceId }) => sourceId === other);
        assert.isFalse(gone?.resumable);
        assert.match(gone?.note ?? "", /is not there/);
        assert.deepStrictEqual(yield* saidIn(`claude-${other}`), ["Say two", "two"]);
      }).pipe(Effect.provide(heddle(at)));
    }).pipe(Effect.scoped),
  );

  it.live("makes it Heddle's own: what the agent writes for it then is not taken in again", () =>
    Effect.gen(function* () {
      const at = yield* machine;
      write(fileOf(at), exchange(at.project, "one"));
      yield* Effect.gen(function* () {
        yield* run();
        const runtime = yield* SessionRuntime;
        yield* runtime.put({
          providerSessionId: ProviderSessionId.make(SESSION),
          threadId: ThreadId.make(THREAD),
          providerName: "claude",
          adapterKey: "claude",
          providerThreadId: ProviderThreadId.make(SESSION),
          status: "running",
          resumeCursor: { sessionId: SESSION },
          runtimePayload: null,
        });
        write(fileOf(at), exchange(at.project, "two"));
        assert.deepStrictEqual(yield* states, ["thread"]);
        assert.deepStrictEqual((yield* run()).threads, []);
        const named = yield* run({ sourceIds: [SESSION] });
        assert.deepInclude(named.threads[0], { threadId: ThreadId.make(THREAD), messages: 0 });
        assert.deepStrictEqual(yield* saidIn(THREAD), ["Say one", "one"]);
      }).pipe(Effect.provide(heddle(at)));
    }).pipe(Effect.scoped),
  );
});

describe("an import", () => {
  it.live("takes in what is named, and says of a name that is unknown that it is", () =>
    Effect.gen(function* () {
      const at = yield* machine;
      const other = "5e55104f-0000-4000-8000-000000000002";
      write(fileOf(at), exchange(at.project, "one"));
      write(fileOf(at, other), exchange(at.project, "two"));
      yield* Effect.gen(function* () {
        const report = yield* run({ sourceIds: [other, "nobody"] });
        assert.deepStrictEqual(
          report.threads.map(({ threadId, isNew, note }) => ({ threadId, isNew, note })),
          [
            {
              threadId: null,
              isNew: false,
              note: `There is no session nobody in ${join(at.home, "projects")}.`,
            },
            { threadId: ThreadId.make(`claude-${other}`), isNew: true, note: null },
          ],
        );
        assert.sameMembers([...(yield* states)], ["imported", "new"]);
      }).pipe(Effect.provide(heddle(at)));
    }).pipe(Effect.scoped),
  );

  it.live("does not bring back a thread that was deleted", () =>
    Effect.gen(function* () {
      const at = yield* machine;
      write(fileOf(at), exchange(at.project, "one"));
      yield* Effect.gen(function* () {
        yield* run();
        yield* send({ type: "thread.delete", commandId: "c1", threadId: THREAD });
        write(fileOf(at), exchange(at.project, "two"));
        assert.deepStrictEqual(yield* states, ["deleted"]);
        assert.deepStrictEqual((yield* run()).threads, []);
        assert.match((yield* run({ sourceIds: [SESSION] })).threads[0]?.note ?? "", /was deleted/);
      }).pipe(Effect.provide(heddle(at)));
    }).pipe(Effect.scoped),
  );

  it.live("makes a new project where the one that it made for the folder was deleted", () =>
    Effect.gen(function* () {
      const at = yield* machine;
      const other = "5e55104f-0000-4000-8000-000000000002";
      write(fileOf(at), exchange(at.project, "one"));
      yield* Effect.gen(function* () {
        yield* run();
        const { projectId } = yield* threadOf(THREAD);
        yield* send({ type: "project.delete", commandId: "c1", projectId });
        write(fileOf(at, other), exchange(at.project, "two"));
        yield* run();
        assert.notStrictEqual((yield* threadOf(`claude-${other}`)).projectId, projectId);
      }).pipe(Effect.provide(heddle(at)));
    }).pipe(Effect.scoped),
  );

  it.live("reads a file that was written anew from its beginning, and adds what is new in it", () =>
    Effect.gen(function* () {
      const at = yield* machine;
      const file = fileOf(at);
      const [asked = "", answered = ""] = exchange(at.project, "one");
      write(file, [asked, answered, ...exchange(at.project, "a long story")]);
      yield* Effect.gen(function* () {
        yield* run();
        writeFileSync(file, "");
        write(file, [asked, answered, line("user", at.project, "New")]);
        utimesSync(file, new Date("2030-01-01"), new Date("2030-01-01"));
        yield* run();
        const said = ["Say one", "one", "Say a long story", "a long story", "New"];
        assert.deepStrictEqual(yield* saidIn(THREAD), said);
      }).pipe(Effect.provide(heddle(at)));
    }).pipe(Effect.scoped),
  );

  it.live("says how far it is, up to the end", () =>
    Effect.gen(function* () {
      const at = yield* machine;
      write(fileOf(at), exchange(at.project, "one"));
      const told: Array<readonly [number, number]> = [];
      yield* Effect.flatMap(Imports, (imports) =>
        imports.run({ source: "claude", sourceIds: [], all: true, archive: false }, (done, total) =>
          Effect.sync(() => told.push([done, total])),
        ),
      ).pipe(Effect.provide(heddle(at)));
      const bytes = readFileSync(fileOf(at)).length;
      assert.deepStrictEqual(told[0], [0, bytes]);
      assert.deepStrictEqual(told.at(-1), [bytes, bytes]);
    }).pipe(Effect.scoped),
  );

  it.live("keeps the agent's own lines where it is asked to, also of what was imported before", () =>
    Effect.gen(function* () {
      const at = yield* machine;
      write(fileOf(at), exchange(at.project, "one"));
      const archive = join(at.data, "imports", "claude", `${SESSION}.jsonl.gz`);
      yield* Effect.gen(function* () {
        yield* run();
        assert.isFalse(existsSync(archive));
        const report = yield* run({ sourceIds: [SESSION], archive: true });
        assert.strictEqual(report.threads[0]?.archive, archive);
        assert.strictEqual(gunzipSync(readFileSync(archive)).toString(), readFileSync(fileOf(at), "utf8"));
        rmSync(archive);
      }).pipe(Effect.provide(heddle(at)));
    }).pipe(Effect.scoped),
  );
});
