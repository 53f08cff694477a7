import { describe, expect, it } from "vitest";
import { Control, phase } from "../../src/afd/control.ts";
import { Watchdog } from "../../src/afd/watchdog.ts";

const division = {
  ...{ attentionInstances: 1, ffnInstances: 1, layers: 1, steps: 1 },
  microBatches: [{ first: 0, last: 1 }],
};
const WATCHDOG_NS = 1000;

function watched(expects: "faults" | "none") {
  const control = new Control(division, 0);
  const watchdog = new Watchdog(control, WATCHDOG_NS, expects);
  return {
    watchdog,
    set: (index: number, name: "phase" | "heartbeat", value: number) => {
      control.words[control.word(index, name)] = value;
    },
  };
}

describe("Watchdog", () => {
  it("waits twenty times as long for an instance that begins, and counts anew once it has told", () => {
    const { watchdog } = watched("faults");
    expect(watchdog.look(0, 20 * WATCHDOG_NS)).toBeUndefined();
    expect(watchdog.look(0, 1)).toBe(20 * WATCHDOG_NS);
    expect(watchdog.look(0, 20 * WATCHDOG_NS)).toBeUndefined();
  });

  it("waits its own time for one that runs, thirty times that without faults", () => {
    for (const [expects, patience] of [
      ["faults", 1],
      ["none", 30],
    ] as const) {
      const { watchdog, set } = watched(expects);
      set(1, "phase", phase.running);
      expect(watchdog.look(1, patience * WATCHDOG_NS)).toBeUndefined();
      expect(watchdog.look(1, 1)).toBe(patience * WATCHDOG_NS);
    }
  });

  it("takes a heartbeat, a new beginning and the end for signs of life, of each instance alone", () => {
    const { watchdog, set } = watched("faults");
    for (const index of [0, 1]) set(index, "phase", phase.running);
    watchdog.look(0, WATCHDOG_NS);
    watchdog.look(1, WATCHDOG_NS);
    set(0, "heartbeat", 1);
    expect(watchdog.look(0, WATCHDOG_NS)).toBeUndefined();
    expect(watchdog.look(1, WATCHDOG_NS)).toBe(WATCHDOG_NS);
    watchdog.look(0, WATCHDOG_NS);
    watchdog.begin(0);
    expect(watchdog.look(0, WATCHDOG_NS)).toBeUndefined();
    set(0, "phase", phase.done);
    expect(watchdog.look(0, 100 * WATCHDOG_NS)).toBeUndefined();
  });
});
