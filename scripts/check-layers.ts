/**
 * The arrows between packages go one way (docs/adr/0001-house.md). pnpm lets a package import only what its
 * package.json declares, so it is enough to check the declarations, and that no relative import leaves its package.
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
  "packages/client": ["contracts"],
  "packages/orchestrator": [
    "sql",
    "contracts",
    "domain",
    "event-store",
    "projections",
    "checkpoints",
    "providers",
  ],
  "apps/server": [
    "contracts",
    "event-store",
    "projections",
    "replay",
    "checkpoints",
    "providers",
    "orchestrator",
  ],
  "apps/cli": ["contracts", "client", "replay", "server"],
};

const problems: Array<string> = [];

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
    for (const [, specifier = ""] of source.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
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
