// @ts-check
// Search: the index is loaded when the reader goes to the box, and not before. No module and no request for data, so that
// it also works on a page opened from the disk. Whatever stands in the index is shown as text.
(() => {
  /** @typedef {[kind: number, title: string, within: string, address: string, text: string]} Entry */
  /** @typedef {[kind: number, group: number, page: number, place: string, title: string, text: string]} Row */
  /** @typedef {{names: string[][], kinds: string[], groups: string[], pages: string[], entries: Row[]}} Index */
  /** `head`, `body`: the words of title and text; `also`, `beside`: other names of what is named there; `same`: of the title itself.
   * @typedef {{entry: Entry, head: string, body: string, also: string, beside: string, same: string[]}} Held */
  const form = /** @type {HTMLFormElement | null} */ (document.querySelector(".kb-search"));
  const box = /** @type {HTMLInputElement | null} */ (document.getElementById("kb-search"));
  const told = document.querySelector(".kb-told");
  const found = document.getElementById("kb-found");
  const here = /** @type {HTMLScriptElement} */ (document.currentScript);
  if (!form || !box || !told || !found || !here) return;
  const root = new URL(".", here.src);
  const MOST = 20; // shown at once
  // What is looked for most stands first among equals; worked patients last, for there are many.
  const WEIGHT = new Map(Object.entries({ protocol: 4, drug: 4, step: 3, "drug in a protocol": 2.5, data: 2, "never ordered": 2, limit: 2, code: 2, page: 1, "worked patient": -2 }));
  /** @type {Held[] | null} */
  let held = null;
  /** @type {{shown: string[], folded: string[]}[]} */
  let names = [];
  /** @type {number[]} */
  let weights = [];
  /** @type {string[]} */
  let kinds = [];
  let loading = false;
  let all = false;

  /** Plain small letters: no accents, no ligatures. @param {string} text */
  function folded(text) {
    const small = text.toLowerCase().replace(/æ/g, "ae").replace(/œ/g, "oe").replace(/ß/g, "ss").replace(/ø/g, "o");
    return small.normalize("NFKD").replace(/\p{M}/gu, "");
  }

  /** The words of a text; `at_most` is one. @param {string} text */
  function words(text) {
    return folded(text).match(/[\p{L}\p{N}]+(?:_[\p{L}\p{N}]+)*/gu) ?? [];
  }

  /** Every word with a space before and behind it; `beta-blocker` also as one word, `anaemia` also as `anemia`. @param {string} text */
  function findable(text) {
    const plain = folded(text);
    const keys = plain.match(/[\p{L}\p{N}]+(?:_[\p{L}\p{N}]+)+/gu) ?? [];
    const joined = (plain.match(/[\p{L}\p{N}]+(?:[-‐‑–'’][\p{L}\p{N}]+)+/gu) ?? []).map((each) => each.replace(/[^\p{L}\p{N}]/gu, ""));
    const known = [...(plain.match(/[\p{L}\p{N}]+/gu) ?? []), ...joined];
    const short = known.filter((each) => /[ao]e/.test(each)).map((each) => each.replace(/[ao]e/g, "e"));
    return ` ${[...known, ...short, ...keys].join(" ")} `;
  }

  /** @param {Index} index */
  function take(index) {
    names = index.names.map((shown) => ({ shown, folded: shown.map((each) => ` ${words(each).join(" ")} `) }));
    kinds = index.kinds;
    weights = kinds.map((kind) => WEIGHT.get(kind) ?? 0);
    held = index.entries.map(([kind, group, page, place, name, text]) => {
      /** @type {Entry} */
      const entry = [kind, name, index.groups[group], place ? `${index.pages[page]}#${place}` : index.pages[page], text];
      const head = findable(name);
      const body = findable(`${entry[2]} ${text} ${place}`);
      const title = ` ${words(name).join(" ")} `;
      const same = [title, ...names.filter((group) => group.folded.includes(title)).flatMap((group) => group.folded)];
      return { entry, head, body, also: others(head), beside: others(body), same };
    });
  }

  /** The other names of all that is named in a text. @param {string} text */
  function others(text) {
    let made = "";
    for (const group of names) {
      if (group.folded.some((name) => text.includes(name))) made += group.shown.map(findable).join("");
    }
    return made;
  }

  /** How well one word of the reader's is met, 0: not at all. @param {Held} one @param {string} word @returns {number} */
  function met(one, word) {
    const parts = word.split("_"); // `at_most` is a key where it stands so, and else meets what is told in words
    if (parts.length > 1) return `${one.head}${one.body}`.includes(` ${word}`) ? 14 : Math.min(...parts.map((part) => met(one, part)));
    const whole = ` ${word} `;
    const start = ` ${word}`;
    if (one.head.includes(whole)) return 10;
    if (one.also.includes(whole)) return 9;
    if (one.head.includes(start)) return 6;
    if (one.also.includes(start)) return 5;
    if (one.body.includes(whole)) return 3;
    if (one.beside.includes(whole)) return 2.5;
    if (one.body.includes(start)) return 2;
    return one.beside.includes(start) ? 1 : 0;
  }

  /** @param {string[]} asked */
  function search(asked) {
    const phrase = ` ${asked.join(" ")}`;
    /** @type {{entry: Entry, score: number}[]} */
    const hits = [];
    for (const one of held ?? []) {
      let score = 0;
      for (const word of asked) {
        const short = word.length > 5 ? word.replace(/[ao]e/g, "e") : word; // `anaemia` meets `anemia`
        const got = Math.max(met(one, word), short === word ? 0 : met(one, short));
        if (!got) {
          score = 0;
          break;
        }
        score += got;
      }
      if (!score) continue;
      const named = one.same.some((name) => name.startsWith(phrase));
      score += one.same.includes(`${phrase} `) ? 8 : named ? 6 : one.head.includes(phrase) ? 3 : one.body.includes(phrase) ? 1 : 0;
      hits.push({ entry: one.entry, score: score + weights[one.entry[0]] });
    }
    return hits.sort((one, other) => other.score - one.score).map((hit) => hit.entry);
  }

  /** The other names of what the reader has written in full. @param {string[]} asked */
  function alsoCalled(asked) {
    const phrase = ` ${asked.join(" ")} `;
    const said = names.filter((group) => group.folded.some((name) => phrase.includes(name)));
    const told = said.flatMap((group) => group.shown.filter((_, at) => !phrase.includes(group.folded[at])));
    return [...new Set(told)];
  }

  /** A text, marked where it is met: of a long one the part there, or its beginning. @param {string} text @param {string[]} asked @param {"whole" | "beginning" | "part"} much @returns {Node[]} */
  function shown(text, asked, much) {
    const parts = [...text.matchAll(/[\p{L}\p{N}]+/gu)];
    const hit = parts.filter((part) => asked.some((word) => folded(part[0]).startsWith(word)));
    const first = hit.length && much === "part" ? hit[0].index : 0;
    const from = first < 60 ? 0 : text.lastIndexOf(" ", first - 40) + 1;
    const to = much === "whole" || text.length - from < 180 ? text.length : text.lastIndexOf(" ", from + 160);
    /** @type {Node[]} */
    const made = [];
    let at = from;
    for (const part of hit) {
      const end = part.index + part[0].length;
      if (part.index < from || end > to) continue;
      const mark = document.createElement("mark");
      mark.textContent = part[0];
      made.push(document.createTextNode(text.slice(at, part.index)), mark);
      at = end;
    }
    made.push(document.createTextNode(text.slice(at, to)));
    if (from > 0) made.unshift(document.createTextNode("… "));
    if (to < text.length) made.push(document.createTextNode(" …"));
    return made;
  }

  /** @param {string} tag @param {string} kind @param {(Node | string)[]} content */
  function made(tag, kind, ...content) {
    const element = document.createElement(tag);
    if (kind) element.className = kind;
    element.append(...content);
    return element;
  }

  /** @param {Entry} entry @param {string[]} asked */
  function item(entry, asked) {
    const [kind, title, within, address, text] = entry;
    const about = within ? `${kinds[kind]} · ${within}` : kinds[kind];
    const link = /** @type {HTMLAnchorElement} */ (made("a", ""));
    const named = asked.every((word) => words(title).some((each) => each.startsWith(word)));
    link.append(made("span", "kb-found-title", ...shown(title, asked, "whole")), " ", made("span", "kb-found-within", about));
    const target = new URL(address, root);
    if (target.protocol === root.protocol && target.host === root.host) link.href = target.href;
    return made("li", "", link, ...(text ? [made("p", "", ...shown(text, asked, named ? "beginning" : "part"))] : []));
  }

  function show() {
    if (!box || !told || !found) return;
    const asked = words(box.value);
    found.replaceChildren();
    if (!asked.length || (asked.length === 1 && asked[0].length < 2)) {
      told.textContent = box.value.trim() ? "Write two letters or more." : "";
      return;
    }
    if (!held) {
      told.textContent = "The index is being loaded.";
      load();
      return;
    }
    const hits = search(asked);
    const names = alsoCalled(asked);
    const also = names.length ? `, also for ${names.join(" and ")}` : "";
    const count = hits.length === 1 ? "1 result" : `${hits.length || "No"} results`;
    const part = hits.length > MOST && !all ? `; the first ${MOST} are shown` : "";
    told.textContent = `${count} for ${box.value.trim()}${also}${part}.`;
    if (!hits.length) {
      const link = /** @type {HTMLAnchorElement} */ (made("a", "", "glossary"));
      link.href = new URL("protocols/glossary.html", root).href;
      found.append(made("p", "", "Try fewer words, or look in the ", link, "."));
      return;
    }
    found.append(made("ul", "", ...hits.slice(0, all ? hits.length : MOST).map((entry) => item(entry, asked))));
    if (part) {
      const more = /** @type {HTMLButtonElement} */ (made("button", "", `Show all ${hits.length}`));
      more.type = "button";
      more.addEventListener("click", () => {
        all = true;
        show();
        links()[MOST]?.focus();
      });
      found.append(more);
    }
  }

  function load() {
    if (held || loading) return;
    loading = true;
    const script = document.createElement("script");
    script.src = new URL("search-index.js", root).href;
    script.addEventListener("load", () => {
      const index = /** @type {{kbSearchIndex?: Index}} */ (/** @type {unknown} */ (globalThis)).kbSearchIndex;
      if (index) take(index);
      if (index) show();
      else failed();
    });
    script.addEventListener("error", failed);
    document.head.append(script);
  }

  function failed() {
    loading = false;
    if (told) told.textContent = "The index could not be loaded: look in the lists under Protocols.";
  }

  /** @returns {HTMLAnchorElement[]} */
  function links() {
    return [.../** @type {HTMLElement} */ (found).querySelectorAll("a")];
  }

  function close() {
    if (!box) return;
    box.value = "";
    show();
  }

  box.addEventListener("focus", load);
  box.addEventListener("input", () => {
    all = false;
    show();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault(); // nothing is sent: the reader is taken to the list, and chooses
    show();
    links()[0]?.focus();
  });
  form.addEventListener("keydown", (event) => {
    const places = [box, ...links()];
    const at = places.indexOf(/** @type {HTMLInputElement} */ (document.activeElement));
    if (event.key === "Escape") {
      close();
      box.focus();
    } else if (at >= 0 && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      const to = places[at + (event.key === "ArrowDown" ? 1 : -1)];
      if (to) {
        event.preventDefault();
        to.focus();
      }
    }
  });
  found.addEventListener("click", (event) => {
    const link = /** @type {Element} */ (event.target).closest("a");
    if (link && link.href.split("#")[0] === location.href.split("#")[0]) close(); // it is on this page, below
  });
  form.hidden = false;
  if (box.value) show(); // the browser has come back to this page
})();
