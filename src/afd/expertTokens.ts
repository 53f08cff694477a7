import { ffnShard } from "./ffnShard.ts";
import { layoutsOf } from "./stageModel.ts";
import type { StagePlace } from "./stages.ts";
import { divisionOf, type Work } from "./work.ts";

/** Tokens that each expert got, [layer][expert]; layers without experts have none. */
export type TokensOfExperts = readonly (readonly number[])[];

/**
 * Room for what each FFN instance counts of its experts, [instance x layers + layer][most experts of a layer]; none where no layer
 * has experts.
 */
export function createExpertTokens(work: Work): SharedArrayBuffer {
  return new SharedArrayBuffer(divisionOf(work).ffnInstances * layersOf(work).length * mostExperts(work) * 4);
}

/** What all FFN instances counted. Those that share an expert's width each count its tokens: they count once. */
export function readExpertTokens(work: Work, buffer: SharedArrayBuffer): TokensOfExperts {
  const counts = new Int32Array(buffer);
  const most = mostExperts(work);
  const layers = layersOf(work);
  const instances = Array.from({ length: divisionOf(work).ffnInstances }, (_, instance) => instance);
  return layers.map(({ ffn }, layer) =>
    Array.from({ length: ffn.kind === "moe" ? ffn.experts : 0 }, (_, expert) =>
      Math.max(...instances.map((instance) => counts[(instance * layers.length + layer) * most + expert] as number)),
    ),
  );
}

/** The counts of runs of the same model, one after the other. */
export function addedTokens(some: TokensOfExperts, more: TokensOfExperts): TokensOfExperts {
  return more.map((tokens, layer) => tokens.map((count, expert) => count + (some[layer]?.[expert] ?? 0)));
}

/**
 * What an instance counts its experts' tokens with; none on the attention side, and where no layer has experts.
 * @param memory of the instance
 */
export function expertTokensOf(
  instance: {
    readonly work: Work;
    readonly side: "attention" | "ffn";
    readonly instance: number;
    readonly expertTokens: SharedArrayBuffer;
  },
  { buffer }: WebAssembly.Memory,
): ExpertTokens | undefined {
  const { work, side, expertTokens } = instance;
  if (side === "attention" || expertTokens.byteLength === 0) return undefined;
  return new ExpertTokens(work, instance.instance, buffer as unknown as SharedArrayBuffer, expertTokens);
}

/** Counts the tokens of an FFN instance's own experts; allocates nothing while it counts. */
export class ExpertTokens {
  readonly #counts: Int32Array<SharedArrayBuffer>;
  readonly #most: number;
  /** Where the instance's layers begin. */
  readonly #first: number;
  /** The instance's experts, [layer]. */
  readonly #experts: readonly { readonly first: number; readonly last: number }[];
  /** Expert of every slot of every token, [micro-batch]. */
  readonly #ids: readonly Int32Array<SharedArrayBuffer>[];

  /** @param memory of the FFN instance, which gets the tokens of all attention instances */
  constructor(work: Work, instance: number, memory: SharedArrayBuffer, buffer: SharedArrayBuffer) {
    const layers = layersOf(work);
    this.#counts = new Int32Array(buffer);
    this.#most = mostExperts(work);
    this.#first = instance * layers.length;
    this.#experts = layers.map(({ ffn }) =>
      work.kind === "kernels" ? ffnShard(work.decode, ffn, instance).experts : { first: 0, last: 0 },
    );
    const receives = layoutsOf(work).ffn[instance]?.receives ?? [];
    this.#ids = receives.map((tensors) => {
      const tensor = tensors.find(({ key }) => key === "expertIds");
      if (tensor === undefined) return new Int32Array(memory, 0, 0);
      return new Int32Array(memory, tensor.address, (tensor.rows * tensor.rowBytes) / 4);
    });
  }

  /** Counts what has come for a stage of a layer with experts. */
  add({ layer, microBatch }: StagePlace): void {
    const ids = this.#ids[microBatch] as Int32Array;
    const { first, last } = this.#experts[layer] as { readonly first: number; readonly last: number };
    const start = (this.#first + layer) * this.#most;
    for (let slot = 0; slot < ids.length; slot++) {
      const expert = ids[slot] as number;
      if (expert < first || expert >= last) continue;
      this.#counts[start + expert] = (this.#counts[start + expert] as number) + 1;
    }
  }
}

function layersOf(work: Work) {
  return work.kind === "kernels" ? work.decode.model.layers : [];
}

function mostExperts(work: Work): number {
  return layersOf(work).reduce((most, { ffn }) => (ffn.kind === "moe" ? Math.max(most, ffn.experts) : most), 0);
}
