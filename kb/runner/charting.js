/**
 * Entries written to the record: their form, their place beside those of the same instant.
 * As kb/interview/charting.py.
 */

import { about as aboutOf, RECORD } from "./chart.js";
import { NOT_AVAILABLE, quantity } from "./dictation.js";
import { keyOf, same } from "./talk.js";
import { BadValue } from "./values.js";
import { partition, quoted } from "./words.js";

/** @typedef {import("./program.js").Drug} Drug */
/** @typedef {import("./record.js").EntryData} EntryData */
/** @typedef {import("./talk.js").Question} Question */
/** @typedef {import("./talk.js").Talk} Talk */
/** @typedef {import("./times.js").Moment} Moment */

export const SECOND = 1_000_000n;

/**
 * Chart entries, and go on to the next question.
 * @param {Talk} talk
 * @param {Question | null} asked
 * @param {EntryData[]} made
 * @param {boolean} exact Whether their time was said: then it stays as it is.
 */
export function write(talk, asked, made, exact) {
  const corrects = asked?.corrects ?? "";
  for (const said of made) checkForm(talk, said);
  const before = talk.now;
  try {
    const placed = made.map((entry) => placedBeside(talk, entry, exact, corrects));
    if (corrects) placed[placed.length - 1].replaces = corrects;
    talk.acts.push(talk.record.append(placed));
  } catch (refused) {
    talk.now = before;
    throw refused;
  }
  if (asked === null) return;
  talk.settle(asked);
  // Asked once; where the answer does not settle it, that is told, and it is not asked again at once.
  talk.aside.add(keyOf(asked));
  if (talk.queue[0] === asked.name) talk.queue.shift();
}

/**
 * Refuse a salt form of a drug that has none: whoever says it may mean another drug.
 * @param {Talk} talk
 * @param {EntryData} entry
 */
function checkForm(talk, entry) {
  const [named, ofSalt] = partition(String(entry.element ?? ""), ".salt");
  const drug = talk.names.drug(String(entry.drug || (ofSalt === null ? "" : named)));
  const stated = String(entry.rate || entry.amount || "");
  const says = ofSalt !== null && entry.value !== NOT_AVAILABLE;
  if (drug !== null && !drug.salts.length && (says || entry.salt || stated.includes(" as "))) {
    throw new BadValue("KB612", `\`${drug.id}\` has no salt forms in this protocol`, "leave the form out");
  }
}

/**
 * An entry beside those of the same instant: a second value corrects the first, an action comes after it.
 * @param {Talk} talk
 * @param {EntryData} made
 * @param {boolean} exact
 * @param {string} corrects
 * @returns {EntryData}
 */
function placedBeside(talk, made, exact, corrects) {
  const entry = { ...made };
  const about = entry.element || entry.drug;
  if (!about || entry.event === "given") return entry;
  for (const other of talk.record.standing()) {
    const here = same(other.at, /** @type {Moment} */ (entry.at));
    if (other.id === corrects || !here || other.kind !== entry.kind || aboutOf(other) !== about) continue;
    if (other.event === "given") continue;
    if (about === RECORD && [entry.value, other.value].includes(NOT_AVAILABLE)) continue;
    if (entry.kind === "observation" || (entry.event === "running" && other.event === "running")) {
      entry.replaces = other.id;
    } else if (exact) {
      const help = `give another time, or correct \`${other.id}\``;
      throw new BadValue("KB614", `\`${about}\` was charted at that time already`, help);
    } else {
      const after = /** @type {Moment} */ (entry.at).plus(SECOND);
      if (after.micros > talk.now.micros) talk.now = talk.now.plus(after.micros - talk.now.micros);
      entry.at = talk.now;
    }
  }
  return entry;
}

/**
 * `0.08 mcg/kg/min as base`, `5 mL/h of 4 mg/50 mL`; a bare number in `unit`.
 * @param {Talk} talk
 * @param {Drug} drug
 * @param {string} text
 * @param {string} unit
 * @param {Moment} at
 * @returns {{rate: string, concentration?: string}}
 */
export function rateSaid(talk, drug, text, unit, at) {
  const [stated, strength] = partition(text, " of ");
  const [number, form] = partition(stated, " as ");
  const rate = `${quantity(number.trim(), unit)}${form === null ? "" : ` as ${form}`}`.trim();
  const made = strength === null ? { rate } : { rate, concentration: strength.trim() };
  const dose = talk.mark({ kind: "therapy", event: "running", drug: drug.id, at, id: "x", ...made })?.dose ?? null;
  const byVolume = dose !== null && dose.form === "volume" && dose.scaled === null && dose.strength === null;
  if (byVolume && !talk.advice.walk.reading.strengths.has(drug.id)) {
    const help = `add \`of 4 mg/50 mL\` as it is on the syringe, or give the rate in ${drug.rateUnit}`;
    throw new BadValue("KB605", `${quoted(stated)} needs the concentration`, help);
  }
  return made;
}

/**
 * @param {Talk} talk
 * @param {string} step
 * @param {string} event
 * @param {Moment} at
 * @returns {EntryData}
 */
export function stepEntry(talk, step, event, at) {
  return { kind: "step", event, step, protocol: talk.program.id, at };
}

/**
 * @param {string} element
 * @param {string | boolean} value
 * @param {Moment} at
 * @returns {EntryData}
 */
export function observation(element, value, at) {
  return { kind: "observation", element, value, at };
}
