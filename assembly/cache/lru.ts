/**
 * Levels of set-associative caches with least-recently-used replacement, fed with the accesses of a traced kernel.
 *
 * It lives on a memory of its own, apart from the kernel's, and is linked to the traced module as `trace.access`.
 * All state lies in that memory from the end of the module's static data on: a header of 64 bytes, then the tables.
 *
 * An access looks for its line from the level nearest to the core on; every level that lacks it fetches it. Stores do as
 * loads do, and mark the line as changed in the first level. A changed line that falls out of a level is written to the next
 * one, which takes it without fetching it where it has dropped it. A level does not make those before it drop a line.
 *
 * Header, byte offsets:
 *   0 u64 accesses          16 u32 line shift     28 u32 lines of the traced memory   40 usize map
 *   8 u32 last line         20 u32 levelCount     32 usize levels                     44 usize end of the state
 *  12 u32 last is changed   24 u32 rangeCount     36 usize ranges
 *
 * levels: levelCount rows of { u32 sets, u32 setMask or 0, u32 ways, u32 what fell out last, usize tags }.
 * ranges: rangeCount + 1 rows of { u64 loadBytes, u64 storeBytes, u64 distinctLines } and, for each level,
 *   { u64 fetchedLines, u64 writtenLines }; the last one is "other".
 * map: for each line of the traced memory its range, and bit 7 once it was touched.
 * tags: for each set, its `ways` lines from the most to the least recently used, as line + 1; 0 is empty; bit 31: changed.
 */
// @ts-ignore: decorator
@inline const HEADER_BYTES: usize = 64;
// @ts-ignore: decorator
@inline const LEVEL_BYTES: usize = 32;
// @ts-ignore: decorator
@inline const RANGE_BYTES: usize = 24;
// @ts-ignore: decorator
@inline const PAGE_BYTES: usize = 65536;
// @ts-ignore: decorator
@inline const NO_LINE: u32 = 0xffffffff;
// @ts-ignore: decorator
@inline const CHANGED: u32 = 0x80000000;
// @ts-ignore: decorator
@inline const TOUCHED: u8 = 0x80;

// @ts-ignore: decorator
@inline
function header(): usize {
  return (__heap_base + 63) & ~63;
}

/**
 * Empties all levels and counts; call it before anything else. Grows the memory as far as the state needs.
 *
 * @param lineBytes a power of two, at least 8.
 * @param levelCount levels that cacheSetLevel will name, all of them; without any, lines are counted alone.
 * @param rangeCount ranges that cacheSetRange will name, at most 127; one more, "other", is added behind them.
 * @param maxTracedAddress the highest byte address that will be traced; an access beyond it traps.
 * @returns bytes of memory that the state takes up to its end, or 0 where the memory cannot grow that far.
 */
export function cacheInit(lineBytes: u32, levelCount: u32, rangeCount: u32, maxTracedAddress: u32): usize {
  const state = header();
  const shift = <u32>ctz(lineBytes);
  const lines = (maxTracedAddress >> shift) + 1;
  const levels = state + HEADER_BYTES;
  const ranges = levels + <usize>levelCount * LEVEL_BYTES;
  const map = (ranges + (<usize>rangeCount + 1) * (RANGE_BYTES + ((<usize>levelCount) << 4)) + 63) & ~63;
  const end = reserve(map + <usize>((lines + 63) & ~63), 0);
  if (end == 0) return 0;
  memory.fill(state, 0, map - state);
  memory.fill(map, <u8>rangeCount, lines);
  store<u32>(state, NO_LINE, 8);
  store<u32>(state, shift, 16);
  store<u32>(state, levelCount, 20);
  store<u32>(state, rangeCount, 24);
  store<u32>(state, lines, 28);
  store<usize>(state, levels, 32);
  store<usize>(state, ranges, 36);
  store<usize>(state, map, 40);
  store<usize>(state, end, 44);
  return end;
}

/**
 * Sets up an empty level; 0 is nearest to the core.
 *
 * @param sets any count; a power of two is faster.
 * @returns as cacheInit.
 */
export function cacheSetLevel(index: u32, sets: u32, ways: u32): usize {
  const state = header();
  const tags = load<usize>(state, 44);
  // In 64 bits: a huge geometry must fail here, not wrap around.
  const end = reserve(tags, (<u64>sets * ways) << 2);
  if (end == 0) return 0;
  memory.fill(tags, 0, end - tags);
  const level = levelAt(state, index);
  store<u32>(level, sets);
  store<u32>(level, (sets & (sets - 1)) == 0 ? sets - 1 : 0, 4);
  store<u32>(level, ways, 8);
  store<u32>(level, 0, 12);
  store<usize>(level, tags, 16);
  store<usize>(state, end, 44);
  return end;
}

/**
 * Names the bytes begin..end (exclusive; 0 stands for 4 GiB) as a range. A line that several ranges share counts in the one
 * that was named first.
 */
export function cacheSetRange(index: u32, begin: u32, end: u32): void {
  if (begin == end) return;
  const state = header();
  const shift = load<u32>(state, 16);
  const other = <u8>load<u32>(state, 24);
  const map = load<usize>(state, 40);
  const last = map + ((end - 1) >> shift);
  for (let line = map + (begin >> shift); line <= last; line++) if (load<u8>(line) == other) store<u8>(line, <u8>index);
}

/** One access of `bytes` from `address` on; every line of it is touched in rising order. */
export function cacheAccess(address: u32, bytes: u32, isStore: u32): void {
  if (bytes == 0) return;
  const state = header();
  store<u64>(state, load<u64>(state) + 1);
  const shift = load<u32>(state, 16);
  const last = (address + bytes - 1) >> shift;
  let line = address >> shift;
  if (last >= load<u32>(state, 28)) unreachable();
  const asked = rangeOf(state, line) + (isStore ? 8 : 0);
  store<u64>(asked, load<u64>(asked) + bytes);
  // The line of the last access is the most recent of its set: touching it again changes nothing.
  if (line == last && line == load<u32>(state, 8) && (!isStore || load<u32>(state, 12))) return;
  touch(state, line, isStore);
  while (line != last) {
    line++;
    touch(state, line, isStore);
  }
  store<u32>(state, last, 8);
  store<u32>(state, isStore, 12);
}

/** Writes every changed line to memory, through the levels behind its own. */
export function cacheFlush(): void {
  const state = header();
  const levelCount = load<u32>(state, 20);
  for (let index: u32 = 0; index < levelCount; index++) {
    const level = levelAt(state, index);
    const tags = load<usize>(level, 16);
    const end = tags + ((<usize>load<u32>(level) * load<u32>(level, 8)) << 2);
    for (let slot = tags; slot < end; slot += 4) {
      const tag = load<u32>(slot);
      if ((tag & CHANGED) == 0) continue;
      store<u32>(slot, tag & ~CHANGED);
      writeBack(state, index, tag);
    }
  }
  store<u32>(state, NO_LINE, 8);
}

/** Accesses of at least one byte since cacheInit. */
export function cacheAccesses(): f64 {
  return <f64>load<u64>(header());
}

/** Bytes that loads asked for, in the range of an access's first byte. */
export function cacheLoadBytes(range: u32): f64 {
  return <f64>load<u64>(rangeAt(header(), range));
}

/** Bytes that stores asked for. */
export function cacheStoreBytes(range: u32): f64 {
  return <f64>load<u64>(rangeAt(header(), range), 8);
}

/** Lines touched at least once: what an endless cache would fetch. */
export function cacheDistinctLines(range: u32): f64 {
  return <f64>load<u64>(rangeAt(header(), range), 16);
}

/** Lines that a level fetched from the next one, the last level from memory. */
export function cacheFetchedLines(level: u32, range: u32): f64 {
  return <f64>load<u64>(rangeAt(header(), range) + ((<usize>level) << 4), 24);
}

/** Changed lines that a level wrote to the next one, the last level to memory. */
export function cacheWrittenLines(level: u32, range: u32): f64 {
  return <f64>load<u64>(rangeAt(header(), range) + ((<usize>level) << 4), 32);
}

/** Grows the memory to `bytes` behind `from`. @returns the end, or 0 where it cannot grow that far. */
function reserve(from: usize, bytes: u64): usize {
  const end = <u64>from + bytes;
  const available = <u64>memory.size() * PAGE_BYTES;
  if (end <= available) return <usize>end;
  const pages = (end - available + PAGE_BYTES - 1) / PAGE_BYTES;
  if (pages > 65536 || memory.grow(<i32>pages) < 0) return 0;
  return <usize>end;
}

// @ts-ignore: decorator
@inline
function levelAt(state: usize, index: u32): usize {
  return load<usize>(state, 32) + <usize>index * LEVEL_BYTES;
}

// @ts-ignore: decorator
@inline
function rangeAt(state: usize, range: u32): usize {
  return load<usize>(state, 36) + <usize>range * (RANGE_BYTES + ((<usize>load<u32>(state, 20)) << 4));
}

// @ts-ignore: decorator
@inline
function rangeOf(state: usize, line: u32): usize {
  return rangeAt(state, load<u8>(load<usize>(state, 40) + line) & ~TOUCHED);
}

// @ts-ignore: decorator
@inline
function touch(state: usize, line: u32, isStore: u32): void {
  const levelCount = load<u32>(state, 20);
  if (levelCount > 0 && place(levelAt(state, 0), line, isStore ? CHANGED : 0)) return;
  fetch(state, line, levelCount);
}

/** The rest of an access that the first level could not serve. */
function fetch(state: usize, line: u32, levelCount: u32): void {
  const range = rangeOf(state, line);
  let depth: u32 = 0;
  while (depth < levelCount) {
    const fetched = range + 24 + ((<usize>depth) << 4);
    store<u64>(fetched, load<u64>(fetched) + 1);
    depth++;
    if (depth < levelCount && place(levelAt(state, depth), line, 0)) break;
  }
  if (depth == levelCount) countDistinct(state, line, range);
  // From the last level on: what a level writes into the next one must not hide what that one lost itself.
  while (depth > 0) {
    depth--;
    const lost = load<u32>(levelAt(state, depth), 12);
    if (lost & CHANGED) writeBack(state, depth, lost);
  }
}

/** A line that was never touched was never in a cache either, so looking where all levels miss is enough. */
function countDistinct(state: usize, line: u32, range: usize): void {
  const known = load<usize>(state, 40) + line;
  const seen = load<u8>(known);
  if (seen & TOUCHED) return;
  store<u8>(known, seen | TOUCHED);
  store<u64>(range, load<u64>(range, 16) + 1, 16);
}

function writeBack(state: usize, index: u32, tag: u32): void {
  const line = (tag & ~CHANGED) - 1;
  const written = rangeOf(state, line) + 32 + ((<usize>index) << 4);
  store<u64>(written, load<u64>(written) + 1);
  const next = index + 1;
  if (next == load<u32>(state, 20)) return;
  const level = levelAt(state, next);
  if (place(level, line, CHANGED)) return;
  const lost = load<u32>(level, 12);
  if (lost & CHANGED) writeBack(state, next, lost);
}

/**
 * Makes a line the most recent of its set, changed where `changed` says so or it was.
 * @returns whether the level had it; where not, the level's row holds what fell out.
 */
// @ts-ignore: decorator
@inline
function place(level: usize, line: u32, changed: u32): bool {
  const sets = load<u32>(level);
  const setMask = load<u32>(level, 4);
  const set = setMask != 0 ? line & setMask : line % sets;
  const ways = <usize>load<u32>(level, 8);
  const tag = line + 1;
  const first = load<usize>(level, 16) + ((<usize>set * ways) << 2);
  let carried = load<u32>(first);
  if ((carried & ~CHANGED) == tag) {
    store<u32>(first, carried | changed);
    return true;
  }
  // Moves the lines one place down on the way, until the wanted one is found or the oldest has fallen out.
  const end = first + (ways << 2);
  for (let slot = first + 4; slot < end; slot += 4) {
    const current = load<u32>(slot);
    store<u32>(slot, carried);
    if ((current & ~CHANGED) == tag) {
      store<u32>(first, current | changed);
      return true;
    }
    carried = current;
  }
  store<u32>(first, tag | changed);
  store<u32>(level, carried, 12);
  return false;
}
