import { defineConfig } from "vitest/config";
import { ClosingLineReporter } from "./scripts/closing-line-reporter.ts";

// vitest 5 has no workspace file of its own: this is a config with projects, named in the test script.
export default defineConfig({
  test: {
    reporters: ["default", new ClosingLineReporter()],
    projects: [
      {
        test: {
          name: "packages",
          include: ["packages/*/test/**/*.test.ts"],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "simulation",
          include: ["simulation/test/**/*.test.ts"],
          testTimeout: 600_000,
        },
      },
      {
        test: {
          name: "apps",
          include: ["apps/*/test/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
