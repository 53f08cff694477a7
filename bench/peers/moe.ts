import { type MoeWork, moeEpsilon, seed } from "../works.ts";
import type { PeerRun } from "./peer.ts";
import { seededRows, seededWeight } from "./seeded.ts";

/** One expert of a peer, for a fixed number of rows. */
export interface ExpertRun {
  call(x: Float32Array): Promise<Float32Array>;
  dispose(): Promise<void> | void;
}

/**
 * A MoE layer as one writes it around a library that has no such operator: norm, router, top-k, gathering and combining in JavaScript, the
 * experts' products by the library. Which rows an expert gets is the same in every call, so each expert may be compiled for its number.
 */
export async function moeRun(
  work: MoeWork,
  expertOf: (gate: Float32Array, up: Float32Array, down: Float32Array, rows: number) => Promise<ExpertRun>,
): Promise<PeerRun> {
  const { tokens, hidden, expertDim, experts, topK } = work;
  const x = seededRows(seed, 1, tokens, hidden);
  const norm = seededRows(seed, 2, 1, hidden, 0.1).map((value) => value + 1);
  const router = seededWeight(seed, 3, experts, hidden);
  const rowsOf = routeRows(normedRows(x, norm, hidden), router, work).map((slots) => slots.length);
  const runs: (ExpertRun | undefined)[] = [];
  for (let expert = 0; expert < experts; expert++) {
    const rows = rowsOf[expert] as number;
    if (rows === 0) {
      runs.push(undefined);
      continue;
    }
    // Gate columns, then up columns, in one tensor of 2 x expertDim.
    const gateUp = seededWeight(seed, 4, 2 * expertDim, hidden, expert);
    const half = expertDim * hidden;
    const down = seededWeight(seed, 5, hidden, expertDim, expert);
    runs.push(await expertOf(gateUp.slice(0, half), gateUp.slice(half), down, rows));
  }
  let y = new Float32Array(0);
  return {
    async call() {
      const normed = normedRows(x, norm, hidden);
      y = x.slice();
      for (const [expert, slots] of routeRows(normed, router, work).entries()) {
        const run = runs[expert];
        if (run === undefined) continue;
        const input = new Float32Array(slots.length * hidden);
        for (const [row, { token }] of slots.entries())
          input.set(normed.subarray(token * hidden, (token + 1) * hidden), row * hidden);
        const output = await run.call(input);
        for (const [row, { token, weight }] of slots.entries()) {
          for (let i = 0; i < hidden; i++)
            y[token * hidden + i] = (y[token * hidden + i] as number) + weight * (output[row * hidden + i] as number);
        }
      }
    },
    output: () => y,
    async dispose() {
      for (const run of runs) await run?.dispose();
    },
  };

  function normedRows(rows: Float32Array, weight: Float32Array, width: number): Float32Array {
    const out = new Float32Array(rows.length);
    for (let row = 0; row < rows.length; row += width) {
      let squares = 0;
      for (let i = 0; i < width; i++) squares += (rows[row + i] as number) ** 2;
      const factor = 1 / Math.sqrt(squares / width + moeEpsilon);
      for (let i = 0; i < width; i++) out[row + i] = (rows[row + i] as number) * factor * (weight[i] as number);
    }
    return out;
  }

  /** For each expert its tokens with their weights: softmax over all experts, the best topK, divided by their sum. */
  function routeRows(
    rows: Float32Array,
    gate: Float32Array,
    { hidden: width }: MoeWork,
  ): { token: number; weight: number }[][] {
    const slots: { token: number; weight: number }[][] = Array.from({ length: experts }, () => []);
    for (let token = 0; token < tokens; token++) {
      const scores = Array.from({ length: experts }, (_, expert) => {
        let sum = 0;
        for (let i = 0; i < width; i++)
          sum += (rows[token * width + i] as number) * (gate[expert * width + i] as number);
        return { expert, sum };
      });
      const chosen = scores.toSorted((a, b) => b.sum - a.sum).slice(0, topK);
      const largest = (chosen[0] as { sum: number }).sum;
      const total = chosen.reduce((sum, each) => sum + Math.exp(each.sum - largest), 0);
      for (const { expert, sum } of chosen)
        (slots[expert] as { token: number; weight: number }[]).push({ token, weight: Math.exp(sum - largest) / total });
    }
    return slots;
  }
}
