import type { ReportModel } from "../inputs.ts";

/** KV or state bytes, attention FLOPs without projections, projection FLOPs, FFN FLOPs. */
type WorkRow = readonly [kvBytes: string, attentionFlops: string, linearFlops: string, ffnFlops: string];

/** A decoded token at a context of 8K. @source Step-3 report, Table 2 */
export const TABLE_2: Readonly<Record<ReportModel, WorkRow>> = {
  DSv3: ["2.88e8", "1.47e11", "2.28e10", "4.84e10"],
  "Kimi K2": ["2.88e8", "7.37e10", "1.23e10", "4.84e10"],
  "Qwen3 MoE": ["7.89e8", "2.52e10", "1.34e10", "2.84e10"],
  "Qwen3 32B": ["1.07e9", "1.72e10", "1.21e10", "5.03e10"],
  "Llama 4 M": ["1.01e9", "8.05e9", "6.04e9", "2.42e10"],
  "MM M1": ["9.23e8", "3.42e9", "3.75e10", "5.44e10"],
  "ERNIE 4.5": ["9.06e8", "1.45e10", "1.63e10", "7.61e10"],
  "Pangu Pro": ["8.05e8", "8.05e9", "6.04e9", "2.38e10"],
  "Step-3": ["2.56e8", "3.27e10", "2.07e10", "5.33e10"],
};

/** A decoded token at a context of 32K. @source Step-3 report, Table 3 */
export const TABLE_3: Readonly<Record<ReportModel, WorkRow>> = {
  DSv3: ["1.15e9", "5.89e11", "2.28e10", "4.84e10"],
  "Kimi K2": ["1.15e9", "2.95e11", "1.23e10", "4.84e10"],
  "Qwen3 MoE": ["3.15e9", "1.01e11", "1.34e10", "2.84e10"],
  "Qwen3 32B": ["4.29e9", "6.87e10", "1.21e10", "5.03e10"],
  "Llama 4 M": ["2.21e9", "1.41e10", "6.04e9", "2.42e10"],
  "MM M1": ["1.93e9", "1.15e10", "3.75e10", "5.44e10"],
  "ERNIE 4.5": ["3.62e9", "5.80e10", "1.63e10", "7.61e10"],
  "Pangu Pro": ["3.22e9", "3.22e10", "6.04e9", "2.38e10"],
  "Step-3": ["1.02e9", "1.31e11", "2.07e10", "5.33e10"],
};
