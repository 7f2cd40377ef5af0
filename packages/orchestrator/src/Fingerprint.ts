import { hash } from "node:crypto";

/** SHA-256 over a command's canonical JSON (keys sorted), in base64url: tells a repeated command from another one. */
export const fingerprintOf = (command: object): string =>
  hash("sha256", JSON.stringify(command, sortedKeys), "base64url");

const sortedKeys = (_key: string, value: unknown): unknown => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1)));
};
