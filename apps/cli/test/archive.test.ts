/** `heddle events export` and `heddle events import`, on real data directories, beside a real server, and killed. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gitRepository, Heddle, jsonLines, type Running, TemporaryFolder } from "./support.ts";

let folder: TemporaryFolder;
let heddle: Heddle;
let threadId: string;
const inFolder = (name: string) => join(folder.path, name);

beforeAll(async () => {
  folder = new TemporaryFolder();
  gitRepository(folder.path);
  heddle = new Heddle(inFolder("data"));
  await heddle.serve();
  await heddle.run(["project", "add", folder.path]);
  threadId = (await heddle.json(["thread", "new", "--title", "Archived"])).threadId;
  const prompt = "[[say: hello]] [[write: one.txt | first]] [[shell: seq 1 9000]]";
  await heddle.run(["thread", "send", threadId, "--yes", prompt]);
  await heddle.run(["thread", "send", threadId, "--yes", "[[write: one.txt | second]]"]);
});
afterAll(async () => {
  await heddle.stop("SIGKILL");
  folder.dispose();
});

/** Columns that say when or where something was done here. */
const OWN: Readonly<Record<string, ReadonlyArray<string>>> = {
  heddle_migrations: ["applied_at"],
  projection_state: ["updated_at"],
};
/** Shortcuts, which may be deleted at any time. */
const SHORTCUTS = new Set(["orchestration_stream_snapshots", "orchestration_thread_moments"]);

/** All rows of all tables. */
const contentsOf = (dataDir: string): Readonly<Record<string, ReadonlyArray<string>>> => {
  const database = new DatabaseSync(join(dataDir, "heddle.db"), { readOnly: true });
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  const contents = Object.fromEntries(
    tables
      .map(({ name }) => String(name))
      .filter((table) => !SHORTCUTS.has(table))
      .map((table) => {
        const own = Object.fromEntries((OWN[table] ?? []).map((column) => [column, null]));
        const rows = database.prepare(`SELECT * FROM ${table}`).all();
        return [table, rows.map((row) => JSON.stringify({ ...row, ...own })).toSorted()];
      }),
  );
  database.close();
  return contents;
};

describe("heddle events export", () => {
  it("writes the log of a running server, and says how to go on from there", async () => {
    const path = inFolder("running.jsonl");
    const { code, stdout, stderr } = await heddle.run(["events", "export", path]);
    expect([code, stderr]).toEqual([0, ""]);
    const lines = jsonLines(readFileSync(path, "utf8"));
    const { counts, headSequence } = lines.at(-1);
    expect(lines[0]).toEqual({ kind: "heddle-archive", version: 1, fromSequenceExclusive: 0, after: null });
    expect(counts.event).toBe(headSequence);
    expect([counts.blob, counts.diff]).toEqual([1, 2]);
    expect(stdout).toContain(`Exported ${headSequence} events, 1 to ${headSequence}, to ${path}\n`);
    expect(stdout).toContain(`events export --from ${headSequence} FILE`);
    expect(readdirSync(folder.path)).not.toContain("running.jsonl.partial");
  });

  it("does not replace a file, unless it is told to", async () => {
    const path = inFolder("kept.jsonl");
    writeFileSync(path, "mine");
    const refused = await heddle.run(["events", "export", path]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/is there already.*\n.*--force/);
    expect(readFileSync(path, "utf8")).toBe("mine");
    expect((await heddle.run(["events", "export", "--force", path])).code).toBe(0);
    expect(readFileSync(path, "utf8")).toMatch(/^\{"kind":"heddle-archive"/);
  });

  it("writes to stdout what it writes to a file, and its report to stderr", async () => {
    const path = inFolder("file.jsonl");
    await heddle.run(["events", "export", path]);
    const { stdout, stderr } = await heddle.run(["events", "export", "-"]);
    expect(stdout).toBe(readFileSync(path, "utf8"));
    expect(stderr).toMatch(/^Exported \d+ events/);
  });

  it("gives the manifest as JSON", async () => {
    const path = inFolder("manifest.jsonl");
    const { path: named, bytes, ...manifest } = await heddle.json(["events", "export", path]);
    const text = readFileSync(path, "utf8");
    expect([named, bytes]).toEqual([path, Buffer.byteLength(text)]);
    expect(manifest).toEqual(jsonLines(text).at(-1));
  });

  it("says where the log ends when it is to begin behind that, and where there is no database", async () => {
    const beyond = await heddle.run(["events", "export", "--from", "100000", inFolder("beyond.jsonl")]);
    expect(beyond.code).toBe(1);
    expect(beyond.stderr).toMatch(/The log ends at event \d+, before event 100000/);
    const nowhere = await new Heddle(inFolder("nowhere")).run([
      "events",
      "export",
      inFolder("nowhere.jsonl"),
    ]);
    expect(nowhere.code).toBe(1);
    expect(nowhere.stderr).toContain("There is no database in");
    expect(readdirSync(folder.path).filter((name) => /^(beyond|nowhere)/.test(name))).toEqual([]);
  });
});

describe("heddle events import", () => {
  it("is refused beside a running server, which it names; a dry run is not", async () => {
    const path = inFolder("own.jsonl");
    await heddle.run(["events", "export", path]);
    const { code, stderr } = await heddle.run(["events", "import", path]);
    expect(code).toBe(1);
    expect(stderr).toContain(`Process ${heddle.server?.child.pid} uses ${heddle.dataDir} already.`);
    const tried = await heddle.run(["events", "import", "--dry-run", path]);
    expect([tried.code, tried.stderr]).toEqual([0, ""]);
    expect(tried.stdout).toMatch(/Would import 0 events of .*, \d+ others were there\n/);
  });

  it("says which line of a damaged archive is at fault", async () => {
    const path = inFolder("damaged.jsonl");
    await heddle.run(["events", "export", path]);
    writeFileSync(path, readFileSync(path).subarray(0, -200));
    const { code, stderr } = await new Heddle(inFolder("damaged")).run(["events", "import", path]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/is damaged or incomplete, at line \d+: the file ends in the middle of a line/);
  });
});

/** After the server has stopped: its log does not change any more. */
describe("the log of a stopped server", () => {
  let whole: string;

  beforeAll(async () => {
    await heddle.stop();
    whole = inFolder("whole.jsonl");
    await heddle.run(["events", "export", whole]);
  });

  it("gives the same bytes and the same rows when it was imported elsewhere, and a server goes on with it", async () => {
    const elsewhere = new Heddle(inFolder("elsewhere"));
    const { code, stdout } = await elsewhere.run(["events", "import", whole]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Imported \d+ events of .*\nThe log ends at event \d+\. The projections are/);
    expect(contentsOf(elsewhere.dataDir)).toEqual(contentsOf(heddle.dataDir));
    const again = inFolder("again.jsonl");
    await elsewhere.run(["events", "export", again]);
    expect(readFileSync(again, "utf8")).toBe(readFileSync(whole, "utf8"));

    await elsewhere.serve();
    const shown = await elsewhere.json(["thread", "show", threadId]);
    expect(JSON.stringify(shown)).toContain("hello");
    expect((await elsewhere.run(["thread", "send", threadId, "[[say: still here]]"])).stdout).toContain(
      "still here",
    );
    await elsewhere.stop();
  });

  it("comes out whole after exports that were killed, whenever that was", async () => {
    const source = await large();
    const [path, expected] = [inFolder("killed.jsonl"), inFolder("large.jsonl")];
    let halves = 0;
    for (const share of [0, 0.3, 0.7]) {
      const exporting = source.start(["events", "export", path]);
      await killedWhen(exporting, () => sizeOf(`${path}.partial`) > share * sizeOf(expected));
      if (existsSync(`${path}.partial`)) halves += 1;
      // Nothing has the name that is not whole.
      expect(!existsSync(path) || readFileSync(path).equals(readFileSync(expected))).toBe(true);
      rmSync(path, { force: true });
    }
    expect(halves).toBeGreaterThan(0);
    expect((await source.run(["events", "export", path])).code).toBe(0);
    expect(readFileSync(path).equals(readFileSync(expected))).toBe(true);
    expect(readdirSync(folder.path)).not.toContain("killed.jsonl.partial");
  }, 300_000);

  it("is whole after imports that were killed, whenever that was; no server goes on with half of it", async () => {
    const source = await large();
    const archive = inFolder("large.jsonl");
    const target = new Heddle(inFolder("target"));
    const written = () =>
      sizeOf(join(target.dataDir, "heddle.db")) + sizeOf(join(target.dataDir, "heddle.db-wal"));
    const mark = join(target.dataDir, "import-unfinished.json");
    let halves = 0;
    for (const share of [0, 0.4, 0.8]) {
      const importing = target.start(["events", "import", archive]);
      const enough = share * sizeOf(join(source.dataDir, "heddle.db"));
      await killedWhen(importing, () => existsSync(mark) && written() > enough);
      if (!existsSync(mark)) continue;
      halves += 1;
      const served = await target.run(["serve", "--port", "0"]);
      expect(served.code).toBe(1);
      expect(served.stderr).toMatch(/The import of .* was not finished\. Run it again/);
    }
    expect(halves).toBeGreaterThan(0);
    const { code, stderr } = await target.run(["events", "import", archive]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(contentsOf(target.dataDir)).toEqual(contentsOf(source.dataDir));
  }, 300_000);
});

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** Kills the process as soon as that is so, if it does not end before. */
const killedWhen = async (running: Running, isSo: () => boolean): Promise<void> => {
  const { child } = running;
  while (child.exitCode === null && child.signalCode === null && !isSo()) await new Promise(setImmediate);
  child.kill("SIGKILL");
  await running.ended;
};

let made: Promise<Heddle> | undefined;
/** The log of the stopped server with many more events, and its archive. */
const large = (): Promise<Heddle> => {
  made ??= makeLarge(new Heddle(inFolder("large")));
  return made;
};

const makeLarge = async (source: Heddle): Promise<Heddle> => {
  await source.run(["events", "import", inFolder("whole.jsonl")]);
  const database = new DatabaseSync(join(source.dataDir, "heddle.db"));
  database.exec(`
    WITH RECURSIVE more(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more WHERE n < 8000),
      first AS (SELECT max(sequence) AS head FROM orchestration_events),
      sample AS (SELECT * FROM orchestration_events WHERE event_type = 'thread.created' LIMIT 1)
    INSERT INTO orchestration_events
      SELECT head + n, 'more-' || n, 'thread', 'more-' || n, 1, event_type, event_version, occurred_at,
        NULL, NULL, NULL, 'client', json_set(payload_json, '$.threadId', 'more-' || n), '{}'
      FROM more, first, sample`);
  database.close();
  // Which projects them, too.
  await source.run(["events", "import", inFolder("whole.jsonl")]);
  await source.run(["events", "export", inFolder("large.jsonl")]);
  return source;
};
