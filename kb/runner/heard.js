/**
 * How an answer becomes chart entries, by the form of its question.
 * As kb/interview/heard.py.
 */

import { RECORD } from "./chart.js";
import { observation, rateSaid, SECOND, stepEntry, write } from "./charting.js";
import { entryOf } from "./correcting.js";
import { carriedOut, declined, optionChosen } from "./deeds.js";
import { moment, NO, NOT_AVAILABLE, quantity, YES } from "./dictation.js";
import { CARE_AREA } from "./local.js";
import { entryJson } from "./record.js";
import { keyOf } from "./talk.js";
import { BadValue } from "./values.js";
import { asMapping, partition, quoted } from "./words.js";

/** @typedef {import("./program.js").Drug} Drug */
/** @typedef {import("./program.js").Element} Element */
/** @typedef {import("./record.js").EntryData} EntryData */
/** @typedef {import("./talk.js").Question} Question */
/** @typedef {import("./talk.js").Talk} Talk */
/** @typedef {import("./times.js").Moment} Moment */

const GONE = new Set(["0", "no", "n", "not running", "none", "off", "nil"]);

/**
 * @param {Talk} talk
 * @param {Question} asked
 * @param {string} text
 * @param {Moment | null} told When it was so, where that was said.
 */
export function answer(talk, asked, text, told) {
  if (asked.name === CARE_AREA) return inCareArea(talk, asked, text);
  if (asked.form === "option") return optionChosen(talk, asked, text, told);
  if (asked.form === "reason") return declined(talk, talk.doStep(asked.step), text);
  if (asked.form === "dose") {
    const step = talk.doStep(asked.step);
    const option = step.action?.options.find((option) => option.id === asked.option);
    talk.settle(asked);
    try {
      return carriedOut(talk, step, quantity(text, asked.unit), told, option?.action ?? null);
    } catch (refused) {
      talk.pending = asked;
      throw refused;
    }
  }
  if (text.toLowerCase() === NOT_AVAILABLE && asked.form !== "amount") {
    const name = asked.ask || asked.name;
    return write(talk, asked, [observation(name, NOT_AVAILABLE, told ?? talk.now)], told !== null);
  }
  const old = talk.record.standing().find((entry) => entry.id === asked.corrects);
  const at = told ?? old?.at ?? talk.now;
  if (!text && asked.form !== "done") throw new BadValue("KB606", "it says when, but not what", "give the value too");
  const made = heard(talk, asked, text, at, told !== null);
  if (made.length) write(talk, asked, made, told !== null);
}

/**
 * The entries that an answer amounts to; none where it says that something never happened.
 * @param {Talk} talk
 * @param {Question} asked
 * @param {string} text
 * @param {Moment} at
 * @param {boolean} stated Whether the time was said.
 * @returns {EntryData[]}
 */
function heard(talk, asked, text, at, stated) {
  const never = text.toLowerCase() === "never";
  switch (asked.form) {
    case "rate":
      return [heardRate(talk, drugOf(talk, asked), text, asked.unit, at)];
    case "salt":
      return [observation(asked.name, text.toLowerCase().replace(/^as /, ""), at)];
    case "record":
      return heardRecord(talk, text);
    case "began":
      return never ? neverHappened(talk, asked) : heardBegan(talk, asked, text, at, stated);
    case "given": {
      if (never) return neverHappened(talk, asked);
      if (!stated) throw new BadValue("KB608", `${quoted(text)} does not say when`, "give its time too");
      const amount = quantity(text, asked.unit);
      return [{ kind: "therapy", event: "given", drug: asked.name, amount, at }];
    }
    case "done":
      if (never) return neverHappened(talk, asked);
      return [stepEntry(talk, asked.name, "done", stated ? at : moment(text.replace(/^at /, ""), talk.now))];
    case "amount": {
      const { id, replaces, recorded, ...kept } = entryJson(entryOf(talk, asked.corrects));
      return [{ ...kept, amount: quantity(text, asked.unit), at }];
    }
    case "earlier":
      if (!stated) throw new BadValue("KB608", `${quoted(text)} does not say when`, "give its time too");
  }
  const element = talk.names.elements.get(asked.name);
  if (element === undefined) throw new BadValue("KB602", `${quoted(asked.name)} cannot be charted`, "leave it open");
  return [observation(element.id, valueSaid(talk, element, text, asked.unit), at)];
}

/**
 * @param {Talk} talk
 * @param {Element} element
 * @param {string} text
 * @param {string} unit
 * @returns {string | boolean}
 */
function valueSaid(talk, element, text, unit) {
  const word = text.toLowerCase();
  if (word === "unobtainable") return word;
  switch (element.type) {
    case "boolean":
      if (YES.has(word) || NO.has(word)) return YES.has(word);
      throw new BadValue("KB603", `${quoted(text)} does not answer \`${element.id}\``, "answer yes or no");
    case "choice":
    case "text":
      return text;
    case "date-time":
      return moment(text, talk.now).isoformat();
    default:
      return quantity(text, unit);
  }
}

/**
 * @param {Talk} talk
 * @param {Drug} drug
 * @param {string} text
 * @param {string} unit
 * @param {Moment} at
 * @returns {EntryData}
 */
function heardRate(talk, drug, text, unit, at) {
  const word = text.toLowerCase();
  const entry = { kind: "therapy", drug: drug.id, at };
  if (GONE.has(word)) return { ...entry, event: "running", rate: "0" };
  if (word === "stopped" || word === "stop") return { ...entry, event: "stopped" };
  return { ...entry, event: "running", ...rateSaid(talk, drug, text, unit, at) };
}

/**
 * @param {Talk} talk
 * @param {string} text
 * @returns {EntryData[]}
 */
function heardRecord(talk, text) {
  const word = text.toLowerCase();
  if (YES.has(word) || word === "complete") return [observation(RECORD, "complete", talk.now)];
  if (NO.has(word)) {
    talk.notices.push("chart what is missing, with its time; then say that the record is complete");
    return [observation(RECORD, NOT_AVAILABLE, talk.now)];
  }
  const from = moment(word.replace(/^since /, "").replace(/^from /, ""), talk.now);
  return [observation(RECORD, from.isoformat(), talk.now)];
}

/**
 * `started`, `raised from 0.02 units/min`: what runs now began then.
 * @param {Talk} talk
 * @param {Question} asked
 * @param {string} text
 * @param {Moment} at
 * @param {boolean} stated
 * @returns {EntryData[]}
 */
function heardBegan(talk, asked, text, at, stated) {
  const drug = drugOf(talk, asked);
  const last = talk.lastRate(drug.id);
  if (last === null || !last.rate) {
    const help = "give the rate first";
    throw new BadValue("KB606", `at what rate \`${drug.id}\` runs is not charted`, help);
  }
  const [verb, rest] = partition(text, " ");
  const word = verb.toLowerCase();
  const former = partition(rest ?? "", "from ")[1] ?? "";
  if (!["started", "raised", "changed", "lowered"].includes(word) || !stated) {
    const help = `say \`started\`, or \`raised from RATE ${drug.rateUnit}\`, and when`;
    throw new BadValue("KB606", `${quoted(text || "that")} does not say what happened then`, help);
  }
  /** @type {EntryData} */
  const entry = { kind: "therapy", drug: drug.id, at, rate: last.rate };
  if (last.salt) entry.salt = last.salt;
  if (last.concentration) entry.concentration = last.concentration;
  if (word === "started") return [{ ...entry, event: "started" }];
  if (!former.trim()) throw new BadValue("KB606", `${quoted(text)} does not say from which rate`);
  const rate = rateSaid(talk, drug, former.trim(), asked.unit || drug.rateUnit, at);
  const before = { kind: "therapy", event: "running", drug: drug.id, at: at.plus(-SECOND), ...rate };
  return [before, { ...entry, event: "changed" }];
}

/**
 * That something never happened is known only of a record that is complete.
 * @param {Talk} talk
 * @param {Question} asked
 * @returns {EntryData[]}
 */
function neverHappened(talk, asked) {
  talk.aside.add(keyOf(asked));
  const said = talk.record.standing().some((entry) => entry.element === RECORD);
  if (["began", "given"].includes(asked.form) && !said) {
    talk.notices.push("that counts where the record is known to be complete");
    talk.queue.unshift(RECORD);
  }
  return [];
}

/**
 * The care area is a local setting, not an entry.
 * @param {Talk} talk
 * @param {Question} asked
 * @param {string} text
 */
function inCareArea(talk, asked, text) {
  if (text.toLowerCase() !== NOT_AVAILABLE) {
    const before = talk.local;
    talk.local = new Map([...(asMapping(before) ?? []), [CARE_AREA, text]]);
    try {
      talk.settled = talk.checkedLocal();
    } catch (refused) {
      talk.local = before;
      throw refused;
    }
  }
  talk.aside.add(keyOf(asked));
}

/** @param {Talk} talk @param {Question} asked */
function drugOf(talk, asked) {
  return /** @type {Drug} */ (talk.names.drugs.get(asked.name));
}
