import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { FIGURE_NAMES } from "../../src/hardware/accelerator.ts";
import { isAcceleratorFile, readAcceleratorFile } from "../../src/hardware/files.ts";
import { acceleratorJsonSchema, checkAccelerators } from "../../src/hardware/userAccelerators.ts";
import { InvalidInputError } from "../../src/units/errors.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "afdbench-hardware-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const place = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

/** The message with which a file is refused, in one line. */
const refusal = async (path: string): Promise<string> => {
  try {
    await readAcceleratorFile(path);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidInputError);
    const { message } = error as Error;
    expect(message).not.toContain("\n");
    return message.replaceAll(folder, "DIR");
  }
  throw new Error("was accepted");
};

const CARD = { name: "mine", peakBf16FlopsPerSecond: 1e15, memoryBytesPerSecond: "3.35TB/s" };

describe("readAcceleratorFile", () => {
  it("reads the example of docs/hardware.md", async () => {
    const [example = ""] = /(?<=```yaml\n)[^`]+/.exec(readFileSync("docs/hardware.md", "utf8")) ?? [];
    expect(await readAcceleratorFile(place("example.yaml", example))).toEqual([
      {
        name: "my-h100",
        usdPerHour: 2.2,
        peakFp8FlopsPerSecond: 1.979e15,
        peakBf16FlopsPerSecond: 9.89e14,
        memoryBytesPerSecond: 3.35e12,
        memoryBytes: 80e9,
        l2Bytes: 50 * 2 ** 20,
        cores: 132,
        networkBytesPerSecond: 4e11,
        cardsPerServer: 8,
        source: "our contract of 2026",
        figureSources: expect.objectContaining({ usdPerHour: "our contract of 2026" }),
      },
      expect.objectContaining({ name: "next-year", source: expect.stringContaining("example.yaml") }),
    ]);
  });

  it("reads one accelerator or a list of them, JSON or YAML, and gives every figure its source", async () => {
    const path = place("one.json", `\ufeff${JSON.stringify({ ...CARD, name: "Mine" })}`);
    const figureSources = { peakBf16FlopsPerSecond: path, memoryBytesPerSecond: path };
    const mine = { ...CARD, memoryBytesPerSecond: 3.35e12, source: path, figureSources };
    expect(await readAcceleratorFile(path)).toEqual([mine]);
    expect(await readAcceleratorFile(place("list.json", JSON.stringify([CARD])))).toHaveLength(1);
    const yaml = "# ours\nname: mine\npeakBf16FlopsPerSecond: 1e15\nmemoryBytesPerSecond: 3.35TB/s\n";
    expect(await readAcceleratorFile(place("one.yml", yaml))).toMatchObject([{ memoryBytesPerSecond: 3.35e12 }]);
  });

  it.each([
    [{ usdPerHour: -1 }, /^DIR\/x\.json: usdPerHour: expected a number above 0.*, got -1$/],
    [{ usdPerHour: 1e9 }, /usdPerHour: expected .* to 1000000, got 1000000000/],
    [{ memoryBytesPerSecond: 0 }, /memoryBytesPerSecond: expected a number above 0.*, got 0/],
    [{ memoryBytesPerSecond: "0GB/s" }, /memoryBytesPerSecond: expected a rate above 0.*, got "0GB\/s"/],
    [{ memoryBytesPerSecond: "fast" }, /memoryBytesPerSecond: expected a rate above 0 with its unit.*, got "fast"/],
    [{ memoryBytesPerSecond: 1e-300 }, /memoryBytesPerSecond: expected .*, got 1e-300/],
    [{ memoryBytes: null }, /memoryBytes: expected .*a size such as 96GB, got null/],
    [{ peakFp8FlopsPerSecond: "NaN" }, /peakFp8FlopsPerSecond: expected a number above 0.*, got "NaN"/],
    [{ peakFp8FlopsPerSecond: [1] }, /peakFp8FlopsPerSecond: expected .*, got a list of 1/],
    [{ cardsPerServer: 7.5 }, /cardsPerServer: expected a whole number above 0.*, got 7.5/],
    [{ name: "all" }, /name: expected a name .* not "all" .*, got "all"/],
    [{ name: "a/b" }, /name: expected a name of at most 64 letters.*, got "a\/b"/],
    [{ name: "mine..fast" }, /name: expected .* with dots only between them.*, got "mine..fast"/],
    [{ name: "mine.yml" }, /name: expected .* does not end as a file's, got "mine.yml"/],
    [{ name: undefined }, /name: expected a name .*, got nothing/],
    [{ source: "" }, /source: expected a text of 1 to 1000 characters, got ""/],
    [{ usdPerHuor: 1 }, /key: expected only name, .*, got "usdPerHuor"; did you mean "usdPerHour"\?$/],
    [{ peakBf16FlopsPerSecond: undefined, peakBF16FlopsPerSecond: 1 }, /did you mean "peakBf16FlopsPerSecond"/],
    [{ peakBf16FlopsPerSecond: undefined }, /peakBf16FlopsPerSecond: expected a number above 0.*, got nothing/],
    [{ figureSources: {} }, /key: expected only .*, got "figureSources"/],
  ])("refuses %j", async (change, message) => {
    expect(await refusal(place("x.json", JSON.stringify({ ...CARD, ...change })))).toMatch(message);
    const inList = await refusal(
      place(
        "list.json",
        JSON.stringify([
          { ...CARD, name: "first" },
          { ...CARD, ...change },
        ]),
      ),
    );
    expect(inList).toContain("DIR/list.json: [1].");
  });

  it("refuses what is no accelerator, and a name that stands twice", async () => {
    for (const text of ["[]", "1", "null", '"h800"', "[[]]", "[1]"]) {
      expect(await refusal(place("x.json", text))).toMatch(/^DIR\/x\.json.*: expected an accelerator/);
    }
    const twice = JSON.stringify([CARD, { ...CARD, name: "MINE" }]);
    expect(await refusal(place("x.json", twice))).toMatch(/\[1\]\.name: expected a name that no other .*, got "mine"/);
  });

  it.each([
    ["a: [1\n", /^DIR\/x\.yaml: YAML \(line 2, column 1\): expected valid YAML/],
    ["name: a\nname: b\n", /YAML \(line 2, column 1\): expected valid YAML \(.*unique/],
    ["name: a\n---\nname: b\n", /YAML \(line 2, column 1\)/],
    ["name: !!js/function x\n", /YAML \(line 1, column 7\)/],
    ["usdPerHour: .inf\n", /x\.yaml: /],
    ["\n", /\(this one is empty\)/],
    [`${"[".repeat(20_000)}`, /x\.yaml/],
    [
      "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n",
      /x\.yaml/,
    ],
  ])("refuses the YAML %j", async (text, message) => {
    expect(await refusal(place("x.yaml", text))).toMatch(message);
  });

  it("refuses what can't be read", async () => {
    mkdirSync(join(folder, "cards.yaml"));
    expect(await refusal(join(folder, "cards.yaml"))).toContain("(this is a directory)");
    expect(await refusal(join(folder, "none.yaml"))).toMatch(/^--hardware: expected the path of a YAML or JSON file/);
    expect(await refusal(place("binary.yaml", new Uint8Array([0xff, 0xfe, 0])))).toContain("in UTF-8");
    place("kept.json", "{}");
    expect(await refusal(join(folder, "kepd.json"))).toMatch(/did you mean ".*kept\.json"/);
    expect(await refusal(place("half.json", '{"name": "a", '))).toMatch(/breaks off at line 1, column 15/);
    expect(await refusal(place("comma.json", '{"name": "a",}'))).toMatch(/comma\.json: name \(line 1, column 14\)/);
    const large = place("large.json", "");
    truncateSync(large, 5e7);
    expect(await refusal(large)).toMatch(/a file of at most 1000000 bytes \(this one has 50000000\)/);
    execFileSync("mkfifo", [join(folder, "pipe.yaml")]);
    expect(await refusal(join(folder, "pipe.yaml"))).toContain("(this is not a regular file)");
  });
});

describe("isAcceleratorFile", () => {
  it("tells paths from names", () => {
    const items = ["./h800", "cards.yaml", "cards.YML", "x.json", "a/b", "h800", "910b-376", "all", "yaml"];
    expect(items.filter(isAcceleratorFile)).toEqual(["./h800", "cards.yaml", "cards.YML", "x.json", "a/b"]);
  });
});

describe("checkAccelerators", () => {
  const strange = fc.oneof(
    fc.anything(),
    fc.double(),
    fc.constantFrom("1e400", "-1", "0", "1TB/s", "80GB", "400Gbps", "", "NaN", "0x10", -1, 0, 1e300, 8, 1e12, null),
  );
  const keys = ["name", ...FIGURE_NAMES, "source", "toString", "__proto__", "nmae"];
  const almost = fc
    .array(fc.tuple(fc.constantFrom(...keys), strange), { maxLength: 6 })
    .map((entries) => ({ ...CARD, ...Object.fromEntries(entries) }));

  it("gives finite figures above 0 or an InvalidInputError of one line, whatever it is given", () => {
    fc.assert(
      fc.property(fc.oneof(almost, fc.array(almost, { maxLength: 3 }), fc.anything()), (raw) => {
        try {
          for (const accelerator of checkAccelerators(raw, "FILE")) {
            expect(accelerator.name).toMatch(/^[a-z0-9_.-]+$/);
            for (const figure of FIGURE_NAMES) {
              const value = accelerator[figure] ?? 1;
              expect(Number.isFinite(1 / value) && value > 0).toBe(true);
            }
          }
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInputError);
          expect((error as Error).message).toMatch(/^FILE[^\n]*$/);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe("acceleratorJsonSchema", () => {
  it("takes what the check takes, but for texts of figures", () => {
    const schema = z.fromJSONSchema(acceleratorJsonSchema() as Parameters<typeof z.fromJSONSchema>[0]);
    expect(schema.safeParse(CARD).success).toBe(true);
    expect(schema.safeParse([CARD, CARD]).success).toBe(true);
    for (const wrong of [{}, [], { ...CARD, usdPerHour: -1 }, { ...CARD, more: 1 }, { ...CARD, cardsPerServer: 1.5 }]) {
      expect(schema.safeParse(wrong).success).toBe(false);
    }
  });
});
