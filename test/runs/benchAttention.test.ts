import { describe, expect, it } from "vitest";
import type { GroupedSpec, ModelCard } from "../../src/model/card.ts";
import { loadCatalogModel } from "../../src/model/catalog.ts";
import { attentionRow } from "../../src/runs/benchAttention.ts";
import { scaleBetween } from "../../src/runs/benchTrace.ts";
import type { RowContext } from "../../src/runs/plannedRow.ts";
import { bufferOf, checked, machineOf, strayBytes } from "../kernels/machine.ts";

/** gpt-oss: a window of 128 and sinks; Llama 4: chunks of 8192. */
const grouped: GroupedSpec = {
  ...{ kind: "gqa", span: { kind: "sliding", tokens: 128 }, kvBits: 8, ropeTheta: 150_000, ropeDims: 64 },
  ...{ queryHeads: 64, kvHeads: 8, headDim: 64, qkNorm: false, bias: "all", sinks: true, outputGate: false },
  ...{ ropeScaling: { kind: "none" }, softmaxScale: 0.125 },
};

function contextOf(attention: Partial<GroupedSpec>, kvTokens: number): RowContext {
  const card: ModelCard = loadCatalogModel("qwen3-235b-a22b");
  const [layer] = card.layers;
  if (layer === undefined) throw new Error("the card has no layers");
  return {
    card: { ...card, layers: [{ ...layer, attention: { ...grouped, ...attention } }] },
    setting: { batch: 2, kvTokens, tokensPerExpert: 1, bytesPerWeight: 1, bytesPerKvElement: 1 },
    settings: {
      ...{ kernels: ["attention.core"], batches: [2], contexts: [kvTokens], dtypes: ["int8"], tokensPerExpert: [1] },
      ...{ threads: [1], hardware: ["h20"], seed: 3, quick: true, signal: AbortSignal.abort(), onProgress: () => {} },
    },
    ...{ threads: 1, dtype: "int8", kvDtype: "int8", weightDtype: "int8", cacheBytes: 0 },
  };
}

describe("attention rows of layers with a span", () => {
  const machine = machineOf("simd");

  it.each([
    // 1000 - 128 = 872 tokens are out of sight; of the block that the window begins in, 872 - 768 = 104 still stand there.
    [1000, 128, 104],
    [100, 100, 0],
    [128, 128, 0],
  ])("a sliding layer at %i tokens attends to %i and begins %i into a block", (context, attended, before) => {
    const row = attentionRow("attention.core", contextOf({}, context));
    expect(row.fields.kvTokens).toBe(attended);
    const kernelCase = row.build?.();
    if (kernelCase === undefined) throw new Error("the row has no kernel");
    const blockBytes = 256 * (2 * 64 + 8);
    expect(bufferOf(kernelCase, "kvCache").bytes).toBe(2 * 8 * Math.ceil((attended + before) / 256) * blockBytes);
    expect(checked(machine, kernelCase)).toMatchObject({ ok: true });
    expect(strayBytes(machine, kernelCase)).toBe(0);
    expect(bufferOf(kernelCase, "sinks").bytes).toBe(64 * 4);
  });

  it.each([
    ["deepseek-v3", 0.1352337788608801],
    ["gemma-3-27b", 168 ** -0.5],
    ["step3", 1 / 16],
  ])("the core of %s multiplies its scores with what the card says", (name, scale) => {
    const context = { ...contextOf({}, 64), card: loadCatalogModel(name) };
    const steps = attentionRow("attention.core", context).build?.().steps(0, 1) ?? [];
    const scales = steps.flatMap((step) =>
      step.kind === "call" && step.name === "attentionQueriesInt8" ? [step.args.at(-1)] : [],
    );
    expect(new Set(scales)).toEqual(new Set([expect.closeTo(scale, 14)]));
  });

  it("a chunked layer takes the most that it can attend to", () => {
    const row = attentionRow(
      "attention.core",
      contextOf({ span: { kind: "chunked", tokens: 300 }, sinks: false }, 1000),
    );
    expect(row.fields.kvTokens).toBe(300);
    expect(checked(machine, row.build?.() as Parameters<typeof checked>[1])).toMatchObject({ ok: true });
  });

  it("traces fewer tokens where the trace would take too long, and scales what they cost", () => {
    const row = attentionRow("attention.core", contextOf({ span: { kind: "full" } }, 2 ** 20));
    const trace = row.trace?.();
    expect(trace?.shape).toMatch(/^batch=1 kvTokens=\d+, KV bytes times \d+(\.\d+)?$/);
    const traced = Number(/kvTokens=(\d+)/.exec(trace?.shape ?? "")?.[1]);
    expect(traced % 256).toBe(0);
    const whole = row.build?.();
    if (whole === undefined || trace === undefined) throw new Error("expected a case and its trace");
    expect(scaleBetween(whole, trace.kernelCase, 64)("kvCache")).toBe((2 * 2 ** 20) / traced);
  });
});
