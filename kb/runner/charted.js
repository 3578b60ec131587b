/**
 * What is charted, in words: as it was said, and in the unit of the protocol or of the hospital.
 * As kb/interview/charted.py.
 */

import { about as aboutOf, RECORD } from "./chart.js";
import { NOT_AVAILABLE } from "./dictation.js";
import { inLocalUnit } from "./local.js";
import { SCALE } from "./program.js";
import { entryJson } from "./record.js";
import { formatDecimal, roundHalfEven } from "./values.js";
import { partition } from "./words.js";
import { clean } from "./wording.js";

/** @typedef {import("./chart.js").Entry} Entry */
/** @typedef {import("./program.js").Drug} Drug */
/** @typedef {import("./program.js").Element} Element */
/** @typedef {import("./talk.js").Talk} Talk */

/** @param {Talk} talk @param {Entry} entry */
export function chartedText(talk, entry) {
  return `${content(talk, entry)}, at ${talk.clockTime(entry.at)}`;
}

/**
 * `MAP 58 mmHg`.
 * @param {Talk} talk
 * @param {Entry} entry
 * @returns {string}
 */
export function content(talk, entry) {
  const { elements } = talk.names;
  if (entry.kind === "observation") {
    if (entry.element === RECORD) {
      if (entry.value === NOT_AVAILABLE) return "the record of what was given and runs is not known to be complete";
      const start = entry.value === "complete" ? "" : ` from ${clean(String(entry.value))} on`;
      return `the record of what was given and runs is complete${start}`;
    }
    const element = elements.get(entry.element);
    if (element !== undefined) return `${talk.say.data(entry.element)} ${shown(talk, element, entry)}`;
    return `${talk.say.condition(entry.element.replace(".salt", " charted as"))} ${clean(String(entry.value))}`;
  }
  if (entry.kind === "therapy") {
    const drug = talk.names.drug(entry.drug);
    const label = drug === null ? clean(entry.drug) : talk.say.drug(drug.id);
    if (entry.event === "running" && entry.rate === "0") return `${label} not running`;
    const dose = drug === null ? entry.rate || entry.amount : doseShown(talk, drug, entry);
    const salt = entry.salt ? `as ${entry.salt}` : "";
    const of = entry.concentration ? `of ${entry.concentration}` : "";
    const words = [label, dose, salt, of, entry.route.toUpperCase(), entry.event];
    return words.filter(Boolean).map(clean).join(" ");
  }
  if (entry.kind === "step") {
    const step = talk.program.steps.find((step) => step.id === entry.step);
    const reason = entry.reason ? ` (${clean(entry.reason)})` : "";
    return `${entry.event}: ${step === undefined ? clean(entry.step) : talk.prose(step.title)}${reason}`;
  }
  return `${entry.event} ${aboutOf(entry)}`;
}

/**
 * A value as it was said, and in the unit of the protocol where that is another.
 * @param {Talk} talk
 * @param {Element} element
 * @param {Entry} entry
 */
function shown(talk, element, entry) {
  if (entry.value === true || entry.value === "true") return "yes";
  if (entry.value === false || entry.value === "false") return "no";
  const text = clean(String(entry.value));
  if (element.type !== "number" && !element.unit) return text.replaceAll("_", " ");
  const value = talk.mark({ ...entryJson(entry), replaces: null })?.value ?? null;
  return typeof value === "bigint" ? beside(talk, element.id, text, element.unit, value) : text;
}

/**
 * A rate or amount as it was said; where the hospital shows the drug in a unit of its own, in both.
 * @param {Talk} talk
 * @param {Drug} drug
 * @param {Entry} entry
 */
function doseShown(talk, drug, entry) {
  const text = clean(entry.rate || entry.amount || "");
  const ours = entry.rate ? drug.rateUnit : drug.amountUnit;
  if (!text || talk.unit(drug.id, ours) === ours) return text;
  const scaled = talk.mark({ ...entryJson(entry), replaces: null })?.dose?.scaled ?? null;
  return scaled === null ? text : beside(talk, drug.id, text, ours, scaled);
}

/**
 * @param {Talk} talk
 * @param {string} name
 * @param {string} text
 * @param {string} ours
 * @param {bigint} scaled
 */
function beside(talk, name, text, ours, scaled) {
  const unit = partition(text, " ")[1];
  if (unit && unit !== ours) return `${text} (= ${numberShort(talk, name, scaled)} ${ours})`;
  const own = inLocalUnit(talk.settled, talk.names, name, ours, scaled);
  return own ? `${text} (= ${own})` : text;
}

/**
 * A number for the eye: four figures at least, never more than two places after them; in full where it would look
 * like a number that it is compared with, and is not.
 * @param {Talk} talk
 * @param {string} name
 * @param {bigint} scaled
 */
function numberShort(talk, name, scaled) {
  const exact = formatDecimal(scaled);
  const [whole, places] = partition(exact, ".");
  const keep = Math.max(1, 4 - whole.replace(/^[-0]+/, "").length);
  if (places === null || places.length <= keep) return exact;
  const step = SCALE / 10n ** BigInt(keep);
  const rounded = roundHalfEven(scaled, step) * step;
  if (talk.names.edges(name).has(rounded)) return exact;
  const [left, right] = partition(formatDecimal(rounded), ".");
  return `${left}.${(right ?? "").padEnd(keep, "0")}`;
}
