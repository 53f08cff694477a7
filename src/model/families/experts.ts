import type { MoeFfnSpec, RouterSpec } from "../card.ts";
import { checkTopK } from "./checks.ts";

/** A softmax over all experts, of which the best few are taken with their weights renormalized. */
const PLAIN_ROUTER: Omit<RouterSpec, "topK"> = {
  score: "softmax",
  normalizeTopK: true,
  scalingFactor: 1,
  correctionBias: false,
  logitBias: false,
  scalesInput: false,
  groups: 1,
  groupsKept: 1,
  groupRule: "none",
};

/** What a layer of experts has to say; the rest is as in a plain one (SwiGLU, no shared expert, plain router). */
export interface Experts {
  readonly experts: number;
  readonly expertDim: number;
  readonly router: Partial<RouterSpec> & Pick<RouterSpec, "topK">;
  readonly sharedDim?: number;
  readonly sharedGate?: boolean;
  readonly activation?: MoeFfnSpec["activation"];
}

/**
 * A layer of experts. `topKField` names the field of the number of experts a token is sent to.
 * @throws InvalidInputError when that is more than there are in the groups that are kept
 */
export function moeFfn(
  { experts, expertDim, router, sharedDim = 0, sharedGate = false, activation = "silu" }: Experts,
  topKField: string,
): MoeFfnSpec {
  const whole: RouterSpec = { ...PLAIN_ROUTER, ...router };
  checkTopK(whole.topK, (experts / whole.groups) * whole.groupsKept, topKField);
  return {
    kind: "moe",
    experts,
    expertDim,
    sharedDim,
    sharedGate: sharedGate && sharedDim > 0,
    activation,
    router: whole,
  };
}
