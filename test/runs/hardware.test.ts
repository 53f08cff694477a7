import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Accelerator } from "../../src/hardware/accelerator.ts";
import { chooseHardware, hardware, readHardware, showHardware } from "../../src/runs/hardware.ts";

const folder = mkdtempSync(join(tmpdir(), "afdbench-hardware-"));
afterAll(() => rmSync(folder, { recursive: true }));

const card = (name: string, usdPerHour?: number) => ({
  name,
  peakBf16FlopsPerSecond: 1e15,
  memoryBytesPerSecond: 1e12,
  ...(usdPerHour === undefined ? {} : { usdPerHour }),
});
const own = (name: string): Accelerator => ({ ...card(name), source: "test", figureSources: {} });
const place = (name: string, ...cards: readonly object[]): string => {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(cards));
  return path;
};

const namesOf = (hardware: Parameters<typeof chooseHardware>[0]["hardware"]) =>
  chooseHardware({ hardware }).accelerators.map(({ name }) => name);

describe("chooseHardware", () => {
  it("takes the report's four where nothing is chosen, and each name once", () => {
    expect(namesOf([])).toEqual(["h800", "h20", "a800", "910b"]);
    expect(namesOf(["H20", "h800", "h20 "])).toEqual(["h20", "h800"]);
    expect(() => namesOf(["h8000"])).toThrow(/did you mean "h800"/);
    expect(namesOf(["ALL"])).toHaveLength(hardware().rows.length);
    expect(namesOf([own("mine"), "all"]).slice(0, 2)).toEqual(["mine", "h800"]);
  });

  it("puts the caller's own in the catalog's place, and says so", () => {
    const { accelerators, notes, unasked } = chooseHardware({ hardware: ["all", own("h800")] });
    expect(accelerators[0]).toEqual(own("h800"));
    expect(notes).toEqual(["Given by the user in place of the catalog's: h800."]);
    expect(unasked).not.toContain("h800");
    expect(unasked).toContain("l20");
    expect(chooseHardware({ hardware: ["h800", own("h800")] }).accelerators).toEqual([own("h800")]);
    expect(() => chooseHardware({ hardware: [own("a"), own("a")] })).toThrow(/each name once/);
  });

  it("replaces figures of the caller's own", () => {
    const settings = ["mine.usdPerHour=3", "Mine.networkBytesPerSecond=400Gbps"];
    const { accelerators } = chooseHardware({ hardware: [own("mine")], settings });
    expect(accelerators).toMatchObject([{ usdPerHour: 3, networkBytesPerSecond: 5e10 }]);
    expect(accelerators[0]?.figureSources).toMatchObject({ usdPerHour: "given with --set" });
    expect(() => chooseHardware({ hardware: [own("mine")], settings: ["h800.usdPerHour=3"] })).toThrow(
      /expected an accelerator in use: mine/,
    );
  });
});

describe("readHardware", () => {
  it("reads files among names, each file once", async () => {
    const path = place("a.json", card("one", 1), card("two"));
    const items = await readHardware(["h20", path, "all", path]);
    expect(items.map((item) => (typeof item === "string" ? item : item.name))).toEqual(["h20", "one", "two", "all"]);
  });

  it("refuses a name that two files have", async () => {
    const paths = [place("b.json", card("one")), place("c.json", card("One"))];
    await expect(readHardware(paths)).rejects.toThrow(
      /c\.json: name: expected a name that no other file has .*b\.json/,
    );
  });
});

describe("showHardware", () => {
  it("gives a source for each figure that stands there, and for no other", () => {
    for (const row of [...hardware().rows, ...showHardware({ hardware: [own("mine")] }).rows]) {
      const keys = Object.keys(row);
      const figures = keys.filter(
        (key) => /^(usd|peak|memory|l2|core|network|cards)/.test(key) && !key.endsWith("Source"),
      );
      const sources = keys.filter((key) => key.endsWith("Source"));
      expect(sources.sort()).toEqual(figures.map((figure) => `${figure}Source`).sort());
    }
  });
});
