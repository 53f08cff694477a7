import type { RangeKind } from "../kernels/arena.ts";
import type { KernelCase } from "../kernels/case.ts";
import type { Target } from "../kernels/target.ts";
import { type AddressRange, type CacheGeometry, lineOf, type RangeTraffic } from "./cacheModel.ts";
import type { Counts } from "./counts.ts";
import { replayCase } from "./replay.ts";

/** A level of a memory hierarchy, by name: `L1`. */
export interface CacheLevel {
  readonly name: string;
  readonly geometry: CacheGeometry;
}

/** What a byte belongs to; `other` is the module's own data. */
export type TrafficKind = RangeKind | "other";

/** Bytes towards the core and away from it. */
export interface MovedBytes {
  readonly loadBytes: number;
  readonly storeBytes: number;
}

/**
 * What one level serves: the first one what loads and stores ask for, every other one the whole lines that the level before it
 * fetches and writes back. Behind the last cache stands `DRAM`.
 */
export interface LevelTraffic extends MovedBytes {
  readonly level: string;
  readonly kinds: Readonly<Record<TrafficKind, MovedBytes>>;
}

/** What one call asks of each level of a memory hierarchy. */
export interface HierarchyTraffic {
  /** From the core to memory. Without a cache the last one is not known: what the core asks for stands alone, as `core`. */
  readonly levels: readonly LevelTraffic[];
  /** Every line that the call touches, once: what an endless cache would fetch. */
  readonly touchedBytes: Readonly<Record<TrafficKind, number>>;
  readonly counts: Counts;
}

/** What serves what no cache holds. */
export const MEMORY_LEVEL = "DRAM";

/** What asks, where no cache is known that serves it. */
export const CORE_LEVEL = "core";

/**
 * Bytes that one call of a case moves at each level, on one thread, from cold caches on, its changed lines written to memory
 * at the end.
 *
 * @param levels that nearest to the core first, all with lines of one length.
 * @throws {RangeError} where a geometry is out of bounds or too large to model.
 */
export function traceLevels(target: Target, kernelCase: KernelCase, levels: readonly CacheLevel[]): HierarchyTraffic {
  const geometries = levels.map(({ geometry }) => geometry);
  const ranges: AddressRange[] = kernelCase.buffers.map(({ name, address, bytes }) => ({
    name,
    begin: address,
    end: address + bytes,
  }));
  const { traffic, counts } = replayCase(target, kernelCase, geometries, ranges);
  const kindOf = (index: number): TrafficKind => kernelCase.buffers[index]?.kind ?? "other";
  const parts = [...traffic.ranges, traffic.other].map((range, index) => ({ range, kind: kindOf(index) }));
  const lineBytes = lineOf(geometries);
  const asked = levelTraffic(levels[0]?.name ?? CORE_LEVEL, parts, ({ loadBytes, storeBytes }) => ({
    loadBytes,
    storeBytes,
  }));
  const behind = levels.map((_, index) =>
    levelTraffic(levels[index + 1]?.name ?? MEMORY_LEVEL, parts, (range) => ({
      loadBytes: (range.levels[index]?.fetchedLines ?? 0) * lineBytes,
      storeBytes: (range.levels[index]?.writtenLines ?? 0) * lineBytes,
    })),
  );
  return {
    levels: [asked, ...behind],
    touchedBytes: byKind((kind) => sumBytes(parts, kind, ({ distinctLines }) => distinctLines * lineBytes)),
    counts,
  };
}

interface RangePart {
  readonly range: RangeTraffic;
  readonly kind: TrafficKind;
}

function levelTraffic(
  level: string,
  parts: readonly RangePart[],
  movedOf: (range: RangeTraffic) => MovedBytes,
): LevelTraffic {
  const kinds = byKind((kind) => ({
    loadBytes: sumBytes(parts, kind, (range) => movedOf(range).loadBytes),
    storeBytes: sumBytes(parts, kind, (range) => movedOf(range).storeBytes),
  }));
  const all = Object.values(kinds);
  return {
    level,
    loadBytes: all.reduce((sum, { loadBytes }) => sum + loadBytes, 0),
    storeBytes: all.reduce((sum, { storeBytes }) => sum + storeBytes, 0),
    kinds,
  };
}

function byKind<Value>(of: (kind: TrafficKind) => Value): Record<TrafficKind, Value> {
  return {
    kv: of("kv"),
    weights: of("weights"),
    activations: of("activations"),
    scratch: of("scratch"),
    other: of("other"),
  };
}

function sumBytes(parts: readonly RangePart[], wanted: TrafficKind, bytesOf: (range: RangeTraffic) => number): number {
  return parts.reduce((sum, { range, kind }) => (kind === wanted ? sum + bytesOf(range) : sum), 0);
}
