import { describe, expect, it } from "vitest";
import { ASSUMED_CACHES } from "../../src/host/caches.ts";
import { chooseCaches } from "../../src/runs/cacheChoice.ts";

const choose = (text: string) => chooseCaches(text, ASSUMED_CACHES);
const sizes = (text: string) =>
  choose(text).map(({ levels }) =>
    levels.map(({ name, geometry: { sets, ways, lineBytes } }) => [name, sets * ways * lineBytes, ways, lineBytes]),
  );

describe("a choice of caches", () => {
  it("is this host's, accelerators' or given", () => {
    expect(sizes("host")).toEqual([
      [
        ["L1", 32768, 8, 64],
        ["L2", 2 ** 20, 8, 64],
        ["L3", 2 ** 25, 16, 64],
      ],
    ]);
    expect(sizes("H800, 910b")).toEqual([[["L2", 50 * 2 ** 20, 16, 128]], [["L2", 192 * 2 ** 20, 16, 128]]]);
    expect(sizes("l2=1Mi/16, l1=32Ki/8, line=128")).toEqual([
      [
        ["L1", 32768, 8, 128],
        ["L2", 2 ** 20, 16, 128],
      ],
    ]);
  });

  it("says what is missing of an accelerator, and what is left", () => {
    expect(choose("h20")[0]?.note).toMatch(/^h20: L2 61440 KiB .*L1 .* is missing\.$/);
    expect(choose("tpu-v6e")).toEqual([
      {
        name: "tpu-v6e",
        levels: [],
        note: expect.stringMatching(/L2 and DRAM are missing; reported are what the core/),
      },
    ]);
    expect(choose("host")[0]?.note).toMatch(/assumed, since the operating system does not say/);
  });

  it.each([
    ["h80", /^--caches: expected host, names of accelerators, .*, got "h80"; did you mean "h800"/],
    ["", /^--caches: expected host/],
    ["host,l1=32Ki/8", /^--caches: expected host, .*, got "host"/],
    ["l0=1Ki/2", /got "l0=1Ki\/2"/],
    ["l1=32Ki/8,l1=1Mi/8", /got "l1=1Mi\/8"/],
    ["l1=32Ki", /^--caches l1: expected SIZE\/WAYS, such as 32Ki\/8, got "32Ki"/],
    ["l1=big/8", /^--caches l1: expected a size/],
    ["l1=1Ki/64", /^--caches l1: expected room for a line of 64 bytes in each way, got "1Ki\/64"/],
    ["l1=64Ti/8", /^--caches l1: expected a/],
    ["l1=32Ki/8,line=48", /^--caches line: expected a power of two from 8 to 4096 bytes, got "48"/],
  ])("refuses %j", (text, message) => {
    expect(() => choose(text)).toThrow(message);
  });
});
