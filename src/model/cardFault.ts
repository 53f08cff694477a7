import type { z } from "zod";
import { InvalidInputError, nearestNames } from "../units/errors.ts";

type Issue = z.core.$ZodIssue;

/**
 * The first fault of a hand-written card, as an error that names file, field, value, what is allowed and the nearest name.
 * The issues are those of `cardSchema`, whose messages are noun phrases.
 */
export function cardFault(value: unknown, issues: readonly Issue[], fileName: string): InvalidInputError {
  const flat = flatten(issues);
  const [first] = flat;
  if (first === undefined) return new InvalidInputError({ field: fileName, value, expected: "a model card" });
  const field = first.path.length === 0 ? fileName : `${fileName}: ${pathText(first.path)}`;
  if (first.code === "unrecognized_keys") {
    const known = first.message.replace(/^only /, "").split(", ");
    return new InvalidInputError({ field, value: first.keys[0], expected: first.message, known });
  }
  const found = valueAt(value, first.path);
  const expected = found === undefined ? `${first.message}${misspelling(first, flat)}` : first.message;
  return new InvalidInputError({ field, value: found, expected, known: namesOf(first) });
}

/** Issues with one branch in place of each union: the branch that fits the object's own keys best. */
function flatten(issues: readonly Issue[], path: readonly PropertyKey[] = []): Issue[] {
  return issues.flatMap((issue): Issue[] => {
    const placed = [...path, ...issue.path];
    if (issue.code !== "invalid_union" || issue.errors.length === 0) return [{ ...issue, path: placed }];
    const [best] = [...issue.errors].sort((left, right) => strangeness(left) - strangeness(right));
    return flatten(best ?? [], placed);
  });
}

/** How many of a branch's own keys are missing or unknown. */
function strangeness(issues: readonly Issue[]): number {
  return issues.reduce((total, issue) => {
    if (issue.code === "unrecognized_keys") return total + (issue.path.length === 0 ? issue.keys.length : 0);
    return total + (issue.path.length < 2 && issue.code === "invalid_type" ? 1 : 0);
  }, 0);
}

/** Where a missing field stands under a similar name: a remark that says so. */
function misspelling(missing: Issue, issues: readonly Issue[]): string {
  const object = pathText(missing.path.slice(0, -1));
  const unknown = issues.flatMap((issue) =>
    issue.code === "unrecognized_keys" && pathText(issue.path) === object ? issue.keys : [],
  );
  const near = nearestNames(String(missing.path.at(-1) ?? ""), unknown);
  return near.length === 0 ? "" : ` (the file has ${near.map((name) => JSON.stringify(name)).join(", ")})`;
}

/** Names that the value could have been. */
function namesOf(issue: Issue): readonly string[] {
  if (issue.code === "invalid_value") return issue.values.map(String);
  return issue.code === "invalid_union" && "options" in issue ? (issue.options as unknown[]).map(String) : [];
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, step) => (inner as Record<PropertyKey, unknown> | null | undefined)?.[step],
    value,
  );
}

/** `layers[1].attention.kvHeads`. */
function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`))
    .join("")
    .replace(/^\./, "");
}
