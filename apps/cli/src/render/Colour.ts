/**
 * Colours as marks in the text, so that rendering is pure: whoever prints turns the marks into the terminal's codes, or
 * leaves them out. The marks are noncharacters, which no text holds.
 */

const STYLES = {
  bold: 1,
  dim: 2,
  red: 31,
  green: 32,
  yellow: 33,
  blue: 34,
  magenta: 35,
  cyan: 36,
} as const;

export type Style = keyof typeof STYLES;

const FIRST = 0xfdd0;
const END = String.fromCharCode(FIRST);
const names = Object.keys(STYLES) as ReadonlyArray<Style>;
const ANY_MARK = /[\uFDD0-\uFDEF]/gu;

const styled =
  (style: Style) =>
  (text: string): string =>
    text === "" ? "" : `${String.fromCharCode(FIRST + 1 + names.indexOf(style))}${text}${END}`;

export const bold = styled("bold");
export const dim = styled("dim");
export const red = styled("red");
export const green = styled("green");
export const yellow = styled("yellow");
export const blue = styled("blue");
export const magenta = styled("magenta");
export const cyan = styled("cyan");

const codes = (...parameters: ReadonlyArray<number>): string => `\u001B[${parameters.join(";")}m`;

/** Text as a terminal takes it. Styles may stand within one another. */
export const resolveMarks = (text: string, colour: boolean): string => {
  if (!colour) return withoutMarks(text);
  const open: Array<number> = [];
  const coloured = text.replaceAll(ANY_MARK, (mark) => {
    if (mark === END) {
      open.pop();
      return codes(0, ...open);
    }
    const style = names[mark.charCodeAt(0) - FIRST - 1];
    if (style === undefined) return "";
    open.push(STYLES[style]);
    return codes(STYLES[style]);
  });
  // A text that was cut may have lost the end of a style.
  return open.length > 0 ? coloured + codes(0) : coloured;
};

/** The text alone. */
export const withoutMarks = (text: string): string => text.replaceAll(ANY_MARK, "");
