/** Breaks text into lines between words, also where it comes in pieces. */
import { width } from "./Table.ts";

/** A word is held back while more of it may come, but not longer than this. */
const MAX_WORD = 60;

export class WrapStream {
  readonly #indent: string;
  readonly #columns: number;
  #column = 0;
  #spaces = "";
  #word = "";

  /** Each line begins with `indent`, and ends before `columns`. */
  constructor(indent: string, columns: number) {
    this.#indent = indent;
    this.#columns = columns;
  }

  /** The part that can be shown now. */
  push(piece: string): string {
    let out = "";
    for (const [token] of piece.matchAll(/\n|[^\S\n]+|\S+/gu)) {
      if (token === "\n") out += this.#takeWord() + this.#lineEnd();
      else if (/^\s/u.test(token)) {
        out += this.#takeWord();
        this.#spaces += token;
      } else this.#word += token;
    }
    const mayGrow = this.#columns !== Number.POSITIVE_INFINITY && this.#word.length <= MAX_WORD;
    return mayGrow ? out : out + this.#takeWord();
  }

  /** What was held back, in the middle of its line. */
  release(): string {
    return this.#takeWord();
  }

  /** What was held back, and the end of the line where one is open. */
  end(): string {
    const rest = this.#takeWord();
    return this.#column === 0 ? rest : rest + this.#lineEnd();
  }

  #lineEnd(): string {
    this.#column = 0;
    this.#spaces = "";
    return "\n";
  }

  #takeWord(): string {
    const word = this.#word;
    if (word === "") return "";
    this.#word = "";
    const cells = width(word);
    let before = "";
    if (this.#column > 0 && this.#column + width(this.#spaces) + cells >= this.#columns)
      before = this.#lineEnd();
    if (this.#column === 0) {
      before += this.#indent;
      this.#column = this.#indent.length;
    }
    const text = this.#spaces + word;
    this.#column += width(this.#spaces) + cells;
    this.#spaces = "";
    return before + text;
  }
}

/** Lines behind an indent, each ended. What is indented further is printed as it is: output of tools, changed lines. */
export const fitLines = (lines: ReadonlyArray<string>, indent: string, columns: number): string =>
  lines
    .map((line) => (line.startsWith("    ") ? `${indent}${line}\n` : wrap(line, indent, columns)))
    .join("");

/** A whole text in lines, each ended. */
export const wrap = (text: string, indent: string, columns: number): string => {
  const stream = new WrapStream(indent, columns);
  return stream.push(text) + stream.end();
};
