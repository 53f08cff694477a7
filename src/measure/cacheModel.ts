/** A set-associative cache; lineBytes is a power of two. */
export interface CacheGeometry {
  readonly lineBytes: number;
  readonly sets: number;
  readonly ways: number;
}

/** The bytes begin..end (exclusive) of the traced memory, at most 4 GiB. */
export interface AddressRange {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
}

/** What an instance of the kernels' module on a memory of its own exports of `assembly/cache/lru.ts`. */
export interface CacheExports {
  readonly cacheInit: (lineBytes: number, levelCount: number, rangeCount: number, maxTracedAddress: number) => number;
  readonly cacheSetLevel: (index: number, sets: number, ways: number) => number;
  readonly cacheSetRange: (index: number, begin: number, end: number) => void;
  /** Link this one straight to a traced module as its import `trace.access`. */
  readonly cacheAccess: (address: number, bytes: number, isStore: number) => void;
  readonly cacheFlush: () => void;
  readonly cacheAccesses: () => number;
  readonly cacheLoadBytes: (range: number) => number;
  readonly cacheStoreBytes: (range: number) => number;
  readonly cacheDistinctLines: (range: number) => number;
  readonly cacheFetchedLines: (level: number, range: number) => number;
  readonly cacheWrittenLines: (level: number, range: number) => number;
}

/** What passed between one level and the next, or memory behind the last one. */
export interface LevelLines {
  /** Lines that the level did not hold when they were wanted. */
  readonly fetchedLines: number;
  /** Changed lines that it wrote back. */
  readonly writtenLines: number;
}

/** What one range of addresses cost. */
export interface RangeTraffic {
  readonly name: string;
  /** Bytes that loads and stores asked for. */
  readonly loadBytes: number;
  readonly storeBytes: number;
  /** Lines touched at least once: what an endless cache would fetch. */
  readonly distinctLines: number;
  /** By level, that nearest to the core first. */
  readonly levels: readonly LevelLines[];
}

export interface CacheTraffic {
  readonly accesses: number;
  /** The ranges in the order given; a line that several share counts in the first. */
  readonly ranges: readonly RangeTraffic[];
  /** Everything outside the ranges. */
  readonly other: RangeTraffic;
}

/** Ranges that the model can tell apart. */
const mostRanges = 127;

/** Bytes of a line where no level says: that of most processors. */
const plainLineBytes = 64;

/**
 * The geometry of a cache of this size; its sets are rounded down, to at least one.
 *
 * @throws {RangeError} where a size is not positive or lineBytes is not a power of two.
 */
export function cacheGeometry(cacheBytes: number, ways: number, lineBytes: number): CacheGeometry {
  const geometry = { lineBytes, ways, sets: Math.max(1, Math.floor(cacheBytes / (ways * lineBytes))) };
  checkGeometry(geometry);
  return geometry;
}

/** An upper bound for the memory that the state takes beyond the module's static data. */
export function cacheStateBytes(levels: readonly CacheGeometry[], rangeCount: number, tracedBytes: number): number {
  const rowBytes = 24 + 16 * levels.length;
  const tagBytes = levels.reduce((sum, { sets, ways }) => sum + 4 * sets * ways, 0);
  return 320 + 32 * levels.length + rowBytes * (rangeCount + 1) + Math.ceil(tracedBytes / lineOf(levels)) + tagBytes;
}

/**
 * Empties all levels and counts, and names the ranges to tell apart.
 *
 * @param levels that nearest to the core first, all with lines of one length; without any, lines are counted alone.
 * @param tracedBytes the size of the traced memory; an access beyond it traps.
 * @throws {RangeError} where a geometry or a range is out of bounds, or the cache's memory cannot grow to hold it.
 */
export function startCache(
  cache: CacheExports,
  levels: readonly CacheGeometry[],
  ranges: readonly AddressRange[],
  tracedBytes: number,
): void {
  for (const level of levels) checkGeometry(level);
  const lineBytes = lineOf(levels);
  if (levels.some((level) => level.lineBytes !== lineBytes)) throw new RangeError("levels with lines of two lengths");
  if (ranges.length > mostRanges) throw new RangeError(`${ranges.length} ranges: expected at most ${mostRanges}`);
  for (const { name, begin, end } of ranges) {
    if (begin >= 0 && begin <= end && end <= tracedBytes) continue;
    throw new RangeError(`range ${name}: ${begin}..${end} is not within 0..${tracedBytes}`);
  }
  if (cache.cacheInit(lineBytes, levels.length, ranges.length, tracedBytes - 1) === 0) {
    throw new RangeError(`no memory to trace ${tracedBytes} bytes in lines of ${lineBytes}`);
  }
  for (const [index, { sets, ways }] of levels.entries()) {
    if (cache.cacheSetLevel(index, sets, ways) > 0) continue;
    throw new RangeError(`no memory for a cache of ${sets} sets x ${ways} ways`);
  }
  for (const [index, { begin, end }] of ranges.entries()) cache.cacheSetRange(index, begin, end);
}

/** Reads what was counted since startCache, for the levels and ranges that it was given. */
export function readCache(
  cache: CacheExports,
  levels: readonly CacheGeometry[],
  ranges: readonly AddressRange[],
): CacheTraffic {
  const traffic = (name: string, range: number): RangeTraffic => ({
    name,
    loadBytes: cache.cacheLoadBytes(range),
    storeBytes: cache.cacheStoreBytes(range),
    distinctLines: cache.cacheDistinctLines(range),
    levels: levels.map((_, level) => ({
      fetchedLines: cache.cacheFetchedLines(level, range),
      writtenLines: cache.cacheWrittenLines(level, range),
    })),
  });
  return {
    accesses: cache.cacheAccesses(),
    ranges: ranges.map(({ name }, index) => traffic(name, index)),
    other: traffic("other", ranges.length),
  };
}

/** The length of all levels' lines. */
export function lineOf(levels: readonly CacheGeometry[]): number {
  return levels[0]?.lineBytes ?? plainLineBytes;
}

function checkGeometry({ lineBytes, sets, ways }: CacheGeometry): void {
  const isPowerOfTwo = Number.isInteger(Math.log2(lineBytes));
  const areCounts = Number.isInteger(sets) && Number.isInteger(ways) && sets >= 1 && ways >= 1;
  if (lineBytes >= 8 && isPowerOfTwo && areCounts) return;
  throw new RangeError(
    `cache of ${sets} sets x ${ways} ways x ${lineBytes} bytes: expected whole numbers, lines of a power of two from 8 on`,
  );
}
