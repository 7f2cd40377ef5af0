/** The matrix of requirements names code and tests by path and title; here they are looked up. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";

const ROOT = join(import.meta.dirname, "../../..");
const STATUSES = new Set(["required", "implemented", "to-replace", "delete"]);
const COLUMNS = ["Requirement", "Written by", "Read by", "Shown by", "Status"];

interface Row {
  /** The heading that it stands under: a table's name, or a subject. */
  readonly subject: string;
  readonly requirement: string;
  readonly modules: ReadonlyArray<string>;
  readonly tests: ReadonlyArray<{ readonly file: string; readonly titles: ReadonlyArray<string> }>;
  readonly status: string;
}

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

const quoted = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/"([^"]+)"/g)].flatMap(([, title]) => title ?? []);
const inBackticks = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/`([^`]+)`/g)].flatMap(([, path]) => path ?? []);

/** A file in backticks, and behind it the titles of its tests in quotes. */
const testsOf = (cell: string): Row["tests"] =>
  [...cell.matchAll(/`([^`]+)`([^`]*)/g)].map(([, file = "", titles = ""]) => ({
    file,
    titles: quoted(titles),
  }));

const parse = (
  markdown: string,
): { readonly rows: ReadonlyArray<Row>; readonly malformed: ReadonlyArray<string> } => {
  const rows: Array<Row> = [];
  const malformed: Array<string> = [];
  let subject = "";
  for (const line of markdown.split("\n")) {
    const heading = /^#+ (.+)$/.exec(line)?.[1];
    if (heading !== undefined) subject = heading;
    if (!line.startsWith("|") || /^\|[\s|:-]+\|$/.test(line)) continue;
    const cells = line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
    const [requirement = "", written = "", readers = "", shown = "", status = ""] = cells;
    if (requirement === COLUMNS[0]) continue;
    if (cells.length !== COLUMNS.length) malformed.push(line);
    const modules = [...inBackticks(written), ...inBackticks(readers)];
    rows.push({ subject, requirement, modules, tests: testsOf(shown), status });
  }
  return { rows, malformed };
};

const { rows, malformed } = parse(read(".plans/spec-contract-matrix.md"));
const where = ({ subject, requirement }: Row): string => `${subject}: ${requirement}`;

describe("the matrix of requirements", () => {
  it("has rows of five columns, each with a status that it knows", () => {
    assert.deepStrictEqual(malformed, []);
    assert.isAbove(rows.length, 50);
    assert.deepStrictEqual(rows.filter(({ status }) => !STATUSES.has(status)).map(where), []);
  });

  it("has rows for every table that SPEC 7.1 and 7.3 describe", () => {
    const spec = read("SPEC.md");
    const sections = spec.slice(spec.indexOf("\n### 7.1 "), spec.indexOf("\n### 7.4 "));
    const tables = [...sections.matchAll(/^#### (\w+)$/gm)].map(([, table]) => table);
    const subjects = new Set(rows.map(({ subject }) => subject));
    assert.strictEqual(tables.length, 15);
    assert.deepStrictEqual(
      tables.filter((table) => table === undefined || !subjects.has(table)),
      [],
    );
  });

  it("names modules that exist", () => {
    const missing = rows.flatMap((row) =>
      row.modules.filter((path) => !existsSync(join(ROOT, path))).map((path) => `${where(row)}: ${path}`),
    );
    assert.deepStrictEqual(missing, []);
  });

  it("names tests that exist, by their titles", () => {
    const missing = rows.flatMap((row) =>
      row.tests.flatMap(({ file, titles }) => {
        if (!existsSync(join(ROOT, file))) return [`${where(row)}: ${file}`];
        if (titles.length === 0) return [`${where(row)}: ${file} without a title`];
        const source = read(file);
        const absent = titles.filter(
          (title) => !source.includes(`"${title}"`) && !source.includes(`\`${title}\``),
        );
        return absent.map((title) => `${where(row)}: ${file}: ${title}`);
      }),
    );
    assert.deepStrictEqual(missing, []);
  });

  it("says that something is implemented where a test shows it, and nowhere else", () => {
    const wrong = rows.filter(({ status, tests }) => (status === "implemented") !== tests.length > 0);
    assert.deepStrictEqual(wrong.map(where), []);
  });
});
