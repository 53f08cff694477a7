import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** One level of this host's caches, as one core sees it. */
export interface HostCache {
  readonly sizeBytes: number;
  readonly ways: number;
  readonly lineBytes: number;
}

/** Data caches of this host; `l3` is absent where there is none. */
export interface HostCaches {
  readonly l1d: HostCache;
  readonly l2: HostCache;
  readonly l3?: HostCache;
  /** False where the operating system does not say, and the caches are ASSUMED_CACHES. */
  readonly detected: boolean;
}

/**
 * Stands in where this host does not tell its caches: those of a Zen 4 core and its complex.
 *
 * @source AMD, Software Optimization Guide for the Zen 4 Microarchitecture, publication 57647, section 2.6
 */
export const ASSUMED_CACHES: HostCaches = {
  l1d: { sizeBytes: 32 * 1024, ways: 8, lineBytes: 64 },
  l2: { sizeBytes: 1024 * 1024, ways: 8, lineBytes: 64 },
  l3: { sizeBytes: 32 * 1024 * 1024, ways: 16, lineBytes: 64 },
  detected: false,
};

/** Text of the files of one folder `cpu0/cache/index*` of Linux, those that could be read. */
export interface LinuxCacheFiles {
  readonly level?: string | undefined;
  readonly type?: string | undefined;
  readonly size?: string | undefined;
  readonly ways?: string | undefined;
  readonly lineBytes?: string | undefined;
}

/** Caches of this host, from the operating system; ASSUMED_CACHES where it does not say. */
export function readCaches(): HostCaches {
  if (process.platform === "linux") return parseLinuxCaches(readLinuxCacheFiles()) ?? ASSUMED_CACHES;
  if (process.platform === "darwin") return parseSysctlCaches(readSysctl()) ?? ASSUMED_CACHES;
  return ASSUMED_CACHES;
}

/** Caches that Linux describes; undefined where L1d or L2 is missing. Ways it leaves out are assumed. */
export function parseLinuxCaches(indexes: readonly LinuxCacheFiles[]): HostCaches | undefined {
  const level = (wanted: string) => {
    const files = indexes.find((index) => index.level?.trim() === wanted && index.type?.trim() !== "Instruction");
    if (files === undefined) return undefined;
    return cacheOf(linuxSizeBytes(files.size), count(files.ways), count(files.lineBytes), assumedWays(wanted));
  };
  return cachesOf(level("1"), level("2"), level("3"));
}

/**
 * Caches that macOS describes in `name: value` lines, performance cores first; undefined where L1d or L2 is missing.
 * Ways are assumed: Apple's processors do not state them.
 */
export function parseSysctlCaches(text: string): HostCaches | undefined {
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [name = "", value = ""] = line.split(":");
    values.set(name.trim(), count(value));
  }
  const level = (wanted: string, ...names: string[]) => {
    const sizeBytes = names.map((name) => values.get(name) ?? 0).find((size) => size > 0) ?? 0;
    return cacheOf(sizeBytes, 0, values.get("hw.cachelinesize") ?? 0, assumedWays(wanted));
  };
  return cachesOf(
    level("1", "hw.perflevel0.l1dcachesize", "hw.l1dcachesize"),
    level("2", "hw.perflevel0.l2cachesize", "hw.l2cachesize"),
    level("3", "hw.perflevel0.l3cachesize", "hw.l3cachesize"),
  );
}

function cachesOf(
  l1d: HostCache | undefined,
  l2: HostCache | undefined,
  l3: HostCache | undefined,
): HostCaches | undefined {
  if (l1d === undefined || l2 === undefined) return undefined;
  return { l1d, l2, ...(l3 === undefined ? {} : { l3 }), detected: true };
}

function cacheOf(sizeBytes: number, ways: number, lineBytes: number, assumed: number): HostCache | undefined {
  if (sizeBytes === 0) return undefined;
  return { sizeBytes, ways: ways > 0 ? ways : assumed, lineBytes: lineBytes > 0 ? lineBytes : 64 };
}

function assumedWays(level: string): number {
  return level === "3" ? 16 : 8;
}

function linuxSizeBytes(text = ""): number {
  const [, digits = "0", unit = ""] = /^\s*(\d+)([KMG]?)\s*$/.exec(text) ?? [];
  return Number(digits) * ({ K: 1024, M: 1024 ** 2, G: 1024 ** 3 }[unit] ?? 1);
}

/** A positive whole number, else 0. */
function count(text = ""): number {
  const value = Number(text.trim());
  return Number.isInteger(value) && value > 0 ? value : 0;
}

function readLinuxCacheFiles(): LinuxCacheFiles[] {
  const folder = "/sys/devices/system/cpu/cpu0/cache";
  return namesIn(folder).map((index) => {
    const read = (name: string) => textOf(`${folder}/${index}/${name}`);
    return {
      level: read("level"),
      type: read("type"),
      size: read("size"),
      ways: read("ways_of_associativity"),
      lineBytes: read("coherency_line_size"),
    };
  });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.startsWith("index"));
  } catch {
    return [];
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function readSysctl(): string {
  try {
    return execFileSync("/usr/sbin/sysctl", ["hw"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return "";
  }
}
