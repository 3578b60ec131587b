/**
 * A chart taken in at the beginning.
 * As kb/interview/importing.py, where one is taken in at any time.
 */

import { ChartError, RECORD, refusal } from "./chart.js";
import { observation } from "./charting.js";
import { NOT_AVAILABLE } from "./dictation.js";
import { parseChart } from "./reading.js";
import { asMapping, quoted } from "./words.js";
import { listed } from "./wording.js";

/** @typedef {import("./record.js").EntryData} EntryData */
/** @typedef {import("./talk.js").Talk} Talk */

/**
 * @param {Talk} talk
 * @param {unknown} data A chart with times, or a mapping of what is known now.
 */
export function takeIn(talk, data) {
  const given = asMapping(typeof data === "string" ? JSON.parse(data) : data);
  const listed = given?.get("entries");
  if (given !== null && !given.has("entries")) {
    talk.record.append(ofMoment(talk, given));
  } else {
    // Its form first, all of it: what is wrong is told together.
    parseChart(talk.program, data, talk.now, false, talk.settled.bindings);
    const entries = /** @type {unknown[]} */ (listed).map((item) => Object.fromEntries(asMapping(item) ?? []));
    const from = given?.get("complete_from");
    if (from !== null && from !== undefined) entries.push(observation(RECORD, String(from), talk.now));
    talk.record.append(originalsFirst(entries));
  }
}

/**
 * A mapping of what is known now as entries.
 * @param {Talk} talk
 * @param {ReadonlyMap<string, unknown>} given
 * @returns {EntryData[]}
 */
function ofMoment(talk, given) {
  const names = talk.names;
  const parsed = parseChart(talk.program, given, talk.now, false, talk.settled.bindings);
  if (parsed.features.size) {
    const told = [...parsed.features.keys()].map((index) => talk.program.slots[index].name);
    const message = `a chart with times is needed for ${listed(told.map(quoted))}`;
    throw new ChartError([refusal("KB619", told[0], message, "leave it out; it will be asked for")]);
  }
  const at = talk.now;
  /** @type {EntryData[]} */
  const made = [];
  for (const [raw, value] of given) {
    const key = raw.trim().split(/\s+/u).join(" ");
    const drug = names.drug(key);
    if (value === null) continue;
    if (names.elements.has(key) || key === RECORD || key.endsWith(".salt")) {
      if (key !== RECORD || value !== "not complete") made.push({ ...observation(key, "", at), value });
    } else if (drug !== null && value === NOT_AVAILABLE) {
      made.push(observation(drug.id, NOT_AVAILABLE, at));
    } else if (drug !== null) {
      const parts = Object.fromEntries(asMapping(value) ?? [["rate", value]]);
      const concentration = given.get(`${drug.id}.concentration`);
      if (concentration && !parts.concentration) parts.concentration = concentration;
      made.push({ kind: "therapy", event: "running", drug: drug.id, ...parts, at });
    }
  }
  return made;
}

/**
 * Entries so that each stands after what it corrects.
 * @param {readonly EntryData[]} entries
 * @returns {EntryData[]}
 */
function originalsFirst(entries) {
  const known = new Set(entries.map((entry) => entry.id));
  const placed = new Set();
  /** @type {EntryData[]} */
  const made = [];
  let left = [...entries];
  while (left.length) {
    const ready = left.filter(({ replaces, retracts }) => {
      const target = replaces || retracts;
      return !target || placed.has(target) || !known.has(target);
    });
    if (!ready.length) return [...made, ...left]; // they correct each other; the record says so
    for (const entry of ready) placed.add(entry.id);
    made.push(...ready);
    left = left.filter((entry) => !ready.includes(entry));
  }
  return made;
}
