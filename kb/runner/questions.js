/**
 * Which question is next, and what the advice asks for as something that a person can answer.
 * As kb/interview/questions.py.
 */

import { askFor, namesOf } from "./asks.js";
import { RECORD } from "./chart.js";
import { chartedText } from "./charted.js";
import { NOT_AVAILABLE } from "./dictation.js";
import { keyOf, question } from "./talk.js";
import { formatDecimal } from "./values.js";
import { clean } from "./wording.js";

/** @typedef {import("./advice.js").Ask} Ask */
/** @typedef {import("./program.js").Drug} Drug */
/** @typedef {import("./program.js").Element} Element */
/** @typedef {import("./program.js").Feature} Feature */
/** @typedef {import("./talk.js").Common} Common */
/** @typedef {import("./talk.js").Question} Question */
/** @typedef {import("./talk.js").Talk} Talk */

/** @param {Talk} talk @returns {Question | null} */
export function nextQuestion(talk) {
  if (talk.pending !== null) return talk.pending;
  while (talk.queue.length) {
    if (!talk.chartedNow(talk.queue[0])) return questionOf(talk, askOf(talk, talk.queue[0]));
    talk.queue.shift();
  }
  if (talk.advice.applies === false) return null;
  /** @type {Question | null} */
  let first = null;
  for (const ask of [...talk.advice.asks, ...ofScope(talk)]) {
    if (!ask.now && !talk.more && !onAnAssumption(talk, ask)) continue;
    const made = questionOf(talk, ask);
    if (talk.aside.has(keyOf(made))) continue;
    first ??= made;
    // What was asked stays asked while it is still open: an act never changes it under the fingers.
    if (talk.question !== null && keyOf(made) === keyOf(talk.question)) return made;
  }
  return first;
}

/**
 * What could still show that the patient is outside the scope, where the protocol goes on without it.
 * @param {Talk} talk
 */
function ofScope(talk) {
  const { walk } = talk.advice;
  return namesOf(walk, walk.undecided(walk.program.applies)).map((name) => askFor(walk.program, name));
}

/**
 * Whether a step that is reached only by assumption needs it: what it assumes may never be known.
 * @param {Talk} talk
 * @param {Ask} ask
 */
function onAnAssumption(talk, ask) {
  const { walk } = talk.advice;
  return ask.decides.some((step) => walk.state(walk.plan.steps.get(step) ?? -1) === "assumed");
}

/** @param {Talk} talk @param {string} name */
export function askOf(talk, name) {
  return talk.advice.asks.find((ask) => ask.name === name) ?? askFor(talk.program, name);
}

/**
 * An ask as something that a person can answer in a conversation.
 * @param {Talk} talk
 * @param {Ask} ask
 * @returns {Question}
 */
export function questionOf(talk, ask) {
  const told = ask.cause && !ask.cause.endsWith("has not been charted");
  const note = told ? talk.say.condition(ask.cause.replaceAll("`", "")) : "";
  const common = { ask: ask.name, decides: ask.decides, late: ask.overdue_by, note };
  const element = talk.names.elements.get(ask.name);
  if (element !== undefined) return aboutData(talk, element, common);
  const drug = talk.names.drugs.get(ask.name);
  if (drug !== undefined) return aboutRate(talk, drug, common);
  if (ask.name === RECORD) return aboutRecord(talk, ask, common);
  const text = clean(ask.question);
  if (ask.name.endsWith(".salt")) return question("salt", ask.name, text, { ...common, options: ask.options });
  const slot = talk.program.slots[talk.names.slots.get(ask.name) ?? -1];
  if (slot === undefined || slot.feature === null) {
    return question("value", ask.name, text, { ...common, type: ask.type, unit: ask.unit, options: ask.options });
  }
  return aboutPast(talk, slot.feature, ask, common);
}

/**
 * Whether the record is complete; where that is charted or would not tell, what the record does not say.
 * @param {Talk} talk
 * @param {Ask} ask
 * @param {Common} common
 * @returns {Question}
 */
function aboutRecord(talk, ask, common) {
  const standing = talk.record.standing().filter((entry) => entry.at.micros <= talk.now.micros);
  const complete = standing.some((entry) => entry.element === RECORD && entry.value !== NOT_AVAILABLE);
  for (const [index, cause] of talk.advice.walk.reading.causes) {
    const { feature } = talk.program.slots[index];
    if (feature === null || !cause.asks.includes(RECORD) || cause.kind === NOT_AVAILABLE) continue;
    const seen = feature.of !== null && talk.lastRate(feature.of.id) !== null;
    if (!complete && !(feature.function === "since" && seen)) continue;
    const made = aboutPast(talk, feature, ask, common);
    if (!talk.aside.has(keyOf(made)) && made.name !== ask.name) return made;
  }
  const charted = standing.filter((entry) => entry.kind === "therapy").map((entry) => chartedText(talk, entry));
  const note = `charted: ${charted.length ? charted.join("; ") : "no drug or fluid so far"}`;
  return question("record", RECORD, clean(ask.question), { ...common, note });
}

/**
 * @param {Talk} talk
 * @param {Element} element
 * @param {Common} common
 * @returns {Question}
 */
function aboutData(talk, element, common) {
  const unit = talk.unit(element.id, element.unit);
  const options = element.options.length ? element.options : element.type === "boolean" ? ["yes", "no"] : [];
  let range = "";
  if (element.type === "number" || element.unit) {
    const low = element.low === null ? "" : formatDecimal(element.low);
    const high = element.high === null ? "" : formatDecimal(element.high);
    const span = low && high ? `${low} to ${high}` : low ? `from ${low}` : high ? `up to ${high}` : "a number";
    range = `${span} ${element.unit === "1" ? "" : element.unit}`.trim();
  }
  const text = talk.prose(element.question) || `${clean(element.label)}?`;
  const unobtainable = element.canBeUnobtainable;
  return question("value", element.id, text, { ...common, type: element.type, unit, options, range, unobtainable });
}

/**
 * @param {Talk} talk
 * @param {Drug} drug
 * @param {Common} common
 * @returns {Question}
 */
function aboutRate(talk, drug, common) {
  const text = `At what rate is ${talk.say.drug(drug.id)} running now?`;
  return question("rate", drug.id, text, { ...common, ...dosing(talk, drug, drug.rateUnit) });
}

/**
 * @param {Talk} talk
 * @param {Drug} drug
 * @param {string} unit
 */
export function dosing(talk, drug, unit) {
  return { type: "number", unit: talk.unit(drug.id, unit), salts: drug.salts.map(([form]) => form) };
}

/**
 * A question about what was before this conversation: when something happened, or an earlier value.
 * @param {Talk} talk
 * @param {Feature} feature
 * @param {Ask} ask
 * @param {Common} common
 * @returns {Question}
 */
function aboutPast(talk, feature, ask, common) {
  const { elements } = talk.names;
  let event = feature.after ?? feature.window?.event ?? null;
  if (event === null && ["since", "total", "count"].includes(feature.function)) event = feature.of;
  if (event !== null) {
    const { kind, id } = event;
    if (kind === "step") {
      const step = talk.program.steps.find((step) => step.id === id);
      const title = step === undefined ? id : talk.prose(step.title);
      return question("done", id, `When was this last done: ${title}?`, common);
    }
    const element = kind === "element" ? elements.get(id) : undefined;
    if (element !== undefined) return aboutData(talk, element, common);
    for (const drug of talk.program.drugs) {
      if (drug.id !== id && !drug.classes.includes(id)) continue;
      const runs = talk.runsNow(drug);
      if (kind !== "given" && runs === null && drug.rateUnit) return aboutRate(talk, drug, common);
      const label = talk.say.drug(drug.id);
      if (kind !== "given" && runs) {
        const text = `When was ${label} last started, or changed?`;
        return question("began", drug.id, text, { ...common, ...dosing(talk, drug, drug.rateUnit) });
      }
      if (drug.amountUnit) {
        const text = `When was ${label} last given, and how much?`;
        return question("given", drug.id, text, { ...common, ...dosing(talk, drug, drug.amountUnit) });
      }
    }
  }
  const element = feature.of === null ? undefined : elements.get(feature.of.id);
  if (element === undefined) return question("earlier", ask.name, clean(ask.question), common);
  const unit = talk.unit(element.id, element.unit);
  const text = `What was ${talk.say.data(element.id)} before, and when?`;
  const { type, options } = element;
  return question("earlier", element.id, text, { ...common, type, unit, options });
}
