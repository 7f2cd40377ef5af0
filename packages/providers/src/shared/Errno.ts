/** Whether an error is one of these of the system's: told by its code, never by its text. */
export const isErrno = (error: unknown, ...codes: ReadonlyArray<string>): error is NodeJS.ErrnoException =>
  error instanceof Error && "code" in error && typeof error.code === "string" && codes.includes(error.code);

/** A pipe that was cut off: its other end is gone, or it was closed here. What it carried is over, which is no fault. */
export const isCutOff = (error: unknown): error is NodeJS.ErrnoException =>
  isErrno(error, "ERR_STREAM_PREMATURE_CLOSE", "ECONNRESET", "EPIPE", "ABORT_ERR");
