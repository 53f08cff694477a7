import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attentionCoreCase } from "../../src/kernels/attentionCore.ts";
import { attentionLayerCase } from "../../src/kernels/attentionLayer.ts";
import { kvDtypes, kvFormats } from "../../src/kernels/kvFormat.ts";
import { matmulCase } from "../../src/kernels/matmul.ts";
import { expertMatmulCase, moeLayerCase } from "../../src/kernels/moe.ts";
import { routerCase } from "../../src/kernels/router.ts";
import { targets } from "../../src/kernels/target.ts";
import { anyGrouped, anyLatent } from "../afd/works.ts";
import { edgeCases, plainRule, weightDtypes } from "./edgeCases.ts";
import {
  bufferOf,
  checked,
  differing,
  floatsOf,
  machineOf,
  prepare,
  results,
  rowOf,
  runRanks,
  strayBytes,
} from "./machine.ts";

const weightDtype = fc.constantFrom(...weightDtypes);
const seed = fc.integer({ min: 0, max: 1000 });
const upTo = (max: number) => fc.integer({ min: 1, max });
/** The same shapes in every run: a failure here is a change of the kernels. */
const runs = { numRuns: 40, seed: 3 };

describe.each(targets)("kernels of target %s", (target) => {
  const machine = machineOf(target);

  describe("at edge shapes", () => {
    it.each(edgeCases())("$name: equals its reference and writes nowhere else", ({ build }) => {
      const kernelCase = build();
      const { ok, maxErrorFraction, compared } = checked(machine, kernelCase);
      expect({ ok, maxErrorFraction }).toMatchObject({ ok: true });
      expect(compared).toBeGreaterThan(0);
      expect(strayBytes(machine, kernelCase)).toBe(0);
    });

    it.each(edgeCases())("$name: gives the same bits when run again", ({ build }) => {
      const kernelCase = build();
      prepare(machine, kernelCase);
      runRanks(machine, kernelCase, 1);
      const first = results(machine, kernelCase);
      runRanks(machine, kernelCase, 1);
      expect(differing(first, results(machine, kernelCase))).toEqual([]);
    });

    it.each(edgeCases())("$name: the check notices a wrong output, and NaN", ({ build, output }) => {
      const kernelCase = build();
      expect(checked(machine, kernelCase).ok).toBe(true);
      const values = floatsOf(machine, kernelCase, output);
      const right = values.slice();
      for (const wrong of [100, Number.NaN, Number.POSITIVE_INFINITY]) {
        values.fill(wrong);
        expect(kernelCase.check(machine.memory).ok).toBe(false);
      }
      values.set(right);
      expect(kernelCase.check(machine.memory).ok).toBe(true);
      values.set(right.map((value) => value * 1.05 + 0.05));
      expect(kernelCase.check(machine.memory).ok).toBe(false);
    });
  });

  describe("at random shapes", () => {
    it("matmul equals its reference", () => {
      fc.assert(
        fc.property(fc.record({ m: upTo(20), n: upTo(40), k: upTo(80), dtype: weightDtype, seed }), (shape) => {
          const kernelCase = matmulCase(shape);
          expect(checked(machine, kernelCase)).toMatchObject({ ok: true, compared: shape.m * shape.n });
          expect(strayBytes(machine, kernelCase)).toBe(0);
        }),
        runs,
      );
    });

    it("attentionCore equals its reference: ragged batches, spans, pages, sinks, every stored format", () => {
      const shapes = fc.record({
        kvTokens: fc.array(fc.integer({ min: 0, max: 800 }), { minLength: 1, maxLength: 3 }),
        kvHeads: upTo(3),
        groupHeads: upTo(9),
        headDim: upTo(32),
        kvDtype: fc.constantFrom(...kvDtypes),
        span: fc.oneof(
          fc.constant({ kind: "full" as const }),
          fc.record({ kind: fc.constantFrom("sliding" as const, "chunked" as const), tokens: upTo(600) }),
        ),
        paging: fc.constantFrom("contiguous" as const, "permuted" as const),
        sinks: fc.constantFrom("none" as const, "perHead" as const),
        seed,
      });
      fc.assert(
        fc.property(shapes, ({ groupHeads, ...shape }) => {
          const kernelCase = attentionCoreCase({
            ...{ ...shape, batch: shape.kvTokens.length, queryHeads: shape.kvHeads * groupHeads },
            dtype: kvFormats[shape.kvDtype].dtype,
          });
          expect(checked(machine, kernelCase)).toMatchObject({ ok: true });
          expect(strayBytes(machine, kernelCase)).toBe(0);
        }),
        { ...runs, numRuns: 60 },
      );
    });

    it("attentionCore over a latent equals its reference", () => {
      const shapes = fc.record({
        kvTokens: fc.array(fc.integer({ min: 0, max: 600 }), { minLength: 1, maxLength: 2 }),
        queryHeads: upTo(13),
        headDim: upTo(40),
        ropeHeadDim: upTo(20),
        kvDtype: fc.constantFrom(...kvDtypes),
        span: fc.oneof(
          fc.constant({ kind: "full" as const }),
          fc.record({ kind: fc.constant("sliding" as const), tokens: upTo(300) }),
        ),
        scale: fc.constantFrom(0.05, 0.3),
        seed,
      });
      fc.assert(
        fc.property(shapes, (shape) => {
          const kernelCase = attentionCoreCase({
            ...{ ...shape, batch: shape.kvTokens.length, kvHeads: 1, dtype: kvFormats[shape.kvDtype].dtype },
          });
          expect(checked(machine, kernelCase)).toMatchObject({ ok: true });
          expect(strayBytes(machine, kernelCase)).toBe(0);
        }),
        { ...runs, numRuns: 60 },
      );
    });

    it("attentionLayer equals its reference: any grouping, low ranks, latents, norms, biases, sinks, spans", () => {
      const shapes = fc.record({
        batch: upTo(3),
        kvTokens: upTo(270),
        attention: fc.oneof(anyGrouped, anyLatent),
        hidden: upTo(60),
        weightDtype,
        kvDtype: fc.constantFrom(...kvDtypes),
        seed,
      });
      fc.assert(
        fc.property(shapes, (shape) => {
          const kernelCase = attentionLayerCase({ ...shape, epsilon: 1e-5 });
          expect(checked(machine, kernelCase)).toMatchObject({ ok: true });
          expect(strayBytes(machine, kernelCase)).toBe(0);
        }),
        { ...runs, numRuns: 120 },
      );
    });

    it("router equals its reference", () => {
      const shapes = fc
        .record({ tokens: upTo(12), hidden: upTo(40), experts: upTo(60), normalizeTopK: fc.boolean(), seed })
        .chain((shape) => fc.record({ shape: fc.constant(shape), topK: upTo(Math.min(8, shape.experts)) }));
      fc.assert(
        fc.property(shapes, ({ shape, topK }) => {
          const { normalizeTopK, ...sizes } = shape;
          const router = { ...plainRule, topK, normalizeTopK };
          expect(checked(machine, routerCase({ ...sizes, router }))).toMatchObject({ ok: true });
        }),
        runs,
      );
    });

    it("expertMatmul equals its reference", () => {
      const shapes = fc.record({
        count: upTo(5),
        tokensPerExpert: upTo(9),
        hidden: upTo(40),
        expertDim: upTo(40),
        dtype: weightDtype,
        seed,
      });
      fc.assert(
        fc.property(shapes, (shape) => {
          const kernelCase = expertMatmulCase(shape);
          expect(checked(machine, kernelCase)).toMatchObject({ ok: true });
          expect(strayBytes(machine, kernelCase)).toBe(0);
        }),
        runs,
      );
    });

    it("moeLayer equals its reference", () => {
      const shapes = fc
        .record({
          tokens: upTo(10),
          hidden: upTo(30),
          experts: upTo(10),
          expertDim: upTo(20),
          sharedDim: fc.integer({ min: 0, max: 20 }),
          normalizeTopK: fc.boolean(),
          routing: fc.constantFrom("router" as const, "balanced" as const),
          dtype: weightDtype,
          seed,
        })
        .chain((shape) =>
          fc.record({ shape: fc.constant(shape), topK: upTo(shape.experts), residentExperts: upTo(shape.experts) }),
        );
      fc.assert(
        fc.property(shapes, ({ shape, topK, residentExperts }) => {
          const { normalizeTopK, ...sizes } = shape;
          const router = { ...plainRule, topK, normalizeTopK };
          const kernelCase = moeLayerCase({ ...sizes, router, residentExperts, epsilon: 1e-5 });
          expect(checked(machine, kernelCase)).toMatchObject({ ok: true });
          expect(strayBytes(machine, kernelCase)).toBe(0);
        }),
        runs,
      );
    });
  });

  it.each(weightDtypes)("moeLayer %s is right where the router sends every token to one expert", (dtype) => {
    const [tokens, hidden, experts] = [5, 16, 8];
    const kernelCase = moeLayerCase({
      ...{ tokens, hidden, experts, router: plainRule, residentExperts: experts },
      ...{ expertDim: 12, sharedDim: 8, dtype, epsilon: 1e-5, routing: "router", seed: 4 },
    });
    prepare(machine, kernelCase);
    for (let token = 0; token < tokens; token++) {
      const row = rowOf(machine, kernelCase, "x", hidden, token);
      for (let i = 0; i < hidden; i++) row[i] = Math.abs(row[i] as number) + 1;
    }
    // The gate is one panel of [hidden][8]: expert 3's column scores the sum of a positive row.
    const gate = floatsOf(machine, kernelCase, "gate");
    for (let i = 0; i < hidden; i++) gate[i * 8 + 3] = 1;
    runRanks(machine, kernelCase, 1);
    const { address } = bufferOf(kernelCase, "routedIds");
    expect([...new Int32Array(machine.memory.buffer, address, tokens)]).toEqual(Array(tokens).fill(3));
    expect(kernelCase.check(machine.memory)).toMatchObject({ ok: true });
  });
});
