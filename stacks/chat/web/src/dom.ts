/** The one element below `root` that a selector finds; the page's own HTML has it, or the page is broken. */
export function find<Found extends HTMLElement = HTMLElement>(root: ParentNode, selector: string): Found {
  const found = root.querySelector<Found>(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return found;
}

export const byId = <Found extends HTMLElement = HTMLElement>(id: string): Found => find<Found>(document, `#${id}`);

export const element = <Name extends keyof HTMLElementTagNameMap>(name: Name): HTMLElementTagNameMap[Name] => document.createElement(name);

/** What a template of `index.html` holds. */
export function clone(template: string): HTMLElement {
  const content = byId<HTMLTemplateElement>(template).content.firstElementChild;
  if (!content) throw new Error(`the template ${template} is empty`);
  return content.cloneNode(true) as HTMLElement;
}
