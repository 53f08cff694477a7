import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { revectorizeFlag } from "../host/vectorWidth.ts";
import { readKernelModule } from "../kernels/files.ts";
import type { Target } from "../kernels/target.ts";
import type { Environment } from "../record/document.ts";
import { saveText } from "../record/files.ts";
import { type RoofRow, roofRowSchema } from "../record/rooflineRows.ts";

/** Version of the file; one of another version is measured anew. */
const FORMAT = "afdbench-roofs/1";

/** All that a roof depends on; roofs of another fingerprint are another host's. */
export type Fingerprint = Readonly<Record<string, string | number>>;

/** What a cache gave. */
export interface CachedRoofs {
  readonly rows: readonly RoofRow[];
  /** What a reader should know: a file that could not be used. */
  readonly notes: readonly string[];
}

/** Where the roofs of a host are kept. */
export interface RoofCache {
  read(): CachedRoofs;
  /** Keeps these rows, beside those of other roofs. @returns why they could not be kept */
  write(rows: readonly RoofRow[]): readonly string[];
}

/** Processor, caches, engine and build: what this host's roofs depend on. */
export function fingerprintOf(environment: Environment, targets: readonly Target[]): Fingerprint {
  const { afdbenchVersion, cpuModel, cpuCores, architecture, l1dBytes, l2Bytes, l3Bytes = 0 } = environment;
  const { nodeVersion, v8Version, nodeFlags } = environment;
  return {
    ...{ afdbenchVersion, cpuModel, cpuCores, architecture, l1dBytes, l2Bytes, l3Bytes, nodeVersion, v8Version },
    // Rows say themselves whether they are revectorized.
    nodeFlags: nodeFlags.filter((flag) => flag !== revectorizeFlag).join(" "),
    features: [...targets].sort().join(" "),
    kernels: hashOf(...(["simd", "relaxed"] as const).map((target) => readKernelModule(target, "plain"))),
  };
}

/** The cache of a fingerprint, in this user's cache folder: XDG_CACHE_HOME or ~/.cache on Linux. */
export async function openRoofCache(fingerprint: Fingerprint): Promise<RoofCache> {
  let path: string;
  try {
    // Loaded here: it looks the home folder up at once, and a user may have none.
    const { default: envPaths } = await import("env-paths");
    path = join(envPaths("afdbench", { suffix: "" }).cache, `roofs-${hashOf(JSON.stringify(fingerprint))}.json`);
  } catch (error) {
    const note = `Roofs are not cached: this user's cache folder is not known (${messageOf(error)}).`;
    return { read: () => ({ rows: [], notes: [] }), write: () => [note] };
  }
  return {
    read: () => readCache(path, fingerprint),
    write: (rows) => writeCache(path, fingerprint, rows),
  };
}

/** Whether two rows are of the same roof. */
function isSameRoof(one: RoofRow, other: RoofRow): boolean {
  return (["kernel", "level", "target", "revectorized", "threads"] as const).every((key) => one[key] === other[key]);
}

function readCache(path: string, fingerprint: Fingerprint): CachedRoofs {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return { rows: [], notes: [] };
    return unusable(path, `cannot be read (${messageOf(error)})`);
  }
  try {
    const value: unknown = JSON.parse(text);
    const { format } = z.object({ format: z.string() }).parse(value);
    if (format !== FORMAT) return unusable(path, `are of the format ${JSON.stringify(format)}, not ${FORMAT}`);
    const { rows, fingerprint: kept } = cacheSchema.parse(value);
    if (JSON.stringify(kept) !== JSON.stringify(fingerprint)) return unusable(path, "are of another host");
    return { rows, notes: [] };
  } catch {
    return unusable(path, "are damaged");
  }
}

const cacheSchema = z.strictObject({
  format: z.literal(FORMAT),
  fingerprint: z.record(z.string(), z.union([z.string(), z.number()])),
  rows: z.array(roofRowSchema),
});

function writeCache(path: string, fingerprint: Fingerprint, rows: readonly RoofRow[]): readonly string[] {
  const others = readCache(path, fingerprint).rows.filter((kept) => !rows.some((row) => isSameRoof(row, kept)));
  const lines = [...others, ...rows].map((row) => `    ${JSON.stringify({ ...row, cached: true })}`).join(",\n");
  const text = `{\n  "format": ${JSON.stringify(FORMAT)},\n  "fingerprint": ${JSON.stringify(fingerprint)},\n  "rows": [\n${lines}\n  ]\n}\n`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    saveText(path, text);
    return [];
  } catch (error) {
    return [`Roofs are not cached: ${messageOf(error)}.`];
  }
}

function unusable(path: string, why: string): CachedRoofs {
  return { rows: [], notes: [`The cached roofs in ${path} ${why}: measured anew.`] };
}

function hashOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex").slice(0, 16);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
