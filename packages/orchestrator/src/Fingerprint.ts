import { hash } from "node:crypto";

/** SHA-256 over a command's canonical JSON (keys sorted), in base64url: tells a repeated command from another one. */
export const fingerprintOf = (command: object): string => hash("sha256", canonicalJson(command), "base64url");

/** As `JSON.stringify` writes it, but for the order of keys. */
const canonicalJson = (value: unknown): string => {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  let fields = "";
  for (const key of Object.keys(value).toSorted()) {
    const field: unknown = value[key as keyof typeof value];
    if (field === undefined) continue;
    fields += `${fields === "" ? "" : ","}${JSON.stringify(key)}:${canonicalJson(field)}`;
  }
  return `{${fields}}`;
};
