/** `heddle blob show`: content that is too large for its event. */
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { blobBytes } from "@heddle/client/Blobs";
import { BlobHash } from "@heddle/contracts/Model";
import { Effect, Option } from "effect";
import { Argument, Command, Flag } from "effect/cli";
import { CliFailure } from "../CliFailure.ts";
import { connected } from "../Connection.ts";
import { workingFolder } from "../Environment.ts";
import { Output } from "../Output.ts";
import { green } from "../render/Colour.ts";
import { revealLine } from "../render/Sanitize.ts";

const show = Command.make(
  "show",
  {
    hash: Argument.String("hash").pipe(
      Argument.withDescription("SHA-256 of the content, as an event or a hint shows it"),
      Argument.withSchema(BlobHash),
    ),
    file: Flag.String("output").pipe(
      Flag.withAlias("o"),
      Flag.withMetavar("<file>"),
      Flag.withDescription("Write it to this file, byte for byte, instead of printing it"),
      Flag.optional,
    ),
  },
  ({ hash, file }) =>
    connected((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        const bytes = yield* blobBytes(client, hash);
        if (Option.isSome(file)) {
          const path = resolve(workingFolder(), file.value);
          yield* save(path, bytes);
          if (output.json) return yield* output.printJson({ hash, bytes: bytes.length, path });
          return yield* output.print(`${green("✓")} ${bytes.length} bytes in ${revealLine(path)}\n`);
        }
        const text = textOf(bytes);
        if (output.json) {
          const content = text === undefined ? { data: Buffer.from(bytes).toString("base64") } : { text };
          return yield* output.printJson({ hash, bytes: bytes.length, ...content });
        }
        if (!output.terminal) return yield* output.printBytes(bytes);
        if (text === undefined) {
          return yield* new CliFailure({
            kind: "not-text",
            message: `These ${bytes.length} bytes are not text, and a terminal cannot show them.`,
            hint: "Keep them with --output FILE, or pipe them to a program that reads them.",
          });
        }
        yield* output.print(text.endsWith("\n") ? text : `${text}\n`);
      }),
    ),
).pipe(
  Command.withDescription(
    "Print what was too large for its event: a long prompt, a tool's output, an attachment. " +
      "At a terminal without control characters, else byte for byte",
  ),
  Command.withShortDescription("Print what was too large for its event"),
  Command.withExamples([
    { command: "heddle blob show HASH | less", description: "HASH is all of its 64 digits" },
    { command: "heddle blob show HASH --output photo.png" },
  ]),
);

const save = (path: string, bytes: Uint8Array) =>
  Effect.tryPromise({
    try: () => writeFile(path, bytes),
    catch: (cause) =>
      new CliFailure({
        kind: "not-written",
        message: `${path} could not be written: ${cause instanceof Error ? cause.message : String(cause)}`,
      }),
  });

/** Undefined where the bytes are not a text in UTF-8. */
const textOf = (bytes: Uint8Array): string | undefined => {
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
};

export const blob = Command.make("blob").pipe(
  Command.withDescription("Content that is too large for its event, by its hash"),
  Command.withSubcommands([show]),
);
