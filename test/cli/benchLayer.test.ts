import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { KernelRow } from "../../src/record/benchRows.ts";
import { checkDocument } from "../../src/record/schemas.ts";
import { run } from "./terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "afdbench-layer-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A card of one layer with that attention. */
function cardOf(name: string, attention: string): string {
  const path = join(folder, `${name}.yaml`);
  const sizes = "hidden: 72\nvocab: 64\ntiedEmbeddings: false\nmaxContextTokens: 4096";
  writeFileSync(path, `${sizes}\nlayers:\n  - attention: ${attention}\n    ffn: { kind: dense, width: 16 }\n`);
  return path;
}

const gqa = "{ kind: gqa, queryHeads: 6, kvHeads: 2, headDim: 16, qkNorm: true, bias: all, sinks: true }";
const yarn = "{ kind: yarn, factor: 40, originalTokens: 128, attentionFactor: 1 }";
const mla = `{ kind: mla, queryHeads: 4, queryRank: 24, kvRank: 32, nopeHeadDim: 16, ropeHeadDim: 8, valueHeadDim: 16, softmaxScale: 0.4, ropeScaling: ${yarn} }`;

async function layerRows(command: "bench" | "intensity", card: string, ...words: string[]) {
  const sized = ["--batch", "3", "--context", "300", "--quiet", "--json", ...words];
  const { exitCode, out } = await run([command, "attention.layer", "--config", card, ...sized]);
  expect(exitCode).toBe(0);
  const { rows } = checkDocument(JSON.parse(out)) as { readonly rows: readonly KernelRow[] };
  return rows.filter(({ row, kernel }) => row === "kernel" && kernel === "attention.layer");
}

/** Multiply-adds of a sequence: of the projections, then of the core. */
const gqaWork = [72 * (96 + 64) + 96 * 72, 6 * 300 * 2 * 16] as const;
const mlaWork = [72 * (24 + 40) + 24 * 4 * 24 + 4 * (16 * 32 + 32 * 16) + 64 * 72, 4 * 300 * (40 + 32)] as const;

describe("attention.layer of a card", () => {
  it.each([
    ["gqa", gqa, gqaWork, "f32,bf16,int8,int4"],
    ["mla", mla, mlaWork, "f32,fp8,int8"],
  ])("%s is checked, timed and counted, on one thread and on two", async (name, attention, work, formats) => {
    const card = cardOf(name, attention);
    const words = ["--kv-dtype", formats, "--threads", "1,2", "--quick", "-r", "3", "-w", "0"];
    const rows = await layerRows("bench", card, ...words);
    expect(rows.length).toBe(2 * formats.split(",").length);
    for (const row of rows) {
      expect(row).toMatchObject({ status: expect.stringMatching(/^(ok|unstable|roofSuspect)$/), attention: name });
      expect(row.maxErrorFraction).toBeLessThanOrEqual(1);
      expect(row.medianNs).toBeGreaterThan(0);
      expect(row.modeledFlopsPerByte).toBeGreaterThan(0);
      expect(row.measuredFlopsPerByte).toBeGreaterThan(0);
      // Panels of 8 columns and, in int8, tokens in fours: the least that is executed is the shape's own.
      expect((row.flops as number) / (2 * 3 * (work[0] + work[1]))).toBeCloseTo(1, 1);
    }
  });

  it.each([
    ["gqa", gqa],
    ["mla", mla],
  ])("%s: every difference of counted from modeled work has a cause", async (name, attention) => {
    for (const row of await layerRows("intensity", cardOf(name, attention)))
      expect(row).toMatchObject({ status: "ok", unexplainedFraction: 0 });
  });

  it("stores weights as --weight-dtype says, of which the core has none", async () => {
    const words = ["--weight-dtype", "f32,int8,int4", "--kv-dtype", "int8,f32", "--quick", "-r", "3", "-w", "0"];
    const rows = await layerRows("bench", cardOf("stored", mla), "attention.core", ...words);
    expect(rows.map(({ weightDtype }) => weightDtype)).toEqual(["f32", "int8", "int4"]);
    for (const row of rows) {
      expect(row.status).toMatch(/^(ok|unstable|roofSuspect)$/);
      expect(row.maxErrorFraction).toBeLessThanOrEqual(1);
    }
    const [f32, int8, int4] = rows;
    expect(int8?.shape).not.toContain("weights=");
    expect(int4?.shape).toContain("weights=int4");
    expect(int4?.flops).toBe(int8?.flops);
    const bytes = (row: KernelRow | undefined) => (row?.flops as number) / (row?.modeledFlopsPerByte as number);
    // Half the bytes of weights in int4, four times as many in float32, whose KV cache has four times as many, too.
    expect(bytes(int4)).toBeLessThan(0.9 * bytes(int8));
    expect(bytes(f32)).toBeGreaterThan(3 * bytes(int8));
  });

  it("counts int4 weights with a cause for every difference", async () => {
    for (const row of await layerRows("intensity", cardOf("int4", mla), "--weight-dtype", "int4", "--dtype", "int8"))
      expect(row).toMatchObject({ status: "ok", weightDtype: "int4", unexplainedFraction: 0 });
  });

  it.each([
    [
      "linear",
      "{ kind: linear, rule: lightning, keyHeads: 2, valueHeads: 2, keyDim: 8, valueDim: 8 }",
      "lightning linear attention",
    ],
    [
      "gated",
      "{ kind: gqa, queryHeads: 2, kvHeads: 1, headDim: 8, outputGate: true }",
      "output gates in its attention",
    ],
    ["narrow", "{ kind: gqa, queryHeads: 2, kvHeads: 1, headDim: 12 }", "headDim = 12, which is no multiple of 8"],
  ])("%s: says what there is no kernel for", async (name, attention, lacks) => {
    const [row] = await layerRows("intensity", cardOf(name, attention), "--dtype", "f32");
    expect(row).toMatchObject({
      status: "unsupported",
      statusReason: `there is no attention.layer kernel of ${lacks}: its modeled numbers stand alone`,
    });
  });
});
