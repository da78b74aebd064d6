// A few words for making elements. Text is always set as text.

/** The element that the page must have. */
export function need<Found extends Element>(selector: string, within: ParentNode = document): Found {
  const found = within.querySelector<Found>(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return found;
}

/** A copy of a template's one element. */
export function copy<Found extends Element>(template: string): Found {
  const found = need<HTMLTemplateElement>(template).content.firstElementChild;
  if (!found) throw new Error(`${template} is empty`);
  return found.cloneNode(true) as Found;
}

export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  fields: { class?: string; text?: string } = {},
  ...children: Node[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  if (fields.class) made.className = fields.class;
  if (fields.text !== undefined) made.textContent = fields.text;
  made.append(...children);
  return made;
}

/** Sets a text where it has changed, so that nothing is announced or laid out for nothing. */
export function say(place: Element, text: string): void {
  if (place.textContent !== text) place.textContent = text;
}

const SVG = "http://www.w3.org/2000/svg";

/** One of the page's symbols. It stands beside words that say the same. */
export function icon(symbol: string): SVGSVGElement {
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("class", "icon");
  made.setAttribute("viewBox", "0 0 16 16");
  made.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#${symbol}`);
  made.append(use);
  return made;
}

/** A symbol and words, set anew where either has changed. */
export function sign(place: HTMLElement, state: string, symbol: string, words: string): void {
  if (place.dataset["state"] === state && place.textContent === words) return;
  place.dataset["state"] = state;
  place.replaceChildren(icon(symbol), element("span", { text: words }));
}
