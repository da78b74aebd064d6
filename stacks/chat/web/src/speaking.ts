import { byId } from "./dom.ts";

const LONGEST = 1_000;

/** Tells a screen reader something, when it has a moment. Tokens are not told one by one: an answer is, once it is there. */
export function speak(text: string): void {
  const place = byId("status");
  place.textContent = "";
  // The same words twice are news too, and a reader of the screen sees a change alone.
  setTimeout(() => (place.textContent = text), 50);
}

/** An answer, as far as one wants to hear it at once; the whole can be read in the conversation. */
export const spoken = (text: string): string =>
  text.length <= LONGEST ? text : `${text.slice(0, text.lastIndexOf(" ", LONGEST))} … The rest stands in the conversation.`;
