import { describe, expect, it } from "vitest";
import { Control, phase } from "../../src/afd/control.ts";
import { noNetwork } from "../../src/afd/network.ts";
import { Standstill } from "../../src/afd/standstill.ts";
import type { Work } from "../../src/afd/work.ts";

const work: Work = {
  kind: "emulated",
  emulated: {
    ...{ attentionInstances: 1, ffnInstances: 1, microBatches: [{ first: 0, last: 1 }], layers: 2, steps: 2 },
    ...{ attentionNs: 1e9, ffnNs: 1e9, jitter: { kind: "none" }, rowBytes: 4, seed: 1 },
  },
};
const watchdogNs = 1e9;
/** 60 times the watchdog's time and that of two stages. */
const limitNs = 180e9;

function running(): Control {
  const control = new Control(work.kind === "emulated" ? work.emulated : (undefined as never), 0);
  for (const instance of [0, 1]) control.words[control.word(instance, "phase")] = phase.running;
  return control;
}

describe("Standstill", () => {
  it("says for how long no stage has ended, once that is too long", () => {
    const standstill = new Standstill(running(), work, noNetwork, watchdogNs);
    expect(standstill.look(limitNs)).toBeUndefined();
    expect(standstill.look(1e9)).toBe(limitNs + 1e9);
  });

  it("begins anew with every stage", () => {
    const control = running();
    const standstill = new Standstill(control, work, noNetwork, watchdogNs);
    expect(standstill.look(limitNs)).toBeUndefined();
    control.words[control.sentWord(1, 0)] = 1;
    expect(standstill.look(limitNs)).toBeUndefined();
    expect(standstill.look(limitNs)).toBeUndefined();
    expect(standstill.look(1)).toBe(limitNs + 1);
  });

  it("does not count while an instance makes its weights", () => {
    const control = running();
    const standstill = new Standstill(control, work, noNetwork, watchdogNs);
    control.words[control.word(0, "phase")] = phase.starting;
    expect(standstill.look(10 * limitNs)).toBeUndefined();
  });
});
