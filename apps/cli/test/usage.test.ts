/** What the program says of itself, and of what it does not understand. */
import { describe, expect, it } from "vitest";
import { Running } from "./support.ts";

const run = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  new Running(args, { input: "", env: { HEDDLE_HOME: "/nowhere/at/all", ...env } }).ended;

describe("help", () => {
  it("is shown when asked for, and when nothing is asked", async () => {
    const asked = await run(["--help"]);
    expect(asked).toMatchObject({ code: 0, stderr: "" });
    for (const command of ["serve", "status", "project", "thread", "events"]) {
      expect(asked.stdout).toContain(`  ${command} `);
    }
    expect(await run([])).toEqual(asked);
    for (const line of asked.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
  });

  it("is there for each command, with examples", async () => {
    const { code, stdout } = await run(["thread", "send", "--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain("heddle thread send [flags] <thread> <text...>");
    expect(stdout).toContain("--steer");
    expect(stdout).toContain("Examples");
  });

  it("names the program as it was called", async () => {
    const { stdout } = await run(["--help"], { npm_lifecycle_event: "heddle" });
    expect(stdout).toContain("  npx -y pnpm@12 heddle serve\n");
  });

  it("knows the version", async () => {
    expect(await run(["--version"])).toEqual({ code: 0, stdout: "heddle 0.1.0\n", stderr: "" });
  });
});

describe("a wrong usage", () => {
  const cases: ReadonlyArray<readonly [name: string, args: ReadonlyArray<string>, says: string]> = [
    ["an unknown command", ["thread", "lisst"], "Did you mean list?"],
    ["an unknown flag", ["thread", "list", "--alll"], "--alll"],
    ["a missing argument", ["thread", "send"], "Missing required argument: thread"],
    ["a missing text", ["thread", "send", "x"], "Missing required argument: text"],
    ["too many arguments", ["project", "show", "a", "b"], '"b"'],
    ["a value of another kind", ["thread", "revert", "x", "two"], '"two"'],
    ["a value that there is not", ["thread", "mode", "x", "some"], "full-access"],
    ["a model that is none", ["thread", "new", "--model", "A B"], "'provider/model'"],
  ];
  it.each(cases)("%s: exit code 2, in a line or two on stderr", async (_, args, says) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(says);
    expect(stderr).toContain("--help shows what there is.");
    expect(stderr.trimEnd().split("\n")).toHaveLength(2);
  });

  it("a command that is not whole gets the help of what there is", async () => {
    const { code, stdout, stderr } = await run(["thread"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("  send ");
  });

  it("is one JSON object on stderr where JSON is wanted", async () => {
    for (const args of [
      ["thread", "send", "--json"],
      ["--json", "thread"],
      ["nothing", "--json"],
    ]) {
      const { code, stdout, stderr } = await run(args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(JSON.parse(stderr)).toMatchObject({ error: "wrong-usage" });
    }
  });
});
