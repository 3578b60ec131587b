/**
 * A conversation with nobody, before the first answer: a browser compiles what it runs for the first time, and the
 * reader would wait for that. Nothing of it is shown or kept.
 */

import { Interview } from "./interview.js";
import { SCALE } from "./program.js";
import { Shown } from "./shown.js";

/** @typedef {import("./guideline.js").Guideline} Guideline */
/** @typedef {import("./shown.js").Site} Site */
/** @typedef {import("./talk.js").Question} Question */
/** @typedef {import("./talk.js").Talk} Talk */
/** @typedef {import("./times.js").Moment} Moment */

const TURNS = 12;
/** Where in the range of a number the made-up answers lie: most protocols begin where something is low, or high. */
const PLACES = [6n, 2n];

/**
 * Answers questions, a turn at a time, until it is told to stop or nothing more is asked.
 * @param {Guideline} guideline
 * @param {{now: Moment, local: unknown}} beginning
 * @param {Site} site
 * @returns {Generator<undefined, void>}
 */
export function* rehearsal(guideline, beginning, site) {
  for (const place of PLACES) {
    const talk = new Interview(guideline, beginning);
    for (let turn = 0; turn < TURNS && talk.question !== null; turn += 1) {
      yield;
      try {
        talk.answer(madeUp(talk, talk.question, place));
      } catch {
        talk.skip(); // what is refused here is told when a reader says it
      }
      JSON.stringify(talk.advice);
      new Shown(talk.advice, site).all({ done: () => {}, decline: () => {}, handOver: () => {} });
    }
  }
}

/**
 * Something that could be said.
 * @param {Talk} talk
 * @param {Question} question
 * @param {bigint} place
 */
function madeUp(talk, question, place) {
  if (question.options.length) return question.options[0];
  if (question.form === "rate") return "not running";
  if (question.form === "record") return "yes";
  const element = talk.names.elements.get(question.name);
  const [low, high] = [element?.low ?? 0n, element?.high ?? 0n];
  return element === undefined ? "not available" : String((low + (high - low) / place) / SCALE);
}
