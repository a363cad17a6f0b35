import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["{apps,packages}/*/src/**/*.test.ts", "test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // How long a condition may take is the machine's business: a test fails when it never comes.
    expect: { poll: { timeout: 10_000 } },
    // Most tests wait for real processes and real clocks: with one worker on two cores a run takes twice as long.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
});
