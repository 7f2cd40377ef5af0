/**
 * What agents, files and other programs say must not drive the terminal: no escape sequences, no control characters, no
 * characters that turn the reading direction around. Pure.
 *
 * `clean` leaves them out, which is right for prose and for the output of tools. `reveal` shows them, which is right where
 * somebody decides by what is seen: a command to approve, a path, a diff.
 */

const ESC = "\u001B";
const BEL = "\u0007";

/** One-byte forms of the introducers (CSI, and the strings DCS SOS OSC PM APC) stand beside the two-byte ones. */
const CSI = String.raw`(?:${ESC}\[|\u009B)[0-?]*[ -/]*[@-~]`;
const STRING = String.raw`(?:${ESC}[\]PX^_]|[\u0090\u0098\u009D-\u009F])[^${BEL}${ESC}\u009C\n]*(?:${BEL}|${ESC}\\|\u009C)`;
const SHORT = String.raw`${ESC}[ -/]*[0-~]`;
const SEQUENCES = new RegExp(`${CSI}|${STRING}|${SHORT}`, "g");

/** A sequence, a line end or a character whose rest may come in the next piece of a stream. */
const UNFINISHED = new RegExp(
  String.raw`(?:${ESC}(?:\[[0-?]*[ -/]*|[\]PX^_][^${BEL}${ESC}\u009C\n]{0,500}${ESC}?|[ -/]*)` +
    String.raw`|\u009B[0-?]*[ -/]*|[\u0090\u0098\u009D-\u009F][^${BEL}${ESC}\u009C\n]{0,500}|\r|[\uD800-\uDBFF])$`,
);

const CONTROLS = /(?![\n\t])\p{Cc}/gu;
const DIRECTIONS = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu;
/** Never characters of a text; this program marks its own colours with them. */
const MARKS = /[\uFDD0-\uFDEF]/gu;
/** Nothing is seen of these, so a command that holds one is not the command that it looks like. */
const INVISIBLE = /[\u00AD\u200B\u2028\u2029\u2060-\u2064\uFEFF\u{E0000}-\u{E007F}]/gu;

/** Without escape sequences, control characters but line end and tab, and direction controls. */
export const clean = (text: string): string => withoutControls(text).replaceAll(MARKS, "");

/** `clean` for text that this program has marked up itself. */
export const withoutControls = (text: string): string =>
  text
    .toWellFormed()
    .replaceAll(SEQUENCES, "")
    .replaceAll(/\r\n?/g, "\n")
    .replaceAll(CONTROLS, "")
    .replaceAll(DIRECTIONS, "");

/** `clean`, on one line. */
export const cleanLine = (text: string): string => clean(text).replaceAll(/\s+/gu, " ").trim();

/** With everything that would not be seen made visible, as `^[` or `<U+202E>`; line ends and tabs stay. */
export const reveal = (text: string): string =>
  text
    .toWellFormed()
    .replaceAll(CONTROLS, (character) => {
      const code = character.charCodeAt(0);
      return code < 0x80 ? `^${String.fromCharCode(code ^ 0x40)}` : codePoint(character);
    })
    .replaceAll(DIRECTIONS, codePoint)
    .replaceAll(MARKS, codePoint)
    .replaceAll(INVISIBLE, codePoint);

/** `reveal`, on one line. */
export const revealLine = (text: string): string => reveal(text).replaceAll("\n", "⏎").replaceAll("\t", " ");

const codePoint = (character: string): string =>
  `<U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}>`;

/** JSON that no terminal acts upon; it still says the same. */
export const escapeJson = (json: string): string =>
  json.replaceAll(
    /[\u007F-\u009F\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** `clean` for text that comes in pieces, which may cut a sequence or a character in two. */
export class CleanStream {
  #carry = "";

  push(piece: string): string {
    const text = this.#carry + piece;
    const cut = UNFINISHED.exec(text)?.index ?? text.length;
    this.#carry = text.slice(cut);
    return clean(text.slice(0, cut));
  }

  /** What was held back, when nothing more comes. */
  end(): string {
    const rest = clean(this.#carry);
    this.#carry = "";
    return rest;
  }
}
