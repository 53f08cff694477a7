/**
 * How the rows of a left-hand side are laid out for the micro-kernels: 32-bit words (one float32, or four 7-bit activations),
 * interleaved tile by tile, so that a tile reads one stream.
 *
 *   block of at most 288 rows, split into the fewest tiles of at most six rows (five without a fused multiply-add), as even as they
 *   come (16 = 6 + 5 + 5):
 *   tile of R rows that begins at row r:  at r x rowBytes, [words of a row][R rows]
 *
 * Even tiles, because a short last one leaves the multiply-add units waiting; interleaved, because six row pointers cost the engine
 * address arithmetic that one does not (6 x 8 tile over L1, Node 26, Zen 5: 50 GFLOP/s with six pointers, 58 with one).
 */

/** Rows of a block: with the words that wordsAtOnce gives them, they take 2 MiB, the second-level cache of a large core, at most. */
export const rowBlock = 288;
/** Words of a block of rows. */
const blockWords = 2 ** 19;
/** Words of k that a panel is read for at least: shorter runs keep the processor from fetching ahead. */
const wordsLeast = 1024;

/** A multiplication apart from its addition takes a register of its own: with six rows, sums would be spilled. */
const tileRowsMost = ASC_FEATURE_RELAXED_SIMD ? 6 : 5;

/** Tiles that m rows (at most rowBlock) are split into. */
// @ts-ignore: decorator
@inline
export function tilesOf(m: i32): i32 {
  return (m + tileRowsMost - 1) / tileRowsMost;
}

/** Zeros that sums begin with: a row of the widest tile. */
export const zeros: usize = memory.data(128, 16);

/**
 * Panels that the next tile takes, of `left`: `most` for three rows and more. A tile of one or two rows has too few sums to hide how long
 * a multiply-add takes, so it takes up to four panels.
 */
// @ts-ignore: decorator
@inline
export function panelsAtOnce(m: i32, most: i32, left: i32): i32 {
  let panels = m > 2 ? most : m == 2 ? most << 1 : 4;
  while (panels > left) panels >>= 1;
  return panels;
}

/** Words of k that `rows` rows (at most rowBlock) take at a time, of k in all, in parts as even as they come; all of them where they may. */
export function wordsAtOnce(rows: i32, k: i32): i32 {
  const most = max(wordsLeast, blockWords / rows);
  const parts = (k + most - 1) / most;
  return (k + parts - 1) / parts;
}

/** Rows of the tile that holds `row`, of m rows in all. */
// @ts-ignore: decorator
@inline
export function rowsOfTile(m: i32, row: i32): i32 {
  const rows = min(rowBlock, m - (row / rowBlock) * rowBlock);
  const tiles = tilesOf(rows);
  const shortRows = rows / tiles;
  return shortRows + i32(row % rowBlock < (rows % tiles) * (shortRows + 1));
}

/** Place of `row` in its tile. */
// @ts-ignore: decorator
@inline
export function placeInTile(m: i32, row: i32): i32 {
  const rows = min(rowBlock, m - (row / rowBlock) * rowBlock);
  const tiles = tilesOf(rows);
  const shortRows = rows / tiles;
  const longRows = (rows % tiles) * (shortRows + 1);
  const inBlock = row % rowBlock;
  return inBlock < longRows ? inBlock % (shortRows + 1) : (inBlock - longRows) % shortRows;
}

/** Lays rows firstRow..lastRow (of m rows of `words` 32-bit words, sourceStride bytes apart) out for the micro-kernels. */
export function packRows(
  source: usize, sourceStride: usize, destination: usize, rowBytes: usize, m: i32, firstRow: i32, lastRow: i32, words: i32,
): void {
  const wholeVectors = words & ~3;
  for (let row = firstRow; row < lastRow; row++) {
    const rows = rowsOfTile(m, row);
    const place = placeInTile(m, row);
    const stride = usize(rows) << 2;
    let from = source + usize(row) * sourceStride;
    let to = destination + usize(row - place) * rowBytes + (usize(place) << 2);
    let word = 0;
    for (; word < wholeVectors; word += 4) {
      const four = v128.load(from);
      v128.store_lane<u32>(to, four, 0);
      v128.store_lane<u32>(to + stride, four, 1);
      v128.store_lane<u32>(to + stride * 2, four, 2);
      v128.store_lane<u32>(to + stride * 3, four, 3);
      from += 16;
      to += stride << 2;
    }
    for (; word < words; word++) {
      store<u32>(to, load<u32>(from));
      from += 4;
      to += stride;
    }
  }
}

/** The number of rows of a tile as a type, so that offsets between them are constants: offsetof<Rows6>() is 24 bytes. */
@unmanaged export class Rows1 { a: u32 = 0; }
@unmanaged export class Rows2 { a: u32 = 0; b: u32 = 0; }
@unmanaged export class Rows3 { a: u32 = 0; b: u32 = 0; c: u32 = 0; }
@unmanaged export class Rows4 { a: u32 = 0; b: u32 = 0; c: u32 = 0; d: u32 = 0; }
@unmanaged export class Rows5 { a: u32 = 0; b: u32 = 0; c: u32 = 0; d: u32 = 0; e: u32 = 0; }
@unmanaged export class Rows6 { a: u32 = 0; b: u32 = 0; c: u32 = 0; d: u32 = 0; e: u32 = 0; f: u32 = 0; }

/** The same for the panels of a tile. */
@unmanaged export class Panels1 { a: u32 = 0; }
@unmanaged export class Panels2 { a: u32 = 0; b: u32 = 0; }
@unmanaged export class Panels4 { a: u32 = 0; b: u32 = 0; c: u32 = 0; d: u32 = 0; }
