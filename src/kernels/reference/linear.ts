/** Plain float64 references: one loop a definition, no blocking, no packing. */

/** sum a_i b_i. */
export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

/** x W for the given columns, each a vector of k. */
export function matmul(x: Float64Array, columns: number, column: (index: number) => Float64Array): Float64Array {
  const y = new Float64Array(columns);
  for (let index = 0; index < columns; index++) y[index] = dot(x, column(index));
  return y;
}

/** x / sqrt(mean(x^2) + epsilon) w. */
export function rmsNorm(x: Float64Array, weight: Float64Array, epsilon: number): Float64Array {
  const factor = 1 / Math.sqrt(dot(x, x) / x.length + epsilon);
  return x.map((value, i) => value * factor * (weight[i] as number));
}

/** How RoPE turns the first elements of a head: angles a position of the pairs, and which elements are a pair. */
export interface ReferenceRope {
  readonly frequencies: { readonly anglePerPosition: Float64Array; readonly magnitude: number };
  /** Pairs (i, i + half), or neighbours (2 i, 2 i + 1). */
  readonly pairs: "halves" | "neighbours";
}

/** RoPE of one head at a position; elements behind the pairs stay. */
export function turn(x: Float64Array, position: number, rope: ReferenceRope): Float64Array {
  const { anglePerPosition, magnitude } = rope.frequencies;
  const out = x.slice();
  for (const [i, [low, high]] of pairsOf(rope).entries()) {
    const angle = position * (anglePerPosition[i] as number);
    const [a, b] = [x[low] as number, x[high] as number];
    out[low] = magnitude * (a * Math.cos(angle) - b * Math.sin(angle));
    out[high] = magnitude * (b * Math.cos(angle) + a * Math.sin(angle));
  }
  return out;
}

/** The two elements of each pair. */
export function pairsOf({ frequencies: { anglePerPosition }, pairs }: ReferenceRope): [number, number][] {
  const half = anglePerPosition.length;
  return Array.from({ length: half }, (_, i) => (pairs === "halves" ? [i, i + half] : [2 * i, 2 * i + 1]));
}

/** act(gate) x up: `silu` is SwiGLU, `gelu` GeGLU in its tanh form, `clampedSilu` that of gpt-oss. */
export type Activation = "silu" | "gelu" | "clampedSilu";

/** What a gated FFN makes of its gate and up columns. */
export function activate(activation: Activation, gate: Float64Array, up: Float64Array): Float64Array {
  return gate.map((value, i) => activateOne(activation, value, up[i] as number));
}

function activateOne(activation: Activation, gate: number, up: number): number {
  switch (activation) {
    case "silu":
      return (gate / (1 + Math.exp(-gate))) * up;
    case "gelu":
      return 0.5 * gate * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (gate + 0.044715 * gate ** 3))) * up;
    case "clampedSilu": {
      const clamped = Math.min(gate, 7);
      return (clamped / (1 + Math.exp(-1.702 * clamped))) * (Math.max(-7, Math.min(7, up)) + 1);
    }
  }
}

/** x rounded to 7 bits with one scale (max |x| / 63): what int8 matmuls see of their activations. */
export function round7(x: Float64Array): Float64Array {
  return roundToSteps(x, 63);
}

/**
 * Float32 values rounded to whole steps of max |x| / `steps`, in float32 as the kernels do it: in float64 a value near the middle of two
 * steps would now and then fall on the other side.
 */
function roundToSteps(x: Float64Array, steps: 63 | 127): Float64Array {
  const largest = x.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const scale = Math.fround(largest / steps);
  const unitsPerValue = Math.fround(steps / largest);
  if (!Number.isFinite(unitsPerValue)) return new Float64Array(x.length);
  return x.map((value) => roundHalfEven(Math.fround(Math.fround(value) * unitsPerValue)) * scale);
}

/** Nearest whole number, ties to even, as WASM's nearest. */
export function roundHalfEven(x: number): number {
  const rounded = Math.round(x);
  return Math.abs(x % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
