import { InfeasibleError, InvalidInputError } from "../units/errors.ts";

/** Why a point of a sweep has no result: plain data, as errors lose their class between threads. */
export type PointFailure =
  | { readonly status: "invalid"; readonly field: string; readonly value: unknown; readonly expected: string }
  | { readonly status: "infeasible"; readonly reason: string }
  | { readonly status: "interrupted" };

/** An error as what a point has in place of a result. @throws it where nobody foresaw it */
export function pointFailure(error: unknown): PointFailure {
  if (error instanceof InvalidInputError) {
    const { field, value, expected } = error;
    return { status: "invalid", field, value, expected };
  }
  if (error instanceof InfeasibleError) return { status: "infeasible", reason: error.message };
  throw error;
}

/** Points that are named where they cannot be carried out. */
const MOST_NAMED = 5;

/**
 * The results of a sweep in their order, and notes on points that cannot be carried out where others can.
 * @throws InvalidInputError where a point is wrong, InfeasibleError where no point can be carried out
 */
export function doneOf<Done extends { readonly status: "done" }>(
  outcomes: readonly (Done | PointFailure | undefined)[],
  textOf: (index: number) => string,
): { readonly done: readonly Done[]; readonly notes: readonly string[] } {
  const done: Done[] = [];
  const leftOut: { readonly text: string; readonly reason: string }[] = [];
  for (const [index, outcome] of outcomes.entries()) {
    switch (outcome?.status) {
      case "done":
        done.push(outcome);
        break;
      case "invalid":
        throw new InvalidInputError(outcome);
      case "infeasible":
        leftOut.push({ text: textOf(index), reason: outcome.reason });
        break;
      case "interrupted":
      case undefined:
    }
  }
  const [first] = leftOut;
  if (done.length === 0 && first !== undefined) throw new InfeasibleError(first.reason);
  const more = leftOut.length - MOST_NAMED;
  return {
    done,
    notes: [
      ...leftOut.slice(0, MOST_NAMED).map(({ text, reason }) => `Left out, ${text}: ${reason}.`),
      ...(more > 0 ? [`Left out for such reasons as well: ${more} more.`] : []),
    ],
  };
}
