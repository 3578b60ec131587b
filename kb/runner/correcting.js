/**
 * Putting right what was charted: entries taken back, or asked for once more.
 * As kb/interview/correcting.py.
 */

import { askFor } from "./asks.js";
import { about as aboutOf } from "./chart.js";
import { dosing, questionOf } from "./questions.js";
import { entryJson } from "./record.js";
import { question } from "./talk.js";
import { BadValue } from "./values.js";
import { quoted } from "./words.js";

/** @typedef {import("./chart.js").Entry} Entry */
/** @typedef {import("./record.js").EntryData} EntryData */
/** @typedef {import("./talk.js").Question} Question */
/** @typedef {import("./talk.js").Talk} Talk */

/**
 * Retract entries; what they had corrected stands again, unless it came with them in one `act`.
 * @param {Talk} talk
 * @param {readonly Entry[]} entries
 * @param {readonly string[]} [act]
 */
export function takeBack(talk, entries, act = []) {
  const known = new Map(talk.record.entries.map((entry) => [entry.id, entry]));
  const made = entries.map((entry) => ({ at: entry.at, retracts: entry.id }));
  /** @type {EntryData[]} */
  const back = [];
  for (const entry of entries) {
    const old = known.get(entry.replaces);
    if (old === undefined || act.includes(old.id)) continue;
    const { id, replaces, recorded, ...kept } = entryJson(old);
    back.push(kept);
  }
  const ids = new Set(talk.record.append([...made, ...back]));
  const restored = talk.record.standing().filter((entry) => ids.has(entry.id) && entry.kind !== "protocol");
  if (restored.length) talk.acts.push(restored.map((entry) => entry.id));
  talk.aside.clear();
  const [entry] = entries;
  const asked = talk.names.elements.has(aboutOf(entry)) || talk.names.drugs.has(aboutOf(entry));
  const alone = entries.length === 1 && !restored.length && ["", "running"].includes(entry.event);
  if (asked && alone) talk.queue.unshift(aboutOf(entry));
}

/**
 * @param {Talk} talk
 * @param {string} id
 * @returns {Entry}
 */
export function entryOf(talk, id) {
  const found = talk.record.standing().find((entry) => entry.id === id && entry.kind !== "protocol");
  if (found === undefined) throw new BadValue("KB611", `nothing that is charted has the id ${quoted(id)}`);
  return found;
}

/**
 * The question whose answer replaces an entry.
 * @param {Talk} talk
 * @param {Entry} entry
 * @returns {Question}
 */
export function correction(talk, entry) {
  if (entry.kind === "step") {
    throw new BadValue("KB611", "what was done is taken back, not corrected", "remove it");
  }
  const drug = entry.drug ? talk.names.drug(entry.drug) : null;
  if (entry.drug && drug === null) {
    throw new BadValue("KB602", `${quoted(entry.drug)} is a drug this protocol does not know`, "remove it");
  }
  if (drug !== null && entry.event === "given") {
    const text = `How much ${talk.say.drug(drug.id)} was given?`;
    const dosed = { ...dosing(talk, drug, drug.amountUnit), unit: drug.amountUnit };
    return question("amount", drug.id, text, { ...dosed, corrects: entry.id });
  }
  const made = questionOf(talk, askFor(talk.program, drug === null ? entry.element : drug.id));
  return { ...made, corrects: entry.id };
}
