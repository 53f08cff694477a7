import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { RoofRow } from "../../src/record/rooflineRows.ts";
import { fingerprintOf, openRoofCache } from "../../src/runs/roofCache.ts";
import { fixture } from "../report/fixture.ts";
import { rooflineFixture } from "../report/rooflineFixture.ts";

const { environment } = fixture;
const fingerprint = fingerprintOf(environment, ["relaxed", "simd"]);
const rows = rooflineFixture.rows.filter((row): row is RoofRow => row.row === "roof");
const [first, second] = rows as [RoofRow, RoofRow];

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "afdbench-cache-"));
  vi.stubEnv("XDG_CACHE_HOME", folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** The one file that a cache has. */
function cacheFile(): string {
  const [name] = readdirSync(join(folder, "afdbench"));
  return join(folder, "afdbench", name ?? "");
}

// Only there do the folders of XDG count.
describe.runIf(process.platform === "linux")("the cache of roofs", () => {
  it("is empty without a word at first, and then gives back what was kept", async () => {
    const cache = await openRoofCache(fingerprint);
    expect(cache.read()).toEqual({ rows: [], notes: [] });
    expect(cache.write([{ ...first, cached: false }])).toEqual([]);
    expect((await openRoofCache(fingerprint)).read()).toEqual({ rows: [{ ...first, cached: true }], notes: [] });
    expect(readdirSync(join(folder, "afdbench"))).toHaveLength(1);
  });

  it("puts a roof in the place of its earlier self, beside the others", async () => {
    const cache = await openRoofCache(fingerprint);
    cache.write([first, second]);
    cache.write([{ ...first, passes: 9 }]);
    expect(cache.read().rows).toEqual([
      { ...second, cached: true },
      { ...first, cached: true, passes: 9 },
    ]);
  });

  it("is another one for another processor, Node, build or set of features", async () => {
    const others = [
      fingerprintOf({ ...environment, cpuModel: "Other CPU" }, ["relaxed", "simd"]),
      fingerprintOf({ ...environment, nodeVersion: "26.0.1" }, ["relaxed", "simd"]),
      fingerprintOf({ ...environment, nodeFlags: ["--no-liftoff"] }, ["relaxed", "simd"]),
      fingerprintOf(environment, ["simd"]),
      { ...fingerprint, kernels: "0123" },
    ];
    (await openRoofCache(fingerprint)).write(rows);
    for (const other of others) expect((await openRoofCache(other)).read()).toEqual({ rows: [], notes: [] });
    const date = fingerprintOf({ ...environment, date: "2027-01-01T00:00:00.000Z", loadAverage1m: 9 }, [
      "simd",
      "relaxed",
    ]);
    expect((await openRoofCache(date)).read().rows).toHaveLength(rows.length);
  });

  it.each([
    ["half a file", (text: string) => text.slice(0, text.length / 2), /are damaged: measured anew/],
    ["no JSON at all", () => "\0\0", /are damaged/],
    [
      "an old format",
      (text: string) => text.replace("afdbench-roofs/1", "afdbench-roofs/0"),
      /of the format "afdbench-roofs\/0"/,
    ],
    ["a rate that is none", (text: string) => text.replace(/"spread":[\d.]+/, '"spread":"little"'), /are damaged/],
    ["another host's roofs", (text: string) => text.replace("Example CPU", "Other CPU"), /are of another host/],
  ])("is measured anew, with a note, where it holds %s", async (_, spoil, note) => {
    const cache = await openRoofCache(fingerprint);
    cache.write(rows);
    writeFileSync(cacheFile(), spoil(readFileSync(cacheFile(), "utf8")));
    const { rows: read, notes } = cache.read();
    expect({ read, notes: notes.length }).toEqual({ read: [], notes: 1 });
    expect(notes[0]).toMatch(note);
    expect(cache.write(rows)).toEqual([]);
    expect(cache.read().rows).toHaveLength(rows.length);
  });

  it("is a note, and no failure, where its folder can't be written", async () => {
    writeFileSync(join(folder, "afdbench"), "a file in its place");
    const cache = await openRoofCache(fingerprint);
    expect(cache.read()).toMatchObject({ rows: [], notes: [expect.stringMatching(/cannot be read/)] });
    expect(cache.write(rows)).toEqual([expect.stringMatching(/^Roofs are not cached: /)]);
  });

  it("is a note where a folder stands in the file's place", async () => {
    const cache = await openRoofCache(fingerprint);
    cache.write(rows);
    const path = cacheFile();
    rmSync(path);
    mkdirSync(path);
    expect(cache.read().notes).toHaveLength(1);
    expect(cache.write(rows)).toEqual([expect.stringMatching(/^Roofs are not cached: .*directory/)]);
  });
});
