import { type PointOutcome, type PointTask, simulatePoint } from "./simulatePoint.ts";

/** What a thread of a sweep does with each point. */
export default function simulateOnThread(task: PointTask): Promise<PointOutcome> {
  return simulatePoint(task);
}
