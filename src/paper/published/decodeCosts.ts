import type { ReportModel } from "../inputs.ts";

/** On H800, H20, A800 and 910B. */
type Costs = readonly [string, string, string, string];

/** USD per million tokens: attention at 8K, attention at 32K, FFN. @source Step-3 report, Table 6 */
export const TABLE_6: Readonly<Record<ReportModel, readonly [attention8k: Costs, attention32k: Costs, ffn: Costs]>> = {
  DSv3: [
    ["0.054", "0.128", "0.114", "0.113"],
    ["0.197", "0.460", "0.409", "0.407"],
    ["0.014", "0.036", "0.032", "0.032"],
  ],
  "Kimi K2": [
    ["0.051", "0.065", "0.057", "0.057"],
    ["0.194", "0.231", "0.205", "0.204"],
    ["0.014", "0.036", "0.032", "0.032"],
  ],
  "Qwen3 MoE": [
    ["0.135", "0.054", "0.091", "0.101"],
    ["0.527", "0.185", "0.338", "0.376"],
    ["0.008", "0.021", "0.019", "0.019"],
  ],
  "Qwen3 32B": [
    ["0.181", "0.069", "0.120", "0.133"],
    ["0.716", "0.248", "0.455", "0.508"],
    ["0.014", "0.038", "0.034", "0.033"],
  ],
  "Llama 4 M": [
    ["0.169", "0.060", "0.109", "0.121"],
    ["0.369", "0.128", "0.235", "0.262"],
    ["0.007", "0.018", "0.016", "0.016"],
  ],
  "MM M1": [
    ["0.164", "0.079", "0.121", "0.132"],
    ["0.330", "0.135", "0.226", "0.249"],
    ["0.015", "0.041", "0.036", "0.036"],
  ],
  "ERNIE 4.5": [
    ["0.155", "0.063", "0.105", "0.116"],
    ["0.606", "0.214", "0.388", "0.432"],
    ["0.021", "0.057", "0.051", "0.051"],
  ],
  "Pangu Pro": [
    ["0.135", "0.049", "0.088", "0.098"],
    ["0.536", "0.183", "0.340", "0.379"],
    ["0.007", "0.018", "0.016", "0.016"],
  ],
  "Step-3": [
    ["0.048", "0.040", "0.040", "0.043"],
    ["0.176", "0.114", "0.120", "0.133"],
    ["0.015", "0.040", "0.036", "0.035"],
  ],
};

type BothContexts = Readonly<Record<"8K" | "32K", string>>;

/** Attention and FFN each on the accelerator that is cheapest for it. @source Step-3 report, section 4.2, observation 1 */
export const BEST_PAIRINGS = {
  "Qwen3 MoE": { "8K": "0.062", "32K": "0.193" },
  "Step-3": { "8K": "0.055", "32K": "0.129" },
} as const satisfies Partial<Record<ReportModel, BothContexts>>;

/** Both sides on H800. @source Step-3 report, section 4.2, observation 1 (EP) */
export const BOTH_ON_H800 = {
  DSv3: { "8K": "0.068", "32K": "0.211" },
} as const satisfies Partial<Record<ReportModel, BothContexts>>;

/** USD per million tokens on 910B; training takes three times a token's forward FLOPs at 8K. @source Step-3 report, Figure 4 */
export const FIGURE_4 = {
  "Pangu Pro": { "decoding 8K": "0.114", "decoding 32K": "0.395", "training 8K": "0.076" },
  "Step-3": { "decoding 8K": "0.078", "decoding 32K": "0.168", "training 8K": "0.213" },
} as const;
