import type { Accelerator } from "../hardware/accelerator.ts";
import { acceleratorNames, loadAccelerator } from "../hardware/catalog.ts";
import type { HostCaches } from "../host/caches.ts";
import { acceleratorLevels, hostLevels } from "../measure/cacheLevels.ts";
import { cacheGeometry } from "../measure/cacheModel.ts";
import type { CacheLevel } from "../measure/levelTraffic.ts";
import { InvalidInputError } from "../units/errors.ts";
import { parseCount, parseSizeBytes } from "../units/parse.ts";

/** Caches that a trace is replayed through. */
export interface CacheChoice {
  /** As it was asked for: `host`, an accelerator, or sizes. */
  readonly name: string;
  /** Nearest to the core first. */
  readonly levels: readonly CacheLevel[];
  /** What a reader should know of them. */
  readonly note: string;
}

const FIELD = "--caches";
const GRAMMAR =
  "host, names of accelerators, or levels from l1 on as SIZE/WAYS, such as l1=32Ki/8,l2=1Mi/16 (and line=128)";

const PLAIN_LINE_BYTES = 64;

/** Far above any cache, and what the model's own memory can hold the tags of. */
const LARGEST_BYTES = 2 ** 35;

/**
 * The caches that a comma-separated text names.
 *
 * @throws InvalidInputError naming the item that is wrong, with the nearest name
 */
export function chooseCaches(text: string, host: HostCaches): readonly CacheChoice[] {
  const items = text.split(",").map((item) => item.trim());
  if (items.some((item) => item.includes("="))) return [givenCaches(text, items)];
  return [...new Set(items.map((item) => item.toLowerCase()))].map((name) =>
    name === "host" ? hostCaches(host) : acceleratorCaches(accelerator(name)),
  );
}

function hostCaches(host: HostCaches): CacheChoice {
  const levels = hostLevels(host);
  const origin = host.detected
    ? "as the operating system states them"
    : "assumed, since the operating system does not say";
  return { name: "host", levels, note: `host: ${levels.map(levelText).join(", ")}, ${origin}.` };
}

function acceleratorCaches({ name, l2Bytes, figureSources }: Accelerator): CacheChoice {
  if (l2Bytes === undefined) {
    const kept = "what the core asks for, and the lines that it touches (touchedBytes)";
    const note = `${name}: nothing states its L2 cache, so that L2 and DRAM are missing; reported are ${kept}. Give sizes with ${FIELD} l2=SIZE/WAYS.`;
    return { name, levels: [], note };
  }
  const levels = acceleratorLevels(l2Bytes);
  const note = `${name}: ${levels.map(levelText).join(", ")} (${figureSources.l2Bytes ?? "given"}); its L1 is memory that kernels fill themselves and is missing.`;
  return { name, levels, note };
}

function givenCaches(text: string, items: readonly string[]): CacheChoice {
  const values = new Map<string, string>();
  for (const item of items) {
    const [, key = "", value = ""] = /^([^=]+)=(.+)$/.exec(item) ?? [];
    const name = key.trim().toLowerCase();
    if (!/^(l[1-9]|line)$/.test(name) || values.has(name)) wrong(item);
    values.set(name, value.trim());
  }
  const lineBytes = lineBytesOf(values.get("line"));
  const names = [...values.keys()].filter((name) => name !== "line").sort();
  if (names.length === 0) wrong(text);
  const levels = names.map((name) => levelOf(name, values.get(name) ?? "", lineBytes));
  return { name: text.replace(/\s+/g, ""), levels, note: `Given: ${levels.map(levelText).join(", ")}.` };
}

function levelOf(name: string, value: string, lineBytes: number): CacheLevel {
  const [, size = "", ways = ""] = /^([^/]+)\/([^/]+)$/.exec(value) ?? [];
  const field = `${FIELD} ${name}`;
  if (size === "") throw new InvalidInputError({ field, value, expected: "SIZE/WAYS, such as 32Ki/8" });
  const sizeBytes = parseSizeBytes(size, field);
  const wayCount = parseCount(ways, field);
  if (sizeBytes > LARGEST_BYTES)
    throw new InvalidInputError({ field, value: size, expected: "a cache of at most 32Gi" });
  if (wayCount * lineBytes > sizeBytes) {
    throw new InvalidInputError({ field, value, expected: `room for a line of ${lineBytes} bytes in each way` });
  }
  return { name: name.toUpperCase(), geometry: cacheGeometry(sizeBytes, wayCount, lineBytes) };
}

function lineBytesOf(value: string | undefined): number {
  if (value === undefined) return PLAIN_LINE_BYTES;
  const bytes = parseSizeBytes(value, `${FIELD} line`);
  if (bytes >= 8 && bytes <= 4096 && Number.isInteger(Math.log2(bytes))) return bytes;
  throw new InvalidInputError({ field: `${FIELD} line`, value, expected: "a power of two from 8 to 4096 bytes" });
}

function accelerator(name: string): Accelerator {
  const known = ["host", ...acceleratorNames()];
  if (acceleratorNames().includes(name)) return loadAccelerator(name);
  throw new InvalidInputError({ field: FIELD, value: name, expected: GRAMMAR, known });
}

function levelText({ name, geometry: { sets, ways, lineBytes } }: CacheLevel): string {
  return `${name} ${(sets * ways * lineBytes) / 1024} KiB of ${ways} ways`;
}

function wrong(value: string): never {
  throw new InvalidInputError({ field: FIELD, value, expected: GRAMMAR });
}
