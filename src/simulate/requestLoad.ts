import { InfeasibleError, InvalidInputError } from "../units/errors.ts";
import type { DecodeRequest } from "./arrivals.ts";
import type { DecodeLoad } from "./decodeLoad.ts";

/** How requests share the instances. */
export interface RequestSettings {
  readonly attentionInstances: number;
  readonly microBatches: number;
  /** Sequences of one micro-batch on one attention instance at most: those that the layers' times are for. */
  readonly sequencesPerMicroBatch: number;
  /** Cached tokens of a micro-batch on one attention instance that the layers' attention time is for. */
  readonly cachedTokensPerMicroBatch: number;
  /** Share of that attention time which does not grow with cached tokens, from 0 to 1. */
  readonly attentionFixedShare: number;
  /** Share of the FFN time which does not grow with the tokens of a micro-batch, from 0 to 1. */
  readonly ffnFixedShare: number;
  /** Cached tokens that an attention instance can hold; undefined: any number. */
  readonly kvTokensPerInstance: number | undefined;
  /** After which a micro-batch looks again for room that others make. */
  readonly retryNs: number;
}

/** What became of the requests. */
export interface RequestOutcome {
  /** Times between tokens of a sequence, and how many sequences had each. */
  readonly stepsNs: readonly number[];
  readonly stepTokens: readonly number[];
  readonly finishedRequests: number;
  /** From arrival to the start of the first step, of those that were begun. */
  readonly waitsNs: readonly number[];
  /** Mean of the cached tokens of sequences, over all decoded tokens. */
  readonly meanContextTokens: number;
  readonly decodedTokens: number;
  /** From the start of the first step to the end of the last. */
  readonly spanNs: number;
}

/** Requests under continuous batching. */
export interface RequestLoad extends DecodeLoad {
  outcome(): RequestOutcome;
}

/**
 * Requests that join a micro-batch at the end of any of its steps and leave it when they are done, first come, first
 * served. A request goes to the instance with the fewest tokens reserved; it reserves the cache for its whole length, so
 * that none is ever put out. Contexts grow by a token a step.
 * @param requests in order of arrival
 * @throws InvalidInputError without requests, InfeasibleError on one that no instance can hold
 */
export function requestLoad(requests: readonly DecodeRequest[], settings: RequestSettings): RequestLoad {
  checkRequests(requests, settings);
  const { attentionInstances, microBatches, sequencesPerMicroBatch } = settings;
  const attention = new Float64Array(attentionInstances * microBatches);
  const ffn = new Float64Array(microBatches);
  const transfer = new Float64Array(microBatches);
  const sequences = new Uint32Array(attentionInstances * microBatches);
  const cachedTokens = new Float64Array(attentionInstances * microBatches);
  const reservedTokens = new Float64Array(attentionInstances);
  /** Of each micro-batch: the requests that are done after a step of that number. */
  const ending: Map<number, Placed[]>[] = Array.from({ length: microBatches }, () => new Map());
  const steps = new Uint32Array(microBatches);
  const startedNs = new Float64Array(microBatches).fill(Number.NaN);
  const stepsNs: number[] = [];
  const stepTokens: number[] = [];
  const waitsNs: number[] = [];
  let next = 0;
  let finishedRequests = 0;
  let contextTokenSum = 0;
  let decodedTokens = 0;
  let firstStartNs: number | undefined;
  let lastEndNs = 0;

  function endStep(microBatch: number, nowNs: number): void {
    let tokens = 0;
    for (let instance = 0; instance < attentionInstances; instance += 1) {
      const place = instance * microBatches + microBatch;
      const count = sequences[place] as number;
      tokens += count;
      contextTokenSum += cachedTokens[place] as number;
      cachedTokens[place] = (cachedTokens[place] as number) + count;
    }
    stepsNs.push(nowNs - (startedNs[microBatch] as number));
    stepTokens.push(tokens);
    decodedTokens += tokens;
    lastEndNs = nowNs;
    startedNs[microBatch] = Number.NaN;
    const step = (steps[microBatch] as number) + 1;
    steps[microBatch] = step;
    for (const { request, instance } of ending[microBatch]?.get(step) ?? []) {
      const place = instance * microBatches + microBatch;
      sequences[place] = (sequences[place] as number) - 1;
      cachedTokens[place] = (cachedTokens[place] as number) - lengthOf(request);
      reservedTokens[instance] = (reservedTokens[instance] as number) - lengthOf(request);
      finishedRequests += 1;
    }
    ending[microBatch]?.delete(step);
  }

  function admit(microBatch: number, nowNs: number): void {
    for (let request = requests[next]; request !== undefined && request.arrivalNs <= nowNs; request = requests[next]) {
      const instance = roomiest(microBatch, lengthOf(request));
      if (instance === undefined) return;
      const place = instance * microBatches + microBatch;
      sequences[place] = (sequences[place] as number) + 1;
      cachedTokens[place] = (cachedTokens[place] as number) + request.promptTokens;
      reservedTokens[instance] = (reservedTokens[instance] as number) + lengthOf(request);
      const lastStep = (steps[microBatch] as number) + request.outputTokens;
      const others = ending[microBatch]?.get(lastStep);
      if (others === undefined) ending[microBatch]?.set(lastStep, [{ request, instance }]);
      else others.push({ request, instance });
      waitsNs.push(nowNs - request.arrivalNs);
      next += 1;
    }
  }

  /** Of the instances with room for a sequence of this length the one with the fewest tokens reserved. */
  function roomiest(microBatch: number, tokens: number): number | undefined {
    const most = settings.kvTokensPerInstance ?? Number.POSITIVE_INFINITY;
    let best: number | undefined;
    for (let instance = 0; instance < attentionInstances; instance += 1) {
      if ((sequences[instance * microBatches + microBatch] as number) >= sequencesPerMicroBatch) continue;
      const reserved = reservedTokens[instance] as number;
      if (reserved + tokens > most) continue;
      if (best === undefined || reserved < (reservedTokens[best] as number)) best = instance;
    }
    return best;
  }

  /** Sets the factors of a micro-batch's next step; gives its tokens. */
  function weigh(microBatch: number): number {
    const { attentionFixedShare, ffnFixedShare, cachedTokensPerMicroBatch } = settings;
    let tokens = 0;
    for (let instance = 0; instance < attentionInstances; instance += 1) {
      const place = instance * microBatches + microBatch;
      const cachedShare = (cachedTokens[place] as number) / cachedTokensPerMicroBatch;
      tokens += sequences[place] as number;
      attention[place] = sequences[place] === 0 ? 0 : attentionFixedShare + (1 - attentionFixedShare) * cachedShare;
    }
    const share = tokens / (sequencesPerMicroBatch * attentionInstances);
    ffn[microBatch] = ffnFixedShare + (1 - ffnFixedShare) * share;
    transfer[microBatch] = share;
    return tokens;
  }

  return {
    attention,
    ffn,
    transfer,
    measuring: true,
    nextStep(microBatch, nowNs) {
      if (!Number.isNaN(startedNs[microBatch] as number)) endStep(microBatch, nowNs);
      admit(microBatch, nowNs);
      if (weigh(microBatch) > 0) {
        firstStartNs ??= nowNs;
        startedNs[microBatch] = nowNs;
        return nowNs;
      }
      const waiting = requests[next];
      if (waiting === undefined) return undefined;
      return waiting.arrivalNs > nowNs ? waiting.arrivalNs : nowNs + settings.retryNs;
    },
    outcome: () => ({
      stepsNs,
      stepTokens,
      finishedRequests,
      waitsNs,
      decodedTokens,
      meanContextTokens: decodedTokens === 0 ? 0 : contextTokenSum / decodedTokens,
      spanNs: lastEndNs - (firstStartNs ?? lastEndNs),
    }),
  };
}

interface Placed {
  readonly request: DecodeRequest;
  readonly instance: number;
}

/** Cached tokens of a request when it is done. */
function lengthOf({ promptTokens, outputTokens }: DecodeRequest): number {
  return promptTokens + outputTokens;
}

function checkRequests(requests: readonly DecodeRequest[], { kvTokensPerInstance }: RequestSettings): void {
  if (requests.length === 0) {
    throw new InvalidInputError({ field: "requests", value: requests, expected: "at least one" });
  }
  if (kvTokensPerInstance === undefined) return;
  const longest = requests.reduce((one, other) => (lengthOf(other) > lengthOf(one) ? other : one));
  if (lengthOf(longest) <= kvTokensPerInstance) return;
  const { promptTokens, outputTokens } = longest;
  throw new InfeasibleError(
    `a request of ${promptTokens} prompt and ${outputTokens} output tokens fits into no attention instance: it needs the cache of ${lengthOf(longest)} tokens, and there is room for ${Math.floor(kvTokensPerInstance)}`,
  );
}
