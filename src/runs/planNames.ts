import type { Plan } from "../simulate/planQuestion.ts";

/** 2A2F, or EP32 and 2xEP16 for plain deployments of one group and of two. */
export function deploymentName(plan: Plan): string {
  if (plan.kind === "plain") {
    const group = `EP${plan.deployment.cards}`;
    return plan.replicas === 1 ? group : `${plan.replicas}x${group}`;
  }
  const { attention, ffn } = plan.deployment;
  return `${attention.instances}A${ffn.instances}F`;
}
