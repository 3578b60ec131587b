/**
 * What was done: a step carried out or declined, a drug given, started, changed or stopped.
 * As kb/interview/deeds.py.
 */

import { rateSaid, stepEntry, write } from "./charting.js";
import { bare, quantity } from "./dictation.js";
import { dosing } from "./questions.js";
import { question } from "./talk.js";
import { BadValue } from "./values.js";
import { nearest, quoted } from "./words.js";
import { clean } from "./wording.js";

/** @typedef {import("./program.js").Action} Action */
/** @typedef {import("./program.js").Drug} Drug */
/** @typedef {import("./program.js").Step} Step */
/** @typedef {import("./record.js").EntryData} EntryData */
/** @typedef {import("./talk.js").Question} Question */
/** @typedef {import("./talk.js").Talk} Talk */
/** @typedef {import("./times.js").Moment} Moment */

/**
 * Chart that a step was carried out.
 * @param {Talk} talk
 * @param {Step} step
 * @param {string} said
 * @param {Moment | null} told
 * @param {Action | null} [chosen] That of an option.
 */
export function carriedOut(talk, step, said, told, chosen = null) {
  const action = chosen ?? /** @type {Action} */ (step.action);
  if (action.verb === "choose") {
    if (said) return optionChosen(talk, question("option", step.id, "", { step: step.id }), said, told);
    const options = action.options.map((option) => option.id);
    talk.pending = question("option", step.id, `Which was it: ${talk.prose(step.title)}?`, { options, step: step.id });
    return;
  }
  if (action.verb === "measure" || action.verb === "exclude") {
    talk.queue = action.subject.filter((name) => !talk.chartedNow(name));
    talk.aside.clear();
    talk.notices.push("what was found counts once it is charted");
    return;
  }
  const drug = talk.names.drugs.get(action.drug);
  const at = told ?? talk.now;
  /** @type {EntryData[]} */
  const made = [];
  if (drug !== undefined && ["give", "infuse", "change", "stop"].includes(action.verb)) {
    /** @type {EntryData} */
    const entry = { kind: "therapy", drug: drug.id, at };
    if (action.route) entry.route = action.route;
    if (action.verb === "stop") {
      made.push({ ...entry, event: "stopped" });
    } else {
      const amount = action.verb === "give";
      const unit = amount ? drug.amountUnit : drug.rateUnit;
      const stated = said || advisedDose(talk, step, chosen);
      if (!stated) {
        talk.pending = howMuch(talk, step, drug, amount, unit, chosen);
        return;
      }
      if (bare(stated) && talk.unit(drug.id, unit) !== unit) {
        const help = `write ${stated} ${unit}, or ${stated} ${talk.unit(drug.id, unit)}`;
        throw new BadValue("KB604", `${quoted(stated)} does not say in which unit`, help);
      }
      const event = amount ? "given" : talk.runsNow(drug) ? "changed" : "started";
      /** @type {EntryData} */
      const dose = amount ? { amount: quantity(stated, unit) } : rateSaid(talk, drug, stated, unit, at);
      if (action.salt && drug.salts.length && !stated.includes(" as ")) dose.salt = action.salt;
      made.push({ ...entry, event, ...dose });
    }
  }
  made.push(stepEntry(talk, step.id, "done", at));
  write(talk, null, made, told !== null);
}

/**
 * The dose that is advised, where it is one number that is given at once; else nothing.
 * @param {Talk} talk
 * @param {Step} step
 * @param {Action | null} chosen
 */
function advisedDose(talk, step, chosen) {
  const dose = chosen === null ? itemOf(talk, step.id)?.dose : null;
  if (!dose || dose.rounded === null || dose.each || (dose.high !== null && dose.high !== dose.rounded)) return "";
  return `${dose.rounded} ${dose.unit}`;
}

/** @param {Talk} talk @param {string} step */
function itemOf(talk, step) {
  return talk.advice.actions.find((item) => item.step === step);
}

/**
 * @param {Talk} talk
 * @param {Step} step
 * @param {Drug} drug
 * @param {boolean} amount
 * @param {string} unit
 * @param {Action | null} chosen
 * @returns {Question}
 */
function howMuch(talk, step, drug, amount, unit, chosen) {
  const option = step.action?.options.find((option) => option.action === chosen)?.id ?? "";
  const item = itemOf(talk, step.id);
  const dose = option ? item?.options.find((ranked) => ranked.id === option)?.dose : item?.dose;
  const parts = [dose?.text, dose?.each].filter(Boolean).map((part) => talk.doseText(drug.id, clean(part ?? "")));
  const note = dose ? `advised: ${parts.join(", each ")}` : "";
  const label = talk.say.drug(drug.id);
  const text = amount ? `How much ${label} was given?` : `To what rate was ${label} set?`;
  return question("dose", drug.id, text, { ...dosing(talk, drug, unit), unit, note, step: step.id, option });
}

/**
 * @param {Talk} talk
 * @param {Question} asked
 * @param {string} text An option's id, then perhaps the dose.
 * @param {Moment | null} told
 */
export function optionChosen(talk, asked, text, told) {
  const step = talk.doStep(asked.step);
  const options = [...(step.action?.options ?? [])].sort((left, right) => right.id.length - left.id.length);
  const word = text.toLowerCase();
  for (const option of options) {
    const id = option.id.toLowerCase();
    if (word !== id && !word.startsWith(`${id} `) && word !== clean(option.title).toLowerCase()) continue;
    const before = talk.pending;
    talk.pending = null;
    try {
      carriedOut(talk, step, word.startsWith(id) ? text.slice(id.length).trim() : "", told, option.action);
    } catch (refused) {
      talk.pending = before;
      throw refused;
    }
    return;
  }
  const ids = (step.action?.options ?? []).map((option) => option.id);
  const help = nearest(word, ids) || `it is one of ${ids.join(", ")}`;
  throw new BadValue("KB603", `${quoted(text)} is not one of the options`, help);
}

/**
 * @param {Talk} talk
 * @param {Step} step
 * @param {string} reason
 */
export function declined(talk, step, reason) {
  write(talk, null, [{ ...stepEntry(talk, step.id, "declined", talk.now), reason }], false);
  talk.pending = null;
}

/**
 * @param {Talk} talk
 * @param {string} event
 * @param {Drug} drug
 * @param {string} dose
 * @param {Moment | null} told
 * @param {string} route
 */
export function therapy(talk, event, drug, dose, told, route) {
  const at = told ?? talk.now;
  /** @type {EntryData} */
  const entry = { kind: "therapy", event, drug: drug.id, at };
  if (route) entry.route = route;
  if (event === "stopped") {
    if (dose) throw new BadValue("KB606", `${quoted(dose)} has no place here`, "what is stopped has no rate");
  } else if (!dose) {
    const unit = event === "given" ? drug.amountUnit : drug.rateUnit;
    throw new BadValue("KB604", "it does not say how much", `give the dose with its unit: … ${unit}`.trimEnd());
  } else if (event === "given") {
    entry.amount = quantity(dose, "");
  } else {
    Object.assign(entry, rateSaid(talk, drug, dose, "", at));
  }
  write(talk, null, [entry], told !== null);
}
