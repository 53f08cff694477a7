import type { PlanAnswer } from "../simulate/plan.ts";
import type { PlanQuestion } from "../simulate/planQuestion.ts";
import { formatDuration, formatPercent } from "../units/format.ts";
import { deploymentName } from "./planNames.ts";

/** The answer in a sentence. @param text the question, such as `4096 cached tokens` */
export function adviceOf(text: string, { maxCards }: PlanQuestion, { ranked }: PlanAnswer): string {
  const at = `At ${text}`;
  const afd = ranked.find(({ plan }) => plan.kind === "afd");
  if (afd === undefined) {
    return `${at}: do not disaggregate. No attention and FFN instances on at most ${maxCards} cards serve within the TPOT, a plain deployment does.`;
  }
  const { plan, comparison } = afd;
  const name = deploymentName(plan);
  if (comparison?.plain === undefined || comparison.gainFraction === undefined) {
    return `${at}: disaggregate (${name}). No plain deployment on ${plan.cards} cards serves within the TPOT.`;
  }
  const { gainFraction, plain } = comparison;
  const other = deploymentName(plain);
  const share = formatPercent(Math.abs(gainFraction), 2);
  if (gainFraction <= 0) {
    return `${at}: do not disaggregate. A token of ${other} costs ${share} less than one of ${name} on as many cards.`;
  }
  const same = `a token of ${other} on as many cards costs ${share} more`;
  const [first] = ranked;
  const anyPlain = ranked.find((one) => one.plan.kind === "plain")?.plan;
  if (first === undefined || first.plan.kind === "afd" || anyPlain === undefined) {
    const more = anyPlain === undefined ? 0 : anyPlain.usdPerMillionTokens / plan.usdPerMillionTokens - 1;
    const any =
      anyPlain === undefined || more <= 0
        ? ""
        : `, one of ${deploymentName(anyPlain)}, the best plain one on any number, ${formatPercent(more, 2)}`;
    return `${at}: disaggregate (${name}); ${same}${any}.`;
  }
  return `${at}: do not disaggregate. ${deploymentName(first.plan)} on ${first.plan.cards} cards is better than any AFD on at most ${maxCards}; on just ${plan.cards} cards ${name} would win: ${same}.`;
}

/** How far the simulation of the named deployments is from the closed form that they were found by. */
export function confirmationOf(at: string, { tpotNs }: PlanQuestion, { ranked }: PlanAnswer): string[] {
  const simulated = ranked.flatMap(({ plan, simulatedTpotNs }) =>
    simulatedTpotNs === undefined ? [] : [{ closed: plan.tpotNs, simulated: simulatedTpotNs }],
  );
  if (simulated.length === 0) return [];
  const most = Math.max(...simulated.map((one) => Math.abs(one.simulated / one.closed - 1)));
  const over = simulated.filter((one) => one.simulated > tpotNs);
  const text = `At ${at} simulation of the ${simulated.length} AFD deployments is within ${formatPercent(most, 2)} of the closed form`;
  const longest = Math.max(...simulated.map((one) => one.simulated));
  return [
    over.length === 0
      ? `${text}.`
      : `${text}; beyond the TPOT by it: ${over.length}, up to ${formatDuration(longest, 4)}.`,
  ];
}
