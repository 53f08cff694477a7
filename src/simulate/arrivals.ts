import { InvalidInputError } from "../units/errors.ts";
import { type Jitter, jitterFactors, NO_JITTER, type Random, seededRandom } from "./random.ts";

/** A request that is to be decoded: its prompt is in the cache when it arrives. */
export interface DecodeRequest {
  readonly arrivalNs: number;
  readonly promptTokens: number;
  /** Tokens to decode, a step each. */
  readonly outputTokens: number;
}

/** Requests that arrive at random. */
export interface RandomArrivals {
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** Requests that come together; 1: a Poisson process, more: bursts at the times of one. */
  readonly burst: number;
  /** The mean of all. */
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** What prompts and outputs are times of these, rounded to whole tokens, at least 1; absent: all are alike. */
  readonly promptSpread?: Jitter;
  readonly outputSpread?: Jitter;
  readonly seed: number;
}

const MOST_REQUESTS = 10_000_000;

/**
 * Requests in order of arrival.
 * @throws InvalidInputError on counts that are no whole numbers of at least 1, or a rate that is not above 0
 */
export function randomArrivals(arrivals: RandomArrivals): readonly DecodeRequest[] {
  const { requests, requestsPerSecond, burst, promptTokens, outputTokens } = arrivals;
  for (const [field, value] of Object.entries({ requests, burst, promptTokens, outputTokens })) {
    if (Number.isInteger(value) && value >= 1 && value <= MOST_REQUESTS) continue;
    throw new InvalidInputError({ field, value, expected: `a whole number from 1 to ${MOST_REQUESTS}` });
  }
  if (!(requestsPerSecond > 0 && requestsPerSecond <= 1e9)) {
    const expected = "a rate above 0, up to a billion a second";
    throw new InvalidInputError({ field: "requests per second", value: requestsPerSecond, expected });
  }
  const random = seededRandom(arrivals.seed, ARRIVAL_STREAM);
  const meanGapNs = (1e9 * burst) / requestsPerSecond;
  let arrivalNs = 0;
  const promptOf = lengths(promptTokens, arrivals.promptSpread, seededRandom(arrivals.seed, PROMPT_STREAM));
  const outputOf = lengths(outputTokens, arrivals.outputSpread, seededRandom(arrivals.seed, OUTPUT_STREAM));
  return Array.from({ length: requests }, (_, index) => {
    if (index % burst === 0) arrivalNs += meanGapNs * random.exponential();
    return { arrivalNs, promptTokens: promptOf(), outputTokens: outputOf() };
  });
}

const ARRIVAL_STREAM = 3;
const PROMPT_STREAM = 5;
const OUTPUT_STREAM = 6;

function lengths(mean: number, spread: Jitter = NO_JITTER, random: Random): () => number {
  const factor = jitterFactors(spread, random);
  return factor === undefined ? () => mean : () => Math.max(1, Math.round(mean * factor()));
}
