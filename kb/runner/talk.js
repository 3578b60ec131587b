/**
 * Where a conversation stands: its record, its settings, the question that is asked.
 * As kb/interview/talk.py.
 */

import { about as aboutOf, ChartError, refusal } from "./chart.js";
import { clock, dayAndClock } from "./dictation.js";
import { advise } from "./interpreter.js";
import { doseBeside, proseBeside, readLocal, settingsInForce, unitInUse } from "./local.js";
import { dictionaryOf, parseChart } from "./reading.js";
import { Record } from "./record.js";
import { Moment, parseTime } from "./times.js";
import { BadValue } from "./values.js";
import { quoted } from "./words.js";
import { clean, Speaker } from "./wording.js";

/** @typedef {import("./chart.js").Entry} Entry */
/** @typedef {import("./guideline.js").Guideline} Guideline */
/** @typedef {import("./program.js").Drug} Drug */
/** @typedef {import("./program.js").Step} Step */
/** @typedef {import("./reading.js").Mark} Mark */
/** @typedef {import("./record.js").EntryData} EntryData */

/**
 * How a question is answered, by `Interview.answer(text, at)`:
 *
 * - value: an option, `yes` or `no`, a number (in `unit` where it names none), a time, or `unobtainable`
 * - rate: `0.08 mcg/kg/min as base`, `5 mL/h of 4 mg/50 mL`, a bare number in `unit`, `not running` or `stopped`
 * - salt: one of the options
 * - record: `yes`, `no`, or the time from which the record is complete
 * - began: `started`, or `raised from 0.02 units/min`, with its time; or `never`
 * - given: an amount with its time, or `never`
 * - done: nothing but its time, or `never`
 * - earlier: a value with its time
 * - dose, amount: how much was given, or to what rate it was set
 * - option: one of the options; reason: why something is declined
 *
 * All but dose, amount, option and reason may be answered `not available`.
 * @typedef {"value" | "rate" | "salt" | "record" | "began" | "given" | "done" | "earlier" | "dose" | "amount"
 *   | "option" | "reason"} Form
 */

/**
 * One question. `name` is what is asked for, `ask` the name under which the advice asks it, `decides` the steps that
 * wait for it, `late` by how much a review is overdue, `corrects` the id of the entry that the answer replaces.
 *
 * `range` says what values are taken (`0 to 300 mmHg`), empty where it does not matter; `unobtainable` whether that is
 * an answer; `type` is that of data, `salts` are the salt forms of a drug.
 * @typedef {object} Question
 * @property {Form} form
 * @property {string} name
 * @property {string} text
 * @property {string} type
 * @property {string} unit
 * @property {readonly string[]} options
 * @property {readonly string[]} salts
 * @property {string} range
 * @property {boolean} unobtainable
 * @property {string} note
 * @property {string} ask
 * @property {readonly string[]} decides
 * @property {string} late
 * @property {string} step
 * @property {string} option
 * @property {string} corrects
 */

/**
 * What is charted, in words: `MAP 58 mmHg`, `14:05`.
 * @typedef {{id: string, about: string, text: string, time: string, entry: Entry}} Charted
 */

/** @typedef {{ask: string, decides: readonly string[], late: string, note: string}} Common */
/** @typedef {{now: string | Moment, local?: unknown, chart?: unknown, more?: boolean}} Beginning */

/**
 * Where a conversation over one chart stands. `advice` is that of now; `question` the one that waits for an answer, or
 * null; `pending` what an act asks before the protocol's own questions; `queue` what is asked next by name; `aside` what
 * is left for later; `acts` the entries that were charted together.
 */
export class Talk {
  /** @type {Question | null} */
  pending = null;
  /** @type {string[]} */
  queue = [];
  /** @type {Set<string>} */
  aside = new Set();
  /** @type {(readonly string[])[]} */
  acts = [];
  /** What the last act has to tell besides its effect. @type {string[]} */
  notices = [];

  /**
   * @param {Guideline} guideline
   * @param {Beginning} beginning
   * @throws {ChartError} The local settings do not fit.
   */
  constructor(guideline, { now, local = null, chart = null, more = false }) {
    this.now = parseTime(now);
    /** The local settings as they were given; with the care area, once that is answered. */
    this.local = local;
    /** Whether what may be needed next is asked as well. */
    this.more = more;
    this.record = new Record(guideline, chart === null ? this.now : null);
    this.settled = this.checkedLocal();
    this.say = this.speaker();
    this.advice = this.advise();
    /** @type {Question | null} */
    this.question = null;
  }

  get program() {
    return this.record.program;
  }

  get names() {
    return dictionaryOf(this.program);
  }

  advise() {
    return advise(this.record.guideline, this.record.chart(), { now: this.now, local: this.local });
  }

  checkedLocal() {
    const settled = readLocal(this.program, this.local);
    const problems = settled.problems.map(({ code, path, message, help }) =>
      refusal(code, path.length ? String(path[path.length - 1]) : "", message, help),
    );
    if (problems.length) throw new ChartError(problems);
    return settled;
  }

  speaker() {
    return new Speaker(this.program, settingsInForce(this.program, this.settled));
  }

  /**
   * A text of the protocol; where a number in it has a unit of the hospital's, that too.
   * @param {string} text
   */
  prose(text) {
    return proseBeside(this.settled, this.names, clean(text));
  }

  /** @param {string} drug @param {string} text */
  doseText(drug, text) {
    return doseBeside(this.settled, this.names, drug, text);
  }

  /**
   * The unit in which data or a drug is asked for, and a bare number is read: the hospital's, else ours.
   * @param {string} name
   * @param {string} unit
   */
  unit(name, unit) {
    return unitInUse(this.settled, this.names, name, unit);
  }

  /**
   * Whether a drug runs now; null where that is not known.
   * @param {Drug} drug
   */
  runsNow(drug) {
    const { walk } = this.advice;
    const index = walk.plan.rates.get(drug.id);
    const rate = index === undefined ? null : walk.row[index];
    if (rate !== null) return Boolean(rate);
    const last = this.lastRate(drug.id);
    return last === null ? null : last.event !== "stopped";
  }

  /**
   * @param {string} drug
   * @returns {Entry | null}
   */
  lastRate(drug) {
    /** @type {Entry | null} */
    let last = null;
    for (const entry of this.record.standing()) {
      if (entry.kind !== "therapy" || entry.event === "given" || entry.at.micros > this.now.micros) continue;
      if (this.names.drug(entry.drug)?.id !== drug) continue;
      if (last === null || entry.at.micros > last.at.micros) last = entry;
    }
    return last;
  }

  /** @param {string} name */
  chartedNow(name) {
    return this.record.standing().some((entry) => aboutOf(entry) === name && same(entry.at, this.now));
  }

  /**
   * An entry as the chart's rules read it; a ChartError where it is refused.
   * @param {EntryData} entry
   * @returns {Mark | null}
   */
  mark(entry) {
    const at = entry.at instanceof Moment ? entry.at.isoformat() : entry.at;
    const found = parseChart(this.program, { entries: [{ ...entry, at }] }, this.now, false);
    return found.marks[0] ?? null;
  }

  /**
   * @param {string} id
   * @returns {Step}
   */
  doStep(id) {
    const step = this.program.steps.find((step) => step.id === id);
    if (step === undefined || step.kind !== "do") {
      throw new BadValue("KB602", `${quoted(id)} is nothing that is done in this protocol`);
    }
    return step;
  }

  /** @param {Question | null} asked */
  settle(asked) {
    if (asked === this.pending) this.pending = null;
  }

  /**
   * `14:05`; with the day where that is another.
   * @param {Moment} at
   */
  clockTime(at) {
    const here = new Moment(at.micros, this.now.offset);
    return here.date() === this.now.date() ? clock(here) : dayAndClock(here);
  }
}

/**
 * @param {Form} form
 * @param {string} name
 * @param {string} text
 * @param {Partial<Question>} more
 * @returns {Question}
 */
export function question(form, name, text, more) {
  return {
    form,
    name,
    text,
    type: "",
    unit: "",
    options: [],
    salts: [],
    range: "",
    unobtainable: false,
    note: "",
    ask: "",
    decides: [],
    late: "",
    step: "",
    option: "",
    corrects: "",
    ...more,
  };
}

/** @param {Question} asked */
export function keyOf(asked) {
  return `${asked.form} ${asked.name}`;
}

/**
 * @param {Moment} left
 * @param {Moment} right
 */
export function same(left, right) {
  return left.micros === right.micros;
}
