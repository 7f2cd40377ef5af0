import { describe, expect, it } from "vitest";
import { bold, red, resolveMarks, withoutMarks } from "../src/render/Colour.ts";
import { colouredDiff, fileLines, filesSummary } from "../src/render/Diff.ts";

const ESC = "\u001B";

describe("colours", () => {
  it("are codes on a terminal, and nothing elsewhere", () => {
    expect(resolveMarks(`a ${red("b")} c`, true)).toBe(`a ${ESC}[31mb${ESC}[0m c`);
    expect(resolveMarks(`a ${red("b")} c`, false)).toBe("a b c");
  });

  it("may stand within one another", () => {
    expect(resolveMarks(bold(`a${red("b")}c`), true)).toBe(`${ESC}[1ma${ESC}[31mb${ESC}[0;1mc${ESC}[0m`);
  });

  it("end with the text, where their own end was cut off", () => {
    expect(resolveMarks(red("abc").slice(0, 2), true)).toBe(`${ESC}[31ma${ESC}[0m`);
  });
});

describe("diffs", () => {
  const diff = [
    "diff --git a/x.txt b/x.txt",
    "index 1..2 100644",
    "--- a/x.txt",
    "+++ b/x.txt",
    "@@ -1,3 +1,3 @@",
    " same",
    "--- a line that looks like a header",
    "+++ another",
    "\\ No newline at end of file",
    "",
  ].join("\n");

  it("have a colour for each kind of line", () => {
    const lines = resolveMarks(colouredDiff(diff), true).split("\n");
    expect(lines[0]).toBe(`${ESC}[1mdiff --git a/x.txt b/x.txt${ESC}[0m`);
    expect(lines[2]).toBe(`${ESC}[2m--- a/x.txt${ESC}[0m`);
    expect(lines[4]).toBe(`${ESC}[36m@@ -1,3 +1,3 @@${ESC}[0m`);
    expect(lines[5]).toBe(" same");
    expect(lines[6]).toBe(`${ESC}[31m--- a line that looks like a header${ESC}[0m`);
    expect(lines[7]).toBe(`${ESC}[32m+++ another${ESC}[0m`);
    expect(lines[8]).toBe(`${ESC}[2m\\ No newline at end of file${ESC}[0m`);
  });

  it("are the same text without colours, so that they can be applied", () => {
    expect(withoutMarks(colouredDiff(diff))).toBe(diff);
    expect(colouredDiff("")).toBe("");
  });

  it("show what a file holds instead of acting upon it", () => {
    const hostile = "diff --git a/x b/x\n@@ -0,0 +1 @@\n+\u001B[2Jgone\u202E\r\n";
    expect(withoutMarks(colouredDiff(hostile))).toBe(
      "diff --git a/x b/x\n@@ -0,0 +1 @@\n+^[[2Jgone<U+202E>^M\n",
    );
  });

  it("say in a line what happened to each file", () => {
    const files = [
      { path: "a.txt", kind: "added", additions: 3, deletions: 0 },
      { path: "b\u001B[31m.bin", kind: "modified", additions: 0, deletions: 0 },
      { path: "c.txt", kind: "deleted", additions: 0, deletions: 7 },
    ] as const;
    expect(fileLines({ files }).map(withoutMarks)).toEqual(["A a.txt  +3", "M b^[[31m.bin", "D c.txt  −7"]);
    expect(filesSummary({ files, filesOmitted: null })).toBe("3 files changed, +3 −7");
    expect(filesSummary({ files: [] })).toBe("no files changed");
  });

  it("say how many files a list leaves out", () => {
    const files = [{ path: "a.txt", kind: "added", additions: 3, deletions: 0 }] as const;
    const changes = { files, filesOmitted: 12_345 };
    expect(fileLines(changes).map(withoutMarks)).toEqual(["A a.txt  +3", "… and 12345 more"]);
    expect(filesSummary(changes)).toBe("12346 files changed");
  });
});
