import { describe, expect, it } from "vitest";
import { nodeFlags, readEnvironment } from "../../src/host/environment.ts";

describe("readEnvironment", () => {
  const environment = readEnvironment();

  it("is plain data that survives JSON", () => {
    expect(JSON.parse(JSON.stringify(environment))).toEqual(environment);
  });

  it("describes this process", () => {
    expect(environment.nodeVersion).toBe(process.version.slice(1));
    expect(environment.architecture).toBe(process.arch);
    expect(environment.cpuModel).not.toBe("");
    expect(environment.cpuCores).toBeGreaterThanOrEqual(1);
    expect(Math.abs(Date.parse(environment.date) - Date.now())).toBeLessThan(60_000);
  });

  it("has some memory left, and no more than there is", () => {
    expect(environment.availableMemoryBytes).toBeGreaterThan(0);
    expect(environment.availableMemoryBytes).toBeLessThanOrEqual(environment.totalMemoryBytes);
  });
});

describe("nodeFlags", () => {
  it.each([
    [[], undefined, []],
    [[], "  ", []],
    [["--expose-gc"], "--no-liftoff  --trace-opt", ["--expose-gc", "--no-liftoff", "--trace-opt"]],
  ])("joins %j and %j", (execArgv, nodeOptions, expected) => {
    expect(nodeFlags(execArgv, nodeOptions)).toEqual(expected);
  });
});
