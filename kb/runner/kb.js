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
import { ProgramError, programFromFile, programFromJson } from "./codec.js";
import { Guideline } from "./guideline.js";
import { advise, Advice, NotApprovedError, WithdrawnError } from "./interpreter.js";
import { BadValue } from "./values.js";

export { advise, Advice, BadValue, ChartError, Guideline, NotApprovedError, ProgramError, WithdrawnError };

/** @typedef {import("./program.js").Standing} Standing */

/** @type {Standing} */
const NOBODY = { signed: [], missing: [], validUntil: "", reason: "" };

/**
 * A Program made ready to run, from what `kb compile` writes: the JSON, or its text.
 *
 * No file of a Program can claim a review, so it is a draft unless the caller says, in `review`, what its review records
 * say. `checked`: it came with the page, so that nobody can have changed it by itself, and its checksum is not worked out.
 * @param {unknown} program
 * @param {{review?: {state: string, standing: Standing} | null, checked?: boolean}} [more]
 * @returns {Guideline}
 * @throws {ProgramError} It is no Program of a schema that this version reads, or it was changed.
 */
export function load(program, { review = null, checked = false } = {}) {
  const data = typeof program === "string" ? parsed(program) : program;
  const made = checked ? programFromJson(data) : programFromFile(data);
  return new Guideline({ ...made, ...(review ?? { state: "draft", standing: NOBODY }) });
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new ProgramError("it is not JSON");
  }
}
