/**
 * The simulated machine's disk: a real SQLite file in a folder of its own, whose statements fail when the dice say so, and
 * which a crash leaves as it is at that moment.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, type SQLOutputValue, type StatementSync } from "node:sqlite";
import {
  type Failure,
  interceptStatements,
  SQLITE_FULL,
  SQLITE_IOERR,
} from "@heddle/orchestrator/testing/faulty-sqlite";
import type { Dice } from "./Dice.ts";
import type { Trace } from "./Trace.ts";

/** Memory where the system has a place for it: what is simulated is the process's death, not the machine's. */
export const temporaryRoot = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

const NO_LIMIT = 1_000_000_000;
const prepareOriginal = DatabaseSync.prototype.prepare;

/** How a statement fails. The last two are carried out, and the caller sees an error. */
const FAULTS = {
  "an I/O error": { errcode: SQLITE_IOERR, carriedOut: false },
  "a full disk": { errcode: SQLITE_FULL, carriedOut: false },
  "an error after it was carried out": { errcode: SQLITE_IOERR, carriedOut: true },
  "an error after the commit": { errcode: SQLITE_IOERR, carriedOut: true },
} as const satisfies Record<string, Failure>;

interface Planned {
  readonly name: keyof typeof FAULTS;
  /** Statements until then. */
  wait: number;
  /** How many fail in a row. */
  left: number;
}

type Row = Record<string, SQLOutputValue>;

export class Disk {
  readonly #dice: Dice;
  readonly #trace: Trace;
  readonly #folder: string;
  readonly #handles = new Set<DatabaseSync>();
  #generation = 0;
  #planned: Planned | undefined;
  #meanGap = 0;
  #window: DatabaseSync | undefined;
  readonly #views = new Map<string, StatementSync>();
  #restore: (() => void) | undefined;

  constructor(dice: Dice, trace: Trace, template: string) {
    this.#dice = dice;
    this.#trace = trace;
    this.#folder = mkdtempSync(join(temporaryRoot, "heddle-simulation-"));
    copyFileSync(template, this.file);
  }

  /** The database as it stands; another file after a crash. */
  get file(): string {
    return join(this.#folder, `heddle-${this.#generation}.db`);
  }

  /** A path beside it that is not taken. */
  beside(name: string): string {
    return join(this.#folder, name);
  }

  /** The server's process begins: its statements pass through here until `crash` or `detach`. */
  attach(): void {
    const { prototype } = DatabaseSync;
    const handles = this.#handles;
    prototype.prepare = function (sql, ...rest) {
      handles.add(this);
      return prepareOriginal.call(this, sql, ...rest);
    };
    const restoreStatements = interceptStatements((statement) => this.#judge(statement));
    this.#restore = () => {
      restoreStatements();
      prototype.prepare = prepareOriginal;
    };
  }

  /** The server's process has ended. */
  detach(): void {
    this.#restore?.();
    this.#restore = undefined;
    this.#meanGap = 0;
    this.#planned = undefined;
    this.#window?.close();
    this.#window = undefined;
    this.#views.clear();
    for (const handle of this.#handles) if (handle.isOpen) handle.close();
    this.#handles.clear();
  }

  /** The process is killed: what it had written so far is what the next one finds, its log of writes included. */
  crash(): void {
    const before = this.file;
    this.#generation += 1;
    copyFileSync(before, this.file);
    if (existsSync(`${before}-wal`)) copyFileSync(`${before}-wal`, `${this.file}-wal`);
    this.detach();
  }

  remove(): void {
    this.detach();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Statements fail from now on, about one in `meanGap`; 0 ends it. */
  setFaults(meanGap: number): void {
    this.#meanGap = meanGap;
    this.#planned = undefined;
  }

  /** Takes the room for new pages away, or gives it back. */
  setFull(full: boolean): void {
    this.#trace.add("disk", full ? "is full" : "has room again");
    for (const handle of this.#handles) {
      if (!handle.isOpen) continue;
      const [pages] = this.#pastFaults(prepareOriginal.call(handle, "PRAGMA page_count"));
      const limit = full ? Number(pages?.["page_count"]) : NO_LIMIT;
      this.#pastFaults(prepareOriginal.call(handle, `PRAGMA max_page_count = ${limit}`));
    }
  }

  /** What is on disk and committed, seen from outside of the server. */
  look(sql: string, ...parameters: ReadonlyArray<string | number | null>): ReadonlyArray<Row> {
    const window = (this.#window ??= new DatabaseSync(this.file, { readOnly: true }));
    let statement = this.#views.get(sql);
    if (statement === undefined) {
      statement = prepareOriginal.call(window, sql);
      this.#views.set(sql, statement);
    }
    return this.#pastFaults(statement, parameters);
  }

  /** Looking is not what fails. */
  #pastFaults(
    statement: StatementSync,
    parameters: ReadonlyArray<string | number | null> = [],
  ): ReadonlyArray<Row> {
    const planned = this.#planned;
    const meanGap = this.#meanGap;
    this.#planned = undefined;
    this.#meanGap = 0;
    try {
      return statement.all(...parameters);
    } finally {
      this.#planned = planned;
      this.#meanGap = meanGap;
    }
  }

  #judge(statement: string): Failure | undefined {
    if (this.#meanGap === 0) return undefined;
    this.#planned ??= {
      name: this.#dice.weighted({
        "an I/O error": 3,
        "a full disk": 2,
        "an error after it was carried out": 2,
        "an error after the commit": 3,
      }),
      wait: this.#dice.between(1, 2 * this.#meanGap),
      left: this.#dice.chance(0.2) ? this.#dice.between(2, 8) : 1,
    };
    const planned = this.#planned;
    planned.wait -= 1;
    if (planned.wait > 0) return undefined;
    if (planned.name === "an error after the commit" && statement !== "COMMIT") return undefined;
    planned.left -= 1;
    if (planned.left === 0) this.#planned = undefined;
    this.#trace.add("disk", `${planned.name}: ${statement.replaceAll(/\s+/g, " ").slice(0, 80)}`);
    return FAULTS[planned.name];
  }
}
