import { distance } from "fastest-levenshtein";

const LONGEST_SHOWN_CHARACTERS = 60;
const LONGEST_COMPARED_CHARACTERS = 200;
const MOST_SUGGESTIONS = 3;

/** What was wrong with an input: which field, what it held, what is allowed, and the names it may have meant. */
export interface InvalidInput {
  /** The flag, argument or configuration field, as the user would write it; a file's name comes first (`x.json: a.b`). */
  readonly field: string;
  /** What was found there; `undefined` prints as "nothing". */
  readonly value: unknown;
  /** What is allowed, as a noun phrase. */
  readonly expected: string;
  /** Valid names to suggest the nearest of. */
  readonly known?: readonly string[];
}

/** An input that is wrong on any machine (exit code 2); its message is one printable line. */
export class InvalidInputError extends Error {
  readonly field: string;
  readonly value: unknown;
  readonly expected: string;
  readonly suggestions: readonly string[];

  constructor({ field, value, expected, known = [] }: InvalidInput) {
    const suggestions = typeof value === "string" ? nearestNames(value, known) : [];
    const hint = suggestions.length === 0 ? "" : `; did you mean ${suggestions.map(quote).join(" or ")}?`;
    super(printable(`${field}: expected ${expected}, got ${describeValue(value)}${hint}`));
    this.name = "InvalidInputError";
    this.field = field;
    this.value = value;
    this.expected = expected;
    this.suggestions = suggestions;
  }
}

/** A valid input that can't be carried out here or has no solution (exit code 3); its message is one printable line. */
export class InfeasibleError extends Error {
  constructor(message: string) {
    super(printable(message));
    this.name = "InfeasibleError";
  }
}

/** Up to three of `known` that are within a third of their length of `name`, as a whole or in one part between dots, or contain it; nearest first. */
export function nearestNames(name: string, known: readonly string[]): readonly string[] {
  const wanted = name.trim().toLowerCase().slice(0, LONGEST_COMPARED_CHARACTERS);
  if (wanted === "") return [];
  return known
    .map((candidate) => {
      const lower = candidate.toLowerCase().slice(0, LONGEST_COMPARED_CHARACTERS);
      const contained = wanted.length >= 3 && (lower.includes(wanted) || (lower.length >= 3 && wanted.includes(lower)));
      const edits = distance(wanted, lower);
      const near = [lower, ...lower.split(".")].some((part) => isNear(wanted, part));
      return { candidate, edits, near: contained || near };
    })
    .filter(({ near }) => near)
    .sort((left, right) => left.edits - right.edits)
    .slice(0, MOST_SUGGESTIONS)
    .map(({ candidate }) => candidate);
}

function isNear(wanted: string, name: string): boolean {
  return distance(wanted, name) <= Math.max(1, Math.floor(Math.max(wanted.length, name.length) / 3));
}

function describeValue(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string") return quote(shorten(value));
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  return shorten(String(value));
}

function shorten(text: string): string {
  return text.length <= LONGEST_SHOWN_CHARACTERS ? text : `${text.slice(0, LONGEST_SHOWN_CHARACTERS - 1)}…`;
}

function quote(text: string): string {
  return `"${text}"`;
}

/** Keeps a message on one line and free of terminal escapes, whatever a file or an argument held. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\t") return "\\t";
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}
