import type { REPORT_ACCELERATOR_NAMES } from "../inputs.ts";

type PerAccelerator<Value> = Readonly<Record<(typeof REPORT_ACCELERATOR_NAMES)[number], Value>>;

/** FLOPs per byte at which compute and bandwidth meet. @source Step-3 report, Table 4, last column */
export const TABLE_4: PerAccelerator<string> = { H800: "591", H20: "74", A800: "156", "910B": "175" };

/** USD of a FLOP and of a byte. @source Step-3 report, Table 5 */
export const TABLE_5: PerAccelerator<readonly [usdPerFlop: string, usdPerByte: string]> = {
  H800: ["2.80e-19", "1.66e-16"],
  H20: ["7.51e-19", "5.56e-17"],
  A800: ["6.68e-19", "1.04e-16"],
  "910B": ["6.65e-19", "1.16e-16"],
};

/** Least MoE sparsity for a hidden size of 7168 and 61 layers. @source Step-3 report, Table 7 */
export const TABLE_7: PerAccelerator<string> = { H800: "0.058", H20: "0.007", A800: "0.031", "910B": "0.034" };

/** What the text around Table 7 derives from it. @source Step-3 report, section 5.4 */
export const SECTION_5_4 = {
  /** H800 where a NIC carries 40 GB/s. */
  leastSparsityAtMeasuredNics: "0.073",
  /** Experts that DSv3 would have to activate on H800. */
  expertsOfDsv3: "14",
  /** Sparsity of Step-3, the shared expert counted. */
  sparsityOfStep3: "0.08",
} as const;
