import { type PlanOutcome, type PlanTask, planPoint } from "./planPoint.ts";

/** What a thread of a sweep does with each question. */
export default function planOnThread(task: PlanTask): PlanOutcome {
  return planPoint(task);
}
