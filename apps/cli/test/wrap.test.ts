import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bold, withoutMarks } from "../src/render/Colour.ts";
import { width } from "../src/render/Table.ts";
import { fitLines, wrap, WrapStream } from "../src/render/Wrap.ts";

describe("wrapping", () => {
  it("breaks between words, behind the indent", () => {
    expect(wrap("one two three four five", "  ", 12)).toBe("  one two\n  three\n  four five\n");
  });

  it("keeps empty lines, and spaces within and before a line", () => {
    expect(wrap("a\n\n    code  here\nend", "  ", 40)).toBe("  a\n\n      code  here\n  end\n");
  });

  it("leaves a word whole that is longer than the line", () => {
    expect(wrap("see https://example.org/a/long/path ok", "", 12)).toBe(
      "see\nhttps://example.org/a/long/path\nok\n",
    );
  });

  it("does not break where there is no end of a line", () => {
    expect(wrap("one two", "", Number.POSITIVE_INFINITY)).toBe("one two\n");
  });

  it("gives the same lines however the text is cut", () => {
    const words = fc.array(fc.constantFrom("a", "two", "longer", "😀", " ", "  ", "\n", "漢字漢字"));
    fc.assert(
      fc.property(words, fc.array(fc.nat(30)), fc.integer({ min: 8, max: 30 }), (parts, cuts, columns) => {
        const text = parts.join("");
        const places = [0, ...cuts.toSorted((left, right) => left - right), text.length];
        const stream = new WrapStream("  ", columns);
        const pieces = places.slice(1).map((end, index) => stream.push(text.slice(places[index], end)));
        expect(pieces.join("") + stream.end()).toBe(wrap(text, "  ", columns));
      }),
    );
  });

  it("keeps words, and lines within the columns", () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{1,8}$/)), (words) => {
        const lines = wrap(words.join(" "), "  ", 20).split("\n");
        expect(lines.join(" ").split(/\s+/).filter(Boolean)).toEqual(words);
        for (const line of lines) expect(width(line)).toBeLessThan(20);
      }),
    );
  });

  it("says at once what was held back", () => {
    const stream = new WrapStream("", 40);
    expect(stream.push("one tw")).toBe("one");
    expect(stream.release()).toBe(" tw");
    expect(stream.push("o three")).toBe("o");
    expect(stream.end()).toBe(" three\n");
  });

  it("does not touch what is printed as it is, and does not count marks", () => {
    const lines = [bold("a line that is wrapped"), "    $ a line of output that is not"];
    expect(withoutMarks(fitLines(lines, "  ", 16))).toBe(
      "  a line that\n  is wrapped\n      $ a line of output that is not\n",
    );
  });
});
