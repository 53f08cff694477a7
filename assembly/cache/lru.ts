/**
 * A set-associative cache with least-recently-used replacement, fed with the accesses of a traced kernel.
 *
 * It lives on a memory of its own, apart from the kernel's, and is linked to the traced module as `trace.access`.
 * All state lies in that memory from the end of the module's static data on: a header of 64 bytes, then the tables.
 * Loads and stores are alike (a store miss fetches its line); what a write-back costs is not modelled.
 *
 * Header, byte offsets:
 *   0 u64 accesses      24 u32 ways           40 u32 lines in the bitmap
 *   8 u32 last line     28 u32 setMask or 0   44 usize ranges
 *  12 u32 line shift    32 u32 rangeCount     48 usize bitmap
 *  16 u32 sets                                52 usize tags
 *
 * ranges: rangeCount + 1 rows of { u32 begin, u32 end, u64 misses, u64 distinctLines }; the last one is "other".
 * bitmap: one bit a line of the traced memory, set once the line was touched.
 * tags: for each set, its `ways` lines from the most to the least recently used, as line + 1; 0 is empty.
 */
// @ts-ignore: decorator
@inline const HEADER_BYTES: usize = 64;
// @ts-ignore: decorator
@inline const RANGE_BYTES: usize = 24;
// @ts-ignore: decorator
@inline const PAGE_BYTES: usize = 65536;
// @ts-ignore: decorator
@inline const NO_LINE: u32 = 0xffffffff;

// @ts-ignore: decorator
@inline
function header(): usize {
  return (__heap_base + 63) & ~63;
}

/**
 * Empties the cache and all counts; call it before anything else. Grows the memory as far as the state needs.
 *
 * @param lineBytes a power of two.
 * @param sets any count; a power of two is faster.
 * @param rangeCount ranges that cacheSetRange will name; one more, "other", is added behind them.
 * @param maxTracedAddress the highest byte address that will be traced; an access beyond it traps.
 * @returns bytes of memory that the state takes up to its end, or 0 where the memory cannot grow that far.
 */
export function cacheInit(lineBytes: u32, sets: u32, ways: u32, rangeCount: u32, maxTracedAddress: u32): usize {
  const state = header();
  const shift = <u32>ctz(lineBytes);
  const lines = (maxTracedAddress >> shift) + 1;
  const ranges = state + HEADER_BYTES;
  const bitmap = (ranges + (<usize>rangeCount + 1) * RANGE_BYTES + 63) & ~63;
  const tags = bitmap + <usize>(((lines + 511) >> 9) << 6);
  // In 64 bits: a huge geometry must fail here, not wrap around.
  const end = <u64>tags + ((<u64>sets * ways) << 2);
  const available = <u64>memory.size() * PAGE_BYTES;
  if (end > available) {
    const pages = (end - available + PAGE_BYTES - 1) / PAGE_BYTES;
    if (pages > 65536 || memory.grow(<i32>pages) < 0) return 0;
  }
  memory.fill(state, 0, <usize>end - state);
  store<u32>(state, NO_LINE, 8);
  store<u32>(state, shift, 12);
  store<u32>(state, sets, 16);
  store<u32>(state, ways, 24);
  store<u32>(state, (sets & (sets - 1)) == 0 ? sets - 1 : 0, 28);
  store<u32>(state, rangeCount, 32);
  store<u32>(state, lines, 40);
  store<usize>(state, ranges, 44);
  store<usize>(state, bitmap, 48);
  store<usize>(state, tags, 52);
  return <usize>end;
}

/** Names the bytes begin..end (exclusive; 0 stands for 4 GiB) as a range; where ranges overlap, the lower index wins. */
export function cacheSetRange(index: u32, begin: u32, end: u32): void {
  const range = load<usize>(header(), 44) + <usize>index * RANGE_BYTES;
  store<u32>(range, begin);
  store<u32>(range, end, 4);
}

/** One access of `bytes` from `address` on; every line of it is touched in rising order. */
export function cacheAccess(address: u32, bytes: u32, isStore: u32): void {
  if (bytes == 0) return;
  const state = header();
  store<u64>(state, load<u64>(state) + 1);
  const shift = load<u32>(state, 12);
  const last = (address + bytes - 1) >> shift;
  let line = address >> shift;
  // The line of the last access is the most recent of its set: touching it again changes nothing.
  if (line == last && line == load<u32>(state, 8)) return;
  touch(state, line, address);
  while (line != last) {
    line++;
    touch(state, line, line << shift);
  }
  store<u32>(state, last, 8);
}

/** Accesses of at least one byte since cacheInit. */
export function cacheAccesses(): f64 {
  return <f64>load<u64>(header());
}

/** Lines that were not in the cache when an access wanted them; counted in the range of the first wanted byte. */
export function cacheMisses(range: u32): f64 {
  return <f64>load<u64>(load<usize>(header(), 44) + <usize>range * RANGE_BYTES, 8);
}

/** Lines touched at least once: what an endless cache would miss. */
export function cacheDistinctLines(range: u32): f64 {
  return <f64>load<u64>(load<usize>(header(), 44) + <usize>range * RANGE_BYTES, 16);
}

// @ts-ignore: decorator
@inline
function touch(state: usize, line: u32, address: u32): void {
  const sets = load<u32>(state, 16);
  const setMask = load<u32>(state, 28);
  const set = setMask != 0 ? line & setMask : line % sets;
  const ways = <usize>load<u32>(state, 24);
  const tag = line + 1;
  let slot = load<usize>(state, 52) + ((<usize>set * ways) << 2);
  let carried = load<u32>(slot);
  if (carried == tag) return;
  // Moves the lines one place down on the way, until the wanted one is found or the oldest has fallen out.
  store<u32>(slot, tag);
  const end = slot + (ways << 2);
  for (slot += 4; slot < end; slot += 4) {
    const current = load<u32>(slot);
    store<u32>(slot, carried);
    if (current == tag) return;
    carried = current;
  }
  countMiss(state, line, address);
}

function countMiss(state: usize, line: u32, address: u32): void {
  if (line >= load<u32>(state, 40)) unreachable();
  const rangeCount = load<u32>(state, 32);
  let range = load<usize>(state, 44);
  for (let index: u32 = 0; index < rangeCount; index++) {
    const begin = load<u32>(range);
    // Differences modulo 2^32, so that a range may end at 4 GiB.
    if (address - begin < load<u32>(range, 4) - begin) break;
    range += RANGE_BYTES;
  }
  store<u64>(range, load<u64>(range, 8) + 1, 8);
  // A line that was never touched was never in the cache either, so looking here is enough.
  const word = load<usize>(state, 48) + <usize>((line >> 5) << 2);
  const bit: u32 = 1 << (line & 31);
  const seen = load<u32>(word);
  if (seen & bit) return;
  store<u32>(word, seen | bit);
  store<u64>(range, load<u64>(range, 16) + 1, 16);
}
