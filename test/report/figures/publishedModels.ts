import { requirePrice } from "../../../src/hardware/accelerator.ts";
import { loadAccelerator } from "../../../src/hardware/catalog.ts";
import type { CostRow } from "../../../src/record/costRows.ts";
import { cheapestPairing, decodeCost, pricedRoofs, unitCost } from "../../../src/theory/decodeCost.ts";
import { paretoFront } from "../../../src/theory/paretoFront.ts";
import { peakFor } from "../../../src/theory/precision.ts";
import type { TokenWork } from "../../../src/workload/per-token.ts";

/** The nine models of the report, with what a token of each takes at two contexts. */
export interface PublishedModel {
  readonly name: string;
  /** As the makers give it. */
  readonly parametersActivated: number;
  readonly work: ReadonlyMap<number, TokenWork>;
}

/** KV bytes at 8K and 32K, attention FLOPs at 8K and 32K, linear FLOPs, FFN FLOPs. @source Step-3 report, Tables 2 and 3 */
const MODELS: readonly (readonly [name: string, activated: number, ...figures: number[]])[] = [
  ["DSv3", 37e9, 2.88e8, 1.15e9, 1.47e11, 5.89e11, 2.28e10, 4.84e10],
  ["Kimi K2", 32e9, 2.88e8, 1.15e9, 7.37e10, 2.95e11, 1.23e10, 4.84e10],
  ["Qwen3 MoE", 22e9, 7.89e8, 3.15e9, 2.52e10, 1.01e11, 1.34e10, 2.84e10],
  ["Qwen3 32B", 32.8e9, 1.07e9, 4.29e9, 1.72e10, 6.87e10, 1.21e10, 5.03e10],
  ["Llama 4 M", 17e9, 1.01e9, 2.21e9, 8.05e9, 1.41e10, 6.04e9, 2.42e10],
  ["MM M1", 45.9e9, 9.23e8, 1.93e9, 3.42e9, 1.15e10, 3.75e10, 5.44e10],
  ["ERNIE 4.5", 47e9, 9.06e8, 3.62e9, 1.45e10, 5.8e10, 1.63e10, 7.61e10],
  ["Pangu Pro", 16.5e9, 8.05e8, 3.22e9, 8.05e9, 3.22e10, 6.04e9, 2.38e10],
  ["Step-3", 38e9, 2.56e8, 1.02e9, 3.27e10, 1.31e11, 2.07e10, 5.33e10],
];

export const PUBLISHED_MODELS: readonly PublishedModel[] = MODELS.map(
  ([
    name,
    parametersActivated,
    kv8k = 0,
    kv32k = 0,
    attention8k = 0,
    attention32k = 0,
    linearFlops = 0,
    ffnFlops = 0,
  ]) => ({
    name,
    parametersActivated,
    work: new Map([
      [8192, { kvBytes: kv8k, attentionFlops: attention8k, linearFlops, ffnFlops }],
      [32768, { kvBytes: kv32k, attentionFlops: attention32k, linearFlops, ffnFlops }],
    ]),
  }),
);

export const ACCELERATORS = ["h800", "h20", "a800", "910b"].map((name) => {
  const accelerator = requirePrice(loadAccelerator(name));
  const peak = peakFor(accelerator, "auto");
  if (peak === undefined) throw new Error(`${name} has no peak`);
  const ridgeFlopsPerByte = peak.flopsPerSecond / accelerator.memoryBytesPerSecond;
  return { name, peak, ridgeFlopsPerByte, unit: unitCost(pricedRoofs(accelerator, peak)) };
});

/** Rows as `cost` makes them: each accelerator alone and the best pairing, of every model at both contexts. */
export function publishedCostRows(): CostRow[] {
  const rows = PUBLISHED_MODELS.flatMap(({ name, parametersActivated, work }) =>
    [...work].flatMap(([contextTokens, atContext]) => rowsOf({ name, parametersActivated, contextTokens }, atContext)),
  );
  const best = Map.groupBy(
    rows.filter(({ pairing }) => pairing === "best"),
    ({ contextTokens }) => contextTokens,
  );
  const front = new Set(
    [...best.values()].flatMap((one) =>
      paretoFront(one, (row) => ({ gain: row.parametersActivated, cost: row.usdPerMillionTokens })),
    ),
  );
  return rows.map((row) => (row.pairing === "best" ? { ...row, onParetoFront: front.has(row) } : row));
}

interface At {
  readonly name: string;
  readonly parametersActivated: number;
  readonly contextTokens: number;
}

function rowsOf({ name, parametersActivated, contextTokens }: At, work: TokenWork): CostRow[] {
  const costed = ACCELERATORS.map((one) => ({ ...one, cost: decodeCost(work, one.unit) }));
  const [first, ...others] = costed;
  if (first === undefined) throw new Error("no accelerators");
  const row = (pairing: CostRow["pairing"], attention: typeof first, ffn: typeof first): CostRow => ({
    kind: "modeled",
    model: name,
    contextTokens,
    pairing,
    attentionOn: attention.name,
    ffnOn: ffn.name,
    attentionPrecision: attention.peak.precision,
    ffnPrecision: ffn.peak.precision,
    attentionUsdPerMillionTokens: attention.cost.attentionUsd * 1e6,
    ffnUsdPerMillionTokens: ffn.cost.ffnUsd * 1e6,
    usdPerMillionTokens: (attention.cost.attentionUsd + ffn.cost.ffnUsd) * 1e6,
    attentionBound: attention.cost.attentionBound,
    attentionFlopsPerByte: work.attentionFlops / work.kvBytes,
    ridgeFlopsPerByte: attention.ridgeFlopsPerByte,
    parametersActivated,
    kvBytesReadPerToken: work.kvBytes,
    attentionFlopsPerToken: work.attentionFlops,
    linearFlopsPerToken: work.linearFlops,
    ffnFlopsPerToken: work.ffnFlops,
  });
  const best = cheapestPairing([first, ...others]);
  return [...costed.map((one) => row("same", one, one)), row("best", best.attention, best.ffn)];
}
