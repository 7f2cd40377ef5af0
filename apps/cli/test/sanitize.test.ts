import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clean, CleanStream, cleanLine, escapeJson, reveal, revealLine } from "../src/render/Sanitize.ts";

const ESC = "\u001B";
const UNWANTED = /(?![\n\t])\p{Cc}|[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069\uFDD0-\uFDEF]/u;

/** Text as an agent might send it to do harm: words between pieces of escape sequences. */
const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(
        `${ESC}[31m`,
        `${ESC}[2J`,
        `${ESC}[`,
        ESC,
        `${ESC}]0;title\u0007`,
        `${ESC}]8;;http://x${ESC}\\`,
        `${ESC}P`,
        `${ESC}c`,
        "\u009B31m",
        "\u009D",
        "\r",
        "\r\n",
        "\u202E",
        "\u2066",
        "\uFDD1",
        "\uD83D",
        "\uDE00",
      ),
    ),
  )
  .map((parts) => parts.join(""));

describe("clean", () => {
  const cases: ReadonlyArray<readonly [name: string, text: string, cleaned: string]> = [
    ["leaves plain text", "hello\n\tworld – ünïcödé 😀 漢字", "hello\n\tworld – ünïcödé 😀 漢字"],
    ["takes colours away", `${ESC}[1;31mred${ESC}[0m`, "red"],
    ["takes cursor movements away", `a${ESC}[2Jb${ESC}[10;20Hc${ESC}[?25l`, "abc"],
    ["takes a window title away, ended by BEL", `a${ESC}]0;owned\u0007b`, "ab"],
    ["takes a link away, ended by ST", `${ESC}]8;;http://evil${ESC}\\click${ESC}]8;;${ESC}\\`, "click"],
    ["takes a device string away", `a${ESC}Pq#0;2;0${ESC}\\b`, "ab"],
    ["takes a full reset away", `a${ESC}cb`, "ab"],
    ["takes a choice of character set away", `a${ESC}(0b`, "ab"],
    ["takes one-byte introducers away", "a\u009B31mb\u009D0;t\u0007c", "abc"],
    ["keeps the text behind a sequence without an end", `a${ESC}]0;never ended`, "a0;never ended"],
    ["does not let a sequence come together", `${ESC}${ESC}[m[31mx`, "[31mx"],
    ["takes control characters away", "a\u0000b\u0008c\u007Fd\u0085e", "abcde"],
    ["makes line ends out of carriage returns", "10%\r50%\r\ndone", "10%\n50%\ndone"],
    ["takes direction controls away", "user\u202E\u2066nimda\u2069", "usernimda"],
    ["takes this program's own marks away", "a\uFDD1b\uFDD0", "ab"],
    ["replaces halves of characters", "a\uD83Db", "a\uFFFDb"],
  ];
  it.each(cases)("%s", (_, text, cleaned) => {
    expect(clean(text)).toBe(cleaned);
  });

  it("leaves nothing that drives a terminal, whatever comes", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(clean(text)).not.toMatch(UNWANTED);
        expect(cleanLine(text)).not.toMatch(/[\n\t]/);
      }),
    );
  });
});

describe("reveal", () => {
  it("shows what would not be seen", () => {
    expect(reveal(`rm -rf x${ESC}[8m`)).toBe("rm -rf x^[[8m");
    expect(reveal("a\u0000b\u007Fc\u009Bd")).toBe("a^@b^?c<U+009B>d");
    expect(reveal("a\u202Eb\u200Bc\u{E0041}d")).toBe("a<U+202E>b<U+200B>c<U+E0041>d");
    expect(reveal("line\r\n\tnext")).toBe("line^M\n\tnext");
  });

  it("keeps one line one line", () => {
    expect(revealLine("echo a\nrm b")).toBe("echo a⏎rm b");
  });

  it("leaves nothing that drives a terminal, whatever comes", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(reveal(text)).not.toMatch(UNWANTED);
        expect(revealLine(text)).not.toMatch(/[\n\t]/);
      }),
    );
  });
});

describe("CleanStream", () => {
  it("gives the same however the text is cut", () => {
    const text = `a${ESC}[1;31mb${ESC}]0;title\u0007c\r\nd${ESC}]8;;x${ESC}\\e😀\u009B2Jf${ESC}(0g\rh`;
    fc.assert(
      fc.property(fc.array(fc.nat(text.length)), (cuts) => {
        const places = [0, ...cuts.toSorted((left, right) => left - right), text.length];
        const stream = new CleanStream();
        const pieces = places.slice(1).map((end, index) => stream.push(text.slice(places[index], end)));
        expect(pieces.join("") + stream.end()).toBe(clean(text));
      }),
    );
  });

  it("leaves nothing that drives a terminal, whatever comes", () => {
    fc.assert(
      fc.property(fc.array(hostile), (pieces) => {
        const stream = new CleanStream();
        const out = pieces.map((piece) => stream.push(piece)).join("") + stream.end();
        expect(out).not.toMatch(UNWANTED);
      }),
    );
  });

  it("does not hold back a text for ever that looks like a sequence", () => {
    const stream = new CleanStream();
    const out = stream.push(`${ESC}]${"x".repeat(2000)}`);
    expect(out).toContain("x".repeat(1000));
  });
});

describe("escapeJson", () => {
  it("says the same, without characters that a terminal acts upon", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const json = escapeJson(JSON.stringify({ text }));
        expect(json).not.toMatch(/\p{Cc}|[\u202A-\u202E]/u);
        expect(JSON.parse(json)).toEqual({ text: JSON.parse(JSON.stringify(text)) });
      }),
    );
  });
});
