import { describe, expect, it } from "vitest";
import type { Slice } from "../../../src/record/slice.ts";
import { figureSvg } from "../../../src/report/figures/figureSvg.ts";
import { timelineFigure } from "../../../src/report/figures/timelineFigure.ts";

const TEXT = { title: "2A2F", subtitle: "step3", notes: ["A note."] };
const WORK: Slice = {
  ...{ side: "attention", instance: 0, lane: "compute", microBatch: 0, step: 0, layer: 1 },
  ...{ startNs: 0, endNs: 2000 },
};

describe("timelineFigure", () => {
  it("has attention above FFN, instances in order, and of each the lanes that are used", () => {
    const slices: Slice[] = [
      { ...WORK, side: "ffn", lane: "receiving" },
      { ...WORK, instance: 1 },
      { ...WORK, side: "ffn" },
      { ...WORK, lane: "sending" },
      WORK,
    ];
    expect(timelineFigure(TEXT, slices).tracks).toEqual([
      { facet: "attention 0", name: "compute" },
      { facet: "attention 0", name: "sending" },
      { facet: "attention 1", name: "compute" },
      { facet: "FFN 0", name: "compute" },
      { facet: "FFN 0", name: "receiving" },
    ]);
  });

  it("gives slices their micro-batch and layer, earlier micro-batches first", () => {
    const figure = timelineFigure(TEXT, [{ ...WORK, microBatch: 2, layer: 0 }, WORK]);
    const place = { facet: "attention 0", track: "compute", from: 0, to: 2000 };
    expect(figure.slices).toEqual([
      { ...place, series: "micro-batch 0", label: "1" },
      { ...place, series: "micro-batch 2", label: "0" },
    ]);
    expect(figure).toMatchObject({ kind: "timeline", title: "2A2F", subtitle: "step3", notes: ["A note."] });
  });

  it("cuts outages off where the work ends, and leaves out those beyond", () => {
    const outage = (startNs: number, endNs: number): Slice => ({ ...WORK, lane: "outage", startNs, endNs });
    const { slices, tracks } = timelineFigure(TEXT, [WORK, outage(1500, 9000), outage(2000, 3000)]);
    expect(slices.filter(({ series }) => series === "outage")).toEqual([
      { facet: "attention 0", track: "outage", series: "outage", from: 1500, to: 2000 },
    ]);
    expect(tracks.map(({ name }) => name)).toEqual(["compute", "outage"]);
  });

  it("shows the first instances of each side, and says so", async () => {
    const slices = Array.from({ length: 6 }, (_, instance): Slice => ({ ...WORK, instance }));
    const figure = timelineFigure(TEXT, slices);
    expect(new Set(figure.slices.map(({ facet }) => facet)).size).toBe(4);
    expect(figure.notes).toEqual(["The first 4 instances of each side are shown.", "A note."]);
    const drawn = await figureSvg(figure);
    expect(drawn).toContain("attention 3");
    expect(drawn).not.toContain("attention 4");
  });
});
