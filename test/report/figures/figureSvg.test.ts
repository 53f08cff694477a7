import fc from "fast-check";
import { DOMParser } from "linkedom";
import { describe, expect, it } from "vitest";
import type { Axis, Figure, FigurePoint } from "../../../src/report/figures/figure.ts";
import { figureSvg } from "../../../src/report/figures/figureSvg.ts";
import { textWidth } from "../../../src/report/figures/textWidth.ts";
import { InvalidInputError } from "../../../src/units/errors.ts";
import { EXAMPLES } from "./examples.ts";

const examples = Object.entries(EXAMPLES);

describe("figureSvg", () => {
  it.each(examples)("%s is drawn as its golden file has it", async (name, figure) => {
    await expect(await figureSvg(figure())).toMatchFileSnapshot(`golden/${name}.svg`);
  });

  it.each(examples)("%s: no two texts overlap, and all stand inside", async (_, figure) => {
    const svg = await figureSvg(figure());
    const { texts, width, height } = textsOf(svg);
    expect(texts.length).toBeGreaterThan(5);
    for (const [index, one] of texts.entries()) {
      expect(one.left >= 0 && one.right <= width && one.top >= 0 && one.bottom <= height, one.text).toBe(true);
      const covered = texts.slice(index + 1).find((other) => overlap(one, other));
      expect(covered && `${one.text} and ${covered.text}`).toBeUndefined();
    }
  });

  it("draws any figure or refuses it in a sentence, without a number that is none", async () => {
    await fc.assert(
      fc.asyncProperty(anyFigure, async (figure) => {
        const svg = await figureSvg(figure).catch((error: unknown) => {
          expect(error).toBeInstanceOf(InvalidInputError);
          return "";
        });
        expect(svg).not.toMatch(/NaN|Infinity|undefined|\[object/);
        if (svg !== "") expect(textsOf(svg).texts.length).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["a number that is none", { points: [{ name: "a", x: Number.NaN, y: 1 }] }, /a.*got NaN/],
    ["zero on a logarithmic axis", { points: [{ name: "a", x: 0, y: 1 }] }, /got 0/],
    ["a series without points", { points: [] }, /one/],
    [
      "a name twice",
      {
        points: [
          { name: "a", x: 1, y: 1 },
          { name: "a", x: 2, y: 1 },
        ],
      },
      /"a"/,
    ],
  ])("refuses %s", async (_, { points }, message) => {
    await expect(figureSvg(scatterOf(points))).rejects.toThrow(InvalidInputError);
    await expect(figureSvg(scatterOf(points))).rejects.toThrow(message);
  });
});

const logAxis: Axis = { label: "bytes", scale: "log" };

function scatterOf(points: readonly FigurePoint[]): Figure {
  return { kind: "scatter", title: "T", x: logAxis, y: logAxis, series: [{ name: "one", points }], notes: [] };
}

const label = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom("step3", "a & <b>", "深", "\u0007", "ＷＷＷＷＷＷ"),
);
const number = fc.oneof(fc.double(), fc.double({ min: 1e-9, max: 1e15, noNaN: true }), fc.constantFrom(0, -1, 1, 8192));
const axis: fc.Arbitrary<Axis> = fc.record({ label, scale: fc.constantFrom("linear" as const, "log" as const) });
const points = fc.array(fc.record({ name: label, x: number, y: number, label }), { maxLength: 8 });
const series = fc.array(fc.record({ name: label, points }), { maxLength: 3 });
const words = { title: label, notes: fc.array(label, { maxLength: 2 }) };
const lines = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("path" as const), name: label, points }),
    fc.record({ kind: fc.constant("ray" as const), name: label, slope: number, ceiling: number }),
  ),
  { maxLength: 3 },
);
const anyFigure: fc.Arbitrary<Figure> = fc.oneof(
  fc.record({ kind: fc.constant("scatter" as const), ...words, x: axis, y: axis, series }),
  fc.record({ kind: fc.constant("lines" as const), ...words, x: axis, y: axis, lines, series }),
  fc.record({
    kind: fc.constant("bars" as const),
    ...words,
    value: fc.record({ label, scale: fc.constant("linear" as const) }),
    arrangement: fc.constantFrom("stacked" as const, "grouped" as const),
    bars: fc.array(fc.record({ facet: label, group: label, series: label, value: number }), { maxLength: 8 }),
  }),
);

interface TextBox {
  readonly text: string;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** The texts of a picture with the boxes that they take, a little smaller than their line so that touching is allowed. */
function textsOf(svg: string): { texts: readonly TextBox[]; width: number; height: number } {
  const document = new DOMParser().parseFromString(svg, "image/svg+xml");
  const root = document.querySelector("svg");
  const numberOf = (element: Element, name: string) => Number(element.getAttribute(name) ?? Number.NaN);
  const texts = [...document.querySelectorAll("text")].map((element): TextBox => {
    const chain: Element[] = [];
    for (let at: Element | null = element; at !== null; at = at.parentElement) chain.push(at);
    const inherited = (name: string) => chain.find((one) => one.hasAttribute(name))?.getAttribute(name);
    const moved = chain.map((one) => /translate\(([-\d.e]+),([-\d.e]+)\)/.exec(one.getAttribute("transform") ?? ""));
    const shift = (axisIndex: 1 | 2) => moved.reduce((sum, match) => sum + Number(match?.[axisIndex] ?? 0), 0);
    const fontSize = Number(inherited("font-size") ?? 10);
    const text = element.textContent ?? "";
    const width = textWidth(text, fontSize) * (inherited("font-weight") === "bold" ? 1.1 : 1);
    const x = shift(1) + (numberOf(element, "x") || 0);
    const em = Number(/^([-\d.]+)em$/.exec(element.getAttribute("y") ?? "")?.[1] ?? Number.NaN);
    const baseline = shift(2) + (Number.isNaN(em) ? numberOf(element, "y") || 0 : em * fontSize);
    const left = x - width * SHARE_BEFORE[(inherited("text-anchor") ?? "start") as keyof typeof SHARE_BEFORE];
    return { text, left, right: left + width, top: baseline - fontSize * 0.7, bottom: baseline + fontSize * 0.15 };
  });
  return { texts, width: Number(root?.getAttribute("width")), height: Number(root?.getAttribute("height")) };
}

const SHARE_BEFORE = { start: 0, middle: 0.5, end: 1 } as const;

function overlap(one: TextBox, other: TextBox): boolean {
  return one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
}
