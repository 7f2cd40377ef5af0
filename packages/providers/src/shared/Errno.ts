/** Whether an error is one of these of the system's: told by its code, never by its text. */
export const isErrno = (error: unknown, ...codes: ReadonlyArray<string>): error is NodeJS.ErrnoException =>
  error instanceof Error && "code" in error && typeof error.code === "string" && codes.includes(error.code);
