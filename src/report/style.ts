/** What a piece of text is, so that a terminal can show it; the command line says how (or that it does not). */
export type Tone = "title" | "quiet" | "bad";

export type Style = (tone: Tone, text: string) => string;
