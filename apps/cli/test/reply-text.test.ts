import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { join, type Piece, replyFrom } from "../src/render/ReplyText.ts";

const joined = (pieces: ReadonlyArray<Piece>, known = 0): string => {
  let reply = replyFrom(known);
  let out = "";
  for (const piece of pieces) {
    const [next, text] = join(reply, piece);
    reply = next;
    out += text;
  }
  return out;
};

/** A text, cut into the pieces that two sources tell of it. */
const pieces = (text: string, cuts: ReadonlyArray<number>): ReadonlyArray<Piece> => {
  const places = [0, ...cuts.toSorted((left, right) => left - right), text.length];
  return places.slice(1).map((end, index) => {
    const offset = places[index] ?? 0;
    return { offset, text: text.slice(offset, end) };
  });
};

const TEXT = "The quick brown fox jumps over the lazy dog 😀 and on.";
const cuts = fc.array(fc.nat(TEXT.length));

describe("the words of a reply", () => {
  it("come once where both deltas and segments come", () => {
    const out = joined([
      { offset: 0, text: "Hello " },
      { offset: 6, text: "world" },
      { offset: 0, text: "Hello wor" },
      { offset: 9, text: "ld" },
      { offset: 11, text: "" },
    ]);
    expect(out).toBe("Hello world");
  });

  it("wait behind a gap until a segment fills it", () => {
    const [first, nothing] = join(replyFrom(0), { offset: 6, text: "world" });
    expect(nothing).toBe("");
    const [second, all] = join(first, { offset: 0, text: "Hello " });
    expect(all).toBe("Hello world");
    expect(second).toEqual({ length: 11, ahead: [] });
  });

  it("go on behind what a snapshot had", () => {
    expect(
      joined(
        [
          { offset: 0, text: "Hello " },
          { offset: 4, text: "o world" },
        ],
        5,
      ),
    ).toBe(" world");
  });

  it("come once and in order, whatever overlaps, is missing or comes late", () => {
    fc.assert(
      fc.property(
        cuts,
        cuts,
        fc.array(fc.boolean(), { minLength: 80, maxLength: 80 }),
        fc.infiniteStream(fc.nat()),
        (deltaCuts, segmentCuts, kept, order) => {
          // Deltas may be left out; segments come all, in order; how the two mix is anybody's guess.
          const deltas = pieces(TEXT, deltaCuts).filter((_, index) => kept[index % kept.length]);
          const segments = [...pieces(TEXT, segmentCuts)];
          const mixed: Array<Piece> = [];
          for (const delta of deltas) {
            while (segments.length > 0 && (order.next().value ?? 0) % 2 === 0)
              mixed.push(...segments.splice(0, 1));
            mixed.push(delta);
          }
          expect(joined([...mixed, ...segments])).toBe(TEXT);
        },
      ),
    );
  });

  it("never double, in whatever order they come", () => {
    fc.assert(
      fc.property(
        cuts,
        cuts,
        fc.infiniteStream(fc.nat()),
        fc.nat(TEXT.length),
        (left, right, order, known) => {
          const shuffled = [...pieces(TEXT, left), ...pieces(TEXT, right)]
            .map((piece) => ({ piece, rank: order.next().value ?? 0 }))
            .toSorted((one, other) => one.rank - other.rank)
            .map(({ piece }) => piece);
          expect(joined(shuffled, known)).toBe(TEXT.slice(known));
        },
      ),
    );
  });
});
