/** Lists of files as events hold them: not longer than a person reads. Git knows the rest. */

const MAX_FILES = 1000;
/** Paths may be long; together they take no more than this. */
const MAX_CHARACTERS = 64 * 1024;

export interface BoundedFiles<File> {
  readonly kept: ReadonlyArray<File>;
  /** How many were left out behind them. */
  readonly omitted: number;
}

/** The first of a list. `wordsOf` gives what is written out of a file. */
export const boundedFiles = <File>(
  files: ReadonlyArray<File>,
  wordsOf: (file: File) => string,
): BoundedFiles<File> => {
  let characters = 0;
  let count = 0;
  for (const file of files) {
    characters += wordsOf(file).length;
    if (count === MAX_FILES || characters > MAX_CHARACTERS) break;
    count += 1;
  }
  return count === files.length
    ? { kept: files, omitted: 0 }
    : { kept: files.slice(0, count), omitted: files.length - count };
};
