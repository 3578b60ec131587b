/**
 * Elements of a page. Text only ever becomes text: nothing here, or that uses it, is read as markup.
 */

import { clean } from "./wording.js";

/** @typedef {string | Node} Held */

/**
 * An element. What is true is an attribute without a value, what is false none, a function a listener.
 * @param {string} tag
 * @param {{[name: string]: string | boolean | ((event: Event) => void)}} [attributes]
 * @param {...Held} held
 */
export function make(tag, attributes = {}, ...held) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...held);
  return element;
}

/**
 * Text in which what stands between backticks is shown as code.
 * @param {string} text
 * @returns {Held[]}
 */
export function coded(text) {
  return clean(text)
    .split(/`([^`]*)`/)
    .map((part, index) => (index % 2 ? make("code", {}, part) : part));
}

/**
 * A list, or nothing where there is nothing to list.
 * @param {readonly Held[]} items
 * @param {string} [tag]
 * @returns {Held[]}
 */
export function list(items, tag = "ul") {
  return items.length ? [make(tag, {}, ...items.map((item) => make("li", {}, item)))] : [];
}

/**
 * What can be opened. `key` names it across drawings, so that what was open stays open.
 * @param {string} key
 * @param {string} title
 * @param {...Held} held
 */
export function folded(key, title, ...held) {
  return make("details", { "data-key": key }, make("summary", { "data-key": `${key}:summary` }, title), ...held);
}

/**
 * Draw an element anew: what was open in it stays open, and what had the focus has it again, where it is still there.
 * @param {HTMLElement} element
 * @param {readonly Held[]} held
 */
export function redraw(element, held) {
  const open = [...element.querySelectorAll("details[open][data-key]")].map((each) => each.getAttribute("data-key"));
  const active = element.contains(document.activeElement) ? document.activeElement : null;
  const focused = active?.getAttribute("data-key") ?? null;
  element.replaceChildren(...held);
  for (const each of element.querySelectorAll("[data-key]")) {
    const key = each.getAttribute("data-key");
    if (each instanceof HTMLDetailsElement) each.open ||= open.includes(key);
    else if (key === focused && each instanceof HTMLElement) each.focus();
  }
}
