import type { Dtype } from "./weights.ts";

/** How a value of the KV cache is stored. */
export type KvDtype = "f32" | "bf16" | "fp8" | "int8" | "int4";

/** A stored format: its code in assembly/attention/storage.ts, bits a value, and what the core multiplies it in. */
export interface KvFormat {
  readonly code: number;
  readonly bits: number;
  readonly dtype: Dtype;
}

export const kvFormats: Readonly<Record<KvDtype, KvFormat>> = {
  f32: { code: 0, bits: 32, dtype: "f32" },
  bf16: { code: 1, bits: 16, dtype: "f32" },
  fp8: { code: 2, bits: 8, dtype: "f32" },
  int8: { code: 3, bits: 8, dtype: "int8" },
  int4: { code: 4, bits: 4, dtype: "int8" },
};

export const kvDtypes = Object.keys(kvFormats) as readonly KvDtype[];
