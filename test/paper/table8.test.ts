import { describe, expect, it } from "vitest";
import { loadAccelerator } from "../../src/hardware/catalog.ts";
import { loadCatalogModel } from "../../src/model/catalog.ts";
import { catalogInputs } from "../../src/paper/inputs.ts";
import { TABLE_8, TABLE_8_BATCHES } from "../../src/paper/published/throughput.ts";
import { table8 } from "../../src/paper/tables/table8.ts";
import { afdStepTime } from "../../src/simulate/planBatch.ts";
import { EFFICIENCY } from "../../src/theory/efficiency.ts";
import { stageRates } from "../../src/theory/stageTimes.ts";

const cells = table8(catalogInputs(), "report");

/** A computed number of the table. */
function computed(row: string, column: string): number {
  const cell = cells.find((one) => one.row === row && one.column === column);
  return cell === undefined || cell.kind === "input" ? Number.NaN : cell.computed;
}

describe("Table 8", () => {
  const rows = Object.keys(TABLE_8) as (keyof typeof TABLE_8)[];

  it.each(rows)("%s is within 5%% at the batch of the report", (row) => {
    const share = computed(row, "throughput, report's batch") / TABLE_8[row].value;
    expect(share).toBeGreaterThan(0.95);
    expect(share).toBeLessThan(1.05);
  });

  it.each(rows.filter((row) => row !== "DSv3, EP128"))("%s finds a batch within 10%% of the report's", (row) => {
    const share = computed(row, "throughput, batch") / TABLE_8_BATCHES[row];
    expect(share).toBeGreaterThan(0.9);
    expect(share).toBeLessThan(1.1);
    expect(computed(row, "throughput, TPOT")).toBeLessThanOrEqual(48e6);
  });

  it("has stages that sum up to each row's own step: no constant TPOT", () => {
    const step = (row: string) => computed(row, "throughput, TPOT") / 61;
    const stage = (row: string, name: string) => 3 * computed(row, `an MoE layer, ${name}`);
    // Five dense layers are a little faster than those with experts.
    for (const [row, binding] of [
      ["2A2F", "F"],
      ["3A2F, BF16 attention", "F"],
      ["3A4F, 600B", "busiest link"],
    ] as const) {
      expect(stage(row, binding) / step(row)).toBeGreaterThanOrEqual(1);
      expect(stage(row, binding) / step(row)).toBeLessThan(1.03);
    }
  });

  it("would be bound by attention, and slower, on 2A2F at 16K", () => {
    const h800 = loadAccelerator("h800");
    const at = (contextTokens: number) =>
      afdStepTime(
        stageRates({
          card: loadCatalogModel("step3"),
          contextTokens,
          efficiency: EFFICIENCY,
          deployment: {
            attention: { accelerator: h800, instances: 2, cards: 8, precision: "auto" },
            ffn: { accelerator: h800, instances: 2, cards: 8, parallelism: "expert", redundantExperts: 0 },
          },
        }),
        2048,
        3,
      );
    expect(at(4096).bound).toBe("ffn");
    expect(at(16384).bound).toBe("attention");
    expect(at(16384).timeNs).toBeGreaterThan(1.5 * at(4096).timeNs);
  });
});
