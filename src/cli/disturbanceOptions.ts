import type { SimulateSettings, Straggler } from "../runs/simulateSettings.ts";
import { InvalidInputError } from "../units/errors.ts";
import { parseDurationNs, parseNames, parseNumber } from "../units/parse.ts";

/** `A0=1.5,F1=1.2` */
export function parseStragglers(text: string): readonly Straggler[] {
  return parseNames(text, "--straggler").map((item) => {
    const [, name = "", factor = ""] = /^([^=]*)=(.*)$/.exec(item) ?? [];
    const instance = instanceOf(name);
    if (instance !== undefined)
      return { ...instance, factor: parseNumber(factor, `--straggler ${name}`, [0.01, 1000]) };
    const expected = "INSTANCE=FACTOR on its times, such as A0=1.5 or F1=1.2";
    throw new InvalidInputError({ field: "--straggler", value: item, expected });
  });
}

/** `A0@20ms+5ms` */
export function parseOutages(text: string): SimulateSettings["outages"] {
  return parseNames(text, "--fail").map((item) => {
    const [, name = "", at = "", recovery = ""] = /^([^@]*)@([^+]*)\+(.*)$/.exec(item) ?? [];
    const instance = instanceOf(name);
    if (instance === undefined) {
      const expected = "INSTANCE@TIME+RECOVERY, such as A0@20ms+5ms";
      throw new InvalidInputError({ field: "--fail", value: item, expected });
    }
    return {
      ...instance,
      atNs: parseDurationNs(at, `--fail ${name}`),
      recoveryNs: parseDurationNs(recovery, `--fail ${name}`),
    };
  });
}

/** `30s+200ms` of both sides, or `A=30s+200ms,F=60s+1s` of one or both. */
export function parseFailures(text: string): SimulateSettings["failures"] {
  const failuresOf = (item: string, field: string): NonNullable<SimulateSettings["failures"]["ffn"]> => {
    const [, between, recovery] = /^([^+]*)\+(.*)$/.exec(item) ?? [];
    if (between === undefined || recovery === undefined) {
      const expected = "MEAN+RECOVERY, such as 30s+200ms";
      throw new InvalidInputError({ field, value: item, expected });
    }
    return { meanBetweenNs: parseDurationNs(between, field), recoveryNs: parseDurationNs(recovery, field) };
  };
  if (!text.includes("=")) {
    const both = failuresOf(text, "--mtbf");
    return { attention: both, ffn: both };
  }
  const sides: { -readonly [Side in keyof SimulateSettings["failures"]]: SimulateSettings["failures"][Side] } = {};
  for (const item of parseNames(text, "--mtbf")) {
    const [, name, value = ""] = /^([AF])=(.*)$/i.exec(item) ?? [];
    const side = name?.toUpperCase() === "A" ? "attention" : "ffn";
    if (name === undefined || sides[side] !== undefined) {
      const expected = "MEAN+RECOVERY, or A=MEAN+RECOVERY,F=MEAN+RECOVERY, each once";
      throw new InvalidInputError({ field: "--mtbf", value: item, expected });
    }
    sides[side] = failuresOf(value, `--mtbf ${name.toUpperCase()}`);
  }
  return sides;
}

function instanceOf(name: string): Pick<Straggler, "side" | "instance"> | undefined {
  const [, side, number] = /^([AF])(\d{1,6})$/i.exec(name.trim()) ?? [];
  if (side === undefined) return undefined;
  return { side: side.toUpperCase() === "A" ? "attention" : "ffn", instance: Number(number) };
}
