import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Runs between two looks at the memory. */
const runsBetween = 25;
/** Runs before the first look that counts: code is compiled and caches are filled by then. */
const runsBefore = 25;
/** Growth of the heap, and of all memory, that a run may leave; allocators keep some of what threads had. */
const heapSlackBytes = 4 << 20;
const heapBytesPerRun = 32 << 10;
const residentSlackBytes = 192 << 20;
const residentBytesPerRun = 1 << 20;

interface MemoryUse {
  readonly runs: number;
  readonly heapBytes: number;
  readonly residentBytes: number;
}

/** Looks whether memory goes back to what it was after each of many runs. */
export class MemoryTrend {
  readonly #collect: () => void = garbageCollector();
  #first: MemoryUse | undefined;
  #last: MemoryUse | undefined;

  /** @param runs that are over */
  look(runs: number): void {
    if (runs < runsBefore || runs % runsBetween !== 0) return;
    this.#collect();
    const { heapUsed, external, rss } = process.memoryUsage();
    this.#last = { runs, heapBytes: heapUsed + external, residentBytes: rss };
    this.#first ??= this.#last;
  }

  /** Growth from the first look to the last; undefined before there were two. */
  get growth(): MemoryUse | undefined {
    const [first, last] = [this.#first, this.#last];
    if (first === undefined || last === undefined || first === last) return undefined;
    return {
      runs: last.runs - first.runs,
      heapBytes: last.heapBytes - first.heapBytes,
      residentBytes: last.residentBytes - first.residentBytes,
    };
  }

  /** Whether that is more than runs may leave. */
  get isRising(): boolean {
    const { growth } = this;
    if (growth === undefined) return false;
    const { runs, heapBytes, residentBytes } = growth;
    return (
      heapBytes > heapSlackBytes + runs * heapBytesPerRun ||
      residentBytes > residentSlackBytes + runs * residentBytesPerRun
    );
  }
}

/** The engine's own, without a flag on the command line. */
function garbageCollector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}
