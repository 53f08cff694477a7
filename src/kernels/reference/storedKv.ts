import type { KvCache } from "../kvCache.ts";
import type { KvDtype } from "../kvFormat.ts";

/** Keys and values of one sequence and KV head as stored, read by their own index arithmetic: the reference's view. */
export interface StoredKv {
  readonly keys: readonly Float64Array[];
  /** int8, int4: whole numbers, to be multiplied with valueScales. */
  readonly values: readonly Float64Array[];
  readonly valueScales: Float64Array;
}

const tokensPerBlock = 256;

export function readKv(memory: WebAssembly.Memory, cache: KvCache, sequence: number, kvHead: number): StoredKv {
  const count = cache.kvTokens[sequence] as number;
  const tokens = Array.from({ length: count }, (_, position) => readToken(memory, cache, sequence, kvHead, position));
  return {
    keys: tokens.map(({ key }) => key),
    values: tokens.map(({ value }) => value),
    valueScales: Float64Array.from(tokens, ({ valueScale }) => valueScale),
  };
}

/** One token of them. */
export function readToken(
  memory: WebAssembly.Memory,
  cache: KvCache,
  sequence: number,
  kvHead: number,
  position: number,
): { readonly key: Float64Array; readonly value: Float64Array; readonly valueScale: number } {
  const { keyDim, valueDim, kvDtype, layout, scaleOffset } = cache;
  const isWhole = kvDtype === "int8" || kvDtype === "int4";
  const block = addressOfBlock(memory, cache, sequence, kvHead, Math.floor(position / tokensPerBlock));
  const token = position % tokensPerBlock;
  const read = readerOf(memory, kvDtype, block);
  // K: panels of 8 tokens. Whole numbers lie in steps of 8 tokens x 4 elements, floats in steps of 8 tokens.
  const panel = (token >> 3) * keyDim * 8;
  const key = Float64Array.from({ length: keyDim }, (_, i) =>
    read(panel + (isWhole ? (i >> 2) * 32 + (token & 7) * 4 + (i & 3) : i * 8 + (token & 7))),
  );
  const value =
    layout === "latent"
      ? key.slice(0, valueDim)
      : Float64Array.from({ length: valueDim }, (_, i) => {
          const valuePanel = keyDim * tokensPerBlock + (i >> 3) * tokensPerBlock * 8;
          return read(valuePanel + (isWhole ? (token >> 2) * 32 + (i & 7) * 4 + (token & 3) : token * 8 + (i & 7)));
        });
  if (!isWhole) return { key, value, valueScale: 1 };
  const scales = new Float32Array(memory.buffer, block + scaleOffset, tokensPerBlock * 2);
  const [first, second] = [scales[token] as number, scales[tokensPerBlock + token] as number];
  for (let i = 0; i < keyDim; i++)
    key[i] = (key[i] as number) * (layout === "latent" && i >= valueDim ? second : first);
  return { key, value, valueScale: layout === "latent" ? first : second };
}

function addressOfBlock(
  memory: WebAssembly.Memory,
  cache: KvCache,
  sequence: number,
  kvHead: number,
  block: number,
): number {
  const { buffer, table, blockBytes, kvHeads, kvTokens } = cache;
  const blocksOf = (tokens: number): number => Math.ceil(tokens / tokensPerBlock);
  const before = kvTokens.slice(0, sequence).reduce((sum, tokens) => sum + blocksOf(tokens), 0);
  const index =
    table === undefined
      ? before * kvHeads + kvHead * blocksOf(kvTokens[sequence] as number) + block
      : (new Uint32Array(memory.buffer, table.address)[before + block] as number) * kvHeads + kvHead;
  return buffer.address + index * blockBytes;
}

/** Reads stored value number `index` of a block; of two int4 in a byte, the lower four bits come 16 values before the upper ones. */
function readerOf(memory: WebAssembly.Memory, kvDtype: KvDtype, block: number): (index: number) => number {
  const view = new DataView(memory.buffer, block);
  switch (kvDtype) {
    case "f32":
      return (index) => view.getFloat32(index * 4, true);
    case "bf16":
      return (index) => bf16Value(view.getUint16(index * 2, true));
    case "fp8":
      return (index) => fp8Value(view.getUint8(index));
    case "int8":
      return (index) => view.getInt8(index);
    case "int4":
      return (index) => {
        const both = view.getUint8((index >> 5) * 16 + (index & 15));
        return ((index & 16) === 0 ? both & 15 : both >> 4) - 8;
      };
  }
}

/** Sign, 8 bits of exponent (bias 127), 7 of mantissa. */
export function bf16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 7) & 0xff;
  const mantissa = bits & 0x7f;
  if (exponent === 0xff) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * mantissa * 2 ** -133 : sign * (1 + mantissa / 128) * 2 ** (exponent - 127);
}

/** FP8 E4M3: sign, 4 bits of exponent (bias 7), 3 of mantissa; no infinities, and NaN where all seven bits are set. @source OCP 8-bit Floating Point Specification, 1.0 */
export function fp8Value(bits: number): number {
  const sign = bits & 0x80 ? -1 : 1;
  const exponent = (bits >> 3) & 15;
  const mantissa = bits & 7;
  if (exponent === 15 && mantissa === 7) return Number.NaN;
  return exponent === 0 ? sign * mantissa * 2 ** -9 : sign * (1 + mantissa / 8) * 2 ** (exponent - 7);
}
