/** All that outlives the server's process in a run: the disk, time, the clients' memories, the agents' processes. */
import type { ApprovalRequestId, ThreadId, TurnId } from "@heddle/contracts/Ids";
import { Dice } from "./Dice.ts";
import { Disk } from "./Disk.ts";
import { SimulatedClock } from "./SimulatedClock.ts";
import { Trace } from "./Trace.ts";

/** A law that does not hold. */
export interface Broken {
  readonly law: string;
  readonly message: string;
}

export interface SeenRequest {
  readonly threadId: ThreadId;
  readonly requestId: ApprovalRequestId;
  readonly kind: "approval" | "user-input";
}

export interface SeenQueued {
  readonly threadId: ThreadId;
  readonly turnId: TurnId;
}

const BEGINNING = Date.UTC(2026, 0, 31, 12);

export class World {
  readonly seed: number;
  readonly dice: Dice;
  readonly clock = new SimulatedClock(BEGINNING);
  readonly trace: Trace;
  readonly disk: Disk;
  readonly broken: Array<Broken> = [];
  /** Requests that agents have made, as far as a client saw them. */
  readonly requests: Array<SeenRequest> = [];
  /** Prompts that were queued, as far as a client saw them. */
  readonly queued: Array<SeenQueued> = [];
  /** Agents that run: the session's id by the mark of its process. */
  readonly agents = new Map<string, string>();
  #ids = 0;

  constructor(seed: number, template: string) {
    this.seed = seed;
    this.dice = new Dice(seed);
    this.trace = new Trace(this.clock);
    this.disk = new Disk(this.dice, this.trace, template);
  }

  /** A number that no other thing of this run has. */
  nextId(): number {
    this.#ids += 1;
    return this.#ids;
  }

  /** Notes that a law does not hold. */
  breaks(law: string, message: string): void {
    this.trace.add("LAW", `${law}: ${message}`);
    this.broken.push({ law, message });
  }
}
