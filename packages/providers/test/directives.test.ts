/** The language of the demo agent. */
import { assert, describe, it } from "@effect/vitest";
import fc from "fast-check";
import { parseDirectives } from "../src/demo/Directives.ts";

describe("directives", () => {
  it("are read in order, and the text around them is not", () => {
    assert.deepStrictEqual(parseDirectives("Please [[say: hello]] and then\n[[crash]]!"), [
      { type: "say", text: "hello" },
      { type: "crash" },
    ]);
  });

  it("are none in a prompt without them", () => {
    for (const prompt of ["", "hello", "[say: hello]", "[[say: never closed", "matrix[[1, 2]]", "[[ ]]"]) {
      assert.deepStrictEqual(parseDirectives(prompt), [], prompt);
    }
  });

  it("end at the first ]], with brackets inside", () => {
    assert.deepStrictEqual(parseDirectives("[[say: a[0] [b] [[c]] d]]"), [
      { type: "say", text: "a[0] [b] [[c" },
    ]);
    assert.deepStrictEqual(parseDirectives("x[[0, [[say: hi]]"), [{ type: "say", text: "hi" }]);
  });

  it("know their arguments", () => {
    const cases: ReadonlyArray<readonly [string, object]> = [
      ["[[ say :  spaced  ]]", { type: "say", text: "spaced" }],
      [String.raw`[[say: a\nb]]`, { type: "say", text: "a\nb" }],
      ["[[say: several\nlines: here]]", { type: "say", text: "several\nlines: here" }],
      ["[[think: hm]]", { type: "think", text: "hm" }],
      ["[[lorem: 12]]", { type: "lorem", words: 12 }],
      ["[[tokens: 900 40]]", { type: "tokens", input: 900, output: 40 }],
      ["[[slow: 0]]", { type: "slow", milliseconds: 0 }],
      ["[[plan: a; b ;; c]]", { type: "plan", entries: ["a", "b", "c"] }],
      [String.raw`[[write: a b.txt | x | y\n]]`, { type: "write", path: "a b.txt", content: "x | y\n" }],
      ["[[write: empty |]]", { type: "write", path: "empty", content: "" }],
      [
        String.raw`[[shell: printf 'a\n' | wc -l]]`,
        { type: "shell", command: String.raw`printf 'a\n' | wc -l` },
      ],
      ["[[ask: why?]]", { type: "ask", question: "why?" }],
      ["[[fail: bad]]", { type: "fail", message: "bad" }],
      ["[[fail]]", { type: "fail", message: "The demo agent was told to fail." }],
      ["[[hang]]", { type: "hang" }],
    ];
    for (const [source, directive] of cases)
      assert.deepStrictEqual<unknown>(parseDirectives(source), [directive]);
  });

  it("that are unknown or unusable are named, not dropped", () => {
    const sources = [
      "[[sing: loud]]",
      "[[say]]",
      "[[lorem: many]]",
      "[[slow: -1]]",
      "[[slow: 99999999]]",
      "[[plan: ;]]",
      "[[tokens: 12]]",
      "[[tokens: 1 2 3]]",
      "[[tokens: many few]]",
    ];
    for (const source of [...sources, "[[write: no bar]]", "[[write: | no path]]", "[[shell:]]", "[[ask]]"]) {
      const [directive] = parseDirectives(source);
      assert.deepInclude(directive, { type: "unknown", source });
    }
  });

  it("can be read from anything", () => {
    const pieces = fc.constantFrom("[[", "]]", "say", ":", "|", " ", "\\n", "1", "x", "write", "[", "]");
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => {
        for (const directive of parseDirectives(parts.join(""))) assert.isString(directive.type);
      }),
    );
  });
});
