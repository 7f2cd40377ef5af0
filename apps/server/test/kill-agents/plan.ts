/** What is to happen in a round, as a seed says: what the agent is told to do, what it is answered, who dies, and when. */
import { SeededRandom } from "../kill-loop/random.ts";

/** Words that an agent says between two of its acts. */
const WORDS_A_PART = 20;
const PARTS = 3;
/** The longest that is waited for a moment that may not come. */
export const PATIENCE = 5_000;

const EVENTS = [
  "thread.session-set",
  "thread.turn-started",
  "thread.message-sent",
  "thread.activity-appended",
  "thread.approval-requested",
  "thread.user-input-requested",
  "thread.turn-completed",
];

export type Moment =
  | { readonly after: "prompt"; readonly milliseconds: number }
  | { readonly after: "words"; readonly words: number; readonly milliseconds: number }
  | { readonly after: "event"; readonly eventType: string; readonly milliseconds: number };

export interface Round {
  readonly index: number;
  readonly prompt: string;
  /** The agent was told to begin a command that does not end. */
  readonly endless: boolean;
  /** All that the agent says if nobody dies, in order. */
  readonly words: ReadonlyArray<string>;
  /** For what it asks, in turn; `leave` lets it wait. */
  readonly decisions: ReadonlyArray<"accept" | "decline" | "leave">;
  readonly victim: "agent" | "server" | "both";
  readonly moment: Moment;
  /** After how many milliseconds the next server dies too, while it starts. */
  readonly dyingStart: number | undefined;
}

export const ENDLESS = "tail -f /dev/null";

/** A word that is said once in the whole loop. */
const wordOf = (round: number, place: number): string => `r${round}w${place}`;
export const WORD = /r\d+w\d+/g;

export const planRound = (seed: number, index: number, question: string | undefined): Round => {
  const random = new SeededRandom(seed + index * 7919);
  const words = Array.from({ length: PARTS * WORDS_A_PART }, (_, place) => wordOf(index, place + 1));
  const endless = random.chance(0.4);
  const acts = [
    "[[shell: echo done]]",
    `[[write: file-${index}.txt | round ${index}]]`,
    "[[think: what next]]",
    ...(question === undefined ? [] : [question]),
  ];
  const parts = Array.from({ length: PARTS }, (_, part) => {
    const said = words.slice(part * WORDS_A_PART, (part + 1) * WORDS_A_PART).join(" ");
    const act = part === PARTS - 1 && endless ? `[[shell: ${ENDLESS}]]` : random.pick(acts);
    return part === 0 ? `[[say: ${said}]]` : `${act} [[say: ${said}]]`;
  });
  return {
    index,
    prompt: `[[slow: ${random.between(2, 25)}]] ${parts.join(" ")}`,
    endless,
    words,
    decisions: Array.from({ length: 8 }, () =>
      random.chance(0.65) ? "accept" : random.chance(0.5) ? "decline" : "leave",
    ),
    victim: random.chance(0.4) ? "agent" : random.chance(0.6) ? "server" : "both",
    moment: chooseMoment(random, endless),
    dyingStart: random.chance(0.2) ? random.between(0, 400) : undefined,
  };
};

const chooseMoment = (random: SeededRandom, endless: boolean): Moment => {
  // While the command goes on that does not end: it must not outlive whoever started it.
  if (endless && random.chance(0.5)) {
    return {
      after: "words",
      words: (PARTS - 1) * WORDS_A_PART - 1,
      milliseconds: random.between(300, 1_200),
    };
  }
  const dice = random.next();
  if (dice < 0.25) return { after: "prompt", milliseconds: random.between(0, 2_500) };
  const milliseconds = random.between(0, 120);
  if (dice < 0.6) {
    return { after: "words", words: random.between(1, PARTS * WORDS_A_PART), milliseconds };
  }
  return { after: "event", eventType: random.pick(EVENTS) ?? "", milliseconds };
};
