import { describe, expect, it } from "vitest";
import { layoutsOf } from "../../src/afd/stageModel.ts";
import type { Work } from "../../src/afd/work.ts";
import { workOf } from "./works.ts";

describe("layoutsOf", () => {
  it("lays a work out once, and works that differ each for themselves", () => {
    const decode = workOf();
    const work: Work = { kind: "kernels", decode };
    const larger: Work = { kind: "kernels", decode: { ...decode, ffnInstances: decode.ffnInstances + 1 } };
    expect(layoutsOf(work)).toBe(layoutsOf(work));
    expect(layoutsOf(larger).ffn).toHaveLength(layoutsOf(work).ffn.length + 1);
    expect(layoutsOf({ ...work })).toEqual(layoutsOf(work));
  });
});
