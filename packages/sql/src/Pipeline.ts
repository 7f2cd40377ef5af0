/**
 * A connection to SQLite on a thread of its own, used as a pipeline: what gives no rows is taken for done when it is
 * handed over, goes to the thread with others, and runs while the caller goes on (the term is PostgreSQL's,
 * https://www.postgresql.org/docs/current/libpq-pipeline-mode.html). So one core writes a page of rows while another reads
 * and folds the next.
 */
import { Worker } from "node:worker_threads";
import { Deferred, Effect, type Scope, Semaphore, Stream } from "effect";
import { Reactivity } from "effect/reactivity";
import { SqlClient, type SqlConnection, SqlError, Statement } from "effect/sql";
import type { NodeSqliteOptions } from "./NodeSqlite.ts";
import type { RowShape } from "./PreparedStatements.ts";

export type PipelineOptions = Pick<NodeSqliteOptions, "filename" | "pragmas">;

/** Statements that run one after the other. What the last one gives is the answer. */
export interface Batch {
  readonly statements: ReadonlyArray<readonly [sql: string, params: ReadonlyArray<unknown>]>;
  readonly shape: RowShape;
}

/** Batches are answered in their order. */
export interface BatchAnswer {
  readonly rows: ReadonlyArray<unknown>;
  readonly failure: string | undefined;
}

export interface Pipeline {
  /**
   * Its errors come late: a statement that fails is seen by a later one that waits, by `send` or by `settle`. From then
   * on nothing runs any more and each call fails; the transaction that was open is taken back, those before it stand.
   */
  readonly sql: SqlClient.SqlClient;
  /** Has the thread begin with what was handed over, and waits while it has more than a few batches before it. */
  readonly send: Effect.Effect<void, SqlError.SqlError>;
  /** Waits until all is done. */
  readonly settle: Effect.Effect<void, SqlError.SqlError>;
}

/** Batches that the thread may have before it: enough for the caller to go on while a checkpoint runs. */
const UNDER_WAY = 6;

type Answer = Deferred.Deferred<ReadonlyArray<unknown>, SqlError.SqlError>;

const failed = (message: string) =>
  new SqlError.SqlError({
    reason: new SqlError.UnknownError({ message, operation: "pipeline", cause: new Error(message) }),
  });

class PipelinedConnection implements SqlConnection.Connection {
  readonly #thread: Worker;
  /** Batches that are not answered yet. */
  readonly #asked: Array<Answer> = [];
  #handedOver: Array<readonly [string, ReadonlyArray<unknown>]> = [];
  #failure: SqlError.SqlError | undefined;

  constructor(thread: Worker) {
    this.#thread = thread;
    thread.on("message", ({ rows, failure }: BatchAnswer) => {
      if (failure !== undefined) return this.#fail(failure);
      const answer = this.#asked.shift();
      if (answer !== undefined) Deferred.doneUnsafe(answer, Effect.succeed(rows));
    });
    thread.on("error", (error) => this.#fail(`The pipeline's thread died: ${String(error)}`));
    thread.on("exit", () => this.#fail("The pipeline's thread is gone."));
  }

  /** Nothing that it still has will run. */
  #fail(message: string): void {
    this.#failure ??= failed(message);
    for (const answer of this.#asked.splice(0)) Deferred.doneUnsafe(answer, Effect.fail(this.#failure));
  }

  #post(shape: RowShape): Answer {
    const answer: Answer = Deferred.makeUnsafe();
    if (this.#failure !== undefined) {
      Deferred.doneUnsafe(answer, Effect.fail(this.#failure));
      return answer;
    }
    this.#asked.push(answer);
    this.#thread.postMessage({ statements: this.#handedOver, shape } satisfies Batch);
    this.#handedOver = [];
    return answer;
  }

  #later(sql: string, params: ReadonlyArray<unknown>): Effect.Effect<[]> {
    return Effect.sync(() => {
      this.#handedOver.push([sql, params]);
      return [];
    });
  }

  #now<Row>(sql: string, params: ReadonlyArray<unknown>, shape: RowShape) {
    return Effect.suspend(() => {
      this.#handedOver.push([sql, params]);
      return Deferred.await(this.#post(shape)) as Effect.Effect<ReadonlyArray<Row>, SqlError.SqlError>;
    });
  }

  readonly send = Effect.suspend(() => {
    this.#post("objects");
    if (this.#failure !== undefined) return Effect.fail(this.#failure);
    const earlier = this.#asked.at(-1 - UNDER_WAY);
    return earlier === undefined ? Effect.void : Effect.asVoid(Deferred.await(earlier));
  });

  readonly settle = Effect.suspend(() => Effect.asVoid(Deferred.await(this.#post("objects"))));

  execute(
    sql: string,
    params: ReadonlyArray<unknown>,
    transformRows?: <A extends object>(rows: ReadonlyArray<A>) => ReadonlyArray<A>,
  ) {
    const rows = this.#now<Record<string, unknown>>(sql, params, "objects");
    return transformRows ? Effect.map(rows, transformRows) : rows;
  }

  executeRaw(sql: string, params: ReadonlyArray<unknown>) {
    return this.#later(sql, params);
  }

  executeValues(sql: string, params: ReadonlyArray<unknown>) {
    return this.#now<ReadonlyArray<unknown>>(sql, params, "values");
  }

  executeValuesUnprepared(sql: string, params: ReadonlyArray<unknown>) {
    return this.executeValues(sql, params);
  }

  /** Beginnings and ends of transactions. */
  executeUnprepared(sql: string, params: ReadonlyArray<unknown>) {
    return this.#later(sql, params);
  }

  executeStream(): Stream.Stream<never> {
    return Stream.die("Read pages instead: a stream would hold the one connection while it is pulled.");
  }
}

/** Ends once it is done with what it was sent. */
const startThread = (options: PipelineOptions) =>
  Effect.acquireRelease(
    Effect.sync(() => new Worker(new URL("./PipelineThread.ts", import.meta.url), { workerData: options })),
    (thread) =>
      Effect.callback<void>((resume) => {
        if (thread.threadId === -1) return resume(Effect.void);
        thread.once("exit", () => resume(Effect.void));
        thread.postMessage(null);
      }),
  );

/** Opens the file with these pragmas. A file that cannot be opened fails the first statement. */
export const openPipeline = (options: PipelineOptions): Effect.Effect<Pipeline, never, Scope.Scope> =>
  Effect.gen(function* () {
    const connection = new PipelinedConnection(yield* startThread(options));
    const sql = yield* SqlClient.make({
      ...SqlClient.makeSqliteAcquirers({
        connection: Effect.succeed(connection),
        semaphore: yield* Semaphore.make(1),
      }),
      compiler: Statement.makeCompilerSqlite(),
      driver: "node:sqlite",
      spanAttributes: [],
      beginTransaction: "BEGIN IMMEDIATE",
    });
    return { sql, send: connection.send, settle: connection.settle };
  }).pipe(Effect.provide(Reactivity.layer));
