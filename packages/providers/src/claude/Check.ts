/** Whether claude can be used: its own command says its version, and whether it is logged in. No session is begun. */
import { Effect, Result, Schema } from "effect";
import { nothingFound } from "../shared/Findings.ts";
import type { ProviderAdapter } from "../shared/Provider.ts";
import { maybe } from "../shared/Read.ts";
import { type Ran, runToEnd } from "../shared/RunToEnd.ts";
import { CAPABILITIES } from "./Capabilities.ts";

const readStatus = Schema.decodeUnknownResult(
  Schema.fromJsonString(
    Schema.Struct({
      loggedIn: Schema.Boolean,
      authMethod: maybe(Schema.String),
      apiProvider: maybe(Schema.String),
      subscriptionType: maybe(Schema.String),
    }),
  ),
);

export const checkClaude: ProviderAdapter["check"] = (provider, launch, deadlines) => {
  const run = (...args: ReadonlyArray<string>) =>
    runToEnd(provider, { ...launch, args: [...launch.args, ...args] }, deadlines);
  const findings = nothingFound();
  return Effect.gen(function* () {
    const version = yield* run("--version");
    findings.version = /\d+\.\d+\.\S+/.exec(version.stdout)?.[0] ?? null;
    if (findings.version === null) {
      findings.problems = [`It does not say its version.${endOf(version)}`];
      return findings;
    }
    findings.capabilities = CAPABILITIES;
    // A version that has no such command leaves it open.
    const status = readStatus((yield* run("auth", "status", "--json")).stdout);
    if (Result.isFailure(status)) return findings;
    const { loggedIn, authMethod, apiProvider, subscriptionType } = status.success;
    findings.loggedIn = loggedIn ? "in" : "out";
    if (loggedIn) findings.account = accountName(authMethod, apiProvider, subscriptionType);
    return findings;
  }).pipe(
    Effect.catch(({ message }) =>
      Effect.sync(() => {
        findings.problems = [message];
        return findings;
      }),
    ),
  );
};

type Word = string | null | undefined;

const accountName = (method: Word, apiProvider: Word, subscription: Word): string => {
  const by = subscription
    ? `Claude (${subscription})`
    : method === "api_key"
      ? "API key"
      : (method ?? "account").replaceAll("_", " ");
  return apiProvider && apiProvider !== "firstParty" ? `${by}, by ${apiProvider}` : by;
};

const endOf = ({ exit, said }: Ran): string => {
  if (exit === undefined) return ` It did not end, and was ended.${said}`;
  return ` It ended with ${exit.signal ?? `exit code ${exit.exitCode}`}.${said}`;
};
