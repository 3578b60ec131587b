/** A Program made ready to run: used for any number of charts. As the class `Guideline` of kb/interpreter.py. */

import { ChartError } from "./chart.js";
import { evaluate } from "./evaluate.js";
import { buildRow } from "./folds.js";
import { problemRefusal, readLocal } from "./local.js";
import { Plan, walkOver } from "./plan.js";
import { dictionaryOf, parseChart } from "./reading.js";
import { wayTo } from "./reasons.js";
import { parseTime } from "./times.js";
import { makeDecider } from "./walk.js";

/** @typedef {import("./plan.js").Walk} Walk */
/** @typedef {import("./program.js").Program} Program */
/** @typedef {import("./reading.js").ParsedChart} ParsedChart */
/** @typedef {import("./times.js").Moment} Moment */

export class Guideline {
  /** @param {Program} program */
  constructor(program) {
    this.program = program;
    this.plan = new Plan(program);
    dictionaryOf(program); // made while the Program is loaded, not when the first answer is waited for
    /** The states of all steps for a row with its inputs filled in; fills in the row's definitions. */
    this.decide = makeDecider(program);
  }

  /**
   * The chart read through the Program, before anything is said about it. Throws ChartError: the chart or the local
   * settings have values that are refused; it lists all of them.
   * @param {unknown} chart JSON text or data with `entries`, or a mapping of names to values, all of now
   * @param {Moment | string | null} [now] with its offset; needed where the chart has times
   * @param {unknown} [local] what the hospital has settled
   * @param {{lenient?: boolean}} [how] `lenient`: count refused values as unknown, and list them
   * @returns {{walk: Walk, chart: ParsedChart}}
   */
  walk(chart, now = null, local = null, { lenient = false } = {}) {
    const { program, plan } = this;
    const settled = readLocal(program, local);
    if (settled.problems.some((problem) => problem.grave)) throw new ChartError(settled.problems.map(problemRefusal));
    const read = parseChart(program, chart, now, lenient, settled.bindings);
    const time = now === null ? null : parseTime(now);

    /** @param {Moment} at @param {string} id */
    const reasons = (at, id) => {
      const earlier = buildRow(program, read, at, settled);
      const walk = walkOver(plan, earlier, this.decide(earlier.row));
      const step = /** @type {number} */ (plan.steps.get(id));
      const state = walk.state(step);
      const way = state === "reached" || state === "assumed" ? wayTo(walk, step) : [];
      return JSON.stringify([state, way]);
    };

    const found = buildRow(program, read, time, settled, reasons);
    // Without a time of the advice nothing was charted at any time.
    const reading = time === null ? { ...found, times: new Map() } : found;
    const decision = this.decide(reading.row);
    const applies = evaluate(program.applies, reading.row);
    const none = { reached: 0n, assumed: 0n, statuses: new Map() };
    const inScope =
      applies === false
        ? { ...none, possible: 0n, outcomes: new Map() }
        : applies === null
          ? { ...decision, ...none }
          : decision;
    return { walk: walkOver(plan, reading, inScope), chart: read };
  }
}
