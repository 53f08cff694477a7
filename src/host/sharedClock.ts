/** Nanoseconds since a moment that all threads of the process agree on. */
export type SharedClock = () => number;

/** That moment: now. */
export function clockOrigin(): bigint {
  return process.hrtime.bigint();
}

/**
 * A clock for this thread. Each thread's `performance.now()` has a beginning of its own; what lies between it and the origin is
 * read once, by the quickest of several tries, so that clocks of threads differ by well below a microsecond and reading one
 * allocates nothing.
 */
export function sharedClock(origin: bigint): SharedClock {
  let offsetNs = 0;
  let quickest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 32; round++) {
    const before = process.hrtime.bigint();
    const local = performance.now() * 1e6;
    const between = Number(process.hrtime.bigint() - before);
    if (between >= quickest) continue;
    quickest = between;
    offsetNs = Number(before - origin) + between / 2 - local;
  }
  return () => performance.now() * 1e6 + offsetNs;
}
