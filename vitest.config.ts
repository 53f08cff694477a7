import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    // Of a test that hangs: a loaded machine must not fail one that runs kernels.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    watch: false,
    passWithNoTests: false,
    // A mistaken `.only` must not make a run look whole.
    allowOnly: false,
  },
});
