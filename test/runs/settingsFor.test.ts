import { describe, expect, it } from "vitest";
import { settingsFor } from "../../src/runs/settingsFor.ts";

const split = (...texts: string[]) => settingsFor(texts, ["step3", "glm-4.5-air"], ["h800", "h20"]);

describe("settingsFor", () => {
  it("splits by name, in the order given", () => {
    expect(split("h20.usdPerHour=1", "Step3.moe_top_k=4", "glm-4.5-air.n_group=1", "H800.memoryBytes=96GB")).toEqual({
      ofModels: [
        { name: "Step3", path: "moe_top_k", value: "4" },
        { name: "glm-4.5-air", path: "n_group", value: "1" },
      ],
      ofAccelerators: ["h20.usdPerHour=1", "H800.memoryBytes=96GB"],
    });
  });

  it("lists models and accelerators in use for another name", () => {
    expect(() => split("stp3.moe_top_k=4")).toThrow(
      '--set stp3.moe_top_k: expected a model in use (step3, glm-4.5-air) or an accelerator in use (h800, h20), got "stp3"; did you mean "step3"?',
    );
    expect(() => split("h80.usdPerHour=1")).toThrow('did you mean "h800" or "h20"?');
    expect(() => settingsFor(["h800.usdPerHour=1"], ["step3"], [])).toThrow(
      /expected a model in use \(step3\), got "h800"$/,
    );
  });

  it("takes the longest name in use, and names those there are where none fits", () => {
    const dotted = (text: string) => settingsFor([text], ["kimi-k1", "kimi-k1.x"], ["kimi-k1.x.fast"]);
    expect(dotted("kimi-k1.x.hidden=64").ofModels).toEqual([{ name: "kimi-k1.x", path: "hidden", value: "64" }]);
    expect(dotted("kimi-k1.rope.base=64").ofModels).toEqual([{ name: "kimi-k1", path: "rope.base", value: "64" }]);
    expect(dotted("kimi-k1.x.fast.usdPerHour=1").ofAccelerators).toEqual(["kimi-k1.x.fast.usdPerHour=1"]);
    expect(() => settingsFor(["kimi-k1.y.hidden=64"], ["kimi-k1.x"], [])).toThrow(
      '--set kimi-k1.y.hidden: expected a model in use (kimi-k1.x), got "kimi-k1"; did you mean "kimi-k1.x"?',
    );
  });

  it("refuses a name that a model and an accelerator share", () => {
    expect(() => settingsFor(["h20.hidden=1"], ["h20"], ["h20"])).toThrow("or an accelerator in use (h20), not both");
  });

  it("refuses what is no setting", () => {
    expect(() => split("step3=4")).toThrow("--set: expected NAME.FIELD=VALUE");
  });
});
