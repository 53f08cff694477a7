import type { Operand } from "../workload/kernelShape.ts";

/** What a kernel multiplies in, and how wide its weights or its cache are stored. */
export interface StoredDtype {
  readonly operand: Operand;
  readonly bytesPerElement: number;
}

/** What a message names where a dtype is none of these. */
export const DTYPES = "bf16, fp16, fp8, int8, fp4, int4 or w4a16 and its like";

/** Names that libraries give; what follows the first - or _ (block128, static) is how it is scaled. */
const NAMES: ReadonlyMap<string, StoredDtype> = new Map([
  ...named(["bf16", "bfloat16", "fp16", "float16", "half"], "bf16", 2),
  ...named(["fp8", "float8", "e4m3", "e5m2", "mxfp8"], "fp8", 1),
  ...named(["int8"], "int8", 1),
  ...named(["fp4", "nvfp4", "mxfp4", "e2m1"], "fp4", 0.5),
  // There is no four-bit integer product left: such weights are widened to the activations' BF16.
  ...named(["int4"], "bf16", 0.5),
]);

/** Weights and activations of different widths: w4a16, w4afp8, w4a8_mxfp4_mxfp8. */
const MIXED = /^w(\d+)a(fp)?(\d+)(?:$|[-_])/;

/**
 * A dtype as tables of measurements spell it.
 *
 * @returns undefined where the name is not known
 */
export function readDtype(dtype: string): StoredDtype | undefined {
  const name = dtype.toLowerCase();
  const mixed = MIXED.exec(name);
  if (mixed === null) return NAMES.get(name.split(/[-_]/)[0] ?? "");
  const [, weightBits, floating, activationBits] = mixed;
  const operand = operandOf(Number(activationBits), floating !== undefined || name.includes("fp8"));
  return operand === undefined ? undefined : { operand, bytesPerElement: Number(weightBits) / 8 };
}

function operandOf(bits: number, floating: boolean): Operand | undefined {
  if (bits === 16) return "bf16";
  if (bits === 8) return floating ? "fp8" : "int8";
  return bits === 4 ? "fp4" : undefined;
}

function named(names: readonly string[], operand: Operand, bytesPerElement: number): [string, StoredDtype][] {
  return names.map((name) => [name, { operand, bytesPerElement }]);
}
