/** Every choice of a simulated run comes from here: the same seed makes the same choices. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    // Neighbouring seeds must not begin alike.
    this.#state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  }

  /** From 0 up to 1, by mulberry32: small, fast, and even enough for choosing. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** An integer from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<A>(options: readonly [A, ...Array<A>]): A;
  pick<A>(options: ReadonlyArray<A>): A | undefined;
  pick<A>(options: ReadonlyArray<A>): A | undefined {
    return options[Math.floor(this.next() * options.length)];
  }

  /** A key, as often as its weight says. */
  weighted<Key extends string>(weights: Readonly<Record<Key, number>>): Key {
    let left = 0;
    for (const key in weights) left += weights[key];
    left *= this.next();
    for (const key in weights) {
      left -= weights[key];
      if (left < 0) return key;
    }
    throw new Error("There is nothing to choose from.");
  }
}
