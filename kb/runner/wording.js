/**
 * Names and causes of a Program in the words of the ward, as far as a conversation needs them.
 * As the names of kb/generator/wording.py; conditions with numbers are not said here. All results are plain text.
 */

import { casefold } from "./words.js";

/** @typedef {import("./local.js").LocalSetting} LocalSetting */
/** @typedef {import("./program.js").Element} Element */
/** @typedef {import("./program.js").Program} Program */

const SIGNS = { ">=": "≥", "<=": "≤", "!=": "≠", " * ": " × " };
const PERSISTS = /persists\(([^,()]+), ([^()]+?) after ([^()]+)\)/g;
const COUNT = /count\(([^()]+?) ((?:in|since) [^()]+)\)/g;
/** @type {readonly [RegExp, string][]} */
const FEATURES = [
  [/not known\(([^()]+)\)/g, "$1 not known"],
  [/known\(([^()]+)\)/g, "$1 known"],
  [/since\(([^()]+)\)/g, "time since $1"],
  [/total\(([^()]+?) ((?:in|since) [^()]+)\)/g, "total $1 $2"],
  [/change\(([^()]+?) (in [^()]+)\)/g, "change of $1 $2"],
  [/least\(([^,()]+), ([^,()]+)\)/g, "$1, at most $2"],
  [/greatest\(([^,()]+), ([^,()]+)\)/g, "$1, at least $2"],
  [/previous\(([^()]+)\)/g, "previous $1"],
  [/not done\(([^()]+?) ((?:in|since) [^()]+)\)/g, "$1 not done $2"],
  [/done\(([^()]+?) ((?:in|since) [^()]+)\)/g, "$1 done $2"],
  [/declined\(([^()]+?) ((?:in|since) [^()]+)\)/g, "$1 declined $2"],
  [/(\d) Cel\b/g, "$1 °C"],
];
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;
/** What `clean` would change: such a letter, white space that is no single space, or any at an end. */
const UNCLEAN = new RegExp(`${CONTROL.source}|^\\s|\\s$|\\s\\s|[^\\S ]`, "u");
const NAME = /[a-z][a-z0-9_]*(?:-[a-z0-9_]+)*/g;

/**
 * `text` without control characters, which no page may carry; runs of white space become one space.
 * @param {string} text
 */
export function clean(text) {
  if (!UNCLEAN.test(text)) return text;
  return text.replace(CONTROL, " ").split(/\s+/u).filter(Boolean).join(" ");
}

/** Says names and causes of one Program as its readers would. */
export class Speaker {
  #names;
  #drugs;
  #elements;
  #steps;
  #parameters;
  #settled;

  /**
   * @param {Program} program
   * @param {readonly LocalSetting[]} settings What the hospital has settled.
   */
  constructor(program, settings) {
    this.#settled = new Map(settings.filter((item) => item.kind === "parameter").map((item) => [item.name, item]));
    this.#drugs = new Map(program.drugs.map((drug) => [drug.id, drug]));
    this.#elements = new Map(program.elements.map((element) => [element.id, element]));
    this.#parameters = new Set(program.parameters.map((parameter) => parameter.id));
    this.#steps = new Set(program.steps.map((step) => step.id).filter((id) => !this.#drugs.has(id)));
    this.#names = new Map(program.elements.map((element) => [element.id, elementWords(element)]));
    for (const drug of program.drugs) this.#names.set(drug.id, clean(drug.label));
    for (const id of this.#parameters) this.#names.set(id, id.replaceAll("_", " "));
  }

  /**
   * A drug in running text: its label without what stands in brackets.
   * @param {string} id
   */
  drug(id) {
    const drug = this.#drugs.get(id);
    if (drug === undefined) return id.replaceAll("-", " ");
    const [label] = clean(drug.label).split(" (", 1);
    return label.slice(0, 1).toLowerCase() + label.slice(1);
  }

  /**
   * An element by the short name people say.
   * @param {string} id
   */
  data(id) {
    return this.#names.get(id) ?? id.replaceAll("_", " ");
  }

  /**
   * A text with names of the Program in it, in the words of the ward: `since(map)` as `time since MAP`.
   * @param {string} written
   */
  condition(written) {
    let text = clean(written).replace(PERSISTS, (_, what, long, event) => this.#persists(what, long, event));
    text = text.replace(COUNT, (_, what, window) => this.#count(what, window));
    for (const [pattern, words] of FEATURES) text = text.replace(pattern, words);
    for (const [sign, printed] of Object.entries(SIGNS)) text = text.replaceAll(sign, printed);
    return text.replace(NAME, (name) => this.#sayName(name));
  }

  /**
   * @param {string} what
   * @param {string} long
   * @param {string} event
   */
  #persists(what, long, event) {
    const setting = this.#settled.get(long);
    const here = setting && `${clean(setting.value)} (set locally; ${unset(setting)})`;
    const time = this.#parameters.has(long) ? (here ?? "the local interval") : long;
    const wait = time.startsWith("0 ") ? "" : `${time} or more `;
    return `still ${what.replace(/^still[ _]/, "")} when measured again ${wait}after ${event} was started or raised`;
  }

  /**
   * How often something was charted; what is neither data nor a step is a drug, or a class of drugs.
   * @param {string} what
   * @param {string} window
   */
  #count(what, window) {
    const done = this.#steps.has(what) ? "done" : "given";
    return `number of ${this.#elements.has(what) ? `values of ${what}` : `times ${what} was ${done}`} ${window}`;
  }

  /** @param {string} name */
  #sayName(name) {
    if (this.#elements.has(name)) return this.data(name);
    if (this.#drugs.has(name)) return this.drug(name);
    const setting = this.#settled.get(name);
    return name.replaceAll("_", " ") + (setting ? ` (here ${clean(setting.value)}; ${unset(setting)})` : "");
  }
}

/**
 * What would count without a setting.
 * @param {LocalSetting} setting
 */
function unset(setting) {
  return setting.default ? `default ${clean(setting.default)}` : "no default";
}

/**
 * The name people say: `MAP` where the id is the initials of the label, else the id's words.
 * @param {Element} element
 */
function elementWords(element) {
  const words = element.label.match(/[A-Za-z0-9]+/g) ?? [];
  const initials = words.map((word) => word[0]).join("").toLowerCase();
  if (element.id === initials && initials.length > 1) return element.id.toUpperCase();
  const said = element.id.replaceAll("_", " ");
  const label = clean(element.label);
  return casefold(label) === said && label.slice(1) !== said.slice(1) ? label : said; // `pH`, `SpO2`, but not `Weight`
}

/**
 * `a, b and c`.
 * @param {readonly string[]} names
 * @param {string} [word]
 */
export function listed(names, word = "and") {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} ${word} ${names[names.length - 1]}`;
}
