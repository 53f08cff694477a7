/** Where a text stops being JSON, and why. */
export interface JsonFault {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;
  readonly reason: "ends too early" | "unexpected";
  /** The text at the fault; empty at the end of the file. */
  readonly found: string;
  /** The key whose value is at fault, where one can be told. */
  readonly key?: string;
}

// Every repetition has an upper end: the engine's stack of choices grows with it, and files of megabytes come in here.
const BRACKET = /[{}[\],:]/y;
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
 * Finds the first fault of a text that `JSON.parse` refused; engines word and place theirs differently, or not at all.
 * Walks without recursion, so that deep nesting can't exhaust the stack. Returns undefined where the text is JSON.
 */
export function findJsonFault(text: string): JsonFault | undefined {
  const open: string[] = [];
  let state: State = "value";
  let key: string | undefined;
  for (let at = skipBlanks(text, 0); at < text.length || state !== "afterAll"; ) {
    const { kind, length } = tokenAt(text, at);
    const next: State | "after" | undefined = NEXT[state][kind];
    if (next === undefined) return faultAt(text, at, key);
    if (kind === "{" || kind === "[") open.push(kind);
    if (kind === "}" || kind === "]") open.pop();
    if (next === "colon") key = text.slice(at + 1, at + length - 1);
    state = next === "after" ? stateAfterValue(open.at(-1)) : next;
    at = skipBlanks(text, at + length);
  }
  return undefined;
}

/** The token that starts here: a bracket or separator is its own kind, the others are "string", "scalar", "none". */
function tokenAt(text: string, at: number): { readonly kind: string; readonly length: number } {
  const bracket = matchAt(BRACKET, text, at);
  if (bracket !== "") return { kind: bracket, length: 1 };
  if (text[at] === '"') {
    const length = stringLength(text, at);
    return { kind: length === 0 ? "none" : "string", length };
  }
  const { length } = matchAt(SCALAR, text, at);
  return { kind: length === 0 ? "none" : "scalar", length };
}

/** Length of the string that starts here, quotes included; 0 where it is not closed or holds what it must not. */
function stringLength(text: string, at: number): number {
  let end = at + 1;
  for (let part = matchAt(STRING_PART, text, end); part !== ""; part = matchAt(STRING_PART, text, end)) {
    end += part.length;
  }
  return text[end] === '"' ? end + 1 - at : 0;
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (" \t\r\n".includes(text[at] ?? "end")) at += 1;
  return at;
}

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? "";
}

function stateAfterValue(innermost: string | undefined): State {
  if (innermost === undefined) return "afterAll";
  return innermost === "{" ? "afterMember" : "afterElement";
}

function faultAt(text: string, at: number, key: string | undefined): JsonFault {
  const before = text.slice(0, at);
  const lineStart = before.lastIndexOf("\n") + 1;
  const found = matchAt(WORD, text, at);
  const unclosedString = text[at] === '"' && !text.slice(at + 1).includes("\n") && !text.slice(at + 1).includes('"');
  const brokenWord = /^[-+\w.]+$/.test(found) && at + found.length === text.length;
  const ended = found === "" || unclosedString || brokenWord;
  return {
    line: before.split("\n").length,
    column: at - lineStart + 1,
    reason: ended ? "ends too early" : "unexpected",
    found,
    ...(key === undefined ? {} : { key }),
  };
}
