/**
 * Compiled protocols run in a page or in Node: no server, nothing stored, nothing sent.
 *
 *     const guideline = load(await (await fetch("refractory-hypotension.json")).json());
 *     const advice = advise(guideline, { age: "64 years", map: "unobtainable" }, {});
 *     advice.recommended, advice.asks, advice.toJson()
 *
 * The same chart, time and local settings give the same advice as the Python package, to the letter.
 */

import { ChartError } from "./chart.js";
import { programFromJson, ProgramError } from "./codec.js";
import { Guideline } from "./guideline.js";
import { advise, Advice, NotApprovedError, WithdrawnError } from "./interpreter.js";
import { BadValue } from "./values.js";

export { advise, Advice, BadValue, ChartError, Guideline, NotApprovedError, ProgramError, WithdrawnError };

/** @typedef {import("./program.js").Standing} Standing */

/**
 * A Program made ready to run, from what `kb compile` writes: the JSON, or its text.
 *
 * No file of a Program can claim a review, so it is a draft unless the caller says what its review records say.
 * @param {unknown} program
 * @param {{state: string, standing: Standing} | null} [review]
 * @returns {Guideline}
 * @throws {ProgramError} It is no Program of a schema that this version reads.
 */
export function load(program, review = null) {
  const made = programFromJson(typeof program === "string" ? JSON.parse(program) : program);
  return new Guideline(review === null ? made : { ...made, state: review.state, standing: review.standing });
}
