/** The demo agent's language: what it is to do, written into the prompt as `[[name: argument]]`. Pure. */
import { withoutEarlierConversation } from "../shared/EarlierConversation.ts";

export type Directive =
  | { readonly type: "say"; readonly text: string }
  | { readonly type: "think"; readonly text: string }
  | { readonly type: "lorem"; readonly words: number }
  | { readonly type: "plan"; readonly entries: ReadonlyArray<string> }
  | { readonly type: "write"; readonly path: string; readonly content: string }
  | { readonly type: "shell"; readonly command: string }
  | { readonly type: "ask"; readonly question: string }
  | { readonly type: "tokens"; readonly input: number; readonly output: number }
  | { readonly type: "slow"; readonly milliseconds: number }
  | { readonly type: "fail"; readonly message: string }
  | { readonly type: "crash" }
  | { readonly type: "hang" }
  /** Nothing that the agent knows, or known with an argument that it cannot use. */
  | { readonly type: "unknown"; readonly source: string; readonly problem: string };

const MAX_WORDS = 1_000_000;
const MAX_DELAY = 60_000;
const MAX_TOKENS = 1_000_000_000;

/** In order. A directive ends at the first `]]`; what stands between directives is not read, nor an earlier conversation. */
export const parseDirectives = (told: string): ReadonlyArray<Directive> => {
  const prompt = withoutEarlierConversation(told);
  const directives: Array<Directive> = [];
  for (let start = prompt.indexOf("[["); start !== -1; start = prompt.indexOf("[[", start)) {
    const end = prompt.indexOf("]]", start);
    if (end === -1) break;
    const inner = prompt.slice(start + 2, end);
    const [, name, argument] = /^\s*([\w-]+)\s*(?::(.*))?$/s.exec(inner) ?? [];
    if (name !== undefined) directives.push(directive(`[[${inner}]]`, name, argument?.trim() ?? ""));
    // Double brackets also stand in code; then a directive may begin within.
    start = name === undefined ? start + 2 : end + 2;
  }
  return directives;
};

const directive = (source: string, name: string, argument: string): Directive => {
  const unknown = (problem: string): Directive => ({ type: "unknown", source, problem });
  const needs = (what: string): Directive => unknown(`"${name}" needs ${what}`);
  switch (name) {
    case "say":
    case "think":
      return argument === "" ? needs("a text") : { type: name, text: unescape(argument) };
    case "lorem": {
      const words = wholeNumber(argument, MAX_WORDS);
      return words === undefined ? needs(`a number of words up to ${MAX_WORDS}`) : { type: "lorem", words };
    }
    case "slow": {
      const milliseconds = wholeNumber(argument, MAX_DELAY);
      return milliseconds === undefined
        ? needs(`a number of milliseconds up to ${MAX_DELAY}`)
        : { type: "slow", milliseconds };
    }
    case "tokens": {
      const [input, output, ...more] = argument.split(/\s+/).map((word) => wholeNumber(word, MAX_TOKENS));
      return input === undefined || output === undefined || more.length > 0
        ? needs(`two numbers up to ${MAX_TOKENS}: of tokens that went in, and of those that came out`)
        : { type: "tokens", input, output };
    }
    case "plan": {
      const entries = argument
        .split(";")
        .map((entry) => entry.trim())
        .filter((entry) => entry !== "");
      return entries.length === 0 ? needs("entries, separated by semicolons") : { type: "plan", entries };
    }
    case "write": {
      const bar = argument.indexOf("|");
      const path = argument.slice(0, bar).trim();
      return bar === -1 || path === ""
        ? needs('a path and a content, separated by "|"')
        : { type: "write", path, content: unescape(argument.slice(bar + 1).trim()) };
    }
    case "shell":
      return argument === "" ? needs("a command") : { type: "shell", command: argument };
    case "ask":
      return argument === "" ? needs("a question") : { type: "ask", question: argument };
    case "fail":
      return { type: "fail", message: argument === "" ? "The demo agent was told to fail." : argument };
    case "crash":
    case "hang":
      return { type: name };
    default:
      return unknown(`there is no "${name}"`);
  }
};

const wholeNumber = (text: string, max: number): number | undefined =>
  /^\d+$/.test(text) && Number(text) <= max ? Number(text) : undefined;

const unescape = (text: string): string => text.replaceAll(String.raw`\n`, "\n");
