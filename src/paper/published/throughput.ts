import { rounded } from "../printed.ts";

/** Decode throughput in tokens/s per GPU, as measured or extrapolated. @source Step-3 report, Table 8 and section 7.1 */
export const TABLE_8 = {
  "2A2F": rounded("4039"),
  "3A2F, BF16 attention": rounded("3321"),
  "4A2F at 8K": rounded("2643"),
  "16A2F at 32K": rounded("898"),
  "3A4F, 600B": rounded("3291"),
  "DSv3, EP128": rounded("2324"),
} as const;

export type Table8Row = keyof typeof TABLE_8;

/** Tokens that the report's rows have in flight: of all micro-batches and instances; DSv3's of 128 GPUs. @source Table 8 */
export const TABLE_8_BATCHES: Readonly<Record<Table8Row, number>> = {
  "2A2F": 6144,
  "3A2F, BF16 attention": 6048,
  "4A2F at 8K": 6144,
  "16A2F at 32K": 6144,
  "3A4F, 600B": 3 * 3072,
  "DSv3, EP128": 128 * 128,
};
