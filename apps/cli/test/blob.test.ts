/** Content that is too large for its event, read from the command line. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Heddle, inTerminal, TemporaryFolder } from "./support.ts";

const OUTPUT = `\u001B]0;owned\u0007begins\n${Array.from({ length: 9000 }, (_, index) => `${index + 1}\n`).join("")}`;

let folder: TemporaryFolder;
let heddle: Heddle;
let threadId: string;
let hash: string;

beforeAll(async () => {
  folder = new TemporaryFolder();
  heddle = new Heddle(join(folder.path, "data"));
  await heddle.serve();
  await heddle.run(["project", "add", folder.path]);
  threadId = (await heddle.json(["thread", "new", "--title", "Large"])).threadId;
  const command = String.raw`[[shell: printf '\033]0;owned\007begins\n'; seq 1 9000]]`;
  await heddle.run(["thread", "send", threadId, "--yes", command]);
  const { stdout } = await heddle.run(["thread", "show", threadId]);
  hash = /blob show ([0-9a-f]{64})/.exec(stdout)?.[1] ?? stdout;
});
afterAll(async () => {
  await heddle.stop("SIGKILL");
  folder.dispose();
});

describe("heddle blob show", () => {
  it("is named where a thread shows the beginning of a tool's output, with its size", async () => {
    const { stdout } = await heddle.run(["thread", "show", threadId]);
    expect(stdout).toMatch(/begins\n +1\n +2\n[^]*… 42\.\d KiB in all: heddle .*blob show [0-9a-f]{64}\n/);
  });

  it("prints the content byte for byte where no terminal reads it", async () => {
    expect(await heddle.run(["blob", "show", hash])).toEqual({ code: 0, stdout: OUTPUT, stderr: "" });
  });

  it.skipIf(!existsSync("/usr/bin/script"))(
    "prints it to a terminal without what would drive it",
    async () => {
      const { stdout } = await inTerminal(["blob", "show", hash, "--data-dir", heddle.dataDir]).ended;
      expect(stdout.replaceAll("\r\n", "\n")).toBe(OUTPUT.replace("\u001B]0;owned\u0007", ""));
    },
  );

  it("writes it to a file", async () => {
    const path = join(folder.path, "output.txt");
    const { code, stdout } = await heddle.run(["blob", "show", hash, "--output", path]);
    expect([code, stdout]).toEqual([0, `✓ ${OUTPUT.length} bytes in ${path}\n`]);
    expect(readFileSync(path, "utf8")).toBe(OUTPUT);
    const failed = await heddle.run(["blob", "show", hash, "-o", join(path, "below-a-file")]);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain("could not be written");
  });

  it("gives it as JSON, text as text", async () => {
    expect(await heddle.json(["blob", "show", hash])).toEqual({ hash, bytes: OUTPUT.length, text: OUTPUT });
  });

  it("says what is no hash, and what is not there", async () => {
    const unknown = await heddle.run(["blob", "show", "0".repeat(64)]);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain("There is no blob of that hash.");
    const wrong = await heddle.run(["blob", "show", "abc"]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain("64 hexadecimal digits");
  });

  it("is what a long prompt is read with", async () => {
    const text = `${"word ".repeat(5000)}[[say: done]]`;
    await heddle.run(["thread", "send", threadId, text]);
    const { stdout } = await heddle.run(["thread", "show", threadId, "--limit", "3"]);
    const found = /… 24\.\d KiB in all: .*blob show ([0-9a-f]{64})/.exec(stdout)?.[1] ?? stdout;
    expect((await heddle.run(["blob", "show", found])).stdout).toBe(text);
  });
});
