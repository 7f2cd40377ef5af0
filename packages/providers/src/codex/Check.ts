/**
 * Whether codex can be used: what its app-server says of its version, its account and its settings. No thread is started,
 * since codex would write down that it trusts the folder.
 */
import { Effect, Schema } from "effect";
import { agentEnvironment } from "../shared/AgentProcess.ts";
import { CLIENT_INFO } from "../shared/ClientInfo.ts";
import { type Findings, notUnderstood } from "../shared/Findings.ts";
import { probing } from "../shared/Probing.ts";
import type { ProviderAdapter } from "../shared/Provider.ts";
import { maybe, read } from "../shared/Read.ts";
import { CAPABILITIES } from "./Capabilities.ts";

/** `heddle/0.169.0 (Debian 12.0.0; x86_64) …`: the client's name with codex's version. */
const readInitialize = read(Schema.Struct({ userAgent: Schema.String }));
const readAccount = read(
  Schema.Struct({
    account: Schema.NullOr(Schema.Struct({ type: Schema.String, planType: maybe(Schema.String) })),
    requiresOpenaiAuth: Schema.Boolean,
  }),
);
const readConfig = read(
  Schema.Struct({
    config: Schema.Struct({
      model_provider: maybe(Schema.String),
      model_providers: maybe(Schema.Record(Schema.String, Schema.Struct({ env_key: maybe(Schema.String) }))),
    }),
  }),
);

export const checkCodex: ProviderAdapter["check"] = (provider, launch, deadlines) =>
  probing(
    provider,
    launch,
    deadlines,
    Effect.fnUntraced(function* (probe, findings, cwd) {
      const codex = readInitialize(
        yield* probe.ask("initialize", {
          clientInfo: CLIENT_INFO,
          capabilities: { experimentalApi: true, requestAttestation: false },
        }),
      );
      if (codex === undefined) {
        findings.problems = [notUnderstood("initialize")];
        return;
      }
      findings.version = versionIn(codex.userAgent);
      findings.capabilities = CAPABILITIES;
      probe.notify("initialized");
      const account = readAccount(yield* probe.ask("account/read", { refreshToken: false }));
      if (account === undefined) {
        findings.problems = [notUnderstood("account/read")];
      } else if (account.account !== null) {
        findings.loggedIn = "in";
        findings.account = accountName(account.account);
      } else if (account.requiresOpenaiAuth) {
        findings.loggedIn = "out";
      } else {
        const settings = readConfig(yield* probe.ask("config/read", { cwd, includeLayers: false }));
        if (settings === undefined) findings.problems = [notUnderstood("config/read")];
        else lookForKey(findings, settings.config, agentEnvironment(process.env, launch.env, ""));
      }
    }),
  );

const versionIn = (userAgent: string): string | null => /^[^/]*\/(\S+)/.exec(userAgent)?.[1] ?? null;

const accountName = ({ type, planType }: { readonly type: string; readonly planType?: string | null }) =>
  type === "chatgpt" ? `ChatGPT${planType ? ` (${planType})` : ""}` : type === "apiKey" ? "API key" : type;

/** A model that is not OpenAI's takes its key from a variable, or none. */
const lookForKey = (
  findings: Findings,
  config: NonNullable<ReturnType<typeof readConfig>>["config"],
  env: NodeJS.ProcessEnv,
): void => {
  const name = config.model_provider ?? "";
  const key = config.model_providers?.[name]?.env_key;
  const lacksKey = typeof key === "string" && !env[key];
  findings.loggedIn = lacksKey ? "out" : "in";
  findings.account = lacksKey ? null : `model provider ${name}`;
  if (lacksKey) {
    const fix = `Set it for the server, or under "env" of the agent in settings.json.`;
    findings.problems = [`Its model provider ${name} wants a key in ${key}, which is not set. ${fix}`];
  }
};
