import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkFaults } from "../../src/afd/checkFaults.ts";
import { faultKinds, formatFaults, parseFaults } from "../../src/afd/faultSpec.ts";
import type { Fault } from "../../src/afd/faults.ts";
import { randomFaultKinds, randomFaults } from "../../src/afd/randomFaults.ts";
import type { Division } from "../../src/afd/work.ts";
import { InvalidInputError } from "../../src/units/errors.ts";

const division: Division = {
  attentionInstances: 2,
  ffnInstances: 2,
  microBatches: [
    { first: 0, last: 3 },
    { first: 3, last: 4 },
  ],
  layers: 3,
  steps: 6,
};

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof InvalidInputError) return error.message;
    throw error;
  }
  throw new Error("nothing was refused");
}

const count = fc.nat(999);
const instance = fc.record({ side: fc.constantFrom("attention" as const, "ffn" as const), instance: count });
const place = fc.record({ step: count, layer: count, microBatch: count });
const delayNs = fc.oneof(fc.integer({ min: 1, max: 1e12 }), fc.constantFrom(1e3, 1e6, 5e6, 1e9));
const steps = fc.tuple(count, count).map(([one, other]) => ({
  firstStep: Math.min(one, other),
  lastStep: Math.max(one, other),
}));
const crash = fc.record({ kind: fc.constantFrom("exit", "throw", "outOfMemory", "hang"), at: instance, place });
const message = fc.record({
  kind: fc.constantFrom("drop", "duplicate", "reorder", "corrupt"),
  ...{ from: instance, to: count, place, delayNs: fc.constant(0) },
});
const delay = fc.record({ kind: fc.constant("delay"), from: instance, to: count, place, delayNs });
const factor = fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.double({ min: 1, max: 1000, noNaN: true }));
const slow = fc
  .record({ kind: fc.constant("slow"), at: instance, factor, steps })
  .map(({ steps: range, ...rest }) => ({ ...rest, ...range }));
const slowLink = fc
  .record({ kind: fc.constant("slowLink"), from: instance, to: count, delayNs, steps })
  .map(({ steps: range, ...rest }) => ({ ...rest, ...range }));
const side = fc.constantFrom("attention", "ffn");
const membership = fc.record({ kind: fc.constantFrom("add", "remove"), side, step: count });
const anyFault = fc.oneof(crash, message, delay, slow, slowLink, membership) as fc.Arbitrary<Fault>;

describe("--faults", () => {
  test("every fault is written so that it is read back", () => {
    fc.assert(
      fc.property(fc.array(anyFault, { minLength: 1, maxLength: 6 }), (faults) => {
        expect(parseFaults(formatFaults(faults))).toEqual(faults);
      }),
      { numRuns: 500 },
    );
  });

  test("each kind in its form", () => {
    const text =
      "exit:A0@2.1.0,throw:F1@0.0.0,outOfMemory:A1@1.0.0,hang:F0@3.2.1,drop:A0-F1@2.1.0,duplicate:F1-A0@2.1.1,reorder:A1-F1@0.0.0,corrupt:F0-A1@5.2.1,delay:A0-F1@2.1.0+5ms,slow:F1x3@2..5,slow:A0x1.5@1,slowLink:F0-A1@2..5+250us,add:A@4,remove:F@3";
    expect(formatFaults(parseFaults(text))).toBe(text);
    expect(new Set(parseFaults(text).map(({ kind }) => kind))).toEqual(new Set(faultKinds));
  });

  test("parts of a place may be left out, oom is out of memory, delays are whole nanoseconds", () => {
    const zero = { step: 2, layer: 0, microBatch: 0 };
    expect(parseFaults(" oom:A0@2 , exit:F1@2.1")).toEqual([
      { kind: "outOfMemory", at: { side: "attention", instance: 0 }, place: zero },
      { kind: "exit", at: { side: "ffn", instance: 1 }, place: { ...zero, layer: 1 } },
    ]);
    expect(parseFaults("delay:A0-F0@2+1.5us")).toEqual([
      { kind: "delay", from: { side: "attention", instance: 0 }, to: 0, place: zero, delayNs: 1500 },
    ]);
  });

  test.each([
    [
      "exi:A0@2",
      'KIND:WHERE of exit, throw, outOfMemory, hang, drop, duplicate, reorder, corrupt, delay, slow, slowLink, add, remove, got "exi"; did you mean "exit"?',
    ],
    ["exit", 'got "exit"; did you mean "exit"?'],
    ["exit:A0", "INSTANCE@STEP.LAYER.MICROBATCH"],
    ["exit:B0@2", "INSTANCE@STEP.LAYER.MICROBATCH"],
    ["exit:A0@2.1.0.7", "INSTANCE@STEP.LAYER.MICROBATCH"],
    ["exit:A-1@2", "INSTANCE@STEP.LAYER.MICROBATCH"],
    ["drop:A0@2", "FROM-TO@STEP.LAYER.MICROBATCH"],
    ["drop:A0-A1@2", "an attention instance (A0 …) and an FFN instance (F0 …)"],
    ["drop:A0-F1@2+5ms", "FROM-TO@STEP.LAYER.MICROBATCH, such as drop"],
    ["delay:A0-F1@2", "FROM-TO@STEP.LAYER.MICROBATCH+TIME"],
    ["delay:A0-F1@2+5", "a duration above 0 with its unit"],
    ["slow:F1x3", "INSTANCExFACTOR@STEPS"],
    ["slow:F1x0.5@2", "a number from 1 to 1000"],
    ["slow:F1x3@5..2", "steps whose first is not above the last"],
    ["slowLink:F0-A1@2..5", "FROM-TO@STEPS+TIME"],
    ["add:A0@4", "SIDE@STEP"],
    ["", "items separated by single commas"],
    ["exit:A0@2,,exit:A0@3", "items separated by single commas"],
  ])("%s is refused", (text, reason) => {
    const said = refusal(() => parseFaults(text));
    expect(said).toContain("--faults");
    expect(said).toContain(reason);
  });

  test("any text is read or refused in one line", () => {
    const characters = fc.string({ unit: fc.constantFrom(..."exitaddAF01:@.-+x,ms5 slowLk2"), maxLength: 24 });
    fc.assert(
      fc.property(characters, (text) => {
        let faults: readonly Fault[];
        try {
          faults = parseFaults(text);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInputError);
          return;
        }
        expect(parseFaults(formatFaults(faults))).toEqual(faults);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("faults of a run", () => {
  test.each([
    ["exit:A2@0", "an attention instance of step 0 (A0 to A1), not A2"],
    ["exit:F0@6", "a step from 0 to 5"],
    ["exit:F0@0.3", "a layer from 0 to 2"],
    ["exit:F0@0.0.2", "a micro-batch from 0 to 1"],
    ["drop:A0-F2@0", "an FFN instance of step 0 (F0 to F1), not F2"],
    ["slow:F0x2@2..6", "a step from 0 to 5"],
    ["slowLink:A0-F5@0..1+1ms", "not F5"],
    ["add:A@6", "a step from 0 to 5"],
    ["remove:A@2,remove:A@3", "at least one attention instance to stay from step 3 on"],
    ["remove:F@3,exit:F1@3", "an FFN instance of step 3 (F0), not F1"],
    ["remove:F@3,slow:F1x2@1..3", "an FFN instance of step 3 (F0), not F1"],
    ["add:A@2,exit:A2@1", "not A2"],
    ["drop:A0-F1@2.1,corrupt:A0-F1@2.1.0", "at most one fault on a message"],
  ])("%s strikes what is not there", (text, reason) => {
    expect(refusal(() => checkFaults(parseFaults(text), division))).toContain(reason);
  });

  test.each([
    "exit:A1@5.2.1",
    "add:A@2,exit:A2@2",
    "remove:F@3,exit:F1@2.2.1",
    "remove:F@3,remove:A@3,add:A@3,exit:A1@4",
    "exit:A0@1,exit:A0@1,hang:A0@1",
    "slowLink:A0-F1@0..5+1ms,delay:A0-F1@2+1ms",
  ])("%s can happen", (text) => {
    expect(() => checkFaults(parseFaults(text), division)).not.toThrow();
  });
});

describe("random faults", () => {
  const shape = fc.record({
    attentionInstances: fc.integer({ min: 1, max: 4 }),
    ffnInstances: fc.integer({ min: 1, max: 4 }),
    layers: fc.integer({ min: 1, max: 4 }),
    steps: fc.integer({ min: 1, max: 8 }),
    microBatches: fc.integer({ min: 1, max: 4 }),
  });

  test("they can happen in the run they are drawn for, and a seed gives them again", () => {
    const input = fc.record({ shape, rate: fc.constantFrom(0.01, 0.1, 1), seed: fc.nat() });
    fc.assert(
      fc.property(input, ({ shape: { microBatches, ...rest }, rate, seed }) => {
        const drawn = {
          ...rest,
          microBatches: Array.from({ length: microBatches }, (_, index) => ({ first: index, last: index + 1 })),
        };
        const faults = randomFaults({ division: drawn, rate, seed, kinds: faultKinds });
        expect(() => checkFaults(faults, drawn)).not.toThrow();
        expect(randomFaults({ division: drawn, rate, seed, kinds: faultKinds })).toEqual(faults);
        if (faults.length > 0) expect(parseFaults(formatFaults(faults))).toEqual(faults);
      }),
    );
  });

  test("as many as the rate says, of all kinds", () => {
    const long = { ...division, steps: 500 };
    const stages = 500 * 3 * 2 * 4;
    const faults = randomFaults({ division: long, rate: 0.05, seed: 7 });
    expect(faults.length / stages).toBeGreaterThan(0.045);
    expect(faults.length / stages).toBeLessThan(0.055);
    for (const kind of randomFaultKinds) {
      const share = faults.filter((fault) => fault.kind === kind).length / faults.length;
      expect(share).toBeGreaterThan(0.05);
      expect(share).toBeLessThan(0.15);
    }
    expect(randomFaults({ division: long, rate: 0, seed: 7 })).toEqual([]);
  });

  test("a seed gives the same faults on any machine", () => {
    expect(formatFaults(randomFaults({ division, rate: 0.03, seed: 1 }))).toMatchInlineSnapshot(
      `"exit:A0@0.1.0,reorder:F0-A1@0.2.1,throw:A0@1.2.0,corrupt:F1-A0@3.0.0,corrupt:F1-A1@3.1.0"`,
    );
  });
});
