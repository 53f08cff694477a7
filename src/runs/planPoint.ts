import type { PlanRow } from "../record/planRows.ts";
import { hottestLoads } from "../simulate/expertLoad.ts";
import { plan as planFor } from "../simulate/plan.ts";
import type { PlanQuestion } from "../simulate/planQuestion.ts";
import { type ExpertChoice, layersWithExperts, popularityFor } from "./expertChoice.ts";
import { adviceOf, confirmationOf } from "./planNotes.ts";
import { planRows } from "./planRows.ts";
import { type PointFailure, pointFailure } from "./sweepOutcomes.ts";

/** A question to be answered: plain data. */
export interface PlanTask {
  readonly question: Omit<PlanQuestion, "popularityFactor">;
  /** How popular experts are; undefined: all alike. */
  readonly experts: ExpertChoice | undefined;
  readonly seed: number;
  /** Deployments to name. */
  readonly top: number;
  /** The question in words, such as `4096 cached tokens`. */
  readonly text: string;
}

/** What a question came to: plain data. */
export type PlanOutcome =
  | {
      readonly status: "done";
      readonly rows: readonly PlanRow[];
      readonly advice: string;
      readonly confirmation: readonly string[];
    }
  | PointFailure;

/** Answers one question. */
export function planPoint({ question: asked, experts, seed, top, text }: PlanTask): PlanOutcome {
  try {
    const { card } = asked;
    const question: PlanQuestion = {
      ...asked,
      popularityFactor:
        experts === undefined ? undefined : hottestLoads(popularityFor(experts, card), layersWithExperts(card), seed),
    };
    const answer = planFor(question, top);
    return {
      status: "done",
      rows: planRows(question, answer),
      advice: adviceOf(text, question, answer),
      confirmation: confirmationOf(text, question, answer),
    };
  } catch (error) {
    return pointFailure(error);
  }
}
