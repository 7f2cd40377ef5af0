/**
 * The arrows between packages go one way (docs/adr/0001-house.md). pnpm lets a package import only what its
 * package.json declares, so it is enough to check the declarations, and that no relative import leaves its package.
 *
 * What is an agent's stays in its folder, too: nothing else imports from there or asks for its name (docs/agents.md).
 */
import { globSync, readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";

const allowed: Record<string, ReadonlyArray<string>> = {
  "packages/contracts": [],
  "packages/domain": ["contracts"],
  "packages/sql": [],
  "packages/event-store": ["contracts", "sql"],
  "packages/projections": ["contracts", "sql"],
  "packages/replay": ["contracts", "sql", "event-store", "projections"],
  "packages/checkpoints": ["contracts"],
  "packages/providers": ["contracts"],
  "packages/imports": ["contracts"],
  "packages/client": ["contracts"],
  "packages/orchestrator": [
    "sql",
    "contracts",
    "domain",
    "event-store",
    "projections",
    "checkpoints",
    "providers",
    "imports",
  ],
  "apps/server": [
    "contracts",
    "event-store",
    "projections",
    "replay",
    "checkpoints",
    "providers",
    "imports",
    "orchestrator",
  ],
  "apps/cli": ["contracts", "client", "replay", "server"],
};

const problems: Array<string> = [];

/** Folders of agents and protocols, wherever they are; and the one file that puts the adapters together. */
const agents = ["acp", "claude", "codex", "demo"];
const AGENT_TABLE = "packages/providers/src/shared/AgentTable.ts";
const agentBranch = new RegExp(String.raw`(?:[!=]==|case)\s*["'](?:${agents.join("|")})["']`);
const agentImport = new RegExp(String.raw`^(?:\.\.|@heddle/providers)/(?:${agents.join("|")})/`);

const isOfAgent = (file: string): boolean => file.split("/").some((part) => agents.includes(part));

for (const manifest of globSync("{packages,apps}/*/package.json")) {
  const folder = dirname(manifest);
  const arrows = allowed[folder];
  if (arrows === undefined) {
    problems.push(`${folder}: not named in scripts/check-layers.ts; say there what it may import`);
    continue;
  }
  const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(manifest, "utf8")) as {
    dependencies?: Record<string, string>;
    devDependencies?: Record<string, string>;
  };
  const declared = Object.keys(dependencies).flatMap((name) =>
    name.startsWith("@heddle/") ? [name.slice("@heddle/".length)] : [],
  );
  for (const name of declared) {
    if (!arrows.includes(name)) problems.push(`${manifest}: ${folder} must not depend on ${name}`);
  }
  const known = new Set(
    [...Object.keys(dependencies), ...Object.keys(devDependencies)].filter((name) =>
      name.startsWith("@heddle/"),
    ),
  );
  for (const file of globSync(`${folder}/{src,test}/**/*.ts`)) {
    const source = readFileSync(file, "utf8");
    const outsideAgents = file.startsWith(`${folder}/src/`) && !isOfAgent(file);
    const branch = outsideAgents && agentBranch.exec(source)?.[0];
    if (branch) problems.push(`${file}: asks for an agent by name (${branch}); declare what it can instead`);
    for (const [, specifier = ""] of source.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
      if (outsideAgents && agentImport.test(specifier) && file !== AGENT_TABLE) {
        problems.push(`${file}: imports ${specifier}, from an agent's folder`);
      }
      if (specifier.startsWith(".")) {
        const target = relative(folder, resolve(dirname(file), specifier));
        if (target.startsWith("..")) problems.push(`${file}: imports ${specifier}, outside its package`);
      } else if (specifier.startsWith("@heddle/")) {
        const name = specifier.split("/").slice(0, 2).join("/");
        if (!known.has(name)) problems.push(`${file}: imports ${name}, which ${manifest} does not declare`);
      }
    }
  }
}

if (problems.length > 0) {
  process.stderr.write(`${problems.join("\n")}\n`);
  process.exitCode = 1;
}
