/**
 * Widths of characters in ems, of DejaVu Sans: wider than the other sans-serif fonts that a viewer may put in its place,
 * so that what fits by these fits anywhere.
 */
const WIDTHS: readonly (readonly [ems: number, characters: string])[] = [
  [0.3, "'ijlIJ"],
  [0.35, " ,./:;\\|f-"],
  [0.4, "()[]t!r"],
  [0.5, '"*_`sz?–·²'],
  [0.6, "cLFkvxyPTYao"],
  [0.65, "eESbdghnpqu$0123456789{}Kµé"],
  [0.7, "AVBRXZC"],
  [0.8, "UHNDG&OQw"],
  [0.9, "#+<=>^~M×→≥≤"],
  [1, "%mW@…"],
];
const WIDTH_OF = new Map(WIDTHS.flatMap(([ems, characters]) => [...characters].map((one) => [one, ems] as const)));
const LATIN_EMS = 0.75;
const WIDE_EMS = 1.1;
const FIRST_WIDE = 0x2500;

/** About how wide a text is at most, in units of its font size's; no font is asked. */
export function textWidth(text: string, fontSize: number): number {
  return [...text].reduce((sum, one) => sum + charEms(one), 0) * fontSize;
}

/** A text cut to a width, with an ellipsis where something is missing. */
export function shortenTo(width: number, text: string, fontSize: number): string {
  if (textWidth(text, fontSize) <= width) return text;
  const characters = [...text];
  while (characters.length > 0 && textWidth(`${characters.join("")}…`, fontSize) > width) characters.pop();
  return `${characters.join("").trimEnd()}…`;
}

/** Words in lines of at most this width; a word that is longer than a line is cut. */
export function wrapTo(width: number, text: string, fontSize: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter((one) => one !== "")) {
    const last = lines.at(-1);
    const joined = last === undefined ? word : `${last} ${word}`;
    if (last !== undefined && textWidth(joined, fontSize) <= width) lines[lines.length - 1] = joined;
    else lines.push(shortenTo(width, word, fontSize));
  }
  return lines;
}

/** A text that XML can hold: no control characters, no halves of a pair. */
export function drawable(text: string): string {
  return text.toWellFormed().replace(/[\p{Cc}\p{Zl}\p{Zp}\uFFFE\uFFFF]+/gu, " ");
}

function charEms(one: string): number {
  return WIDTH_OF.get(one) ?? ((one.codePointAt(0) ?? 0) < FIRST_WIDE ? LATIN_EMS : WIDE_EMS);
}
