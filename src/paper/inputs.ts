import type { Accelerator } from "../hardware/accelerator.ts";
import { loadAccelerator } from "../hardware/catalog.ts";
import type { ModelCard } from "../model/card.ts";
import { loadCatalogModel } from "../model/catalog.ts";

/** The report's names of the models that it compares, in its order, and the catalog's. @source Step-3 report, Table 2 */
const CATALOG_NAMES = {
  DSv3: "deepseek-v3",
  "Kimi K2": "kimi-k2",
  "Qwen3 MoE": "qwen3-235b-a22b",
  "Qwen3 32B": "qwen3-32b",
  "Llama 4 M": "llama-4-maverick",
  "MM M1": "minimax-m1",
  "ERNIE 4.5": "ernie-4.5-300b-a47b",
  "Pangu Pro": "pangu-pro-moe",
  "Step-3": "step3",
} as const;

export type ReportModel = keyof typeof CATALOG_NAMES;

/** The report's models in the order of its tables. */
export const REPORT_MODEL_NAMES = Object.keys(CATALOG_NAMES) as readonly ReportModel[];

/** The accelerators that the report compares, in its order; the catalog has their names in lower case. @source Table 4 */
export const REPORT_ACCELERATOR_NAMES = ["H800", "H20", "A800", "910B"] as const;

/** Those that section 6 asks about as well. */
export type ReportAccelerator = (typeof REPORT_ACCELERATOR_NAMES)[number] | "L20" | "L4";

/** What every cell is computed from. */
export interface PaperInputs {
  readonly model: (name: ReportModel) => ModelCard;
  readonly accelerator: (name: ReportAccelerator) => Accelerator;
}

/** The catalog's models and accelerators, each read when it is first asked for. */
export function catalogInputs(): PaperInputs {
  return {
    model: remembered((name: ReportModel) => loadCatalogModel(CATALOG_NAMES[name])),
    accelerator: remembered((name: ReportAccelerator) => loadAccelerator(name)),
  };
}

function remembered<Name, Value>(load: (name: Name) => Value): (name: Name) => Value {
  const known = new Map<Name, Value>();
  return (name) => {
    const value = known.get(name) ?? load(name);
    known.set(name, value);
    return value;
  };
}
