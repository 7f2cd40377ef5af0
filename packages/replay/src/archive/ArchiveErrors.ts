/** What can be wrong with an archive, its file, or the database that it is to go into. */
import { Schema } from "effect";

const wordsOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** A file could not be read or written. */
export class ArchiveFileError extends Schema.TaggedError<ArchiveFileError>()("ArchiveFileError", {
  path: Schema.String,
  operation: Schema.Literals(["open", "read", "write", "flush", "rename", "remove"]),
  cause: Schema.Defect(),
}) {
  override get message(): string {
    return `Could not ${this.operation} ${this.path}: ${wordsOf(this.cause)}. Look at its folder, its permissions and the disk.`;
  }
}

/** A file of that name is there already. */
export class ArchiveFileExists extends Schema.TaggedError<ArchiveFileExists>()("ArchiveFileExists", {
  path: Schema.String,
}) {
  override get message(): string {
    return `${this.path} is there already, and was left as it is.`;
  }
}

/** The archive to be written was to begin where the log has not yet come to. */
export class LogEndsBefore extends Schema.TaggedError<LogEndsBefore>()("LogEndsBefore", {
  fromSequenceExclusive: Schema.Int,
  headSequence: Schema.Int,
}) {
  override get message(): string {
    return `The log ends at event ${this.headSequence}, before event ${this.fromSequenceExclusive}. Give the number that the last archive of this log ended with.`;
  }
}

/** The file holds no log. */
export class NoLog extends Schema.TaggedError<NoLog>()("NoLog", { path: Schema.String }) {
  override get message(): string {
    return `${this.path} is no database of Heddle.`;
  }
}

/** SQLite could not read or write the database. What was committed stays. */
export class ArchiveDatabaseError extends Schema.TaggedError<ArchiveDatabaseError>()("ArchiveDatabaseError", {
  path: Schema.String,
  operation: Schema.Literals(["read", "write"]),
  reason: Schema.String,
}) {
  override get message(): string {
    return `The database ${this.path} could not be ${this.operation === "read" ? "read" : "written"}: ${this.reason}.`;
  }
}

/** The archive is not as it was written. */
export class ArchiveDamaged extends Schema.TaggedError<ArchiveDamaged>()("ArchiveDamaged", {
  archive: Schema.String,
  /** From 1. */
  line: Schema.Int,
  problem: Schema.String,
}) {
  override get message(): string {
    return `${this.archive} is damaged or incomplete, at line ${this.line}: ${this.problem}. Copy it again from where it came from, or export it again.`;
  }
}

/** A newer version of Heddle wrote the archive. */
export class ArchiveTooNew extends Schema.TaggedError<ArchiveTooNew>()("ArchiveTooNew", {
  archive: Schema.String,
  version: Schema.Int,
  known: Schema.Int,
}) {
  override get message(): string {
    return `${this.archive} is an archive of version ${this.version}; this version of Heddle reads them up to version ${this.known}. Import it with the version that wrote it, or a newer one.`;
  }
}

/** The archive holds threads that were pruned, and not the log around them. */
export class ArchiveOfThreads extends Schema.TaggedError<ArchiveOfThreads>()("ArchiveOfThreads", {
  archive: Schema.String,
  threads: Schema.Int,
}) {
  override get message(): string {
    return `${this.archive} holds ${this.threads} threads that were pruned, for reading; it is no part of a log that can be imported.`;
  }
}

/** Between the end of the database and the beginning of the archive something is missing. */
export class ArchiveGap extends Schema.TaggedError<ArchiveGap>()("ArchiveGap", {
  archive: Schema.String,
  fromSequenceExclusive: Schema.Int,
  headSequence: Schema.Int,
}) {
  override get message(): string {
    return `${this.archive} begins after event ${this.fromSequenceExclusive}, and the database ends at event ${this.headSequence}. First import the archive that goes from event ${this.headSequence + 1} to event ${this.fromSequenceExclusive}, or a whole one.`;
  }
}

/** The archive and the database are not of one log. */
export class ArchiveConflict extends Schema.TaggedError<ArchiveConflict>()("ArchiveConflict", {
  archive: Schema.String,
  /** The first one that differs. */
  sequence: Schema.Int,
  problem: Schema.String,
}) {
  override get message(): string {
    return `${this.archive} does not fit this database: from event ${this.sequence} on they differ (${this.problem}). Import it into another data directory.`;
  }
}

export type ImportProblem =
  | ArchiveFileError
  | ArchiveDamaged
  | ArchiveTooNew
  | ArchiveOfThreads
  | ArchiveGap
  | ArchiveConflict;
