import { describe, expect, it } from "vitest";
import { red, resolveMarks, withoutMarks } from "../src/render/Colour.ts";
import { table, truncate, width } from "../src/render/Table.ts";

const WIDE = Number.POSITIVE_INFINITY;

describe("table", () => {
  it("aligns columns, and leaves no spaces at the ends of lines", () => {
    const text = table(
      [{ title: "ID" }, { title: "N", align: "right" }, { title: "TITLE" }],
      [
        ["a-1", "5", "short"],
        ["bcd-22", "120", ""],
      ],
      WIDE,
    );
    expect(withoutMarks(text)).toBe("ID        N  TITLE\na-1       5  short\nbcd-22  120\n");
  });

  it("counts cells, not characters", () => {
    const text = table(
      [{ title: "A" }, { title: "B" }],
      [
        ["漢字", "x"],
        ["😀", "y"],
        ["ab", "z"],
      ],
      WIDE,
    );
    expect(withoutMarks(text)).toBe("A     B\n漢字  x\n😀    y\nab    z\n");
  });

  it("shrinks the widest of the columns that may, as far as they may", () => {
    const columns = [{ title: "ID" }, { title: "TITLE", shrinkTo: 5 }, { title: "PATH", shrinkTo: 6 }];
    const rows = [["id-1", "a rather long title", "/a/path/of/some/length"]];
    const lines = withoutMarks(table(columns, rows, 30)).split("\n");
    expect(lines).toEqual(["ID    TITLE        PATH", "id-1  a rather l…  /a/path/of…", ""]);
    const narrow = withoutMarks(table(columns, rows, 10)).split("\n")[1];
    expect(narrow).toBe("id-1  a ra…  /a/pa…");
  });

  it("styles a cell after it was cut, so that the style always ends", () => {
    const text = table([{ title: "T", shrinkTo: 4 }], [[["abcdefgh", red]]], 4);
    expect(resolveMarks(text, true)).toContain("\u001B[31mabc…\u001B[0m");
  });
});

describe("width and truncate", () => {
  it("do not count marks", () => {
    expect(width(red("abc"))).toBe(3);
  });

  it("cut between characters as people see them", () => {
    expect(truncate("漢字漢字", 5)).toBe("漢字…");
    expect(truncate("👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 3)).toBe("👩‍👩‍👧‍👦…");
    expect(truncate("fits", 4)).toBe("fits");
  });
});
