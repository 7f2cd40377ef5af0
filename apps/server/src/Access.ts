/**
 * Who may connect (docs/adr/0005-access.md): a token on every RPC connection, and on every request a Host that is ours and
 * no foreign Origin, so that no web page can drive the server, not even by rebinding a name to this address.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Headers } from "effect/http";

export interface Refusal {
  readonly status: 401 | 403;
  readonly error: "Unauthorized" | "ForeignHost" | "ForeignOrigin";
  readonly message: string;
}

export interface AccessOptions {
  readonly token: string;
  /** `host:port` under which the server may be called. */
  readonly hosts: ReadonlySet<string>;
}

/** The names of a loopback server at a port. */
export const loopbackHosts = (port: number): ReadonlySet<string> =>
  new Set(["127.0.0.1", "localhost", "[::1]"].map((name) => `${name}:${port}`));

/** Refuses a request that did not come here on purpose, or undefined. */
export const checkHost = (headers: Headers.Headers, { hosts }: AccessOptions): Refusal | undefined => {
  const { host, origin } = headers;
  if (host === undefined || !hosts.has(host.toLowerCase())) {
    return {
      status: 403,
      error: "ForeignHost",
      message: `This server answers as ${[...hosts].join(", ")}, not as ${host ?? "a nameless host"}.`,
    };
  }
  if (origin !== undefined && !isOwnOrigin(origin, hosts)) {
    return { status: 403, error: "ForeignOrigin", message: `Pages of ${origin} may not use this server.` };
  }
  return undefined;
};

/** Refuses a connection without the token, or undefined. */
export const checkToken = (headers: Headers.Headers, { token }: AccessOptions): Refusal | undefined => {
  const [scheme, given] = (headers["authorization"] ?? "").split(" ", 2);
  if (scheme?.toLowerCase() === "bearer" && given !== undefined && isSame(given, token)) return undefined;
  return {
    status: 401,
    error: "Unauthorized",
    message: "Send the token of the server's data directory (its file 'token') as 'Authorization: Bearer …'.",
  };
};

const isOwnOrigin = (origin: string, hosts: ReadonlySet<string>): boolean => {
  const match = /^http:\/\/(.+)$/.exec(origin.toLowerCase());
  return match?.[1] !== undefined && hosts.has(match[1]);
};

/** Compares digests, so that neither length nor content shows in the time that it takes. */
const isSame = (left: string, right: string): boolean => timingSafeEqual(digest(left), digest(right));
const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
