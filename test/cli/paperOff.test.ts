import { expect, it, vi } from "vitest";
import { oneMoreLayer } from "../paper/inputs.ts";
import { run } from "./terminal.ts";

vi.mock(import("../../src/model/catalog.ts"), async (importOriginal) => {
  const catalog = await importOriginal();
  return {
    ...catalog,
    loadCatalogModel: (name) => {
      const card = catalog.loadCatalogModel(name);
      return card.name === "step3" ? oneMoreLayer(card) : card;
    },
  };
});

it("exits with 1 after printing what is off, where a card is not the model's", async () => {
  const { exitCode, out, err } = await run(["paper", "table1"]);
  expect({ exitCode, err }).toEqual({ exitCode: 1, err: "" });
  expect(out).toContain("61 / 62 off by 1.0");
  expect(out).toMatch(/8 printed cells: \d within what their digits allow, \d off\.\n$/);
});
