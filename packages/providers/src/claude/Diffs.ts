/** What claude is about to change in a file, or has changed, as pieces of text before and after. Pure. */
import { Schema } from "effect";
import { maybe, read } from "../shared/Read.ts";

export interface Diff {
  readonly path: string;
  /** Absent where the file is new, or where what it held is not known. */
  readonly oldText?: string;
  readonly newText: string;
}

const Replacement = Schema.Struct({ old_string: Schema.String, new_string: Schema.String });

const readReplacements = read(Schema.Struct({ file_path: Schema.String, edits: Schema.Array(Replacement) }));
const readReplacement = read(Schema.Struct({ file_path: Schema.String, ...Replacement.fields }));
const readWhole = read(Schema.Struct({ file_path: Schema.String, content: Schema.String }));
const readCell = read(Schema.Struct({ notebook_path: Schema.String, new_source: Schema.String }));
const readOutcome = read(Schema.Struct({ originalFile: maybe(Schema.String) }));

/** By the input of the call; and, once it is over, by its outcome, which knows what a file held that was overwritten. */
export const diffsOf = (input: unknown, outcome?: unknown): ReadonlyArray<Diff> => {
  const several = readReplacements(input);
  if (several !== undefined) return several.edits.map((edit) => replaced(several.file_path, edit));
  const one = readReplacement(input);
  if (one !== undefined) return [replaced(one.file_path, one)];
  const whole = readWhole(input);
  if (whole !== undefined) {
    const before = readOutcome(outcome)?.originalFile;
    const { file_path: path, content: newText } = whole;
    return [typeof before === "string" ? { path, oldText: before, newText } : { path, newText }];
  }
  const cell = readCell(input);
  return cell === undefined ? [] : [{ path: cell.notebook_path, newText: cell.new_source }];
};

const replaced = (path: string, { old_string, new_string }: typeof Replacement.Type): Diff => ({
  path,
  oldText: old_string,
  newText: new_string,
});
