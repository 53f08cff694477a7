import { describe, expect, it } from "vitest";
import { DEVIATIONS } from "../../src/paper/deviations.ts";
import { type JudgedComparison, type Judging, judgedCells } from "../../src/paper/judge.ts";
import { PAPER_TABLE_NAMES, type PaperTableName } from "../../src/paper/paperTables.ts";
import { printsAs, rounded } from "../../src/paper/printed.ts";
import { FIGURE_4, TABLE_6 } from "../../src/paper/published/decodeCosts.ts";
import { inputsWith, oneMoreLayer } from "./inputs.ts";

function compared(table: PaperTableName, judging: Judging = { convention: "report" }): JudgedComparison[] {
  return judgedCells(table, judging).filter((cell) => cell.kind === "compared");
}

function places(cells: readonly JudgedComparison[], verdict: JudgedComparison["verdict"]): string[] {
  return cells.filter((cell) => cell.verdict === verdict).map(({ row, column }) => `${row}, ${column}`);
}

describe("the report's tables", () => {
  it.each([
    ["table1", 8, []],
    ["table2", 36, []],
    ["table3", 36, []],
    ["table4", 4, []],
    ["table5", 8, ["H800, FLOP"]],
    ["table6", 108 + 6, []],
    ["table7", 7, []],
    ["table8", 11, []],
    ["section3", 3, []],
    ["section5", 6, []],
    ["section6", 11, ["L4, cards for the FFN"]],
    ["figure1", 0, []],
    ["figure2", 0, []],
    ["figure3", 0, []],
    ["figure4", 6, []],
    ["figure5", 0, []],
  ] as const)("%s: %d printed cells, all within rounding but %j", (table, count, explained) => {
    const cells = compared(table);
    expect(cells).toHaveLength(count);
    expect(places(cells, "explained")).toEqual(explained);
    expect(places(cells, "within")).toHaveLength(count - explained.length);
  });

  it("have no cell twice", () => {
    for (const table of PAPER_TABLE_NAMES) {
      const keys = judgedCells(table, { convention: "report" }).map(({ row, column }) => `${row} | ${column}`);
      expect(new Set(keys).size).toBe(keys.length);
    }
  });

  it.each([
    ["table2", /^\d\.\d\de\d+$/],
    ["table3", /^\d\.\d\de\d+$/],
    ["table5", /^\d\.\d\de-\d+$/],
    ["table6", /^0\.\d{3}$/],
    ["figure4", /^0\.\d{3}$/],
  ] as const)("%s keeps every printed digit, zeros too", (table, digits) => {
    for (const { printed } of compared(table)) expect(printed.text).toMatch(digits);
  });

  it("are printed by truncation in four cells alone, none of which rounding would give", () => {
    const cells = PAPER_TABLE_NAMES.flatMap((table) => compared(table)).filter(
      ({ printed }) => printed.by === "truncation",
    );
    expect(cells.map(({ printed }) => printed.text)).toEqual(["16.6 ms", "328 K", "117 MB", "7.1 GB"]);
    for (const { printed, computed } of cells) expect(printsAs(rounded(printed.text), computed)).toBe(false);
  });
});

describe("Figure 4", () => {
  it("prints sums of Table 6's cells as decoding bars, which is why a bar may differ by half a digit of each", () => {
    for (const [model, bars] of Object.entries(FIGURE_4)) {
      const [attention8k, attention32k, ffn] = TABLE_6[model as keyof typeof FIGURE_4];
      const sum = (attention: typeof ffn) => (Number(attention[3]) + Number(ffn[3])).toFixed(3);
      expect([bars["decoding 8K"], bars["decoding 32K"]]).toEqual([sum(attention8k), sum(attention32k)]);
    }
  });

  it("has two bars that rounding would not give", () => {
    const cells = compared("figure4").filter(({ printed, computed }) => !printsAs(rounded(printed.text), computed));
    expect(cells.map(({ row, column }) => `${row}, ${column}`)).toEqual([
      "Pangu Pro, decoding 8K",
      "Step-3, decoding 8K",
    ]);
  });
});

describe("judgedCells", () => {
  const altered: Judging = { convention: "report", inputs: inputsWith("Step-3", oneMoreLayer) };

  it("finds every cell off that one more layer of Step-3 changes", () => {
    expect(places(compared("table2", altered), "off")).toEqual([
      "Step-3, KV/state bytes",
      "Step-3, attention FLOPs",
      "Step-3, linear FLOPs",
      "Step-3, FFN FLOPs",
    ]);
    expect(places(compared("table1", altered), "off")).toContain("Step-3, layers");
    expect(places(compared("section3", altered), "off")).toEqual(["3 stages, stage per layer"]);
  });

  it("does not take another value for the one that a deviation states", () => {
    const tiny: Judging = {
      convention: "report",
      inputs: inputsWith("Step-3", (card) => ({ ...card, layers: card.layers.slice(0, 3) })),
    };
    expect(places(compared("section6", tiny), "off")).toContain("L4, cards for the FFN");
  });

  it("finds it off by the exact count too", () => {
    expect(places(compared("table2", { ...altered, convention: "exact" }), "off")).toHaveLength(4);
  });

  it("calls a deviation stale that no cell needs", () => {
    const deviation = {
      table: "table4",
      row: "H20",
      column: "ridge point",
      computed: "74",
      explanation: "None.",
    } as const;
    const cells = compared("table4", { convention: "report", deviations: [deviation] });
    expect(places(cells, "stale")).toEqual(["H20, ridge point"]);
  });

  it("refuses a deviation of no cell", () => {
    const deviation = { table: "table4", row: "H20", column: "ridge", computed: "74", explanation: "None." } as const;
    expect(() => judgedCells("table4", { convention: "report", deviations: [deviation] })).toThrow("of no cell");
  });

  it("needs each of its deviations", () => {
    for (const deviation of DEVIATIONS) {
      const deviations = DEVIATIONS.filter((other) => other !== deviation);
      const cells = compared(deviation.table, { convention: "report", deviations });
      expect(places(cells, "off")).toEqual([`${deviation.row}, ${deviation.column}`]);
    }
  });
});

describe("the exact count", () => {
  const exact = (table: PaperTableName) => places(compared(table, { convention: "exact" }), "exact");

  it("changes MLA's and lightning's attention alone", () => {
    expect(exact("table2")).toEqual(["DSv3, attention FLOPs", "Kimi K2, attention FLOPs", "MM M1, attention FLOPs"]);
    expect(exact("table5")).toEqual([]);
    expect(exact("section5")).toEqual(["DSv3, attention FLOPs per KV byte"]);
    expect(exact("table6").every((place) => /^(DSv3|Kimi K2), (attention|both sides)/.test(place))).toBe(true);
  });

  it("leaves no cell off", () => {
    for (const table of PAPER_TABLE_NAMES) {
      expect(places(compared(table, { convention: "exact" }), "off")).toEqual([]);
    }
  });
});
