import { readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { codexTranscripts } from "../src/codex/CodexTranscripts.ts";
import {
  codexWith,
  copiedFixtures,
  emptyFolder,
  fixtures,
  inShort,
  listed,
  oneSession,
  readAll,
  sessionsOf,
  storyOf,
} from "./support.ts";

const recorded = codexTranscripts(join(fixtures, "codex"));
const GREETED = "01a1ffa9-a707-77f2-a934-d785fda056f5";
const INTERRUPTED = "01a1ffaa-26a5-71d1-87ad-2a9bf002b706";

const at = (second: number) => `2025-06-01T10:00:0${second}.000Z`;
const meta = { type: "session_meta", timestamp: at(0), payload: { id: "s1", cwd: "/home/sam/project" } };
const item = (payload: unknown) => ({ timestamp: at(1), type: "response_item", payload });
const user = (...texts: ReadonlyArray<string>) =>
  item({ type: "message", role: "user", content: texts.map((text) => ({ type: "input_text", text })) });
const agent = (text: string) =>
  item({ type: "message", role: "assistant", content: [{ type: "output_text", text }] });

describe("a session of codex", () => {
  it.effect("is what was said and done in it, each once, although codex writes most of it twice", () =>
    Effect.gen(function* () {
      const prompt =
        "Please greet. [[think: I should greet]] [[say: Hello there]] [[shell: echo hi; ls]] [[write: notes.txt | first note]] [[say: All done.]]";
      assert.deepStrictEqual(yield* storyOf(recorded, GREETED), [
        `user: ${prompt}`,
        "reasoning: I should greet",
        "assistant: Hello there",
        "tool.started: echo hi; ls",
        "tool.completed: echo hi; ls",
        "tool.started: Write notes.txt",
        "tool.completed: Write notes.txt",
        "assistant: All done.",
        "user: And again [[say: Hello again]]",
        "assistant: Hello again",
      ]);
    }),
  );

  it.effect("has its id, folder, title, model and times from the ends of its file", () =>
    Effect.gen(function* () {
      const session = yield* oneSession(recorded, GREETED);
      assert.deepInclude(session, {
        sourceId: GREETED,
        cwd: "/home/sam/project",
        model: "stub-model",
        startedAt: "2026-11-21T19:51:10.874Z",
      });
      assert.match(session.title ?? "", /^Please greet\./);
    }),
  );

  it.effect("shows what a command printed, how it ended, and what it was given", () =>
    Effect.gen(function* () {
      const { entries } = yield* readAll(recorded, yield* oneSession(recorded, GREETED));
      const [started, completed] = entries.filter(
        (entry) => entry.kind === "activity" && entry.summary === "echo hi; ls",
      );
      assert.deepNestedInclude(started, { "detail.content.input": { cmd: "echo hi; ls" } });
      assert.deepNestedInclude(completed, {
        "detail.status": "completed",
        "detail.kind": "execute",
        "detail.content": { output: "hi\n", exitCode: 0 },
        createdAt: "2026-11-21T19:51:11.169Z",
      });
    }),
  );

  it.effect("says that it was interrupted, and that its command was", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* storyOf(recorded, INTERRUPTED)).slice(1), [
        "assistant: One, two",
        "tool.started: sleep 30",
        "tool.failed: sleep 30",
        "turn.interrupted: The turn was interrupted",
      ]);
    }),
  );

  it.effect("does not show as a person's words what codex put there", () =>
    Effect.gen(function* () {
      const { source } = yield* codexWith([
        meta,
        user("<environment_context>\n  <cwd>/home/sam</cwd>\n</environment_context>"),
        user("<user_instructions>\n\nBe nice.\n\n</user_instructions>"),
        user("# AGENTS.md instructions for /home/sam\n\n<INSTRUCTIONS>be nice</INSTRUCTIONS>"),
        user("<turn_aborted>\nThe user interrupted.\n</turn_aborted>"),
        item({ type: "message", role: "developer", content: [{ type: "input_text", text: "Be brief." }] }),
        user("# Context from my IDE setup:\n\n## Open tabs:\n- a.ts\n\n## My request for Codex:\nFix it.\n"),
        user("<b>not codex's</b>"),
        user("<environment_context>\n</environment_context>", "Both at once."),
      ]);
      assert.deepStrictEqual(yield* storyOf(source), [
        "user: Fix it.",
        "user: <b>not codex's</b>",
        "user: Both at once.",
      ]);
    }).pipe(Effect.scoped),
  );

  it.effect("is read as older versions wrote it: without wrappers, with the folder in a message", () =>
    Effect.gen(function* () {
      const { source } = yield* codexWith([
        { id: "old-1", timestamp: at(0), instructions: null, git: {} },
        { record_type: "state" },
        {
          type: "message",
          role: "user",
          content: [
            {
              type: "input_text",
              text: "<environment_context>\nCurrent working directory: /home/sam/old\n</environment_context>",
            },
          ],
        },
        { type: "message", role: "user", content: [{ type: "input_text", text: "List them." }] },
        { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "**Listing**" }] },
        {
          type: "function_call",
          name: "shell",
          arguments: '{"command":["bash","-lc","ls -a"]}',
          call_id: "call_1",
        },
        {
          type: "function_call_output",
          call_id: "call_1",
          output: '{"output":"no such folder","metadata":{"exit_code":2,"duration_seconds":0.1}}',
        },
        {
          type: "local_shell_call",
          call_id: "call_2",
          status: "completed",
          action: { type: "exec", command: ["pwd"] },
        },
        {
          type: "function_call_output",
          call_id: "call_2",
          output: { content: "/home/sam/old", success: true },
        },
        { type: "message", role: "assistant", content: [{ type: "output_text", text: "There are none." }] },
      ]);
      const session = yield* oneSession(source);
      assert.deepInclude(session, { sourceId: "old-1", cwd: "/home/sam/old", title: "List them." });
      const { entries } = yield* readAll(source, session);
      assert.deepStrictEqual(entries.map(inShort), [
        "user: List them.",
        "reasoning: **Listing**",
        "tool.started: ls -a",
        "tool.failed: ls -a",
        "tool.started: pwd",
        "tool.completed: pwd",
        "assistant: There are none.",
      ]);
      assert.deepNestedInclude(entries[3], { "detail.content": { output: "no such folder", exitCode: 2 } });
    }).pipe(Effect.scoped),
  );

  it.effect("shows plans, searches, summaries and failures, and a picture that went with a prompt", () =>
    Effect.gen(function* () {
      const { source } = yield* codexWith([
        meta,
        item({
          type: "message",
          role: "user",
          content: [
            { type: "input_text", text: "See this." },
            { type: "input_image", image_url: "data:image/png;base64,aGVsbG8=" },
          ],
        }),
        item({
          type: "function_call",
          name: "update_plan",
          arguments: '{"plan":[{"step":"Look","status":"completed"},{"step":"Act","status":"pending"}]}',
          call_id: "c1",
        }),
        item({ type: "function_call_output", call_id: "c1", output: "Plan updated" }),
        item({ type: "web_search_call", action: { type: "search", query: "weaving" } }),
        { timestamp: at(2), type: "compacted", payload: { message: "So far we wove." } },
        { timestamp: at(2), type: "event_msg", payload: { type: "error", message: "Out of quota" } },
        { timestamp: at(2), type: "event_msg", payload: { type: "thread_rolled_back", num_turns: 2 } },
        item({ type: "reasoning", summary: [], encrypted_content: "gAAA" }),
      ]);
      const { entries } = yield* readAll(source, yield* oneSession(source));
      assert.deepStrictEqual(entries.map(inShort), [
        "user: See this.",
        "plan: Plan of 2 steps",
        "tool.completed: Search the web: weaving",
        "compaction: Codex summed up what was said so far",
        "agent.error: Out of quota",
        "turns.taken-back: The last 2 turns were taken back",
      ]);
      assert.deepNestedInclude(entries[0], {
        attachments: [{ name: "image-1", mimeType: "image/png", data: "aGVsbG8=" }],
      });
      assert.deepNestedInclude(entries[1], {
        "detail.entries": [
          { text: "Look", status: "completed" },
          { text: "Act", status: "pending" },
        ],
      });
    }).pipe(Effect.scoped),
  );

  it.effect(
    "passes over lines that are broken, by their number, and counts kinds that it does not know",
    () =>
      Effect.gen(function* () {
        const { source } = yield* codexWith([
          meta,
          user("Hello"),
          '{"timestamp":"2025-06-01T10:00:01.000Z","type":"respon',
          "[1, 2]",
          { timestamp: at(1), type: "a_new_kind", payload: {} },
          item({ type: "a_new_item" }),
          "",
          agent("Hello yourself"),
        ]);
        assert.deepStrictEqual(yield* storyOf(source), [
          "user: Hello",
          "unreadable line 3: It is no JSON.",
          "unreadable line 4: It is no line of a codex session.",
          "unknown: a_new_kind",
          "unknown: a_new_item",
          "assistant: Hello yourself",
        ]);
      }).pipe(Effect.scoped),
  );
});

describe("the list of codex's sessions", () => {
  it.effect("has archived and compressed ones, and one that is in both for a while once", () =>
    Effect.gen(function* () {
      const home = join(yield* copiedFixtures, "codex");
      const day = join(home, "sessions/2026/11/21");
      const source = codexTranscripts(home);
      const before = yield* readAll(source, yield* oneSession(source, INTERRUPTED));

      const plain = (yield* oneSession(source, INTERRUPTED)).file;
      const compressed = `${plain}.zst`;
      writeFileSync(compressed, zstdCompressSync(readFileSync(plain)));
      const time = new Date("2026-11-21T12:00:00Z");
      for (const file of [plain, compressed]) utimesSync(file, time, time);
      assert.deepStrictEqual(
        (yield* sessionsOf(source))
          .filter(({ sourceId }) => sourceId === INTERRUPTED)
          .map(({ file }) => file),
        [plain],
      );

      rmSync(plain);
      const session = yield* oneSession(source, INTERRUPTED);
      assert.strictEqual(session.file, compressed);
      assert.deepStrictEqual(yield* readAll(source, session), before);
      const middle = { byte: before.position.byte, line: before.position.line, openCalls: {} };
      assert.deepStrictEqual((yield* readAll(source, session, middle)).entries, []);

      const greeted = yield* oneSession(source, GREETED);
      const archived = join(home, "archived_sessions");
      renameSync(day, archived);
      const found = yield* oneSession(source, GREETED);
      assert.strictEqual(found.file, greeted.file.replace(day, archived));
    }).pipe(Effect.scoped),
  );

  it.effect("leaves out what nothing was said in, and sessions of subagents", () =>
    Effect.gen(function* () {
      const empty = yield* codexWith([meta, user("<environment_context>\n</environment_context>")]);
      assert.deepStrictEqual(yield* listed(empty.source), []);
      const subagent = { ...meta, payload: { ...meta.payload, source: { subagent: "review" } } };
      const other = yield* codexWith([subagent, user("Review it.")]);
      assert.deepStrictEqual(yield* listed(other.source), []);
    }).pipe(Effect.scoped),
  );

  it.effect("is empty where codex was never used, and begins where it is told to", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* listed(codexTranscripts(join(yield* emptyFolder, "nothing"))), []);
      const { source, file } = yield* codexWith([meta, user("Hello")]);
      utimesSync(file, new Date("2025-06-01"), new Date("2025-06-01"));
      assert.lengthOf(yield* listed(source, "2025-05-01T00:00:00.000Z"), 1);
      assert.lengthOf(yield* listed(source, "2025-07-01T00:00:00.000Z"), 0);
    }).pipe(Effect.scoped),
  );

  it.effect("has the name that was given to a session last", () =>
    Effect.gen(function* () {
      const named = (name: string) => ({
        timestamp: at(2),
        type: "event_msg",
        payload: { type: "thread_name_updated", thread_id: "s1", thread_name: name },
      });
      const { source } = yield* codexWith([meta, user("Hello\nthere"), named("First"), named("Weaving")]);
      assert.strictEqual((yield* oneSession(source)).title, "Weaving");
    }).pipe(Effect.scoped),
  );
});
