/** Where a text stops being JSON or has a key twice in one object, and why. */
export interface JsonFault {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;
  readonly reason: "ends too early" | "unexpected" | "repeated";
  /** The text at the fault, a repeated key without its quotes; empty at the end of the file. */
  readonly found: string;
  /** The key whose value is at fault, where one can be told. */
  readonly key?: string;
}

// Every repetition has an upper end: the engine's stack of choices grows with it, and files of megabytes come in here.
const BRACKETS = "{}[],:";
const STRING_PART = /[ !#-[\]-\u{10ffff}]{1,4096}|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/uy;
const SCALAR = /(?:true|false|null|-?(?:0|[1-9]\d{0,4096})(?:\.\d{1,4096})?(?:[eE][+-]?\d{1,4096})?)(?![\w.+-])/y;
const WORD = /[-+\w.]{1,80}|./suy;

/** What may come next. `after` is a value's end, where the innermost open bracket decides. */
type State = "value" | "valueOrEnd" | "key" | "keyOrEnd" | "colon" | "afterMember" | "afterElement" | "afterAll";

const VALUE: Readonly<Record<string, State | "after">> = {
  "{": "keyOrEnd",
  "[": "valueOrEnd",
  string: "after",
  scalar: "after",
};
const NEXT: Readonly<Record<State, Readonly<Record<string, State | "after">>>> = {
  value: VALUE,
  valueOrEnd: { ...VALUE, "]": "after" },
  key: { string: "colon" },
  keyOrEnd: { string: "colon", "}": "after" },
  colon: { ":": "value" },
  afterMember: { ",": "key", "}": "after" },
  afterElement: { ",": "value", "]": "after" },
  afterAll: {},
};

/**
 * Finds the first fault of a text: `JSON.parse` takes a key that stands twice, and engines word and place what they refuse
 * differently, or not at all. Walks without recursion, so that deep nesting can't exhaust the stack. Returns undefined where
 * the text is JSON without repeated keys.
 */
export function findJsonFault(text: string): JsonFault | undefined {
  /** Of each bracket that is open, the keys so far; of a list, undefined. */
  const open: (Set<string> | undefined)[] = [];
  let state: State = "value";
  let key: string | undefined;
  for (let at = skipBlanks(text, 0); at < text.length || state !== "afterAll"; ) {
    const kind = kindAt(text, at);
    const length = lengthAt(text, at, kind);
    const next: State | "after" | undefined = length === 0 ? undefined : NEXT[state][kind];
    if (next === undefined) return faultAt(text, at, key);
    if (next === "colon") {
      key = keyOf(text.slice(at, at + length));
      if (open.at(-1)?.has(key)) return { ...placeOf(text, at), reason: "repeated", found: key, key };
      open.at(-1)?.add(key);
    } else follow(open, kind);
    state = next === "after" ? stateAfterValue(open) : next;
    at = skipBlanks(text, at + length);
  }
  return undefined;
}

/** A key without quotes and escapes, which differ in keys that are the same. */
function keyOf(quoted: string): string {
  return quoted.includes("\\") ? String(JSON.parse(quoted)) : quoted.slice(1, -1);
}

function follow(open: (Set<string> | undefined)[], kind: string): void {
  if (kind === "{") open.push(new Set());
  else if (kind === "[") open.push(undefined);
  else if (kind === "}" || kind === "]") open.pop();
}

/** What starts here: a bracket or separator is its own kind, the others are "string" and "scalar". */
function kindAt(text: string, at: number): string {
  const character = text[at] ?? "";
  if (character === '"') return "string";
  return character !== "" && BRACKETS.includes(character) ? character : "scalar";
}

/** Length of what starts here; 0 where it is none of its kind. */
function lengthAt(text: string, at: number, kind: string): number {
  if (kind === "string") return stringLength(text, at);
  return kind === "scalar" ? endAt(SCALAR, text, at) - at : 1;
}

/** Length of the string that starts here, quotes included; 0 where it is not closed or holds what it must not. */
function stringLength(text: string, at: number): number {
  let end = at + 1;
  for (let next = endAt(STRING_PART, text, end); next > end; next = endAt(STRING_PART, text, end)) end = next;
  return text[end] === '"' ? end + 1 - at : 0;
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (isBlank(text.charCodeAt(at))) at += 1;
  return at;
}

/** Space, tab, line feed, carriage return. */
function isBlank(code: number): boolean {
  return code === 32 || code === 9 || code === 10 || code === 13;
}

/** Where a match that starts here ends; here, where there is none. */
function endAt(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

function stateAfterValue(open: readonly (Set<string> | undefined)[]): State {
  if (open.length === 0) return "afterAll";
  return open.at(-1) === undefined ? "afterElement" : "afterMember";
}

function faultAt(text: string, at: number, key: string | undefined): JsonFault {
  const found = text.slice(at, endAt(WORD, text, at));
  const unclosedString = text[at] === '"' && !text.slice(at + 1).includes("\n") && !text.slice(at + 1).includes('"');
  const brokenWord = /^[-+\w.]+$/.test(found) && at + found.length === text.length;
  const ended = found === "" || unclosedString || brokenWord;
  return {
    ...placeOf(text, at),
    reason: ended ? "ends too early" : "unexpected",
    found,
    ...(key === undefined ? {} : { key }),
  };
}

function placeOf(text: string, at: number): Pick<JsonFault, "line" | "column"> {
  const before = text.slice(0, at);
  return { line: before.split("\n").length, column: at - before.lastIndexOf("\n") };
}
