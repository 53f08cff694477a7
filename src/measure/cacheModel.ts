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
  readonly cacheInit: (
    lineBytes: number,
    sets: number,
    ways: number,
    rangeCount: number,
    maxTracedAddress: number,
  ) => number;
  readonly cacheSetRange: (index: number, begin: number, end: number) => void;
  /** Link this one straight to a traced module as its import `trace.access`. */
  readonly cacheAccess: (address: number, bytes: number, isStore: number) => void;
  readonly cacheAccesses: () => number;
  readonly cacheMisses: (range: number) => number;
  readonly cacheDistinctLines: (range: number) => number;
}

/** What one range of addresses cost, in lines. */
export interface RangeTraffic {
  readonly name: string;
  /** Lines that the cache did not hold when they were wanted: what came from memory. */
  readonly missedLines: number;
  readonly missedBytes: number;
  /** Lines touched at least once: what an endless cache would miss. */
  readonly distinctLines: number;
}

export interface CacheTraffic {
  readonly accesses: number;
  /** The ranges in the order given, each byte in the first that holds it. */
  readonly ranges: readonly RangeTraffic[];
  /** Everything outside the ranges: activations, scratch, tables. */
  readonly other: RangeTraffic;
}

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

/**
 * An upper bound for the memory that the cache's state takes beyond the module's static data, for sizing the memory it
 * is instantiated with; startCache grows a smaller one.
 */
export function cacheStateBytes(geometry: CacheGeometry, rangeCount: number, tracedBytes: number): number {
  const bitmapBytes = Math.ceil(tracedBytes / geometry.lineBytes / 8) + 128;
  return 256 + 24 * (rangeCount + 1) + bitmapBytes + 4 * geometry.sets * geometry.ways;
}

/**
 * Empties the cache and all its counts, and names the ranges to tell apart.
 *
 * @param tracedBytes the size of the traced memory; an access beyond it traps.
 * @throws {RangeError} where the geometry or a range is out of bounds, or the cache's memory cannot grow to hold it.
 */
export function startCache(
  cache: CacheExports,
  geometry: CacheGeometry,
  ranges: readonly AddressRange[],
  tracedBytes: number,
): void {
  checkGeometry(geometry);
  for (const { name, begin, end } of ranges) {
    if (begin >= 0 && begin <= end && end <= tracedBytes) continue;
    throw new RangeError(`range ${name}: ${begin}..${end} is not within 0..${tracedBytes}`);
  }
  const { lineBytes, sets, ways } = geometry;
  if (cache.cacheInit(lineBytes, sets, ways, ranges.length, tracedBytes - 1) === 0) {
    throw new RangeError(`no memory for a cache of ${sets} sets x ${ways} ways`);
  }
  for (const [index, { begin, end }] of ranges.entries()) cache.cacheSetRange(index, begin, end);
}

/** Reads what was counted since startCache, for the ranges it was given. */
export function readCache(cache: CacheExports, geometry: CacheGeometry, ranges: readonly AddressRange[]): CacheTraffic {
  const traffic = (name: string, index: number): RangeTraffic => {
    const missedLines = cache.cacheMisses(index);
    const distinctLines = cache.cacheDistinctLines(index);
    return { name, missedLines, missedBytes: missedLines * geometry.lineBytes, distinctLines };
  };
  return {
    accesses: cache.cacheAccesses(),
    ranges: ranges.map(({ name }, index) => traffic(name, index)),
    other: traffic("other", ranges.length),
  };
}

function checkGeometry({ lineBytes, sets, ways }: CacheGeometry): void {
  const isPowerOfTwo = Number.isInteger(Math.log2(lineBytes));
  const areCounts = Number.isInteger(sets) && Number.isInteger(ways) && sets >= 1 && ways >= 1;
  if (lineBytes >= 2 && isPowerOfTwo && areCounts) return;
  throw new RangeError(
    `cache of ${sets} sets x ${ways} ways x ${lineBytes} bytes: expected whole numbers, lines of a power of two`,
  );
}
