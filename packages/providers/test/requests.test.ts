/** What an agent asks of Heddle other than leave: files, answers of a person, and what Heddle does not have. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { echoed, fromAgent, type Line, oneTurn, prompt, script, start, workspace } from "./support.ts";

/** Each line that asks for something is followed by an echo of what came back. */
const inquiring = (...requests: ReadonlyArray<Line>) =>
  oneTurn(
    ...requests.flatMap((request) =>
      request.dir === "<" ? [request, script.hearsAnswerTo(String(request.msg.id)), script.echoes] : [],
    ),
  );

const reads = (id: string, path: string, rest: object = {}) =>
  script.asks(id, "fs/read_text_file", { path, ...rest });
const writes = (id: string, path: string) =>
  script.asks(id, "fs/write_text_file", { path, content: "written" });

describe("an agent's request", () => {
  it.live("of a kind that Heddle does not have is refused at once", () =>
    Effect.gen(function* () {
      const agent = yield* inquiring(
        script.asks("a", "terminal/create", { command: "ls" }),
        script.asks("b", "_vendor/anything", {}),
        script.asks("c", "elicitation/create", {
          mode: "url",
          message: "m",
          url: "javascript:alert(1)",
          elicitationId: "e",
        }),
        script.asks("d", "session/request_permission", { nonsense: true }),
        script.asks("e", "elicitation/create", { mode: "by-telephone", message: "m" }),
      );
      const { session, seen } = yield* start(agent);
      yield* prompt(session, "go");
      yield* seen.nextOf("turn.completed");
      const codes = seen.all("notice").map((notice) => (echoed(notice) as { code: number }).code);
      assert.deepStrictEqual(codes, [-32601, -32601, -32602, -32602, -32602]);
    }).pipe(Effect.scoped),
  );

  it.live("for a file is answered from the session's folder, and from nowhere else", () =>
    Effect.gen(function* () {
      const [folder, outside] = [yield* workspace, yield* workspace];
      mkdirSync(join(folder, "sub"));
      writeFileSync(join(folder, "sub/a.txt"), "one\ntwo\nthree\n");
      writeFileSync(join(outside, "secret"), "secret");
      symlinkSync(outside, join(folder, "way-out"));
      symlinkSync(join(outside, "made"), join(folder, "dangling"));
      const agent = yield* inquiring(
        reads("1", join(folder, "sub/a.txt")),
        reads("2", join(folder, "sub/a.txt"), { line: 2, limit: 1 }),
        reads("3", join(folder, "sub/../../", "secret")),
        reads("4", join(folder, "way-out/secret")),
        reads("5", "sub/a.txt"),
        reads("6", join(folder, "missing")),
        writes("7", join(folder, "new/b.txt")),
        writes("8", join(folder, "way-out/made")),
        writes("9", join(folder, "dangling")),
      );
      const { session, seen } = yield* start({ ...agent, cwd: folder });
      yield* prompt(session, "go");
      yield* seen.nextOf("turn.completed");
      const answers = seen
        .all("notice")
        .map((notice) => echoed(notice) as { content?: string; code?: number });
      assert.deepStrictEqual(
        answers.map(({ content, code }) => content ?? code ?? "written"),
        ["one\ntwo\nthree\n", "two", -32602, -32602, -32602, -32002, "written", -32602, -32602],
      );
      assert.strictEqual(readFileSync(join(folder, "new/b.txt"), "utf8"), "written");
      assert.isFalse(existsSync(join(outside, "made")));
    }).pipe(Effect.scoped),
  );

  it.live("for what is no plain file, or too large a one, is refused, and the agent is told why", () =>
    Effect.gen(function* () {
      const folder = yield* workspace;
      execFileSync("mkfifo", [join(folder, "pipe")]);
      writeFileSync(join(folder, "huge"), "");
      truncateSync(join(folder, "huge"), 17 * 1024 * 1024);
      writeFileSync(join(folder, "file"), "as it was");
      symlinkSync("/dev/zero", join(folder, "endless"));
      symlinkSync(join(folder, "round"), join(folder, "round"));
      mkdirSync(join(folder, "sub"));
      const agent = yield* inquiring(
        reads("1", join(folder, "pipe")),
        reads("2", join(folder, "huge")),
        reads("3", join(folder, "sub")),
        reads("4", join(folder, "endless")),
        reads("5", join(folder, "round")),
        reads("6", "/dev/zero"),
        reads("7", join(folder, "file/below")),
        writes("8", join(folder, "pipe")),
        writes("9", join(folder, "sub")),
        writes("10", join(folder, "file/below")),
        writes("11", join(folder, "endless")),
        writes("12", "/etc/heddle-was-here"),
        writes("13", folder),
      );
      const { session, seen } = yield* start({ ...agent, cwd: folder });
      yield* prompt(session, "go");
      yield* seen.nextOf("turn.completed");
      const answers = seen
        .all("notice")
        .map((notice) => echoed(notice) as { code?: number; message?: string; data?: unknown });
      const codes = answers.map(({ code }) => code);
      const [invalid, internal] = [-32602, -32603];
      assert.deepStrictEqual(codes, [
        invalid,
        invalid,
        invalid,
        invalid,
        internal,
        invalid,
        internal,
        invalid,
        invalid,
        internal,
        invalid,
        invalid,
        invalid,
      ]);
      assert.match(JSON.stringify(answers[0]), /pipe is no plain file/);
      assert.match(JSON.stringify(answers[1]), /huge is larger than/);
      assert.match(JSON.stringify(answers[4]), /ELOOP/);
      assert.strictEqual(readFileSync(join(folder, "file"), "utf8"), "as it was");
    }).pipe(Effect.scoped),
  );

  it.live("for an answer goes out as questions, and comes back as the form's values", () =>
    Effect.gen(function* () {
      const properties = {
        name: { type: "string", title: "Name", description: "as in the file" },
        size: {
          type: "string",
          oneOf: [
            { const: "s", title: "Small" },
            { const: "l", title: "Large" },
          ],
        },
        count: { type: "integer" },
        sure: { type: "boolean" },
        tags: { type: "array", items: { type: "string", enum: ["a", "b", "c"] } },
        note: { type: "string" },
      };
      const agent = yield* inquiring(
        script.asks("1", "elicitation/create", {
          mode: "form",
          message: "Some things first",
          requestedSchema: { type: "object", properties, required: ["name", "size"] },
        }),
        script.asks("2", "elicitation/create", {
          mode: "form",
          message: "Sure?",
          requestedSchema: { type: "object" },
        }),
      );
      const { session, seen } = yield* start(agent);
      yield* prompt(session, "go");
      const form = yield* seen.nextOf("user-input.requested");
      assert.deepStrictEqual(form.questions, [
        { id: "name", prompt: "Some things first\nName\nas in the file" },
        {
          id: "size",
          prompt: "size",
          options: [
            { value: "s", label: "Small" },
            { value: "l", label: "Large" },
          ],
        },
        { id: "count", prompt: "count" },
        {
          id: "sure",
          prompt: "sure",
          options: [
            { value: "true", label: "Yes" },
            { value: "false", label: "No" },
          ],
        },
        {
          id: "tags",
          prompt: "tags\n(Several answers: one a line.)",
          options: ["a", "b", "c"].map((value) => ({ value, label: value })),
        },
        { id: "note", prompt: "note" },
      ]);
      const wrong = [
        { size: "s" },
        { name: "n", size: "xl" },
        { name: "n", size: "s", count: "1.5" },
        { name: "n", size: "s", tags: "d" },
      ];
      for (const answers of wrong) yield* Effect.flip(session.respondUserInput(form.requestKey, answers));
      const right = { name: "n", size: "l", count: "3", sure: "false", tags: "a\nc" };
      yield* session.respondUserInput(form.requestKey, right);
      assert.deepStrictEqual(echoed(yield* seen.next(fromAgent)), {
        action: "accept",
        content: { name: "n", size: "l", count: 3, sure: false, tags: ["a", "c"] },
      });

      const confirm = yield* seen.nextOf("user-input.requested");
      assert.strictEqual(confirm.questions[0]?.prompt, "Sure?");
      yield* session.respondUserInput(confirm.requestKey, { confirm: "decline" });
      assert.deepStrictEqual(echoed(yield* seen.next(fromAgent)), { action: "decline" });
    }).pipe(Effect.scoped),
  );

  it.live.each([
    { said: { confirm: "accept" }, answer: { action: "accept" } },
    { said: { confirm: "decline" }, answer: { action: "decline" } },
    { said: {}, answer: { action: "decline" } },
  ])(
    "for an address to be opened shows it with its host, and a person says whether it was: $said",
    ({ said, answer }) =>
      Effect.gen(function* () {
        const wanted = {
          mode: "url",
          message: "Log in",
          url: "https://example.org/login?a",
          elicitationId: "e",
        };
        const agent = yield* oneTurn(
          script.asks("1", "elicitation/create", wanted),
          script.hearsAnswerTo("1"),
          script.echoes,
          script.notifies("elicitation/complete", { elicitationId: "e" }),
        );
        const { session, seen } = yield* start(agent);
        yield* prompt(session, "go");
        const { requestKey, questions } = yield* seen.nextOf("user-input.requested");
        assert.match(
          questions[0]?.prompt ?? "",
          /^Log in\nOpen this address of example\.org, .*: https:\/\/example\.org\/login\?a$/,
        );
        yield* session.respondUserInput(requestKey, said);
        assert.deepStrictEqual(echoed(yield* seen.next(fromAgent)), answer);
        assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "completed");
      }).pipe(Effect.scoped),
  );
});
