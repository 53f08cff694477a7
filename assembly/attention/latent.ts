/**
 * A latent cache holds keys alone, and the first valueDim of each are its values: a panel of 8 keys, just read for the scores, is turned
 * into the panels of V that P V reads, in scratch that stays in L2. So each byte of the cache comes from memory once.
 */

/** A float32 panel [keyDim][8 tokens] as eight rows of [valueDim / 8] panels [.][8 dims], `valueStride` bytes apart. */
export function turnPanelF32(key: usize, values: usize, valueStride: usize, valueDim: i32): void {
  for (let dim = 0; dim < valueDim; dim += 8) {
    turnF32(key, values);
    turnF32(key + 16, values + 128);
    turnF32(key + 128, values + 16);
    turnF32(key + 144, values + 144);
    key += 256;
    values += valueStride;
  }
}

/** Four dims x four tokens become four tokens x four dims. */
// @ts-ignore: decorator
@inline
function turnF32(from: usize, to: usize): void {
  const a = v128.load(from);
  const b = v128.load(from, 32);
  const c = v128.load(from, 64);
  const d = v128.load(from, 96);
  const abLow = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const cdLow = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const abHigh = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const cdHigh = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(abLow, cdLow, 0, 2));
  v128.store(to, v128.shuffle<i64>(abLow, cdLow, 1, 3), 32);
  v128.store(to, v128.shuffle<i64>(abHigh, cdHigh, 0, 2), 64);
  v128.store(to, v128.shuffle<i64>(abHigh, cdHigh, 1, 3), 96);
}

/** An int8 panel [keyDim / 4][8 tokens][4] as two steps of [valueDim / 8] panels [.][8 dims][4 tokens]. */
export function turnPanelInt8(key: usize, values: usize, valueStride: usize, valueDim: i32): void {
  for (let dim = 0; dim < valueDim; dim += 8) {
    v128.store(values, turnInt8(v128.load(key)));
    v128.store(values, turnInt8(v128.load(key, 32)), 16);
    v128.store(values, turnInt8(v128.load(key, 16)), 32);
    v128.store(values, turnInt8(v128.load(key, 48)), 48);
    key += 64;
    values += valueStride;
  }
}

/** Four tokens x four dims become four dims x four tokens. */
// @ts-ignore: decorator
@inline
function turnInt8(x: v128): v128 {
  return v128.shuffle<i8>(x, x, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
}
