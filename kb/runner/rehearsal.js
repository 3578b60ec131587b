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
/** So many that a browser has made fast code of what a turn runs; it does so step by step, as it sees code run often. */
const CONVERSATIONS = 48;
/** In one of so many conversations the advice is drawn too: that takes longest, and most of it is the browser's own. */
const DRAWN = 6;
/** Where in the range of a number the made-up answers lie: most protocols begin where something is low, or high. */
const PLACES = [6n, 2n, 3n];

/**
 * Answers questions, a turn at a time, until it is told to stop.
 * @param {Guideline} guideline
 * @param {{now: Moment, local: unknown}} beginning
 * @param {Site} site
 * @returns {Generator<undefined, void>}
 */
export function* rehearsal(guideline, beginning, site) {
  for (let round = 0; round < CONVERSATIONS; round += 1) {
    const talk = new Interview(guideline, beginning);
    for (let turn = 0; turn < TURNS && talk.question !== null; turn += 1) {
      yield;
      try {
        talk.answer(madeUp(talk, talk.question, round));
      } catch {
        talk.skip(); // what is refused here is told when a reader says it
      }
      JSON.stringify(talk.advice);
      if (round < 2 || round % DRAWN === 0) {
        new Shown(talk.advice, site).all({ done: () => {}, decline: () => {}, handOver: () => {} });
      }
    }
  }
}

/**
 * Something that could be said; in each conversation something else.
 * @param {Talk} talk
 * @param {Question} question
 * @param {number} round
 */
function madeUp(talk, question, round) {
  const { options } = question;
  // Early the first option: where a protocol goes on, as a rule, and not where it ends.
  if (options.length) return options[round % 4 === 3 ? (round >> 2) % options.length : 0];
  if (question.form === "rate") return "not running";
  if (question.form === "record") return "yes";
  const element = talk.names.elements.get(question.name);
  const [low, high] = [element?.low ?? 0n, element?.high ?? 0n];
  return element === undefined ? "not available" : String((low + (high - low) / PLACES[round % PLACES.length]) / SCALE);
}
