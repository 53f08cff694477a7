import { describe, expect, it } from "vitest";
import { tallyLine, tallyStep, tallyVitest } from "../../tools/tally.ts";

const EMPTY = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] };

describe("tallyVitest", () => {
  it("takes over the counts of a good run", () => {
    const report = { ...EMPTY, numPassedTests: 7, numPendingTests: 1, numTodoTests: 2 };
    expect(tallyVitest(report, 0)).toEqual({ passed: 7, failed: 0, skipped: 3 });
  });

  it("counts a file that could not be loaded once, and one with failed tests not again", () => {
    const testResults = [
      { status: "failed", assertionResults: [] },
      { status: "failed", assertionResults: [{ status: "passed" }, { status: "failed" }] },
      { status: "passed", assertionResults: [{ status: "passed" }] },
    ];
    const report = { ...EMPTY, numPassedTests: 2, numFailedTests: 1, testResults };
    expect(tallyVitest(report, 1)).toEqual({ passed: 2, failed: 2, skipped: 0 });
  });

  it("counts a failure that no test shows, such as a stray rejection", () => {
    expect(tallyVitest({ ...EMPTY, numPassedTests: 3 }, 1)).toEqual({ passed: 3, failed: 1, skipped: 0 });
  });

  it.each([0, 1])("counts a run without a report as one failure (exit code %i)", (exitCode) => {
    expect(tallyVitest(undefined, exitCode)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});

describe("tallyLine", () => {
  it("sums, and names skipped tests only where there are some", () => {
    expect(tallyLine([tallyStep(0), tallyStep(3)])).toBe("1 passed, 1 failed");
    expect(tallyLine([tallyStep(0), { passed: 4, failed: 0, skipped: 2 }])).toBe("5 passed, 0 failed, 2 skipped");
  });
});
