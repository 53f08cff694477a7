import { type KvDtype, kvFormats } from "../kernels/kvFormat.ts";
import { computeDtype } from "../kernels/weights.ts";
import type { ModelCard } from "../model/card.ts";
import { InvalidInputError } from "../units/errors.ts";
import { attentionRow } from "./benchAttention.ts";
import { matmulRows } from "./benchMatmul.ts";
import { moeRow } from "./benchMoe.ts";
import { wireRow } from "./benchWire.ts";
import {
  dtypePairs,
  type PlannedRow,
  type RowContext,
  type SettingLists,
  type StoredDtypes,
  settingsOf,
} from "./plannedRow.ts";
import type { Dtype, KernelName, ShapeSettings } from "./settings.ts";

/**
 * All rows of a run, in the order in which they run.
 *
 * @throws InvalidInputError where weights are asked for in a dtype that nothing of the run multiplies.
 */
export function planRows(settings: ShapeSettings, card: ModelCard, cacheBytes: number): PlannedRow[] {
  checkWeightDtypes(settings);
  return settings.threads.flatMap((threads) =>
    settings.kernels.flatMap((kernel) => kernelRows(kernel, settings, card, threads, cacheBytes)),
  );
}

function kernelRows(
  kernel: KernelName,
  settings: ShapeSettings,
  card: ModelCard,
  threads: number,
  cacheBytes: number,
): PlannedRow[] {
  const contexts = (dtypes: Required<StoredDtypes>, lists: SettingLists): RowContext[] =>
    settingsOf(lists, dtypes).map((setting) => ({ settings, card, threads, ...dtypes, setting, cacheBytes }));
  switch (kernel) {
    case "attention.core":
    case "attention.layer": {
      const lists = { ...settings, tokensPerExpert: settings.tokensPerExpert.slice(0, 1) };
      // The core has no weights.
      const pairs = dtypePairs(kernel === "attention.core" ? { dtypes: settings.dtypes } : settings);
      return pairs
        .flatMap((pair) =>
          storedFormats(settings, pair.dtype).flatMap((kvDtype) => contexts({ ...pair, kvDtype }, lists)),
        )
        .map((context) => attentionRow(kernel, context));
    }
    case "moe.router":
    case "moe.expertMatmul":
    case "moe.layer": {
      const lists = { ...settings, batches: settings.batches.slice(0, 1), contexts: settings.contexts.slice(0, 1) };
      const pairs = kernel === "moe.router" ? dtypePairs({ dtypes: ["f32"] }) : dtypePairs(settings);
      const rows = pairs
        .flatMap((pair) => contexts({ ...pair, kvDtype: pair.dtype }, lists))
        .map((context) => moeRow(kernel, context));
      return kernel === "moe.expertMatmul" && asksForLadder(settings)
        ? [...rows, ...matmulRows(kernel, settings, threads)]
        : rows;
    }
    case "wire.quantizeInt8":
    case "wire.dequantizeInt8":
    case "wire.quantizeFp8":
    case "wire.dequantizeFp8":
    case "wire.quantizeBf16":
    case "wire.dequantizeBf16": {
      const lists = {
        ...settings,
        contexts: settings.contexts.slice(0, 1),
        tokensPerExpert: settings.tokensPerExpert.slice(0, 1),
      };
      const dtypes = { dtype: "f32", kvDtype: "f32", weightDtype: "f32" } as const;
      return contexts(dtypes, lists).map((context) => wireRow(kernel, context));
    }
    case "linear.gemm":
      return matmulRows(kernel, settings, threads);
    case "roof.*":
      return [];
  }
}

function checkWeightDtypes({ dtypes, weightDtypes = [] }: ShapeSettings): void {
  for (const stored of weightDtypes) {
    const needed = computeDtype(stored);
    if (dtypes.includes(needed)) continue;
    const expected = `dtypes that --dtype ${dtypes.join(",")} multiplies (${stored} weights are multiplied in ${needed})`;
    throw new InvalidInputError({ field: "--weight-dtype", value: stored, expected });
  }
}

/** The formats of the KV cache that a run asks for and that are multiplied in `dtype`. */
function storedFormats({ kvDtypes }: ShapeSettings, dtype: Dtype): readonly KvDtype[] {
  return kvDtypes === undefined ? [dtype] : kvDtypes.filter((kvDtype) => kvFormats[kvDtype].dtype === dtype);
}

/** Named alone or with dimensions, the expert matmul also runs single products. */
function asksForLadder({ kernels, m, n, k }: ShapeSettings): boolean {
  const named = kernels.filter((kernel) => kernel !== "roof.*");
  return named.length === 1 || m !== undefined || n !== undefined || k !== undefined;
}
