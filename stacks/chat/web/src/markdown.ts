import { clone, element, find } from "./dom.ts";

/** A block of an answer: what it is, and the source it is made of. */
export interface Block {
  kind: "text" | "heading" | "list" | "quote" | "code";
  source: string;
}

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]*)[^`]*$/;
const HEADING = /^(#{1,6})\s+(.*)$/;
const ITEM = /^(\s*)(?:[-*+]|(\d{1,4})[.)])\s+(.*)$/;
const QUOTE = /^>\s?/;
const INLINE = /(`+)(.+?)\1(?!`)|\*\*(\S(?:.*?\S)?)\*\*|__(\S(?:.*?\S)?)__|(?<![\w*])\*(\S(?:[^*]*?\S)?)\*(?![\w*])/gs;

/** Cuts an answer, also one that is still coming, into blocks. Pure. */
export function blocks(source: string): Block[] {
  const found: Block[] = [];
  let open: Block | undefined;
  let fence: string | undefined;
  const begin = (kind: Block["kind"], line: string): void => {
    open = { kind, source: line };
    found.push(open);
  };
  for (const line of source.split("\n")) {
    if (fence !== undefined && open) {
      open.source += `\n${line}`;
      if (line.trim().startsWith(fence) && !line.trim().slice(fence.length).replaceAll(fence.charAt(0), "").trim()) {
        fence = undefined;
        open = undefined;
      }
      continue;
    }
    const opening = FENCE.exec(line);
    if (opening) {
      fence = opening[1];
      begin("code", line);
    } else if (!line.trim()) {
      if (open?.kind === "list") open.source += "\n";
      else open = undefined;
    } else if (HEADING.test(line)) {
      begin("heading", line);
      open = undefined;
    } else if (QUOTE.test(line)) {
      if (open?.kind === "quote") open.source += `\n${line}`;
      else begin("quote", line);
    } else if (ITEM.test(line)) {
      if (open?.kind === "list" && numbered(open.source) === numbered(line)) open.source += `\n${line}`;
      else begin("list", line);
    } else if (open?.kind === "list" && (/^\s/.test(line) || !open.source.endsWith("\n"))) {
      open.source += `\n${line}`;
    } else if (open?.kind === "text") {
      open.source += `\n${line}`;
    } else {
      begin("text", line);
    }
  }
  return found;
}

const numbered = (list: string): boolean => /^\s*\d/.test(list);

/** Shows an answer in `place`, and of what stood there before touches only the blocks that changed: the last, as a rule. */
export function show(place: HTMLElement, source: string): void {
  const wanted = blocks(source);
  wanted.forEach((block, index) => {
    const there = place.children[index] as HTMLElement | undefined;
    if (there && shown.get(there) === block.kind + block.source) return;
    if (there && block.kind === "code" && there.matches(".code")) {
      fillCode(there, block.source); // its scroll position and its focus stay
      shown.set(there, block.kind + block.source);
      return;
    }
    const made = render(block);
    shown.set(made, block.kind + block.source);
    if (there) there.replaceWith(made);
    else place.append(made);
  });
  while (place.children.length > wanted.length) place.lastElementChild?.remove();
}

const shown = new WeakMap<Element, string>();

function render({ kind, source }: Block): HTMLElement {
  switch (kind) {
    case "code":
      return fillCode(clone("code-template"), source);
    case "heading": {
      const [, marks = "#", text = ""] = HEADING.exec(source) ?? [];
      return inline(element(`h${Math.min(marks.length + 1, 4)}` as "h2"), text.replace(/\s+#+\s*$/, ""));
    }
    case "quote":
      return inline(element("blockquote"), source.split("\n").map((line) => line.replace(QUOTE, "")).join("\n"));
    case "list":
      return list(source);
    default:
      return inline(element("p"), source);
  }
}

function fillCode(figure: HTMLElement, source: string): HTMLElement {
  const [first = "", ...lines] = source.split("\n");
  const [, fence = "```", language = ""] = FENCE.exec(first) ?? [];
  if (lines.at(-1)?.trim().startsWith(fence)) lines.pop();
  const code = lines.join("\n");
  find(figure, ".language").textContent = language || "code";
  find(figure, "pre").setAttribute("aria-label", `${language || ""} code`.trim());
  find(figure, "code").textContent = code;
  return figure;
}

/** Items, two deep at most: what is deeper stands with the second. */
function list(source: string): HTMLElement {
  const make = (line: string): HTMLElement => {
    const made = element(numbered(line) ? "ol" : "ul");
    const first = ITEM.exec(line)?.[2];
    if (first !== undefined && first !== "1") made.setAttribute("start", first);
    return made;
  };
  const lines = source.split("\n");
  const outer = make(lines[0] ?? "");
  let inner: HTMLElement | undefined;
  let texts: { item: HTMLElement; text: string }[] = [];
  for (const line of lines) {
    const item = ITEM.exec(line);
    const last = texts.at(-1);
    if (!item) {
      if (last && line.trim()) last.text += `\n${line.trim()}`;
      continue;
    }
    const deep = (item[1] ?? "").length >= 2 && outer.lastElementChild !== null;
    if (!deep) inner = undefined;
    else if (!inner) {
      inner = make(line);
      outer.lastElementChild?.append(inner);
    }
    const made = element("li");
    (deep && inner ? inner : outer).append(made);
    texts.push({ item: made, text: item[3] ?? "" });
  }
  for (const { item, text } of texts) item.prepend(...pieces(text));
  return outer;
}

function inline<Made extends HTMLElement>(made: Made, text: string): Made {
  made.append(...pieces(text));
  return made;
}

/** Code, bold and slanted text; everything else, addresses and HTML too, is text as it is. */
function pieces(text: string): (Node | string)[] {
  const found: (Node | string)[] = [];
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    const [whole, , code, bold, alsoBold, slanted] = match;
    found.push(text.slice(at, match.index));
    if (code !== undefined) found.push(Object.assign(element("code"), { textContent: code }));
    else if (slanted !== undefined) found.push(inline(element("em"), slanted));
    else found.push(inline(element("strong"), bold ?? alsoBold ?? ""));
    at = match.index + whole.length;
  }
  found.push(text.slice(at));
  return found.filter((piece) => piece !== "");
}
