import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Slice } from "../../src/record/slice.ts";
import { openTrace } from "../../src/report/files.ts";
import { InfeasibleError } from "../../src/units/errors.ts";

const folder = mkdtempSync(join(tmpdir(), "afdbench-trace-"));
afterAll(() => rmSync(folder, { recursive: true }));
const INSTANCES = { attentionInstances: 1, ffnInstances: 1 };

function slice(step: number): Slice {
  const place = { side: "ffn", instance: 0, lane: "compute", microBatch: 0, layer: 0 } as const;
  return { ...place, step, startNs: step * 1000, endNs: step * 1000 + 500 };
}

describe("openTrace", () => {
  it("puts the file in its place when it is closed, whole, however long it is", () => {
    const path = join(folder, "trace.json");
    const trace = openTrace(path, INSTANCES);
    for (let step = 0; step < 5000; step += 1) trace.add(slice(step));
    // Until then it lies beside: a reader never meets half a trace.
    expect(readdirSync(folder)).not.toContain("trace.json");
    expect(readdirSync(folder)).toHaveLength(1);
    trace.close();
    expect(readdirSync(folder)).toEqual(["trace.json"]);
    const { traceEvents } = JSON.parse(readFileSync(path, "utf8")) as { traceEvents: { ph: string }[] };
    expect(traceEvents.filter(({ ph }) => ph === "X")).toHaveLength(5000);
    rmSync(path);
  });

  it("leaves nothing behind when it is discarded, and what was there before alone", () => {
    const path = join(folder, "kept.json");
    const before = openTrace(path, INSTANCES);
    before.close();
    const text = readFileSync(path, "utf8");
    const trace = openTrace(path, INSTANCES);
    trace.add(slice(1));
    trace.discard();
    expect(readdirSync(folder)).toEqual(["kept.json"]);
    expect(readFileSync(path, "utf8")).toBe(text);
    rmSync(path);
  });

  it("names a path that cannot be written at once", () => {
    expect(() => openTrace(join(folder, "none", "trace.json"), INSTANCES)).toThrow(InfeasibleError);
    expect(() => openTrace(join(folder, "none", "trace.json"), INSTANCES)).toThrow(/its folder does not exist/);
    expect(() => openTrace(folder, INSTANCES)).toThrow(/it is a directory/);
  });
});
