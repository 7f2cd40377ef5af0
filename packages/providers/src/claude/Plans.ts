/** What claude means to do, step by step. Versions differ: a list that is written as a whole, or tasks one by one. */
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import { boundText } from "../shared/Bounded.ts";
import { read } from "../shared/Read.ts";
import { TaskCreated, TaskListed, TaskUpdate, Todos } from "./Wire.ts";

type PlanUpdated = Extract<ProviderRuntimeEvent, { type: "plan.updated" }>;
type Entry = PlanUpdated["entries"][number];

/** Of a longer plan, the first. */
const MAX_ENTRIES = 200;
/** Beyond these, the oldest that is done is forgotten, or else the oldest. */
const MAX_TASKS = 200;
const MAX_TEXT = 4000;

const readTodos = read(Todos);
const readUpdate = read(TaskUpdate);
const readCreated = read(TaskCreated);
const readListed = read(TaskListed);

export class Plans {
  readonly #tasks = new Map<string, Entry>();

  /** A call that went well, with what came of it. */
  done(name: string, input: unknown, outcome: unknown): ReadonlyArray<PlanUpdated> {
    switch (name) {
      case "TodoWrite": {
        const todos = readTodos(input)?.todos;
        return todos === undefined ? [] : planOf(todos.map(({ content, status }) => entry(content, status)));
      }
      case "TaskCreate": {
        const task = readCreated(outcome)?.task;
        if (task === undefined) return [];
        this.#keep(task.id, entry(task.subject, "pending"));
        return this.#plan();
      }
      case "TaskUpdate": {
        const update = readUpdate(input);
        const known = this.#tasks.get(update?.taskId ?? "");
        if (update === undefined || known === undefined) return [];
        const { taskId, subject, status } = update;
        if (status === "deleted") this.#tasks.delete(taskId);
        else this.#tasks.set(taskId, entry(subject ?? known.text, status ?? known.status));
        return this.#plan();
      }
      case "TaskList": {
        const tasks = readListed(outcome)?.tasks;
        if (tasks === undefined) return [];
        const before = JSON.stringify([...this.#tasks.values()]);
        this.#tasks.clear();
        for (const { id, subject, status } of tasks) this.#keep(id, entry(subject, status));
        return JSON.stringify([...this.#tasks.values()]) === before ? [] : this.#plan();
      }
      default:
        return [];
    }
  }

  #keep(id: string, task: Entry): void {
    this.#tasks.set(id, task);
    if (this.#tasks.size <= MAX_TASKS) return;
    const [oldest] = this.#tasks.keys();
    const done = [...this.#tasks].find(([, { status }]) => status === "completed")?.[0];
    this.#tasks.delete(done ?? oldest ?? id);
  }

  #plan(): ReadonlyArray<PlanUpdated> {
    return planOf([...this.#tasks.values()]);
  }
}

const planOf = (entries: ReadonlyArray<Entry>): ReadonlyArray<PlanUpdated> => [
  { type: "plan.updated", entries: entries.slice(0, MAX_ENTRIES) },
];

const entry = (text: string, status: string): Entry => ({
  text: boundText(text, MAX_TEXT),
  status: status === "in_progress" || status === "completed" ? status : "pending",
});
