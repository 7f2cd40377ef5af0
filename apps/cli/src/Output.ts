/**
 * All that goes to the terminal. Text for people passes the sanitizer here, so that nothing that an agent said can drive
 * the terminal, whichever command printed it; colours are marks until then.
 */
import { Context, Effect, Layer } from "effect";
import type { OutputSettings } from "./Environment.ts";
import { resolveMarks, withoutMarks } from "./render/Colour.ts";
import { escapeJson, withoutControls } from "./render/Sanitize.ts";
import { truncate } from "./render/Table.ts";

export class Output extends Context.Service<
  Output,
  {
    /** JSON is wanted, and nothing else may stand on stdout. */
    readonly json: boolean;
    /** Somebody sits there who can answer. */
    readonly interactive: boolean;
    /** A terminal shows what is printed. */
    readonly terminal: boolean;
    /** Cells of a line; without a terminal there is no end. */
    readonly columns: () => number;
    /** For people, on stdout. */
    readonly print: (text: string) => Effect.Effect<void>;
    /** Bytes as they are, where no terminal would act upon them. */
    readonly printBytes: (bytes: Uint8Array) => Effect.Effect<void>;
    /** For people, on stderr: hints and what went wrong. */
    readonly printError: (text: string) => Effect.Effect<void>;
    /** One JSON value, on its own. */
    readonly printJson: (value: unknown) => Effect.Effect<void>;
    /** One JSON value on one line, of many. */
    readonly printJsonLine: (value: unknown) => Effect.Effect<void>;
    /** One JSON value on one line, on stderr. */
    readonly printJsonError: (value: unknown) => Effect.Effect<void>;
    /** A line that is gone when something is printed, and then stands below it; undefined takes it away. */
    readonly status: (text: string | undefined) => Effect.Effect<void>;
    /** The person ended the status line with their own line end. */
    readonly statusAnswered: Effect.Effect<void>;
  }
>()("heddle/cli/Output") {
  static readonly layer = (settings: OutputSettings) => Layer.sync(Output, () => makeOutput(settings));
}

const CLEAR_LINE = "\r\u001B[2K";

const makeOutput = ({ json, colour }: OutputSettings): Output["Service"] => {
  const { stdout, stderr, stdin } = process;
  const terminal = stdout.isTTY === true;
  const coloured = (stream: NodeJS.WriteStream): boolean => colour ?? stream.isTTY === true;
  const forPeople = (text: string, stream: NodeJS.WriteStream): string =>
    resolveMarks(withoutControls(text), coloured(stream));
  const columns = (): number => (terminal ? stdout.columns || 80 : Number.POSITIVE_INFINITY);

  let atLineStart = true;
  let wanted: string | undefined;
  let shown = false;

  const statusLine = (): string => {
    if (wanted === undefined || !atLineStart || !terminal) return "";
    shown = true;
    return forPeople(wanted, stdout);
  };
  const withStatus = (text: string): string => {
    const cleared = shown ? CLEAR_LINE : "";
    shown = false;
    // The end of a colour may stand behind the end of the line.
    if (text !== "") atLineStart = withoutMarks(text).endsWith("\n");
    return cleared + forPeople(text, stdout) + statusLine();
  };

  return Output.of({
    json,
    interactive: !json && terminal && stdin.isTTY === true,
    terminal,
    columns,
    print: (text) => Effect.suspend(() => write(stdout, withStatus(text))),
    printBytes: (bytes) => write(stdout, bytes),
    printError: (text) =>
      Effect.suspend(() => {
        const message = forPeople(text, stderr);
        // On one terminal, the status line would stand in the way.
        return shown
          ? Effect.andThen(write(stdout, CLEAR_LINE), write(stderr, message))
          : write(stderr, message);
      }),
    printJson: (value) => write(stdout, `${escapeJson(JSON.stringify(value, null, 2))}\n`),
    printJsonLine: (value) => write(stdout, `${escapeJson(JSON.stringify(value))}\n`),
    printJsonError: (value) => write(stderr, `${escapeJson(JSON.stringify(value))}\n`),
    status: (text) =>
      Effect.suspend(() => {
        const line = text === undefined ? undefined : truncate(text, columns() - 1);
        if (line === wanted && shown === (line !== undefined)) return Effect.void;
        wanted = line;
        return terminal && !json ? write(stdout, withStatus("")) : Effect.void;
      }),
    statusAnswered: Effect.sync(() => {
      wanted = undefined;
      shown = false;
    }),
  });
};

/** Done when the system has it. A reader that went away (`| head`) ends the program, without a word. */
const write = (stream: NodeJS.WriteStream, content: string | Uint8Array): Effect.Effect<void> =>
  content.length === 0
    ? Effect.void
    : Effect.callback<void>((resume) => {
        stream.write(content, (error) => {
          resume(
            (error as NodeJS.ErrnoException | null | undefined)?.code === "EPIPE"
              ? Effect.interrupt
              : Effect.void,
          );
        });
      });
