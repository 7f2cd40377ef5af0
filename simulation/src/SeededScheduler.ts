/**
 * Runs fibers one task at a time, in an order that the dice choose, and lets them be interrupted by others between any two
 * operations. Nothing runs but by `step`: no promise, no timer, no event loop. What is thrown away with tasks in it has
 * stopped dead, as a killed process does.
 */
import type { Scheduler } from "effect/Scheduler";
import type { Dice } from "./Dice.ts";

type Task = () => void;

/** The tasks of one fiber: they keep their order, whatever comes between. */
interface Lane {
  readonly tasks: Array<Task>;
}

export class SeededScheduler implements Scheduler {
  readonly executionMode = "async";
  readonly #dice: Dice;
  /** Operations that a fiber runs at most before another may. */
  readonly #longestTurn: number;
  /** Those with tasks. */
  readonly #ready: Array<Lane> = [];
  #turn = 1;

  constructor(dice: Dice, longestTurn: number) {
    this.#dice = dice;
    this.#longestTurn = longestTurn;
  }

  shouldYield(): boolean {
    this.#turn -= 1;
    if (this.#turn > 0) return false;
    this.#turn = this.#dice.between(1, this.#longestTurn);
    return true;
  }

  makeDispatcher() {
    const lane: Lane = { tasks: [] };
    return {
      scheduleTask: (task: Task) => {
        if (lane.tasks.length === 0) this.#ready.push(lane);
        lane.tasks.push(task);
      },
      flush: () => {
        throw new Error("A fiber asked to be run at once; the simulation runs them by steps.");
      },
    };
  }

  /** Runs one task. False where there is none. */
  step(): boolean {
    const at = this.#dice.between(0, this.#ready.length - 1);
    const lane = this.#ready[at];
    const task = lane?.tasks.shift();
    if (!lane || !task) return false;
    if (lane.tasks.length === 0) {
      const last = this.#ready.pop();
      if (last && last !== lane) this.#ready[at] = last;
    }
    task();
    return true;
  }
}
