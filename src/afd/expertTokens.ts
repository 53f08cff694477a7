import { layoutsOf } from "./stageModel.ts";
import type { StagePlace } from "./stages.ts";
import type { Work } from "./work.ts";

/** Room for tokens of every expert, [layer x most experts of a layer + expert]; none where no layer has experts. */
export function createExpertTokens(work: Work): SharedArrayBuffer {
  return new SharedArrayBuffer(layersOf(work).length * mostExperts(work) * 4);
}

/** Tokens that each expert got in a run, [layer][expert]; layers without experts have none. */
export function readExpertTokens(work: Work, buffer: SharedArrayBuffer): readonly (readonly number[])[] {
  const counts = new Int32Array(buffer);
  const most = mostExperts(work);
  return layersOf(work).map(({ ffn }, layer) =>
    ffn.kind === "moe" ? [...counts.subarray(layer * most, layer * most + ffn.experts)] : [],
  );
}

/** Counts the experts that messages to an FFN instance name; allocates nothing while it counts. */
export class ExpertTokens {
  readonly #counts: Int32Array<SharedArrayBuffer>;
  readonly #most: number;
  /** Expert of every slot of every token, [micro-batch]. */
  readonly #ids: readonly Int32Array<SharedArrayBuffer>[];

  /** @param memory of the FFN instance, which gets the tokens of all attention instances */
  constructor(work: Work, instance: number, memory: SharedArrayBuffer, buffer: SharedArrayBuffer) {
    this.#counts = new Int32Array(buffer);
    this.#most = mostExperts(work);
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
    const first = layer * this.#most;
    for (let slot = 0; slot < ids.length; slot++) {
      const at = first + (ids[slot] as number);
      this.#counts[at] = (this.#counts[at] as number) + 1;
    }
  }
}

function layersOf(work: Work) {
  return work.kind === "kernels" ? work.decode.model.layers : [];
}

function mostExperts(work: Work): number {
  return layersOf(work).reduce((most, { ffn }) => (ffn.kind === "moe" ? Math.max(most, ffn.experts) : most), 0);
}
