/** How far a long job is, on one line. Pure. */
import type { JobProgress } from "@heddle/contracts/Jobs";
import { wholeSeconds } from "./Time.ts";

const count = (value: number): string => value.toLocaleString("en");

/** `building 45 % · 450,000 of 1,000,000 events · 31,000 events/s · 18 s left` */
export const progressLine = ({ phase, done, total, unit, perSecond, secondsLeft }: JobProgress): string => {
  const share = total === null || total === 0 ? "" : ` ${Math.floor((100 * done) / total)} %`;
  const amount = total === null ? `${count(done)} ${unit}` : `${count(done)} of ${count(total)} ${unit}`;
  return [
    `${phase}${share}`,
    amount,
    ...(perSecond === null ? [] : [`${count(perSecond)} ${unit}/s`]),
    ...(secondsLeft === null || done === total
      ? []
      : [`${wholeSeconds(Math.ceil(secondsLeft) * 1000)} left`]),
  ].join(" · ");
};
