/**
 * Advice: a Program run on one patient's chart, what to do now, why, and what is still to be asked.
 * As kb/interpreter.py; the walk itself is in guideline.js.
 *
 * Pure: the same chart, Program, local settings and time always give the same advice. No clock, randomness or network.
 */

import { elsewhereLine } from "./advice.js";
import { answer, goals, handOvers, outcomes, running } from "./answers.js";
import { ChartError, refusal } from "./chart.js";
import { saidElsewhere } from "./elsewhere.js";
import { evaluate } from "./evaluate.js";
import { localDigest, settingsInForce } from "./local.js";
import { facts, reasonsAgainst, reasonsFor, trace, truth } from "./reasons.js";
import { parseTime } from "./times.js";
import { BadValue } from "./values.js";

/** @typedef {import("./advice.js").AdviceJson} AdviceJson */
/** @typedef {import("./advice.js").Explanation} Explanation */
/** @typedef {import("./advice.js").Fact} Fact */
/** @typedef {import("./advice.js").GoalState} GoalState */
/** @typedef {import("./advice.js").LocalSetting} LocalSetting */
/** @typedef {import("./advice.js").Outcome} Outcome */
/** @typedef {import("./advice.js").Reason} Reason */
/** @typedef {import("./advice.js").Running} Running */
/** @typedef {import("./advice.js").StepState} StepState */
/** @typedef {import("./answers.js").Answer} Answer */
/** @typedef {import("./guideline.js").Guideline} Guideline */
/** @typedef {import("./plan.js").Walk} Walk */
/** @typedef {import("./program.js").Program} Program */
/** @typedef {import("./program.js").Signed} Signed */
/** @typedef {import("./program.js").Step} Step */
/** @typedef {import("./reading.js").ParsedChart} ParsedChart */
/** @typedef {import("./times.js").Moment} Moment */

/**
 * `now`: the time of the advice, with its offset; needed where the chart has times. `local`: what the hospital has
 * settled, the content of a `local.yaml` or any part of it. `lenient`: count refused values as unknown, and list
 * them, instead of throwing. `require`: `approved` refuses whatever people have not approved, or not for this time.
 * @typedef {object} Options
 * @property {string | Moment | null} [now]
 * @property {unknown} [local]
 * @property {boolean} [lenient]
 * @property {"approved" | null} [require]
 */

export const ADVICE_SCHEMA = "1.3.0";

const APPROVED = "approved";
const EXPIRED = "expired";
const WITHDRAWN = "withdrawn";
/** @type {Record<string, string>} */
const SIGNATURES = { verified: "signature verified", unsigned: "unsigned", "not checked": "signature not checked" };

/** The protocol was withdrawn; it gives no advice. `code` is stable. */
export class WithdrawnError extends Error {
  code = "KB708";
  name = "WithdrawnError";
}

/** Advice was asked of approved protocols only, and this is none. `code` is stable; `state`: what it is instead. */
export class NotApprovedError extends Error {
  code = "KB840";
  name = "NotApprovedError";

  /**
   * @param {string} message
   * @param {string} state
   */
  constructor(message, state) {
    super(message);
    this.state = state;
  }
}

/**
 * The line that stands on everything said from this protocol; with `now`, whether its approval is over.
 * @param {Program} program
 * @param {Moment | null} [now]
 */
export function banner(program, now = null) {
  const educational = program.purpose === "educational";
  const purpose = educational ? "For education" : "Decision support under professional supervision";
  const { signed, validUntil } = program.standing;
  const state = stateOf(program, now);
  if (state === APPROVED) {
    const until = validUntil ? `, valid until ${validUntil}` : "";
    const approvals = signed.map(signatureLine).join("; ");
    return `APPROVED by ${approvals}${until}. ${purpose}; check against your own sources.`;
  }
  const over = state === EXPIRED ? `, its approval ended on ${validUntil}` : "";
  return `${state.toUpperCase()}${over}, not approved for clinical use. ${purpose}; check against your own sources.`;
}

/**
 * One approval in words; that it is unsigned, or that nobody could check the signature, is never left out.
 * @param {Signed} item
 */
export function signatureLine(item) {
  const signature = SIGNATURES[item.signature] ?? item.signature;
  return `${item.name || item.who} (${item.role}, ${item.date}, ${signature})`;
}

/**
 * The review state; an approval that is over on the day of `now` is `expired`.
 * @param {Program} program
 * @param {Moment | null} now
 */
function stateOf(program, now) {
  const { validUntil } = program.standing;
  const over = now !== null && program.state === APPROVED && validUntil && now.date() > validUntil;
  return over ? EXPIRED : program.state;
}

/**
 * Refuse what was withdrawn; and, where `require` says so, what is not approved at `now`.
 * @param {Program} program
 * @param {"approved" | null} require
 * @param {Moment | null} now
 */
function requireStanding(program, require, now) {
  const name = `${program.id}@${program.version}`;
  const { missing, reason, validUntil } = program.standing;
  if (program.withdrawn || program.state === WITHDRAWN) {
    throw new WithdrawnError(`${name} was withdrawn: ${program.withdrawn || reason}`);
  }
  if (require === null) return;
  const state = stateOf(program, now);
  if (state === EXPIRED) {
    const why = `its approval ended on ${validUntil}: those who signed must look at it again`;
    throw new NotApprovedError(`${name} is not approved any more; ${why}`, state);
  }
  if (state !== APPROVED) {
    const lacks = missing.length ? `; still to approve: ${missing.join(", ")}` : "";
    const why = reason ? ` (${reason})` : "";
    throw new NotApprovedError(`${name} is ${state}, and only what is approved may advise here${lacks}${why}`, state);
  }
  if (validUntil && now === null) {
    const why = `its approval ends on ${validUntil}: give the time of the advice (\`now\`)`;
    throw new NotApprovedError(`whether ${name} is still approved cannot be told; ${why}`, state);
  }
}

/**
 * What a protocol says of one chart at one time. Immutable; `toJson` follows schema/advice.schema.json.
 *
 * The walk is done when advice is given; each part is put into words when it is first read. Nothing here was guessed:
 * what is not known is in `asks`, `needs_policy` or `unavailable`.
 */
export class Advice {
  /** @type {Map<string, unknown>} */
  #made = new Map();
  #chart;
  #now;

  /**
   * @param {Walk} walk
   * @param {ParsedChart} chart
   * @param {Moment | null} now
   */
  constructor(walk, chart, now) {
    this.walk = walk;
    this.#chart = chart;
    this.#now = now;
  }

  /**
   * @template T
   * @param {string} name
   * @param {() => T} make
   * @returns {T}
   */
  #once(name, make) {
    if (!this.#made.has(name)) this.#made.set(name, make());
    return /** @type {T} */ (this.#made.get(name));
  }

  /** @returns {Answer} */
  get #answer() {
    return this.#once("answer", () => answer(this.walk, this.#chart, this.#now));
  }

  /** Version of the form of this record. */
  get schema() {
    return ADVICE_SCHEMA;
  }

  get protocol() {
    return this.walk.program.id;
  }

  get version() {
    return this.walk.program.version;
  }

  get title() {
    return this.walk.program.title;
  }

  /** Review state of the protocol: draft until people have signed both digests; `expired` once that is over. */
  get state() {
    return stateOf(this.walk.program, this.#now);
  }

  /** The line to show with every piece of this advice. */
  get banner() {
    return banner(this.walk.program, this.#now);
  }

  /** Who has approved this content, in which role, and whether the signature was verified. */
  get approvals() {
    return this.walk.program.standing.signed;
  }

  /** The last day of the approval; null where there is none, or it does not end. */
  get valid_until() {
    return this.walk.program.standing.validUntil || null;
  }

  get logic_digest() {
    return this.walk.program.logicDigest;
  }

  get text_digest() {
    return this.walk.program.textDigest;
  }

  /** SHA-256 over all that the hospital has settled; empty where it has settled nothing. */
  get local_digest() {
    return this.#once("local_digest", () => localDigest(this.walk.reading.local));
  }

  /** What the hospital has settled and what bears on this protocol, beside what would count without it. */
  get local() {
    return this.#once("local", () => settingsInForce(this.walk.program, this.walk.reading.local));
  }

  get now() {
    return this.#now === null ? null : this.#now.isoformat();
  }

  /** Whether the patient is in the protocol's scope; outside there is no advice but that. */
  get applies() {
    return truth(evaluate(this.walk.program.applies, this.walk.row));
  }

  /** Whether the protocol is worth opening for this patient; it never gates the advice. */
  get entered() {
    return truth(evaluate(this.walk.program.enter, this.walk.row));
  }

  /** Actions and hand-overs that are due or overdue, most urgent first, then in reading order. */
  get recommended() {
    return this.#answer.recommended;
  }

  /** Every action reached, whatever its status. */
  get actions() {
    return this.#answer.actions;
  }

  /** What is still to be asked, most useful first. */
  get asks() {
    return this.#answer.questions.asks;
  }

  get alerts() {
    return this.#answer.alerts;
  }

  get goals() {
    return this.#once("goals", () => goals(this.walk));
  }

  get outcomes() {
    return this.#once("outcomes", () => outcomes(this.walk));
  }

  get hand_overs() {
    return this.#once("hand_overs", () => handOvers(this.actions));
  }

  /** What was taken for granted. */
  get assumptions() {
    return this.#answer.assumptions;
  }

  /** Parameters without a value: each hospital sets them, nobody is asked at the bedside. */
  get needs_policy() {
    return this.#answer.questions.policies;
  }

  /** Data that matter and cannot be had now. */
  get unavailable() {
    return this.#answer.questions.unavailable;
  }

  /** Running therapies that nothing advises to change. */
  get running() {
    return this.#once("running", () => running(this.walk, this.recommended));
  }

  /** When to look again, and at what. */
  get reviews() {
    return this.#answer.reviews;
  }

  /** Charted values that were refused; read leniently, they count as unknown. */
  get refused() {
    return this.walk.reading.refused;
  }

  /** Entries later than now, or about what this protocol does not know. */
  get not_used() {
    return this.walk.reading.notUsed;
  }

  /** The state of every step and of the cases on the way. */
  get trace() {
    return this.#once("trace", () => trace(this.walk));
  }

  /**
   * Plain data: numbers as decimal strings, times as ISO 8601.
   * @returns {AdviceJson}
   */
  toJson() {
    return {
      schema: this.schema,
      protocol: this.protocol,
      version: this.version,
      title: this.title,
      state: this.state,
      banner: this.banner,
      approvals: this.approvals,
      valid_until: this.valid_until,
      logic_digest: this.logic_digest,
      text_digest: this.text_digest,
      local_digest: this.local_digest,
      local: this.local,
      now: this.now,
      applies: this.applies,
      entered: this.entered,
      recommended: this.recommended,
      actions: this.actions,
      asks: this.asks,
      alerts: this.alerts,
      goals: this.goals,
      outcomes: this.outcomes,
      hand_overs: this.hand_overs,
      assumptions: this.assumptions,
      needs_policy: this.needs_policy,
      unavailable: this.unavailable,
      running: this.running,
      reviews: this.reviews,
      refused: this.refused,
      not_used: this.not_used,
      trace: this.trace,
    };
  }

  /** What `JSON.stringify` takes. */
  toJSON() {
    return this.toJson();
  }

  /**
   * @param {string} step
   * @returns {number}
   */
  #index(step) {
    const index = this.walk.plan.steps.get(step);
    if (index === undefined) throw new RangeError(`\`${this.protocol}\` has no step \`${step}\``);
    return index;
  }

  /**
   * The status of a reached action, else the state of the step (`not reached`, `not known yet` …).
   * @param {string} step A RangeError where there is no such step.
   * @returns {string}
   */
  status(step) {
    const index = this.#index(step);
    return this.actions.find((item) => item.step === step)?.status ?? this.walk.state(index);
  }

  /**
   * The conditions on the way to `step`, with the values and times that made them true; for a step that is not
   * reached, those that keep it from being reached.
   * @param {string} step A RangeError where there is no such step.
   * @returns {Explanation}
   */
  why(step) {
    const { walk } = this;
    const index = this.#index(step);
    const state = walk.state(index);
    if (state !== "reached" && state !== "assumed") return this.whyNot(step);
    const reasons = reasonsFor(walk, index);
    const made = walk.program.steps[index];
    const text = [`${step} is ${state}: ${made.title}`, ...reasons.map(reasonLine)];
    const status = made.kind === "do" ? this.status(step) : "";
    if (status) text.push(`status: ${status}${because(facts(walk, made.satisfied))}`);
    if (made.cites.length) text.push(`rests on ${made.cites.join(", ")}`);
    for (const id of interpretations(made, reasons)) text.push(`reading ${id}: ${readingOf(walk.program, id)}`);
    const elsewhere = saidElsewhere(walk.program).get(step) ?? [];
    for (const said of elsewhere) text.push(`elsewhere ${elsewhereLine(said)}`);
    return { step, state, status, reasons, text, elsewhere };
  }

  /**
   * Why `step` is not recommended: the ways to it that are closed or still open, or its status.
   * @param {string} step A RangeError where there is no such step.
   * @returns {Explanation}
   */
  whyNot(step) {
    const { walk } = this;
    const index = this.#index(step);
    const state = walk.state(index);
    if (state === "reached" || state === "assumed") return this.why(step);
    const first = `${step} is ${state}: ${walk.program.steps[index].title}`;
    const common = { step, state, status: "", elsewhere: [] };
    if (this.applies !== true) {
      const word = this.applies === false ? "is outside" : "may be outside";
      const line = `the patient ${word} the scope of this protocol: ${walk.program.appliesText}`;
      return { ...common, reasons: [], text: [first, line] };
    }
    const reasons = reasonsAgainst(walk, index);
    return { ...common, reasons, text: [first, ...reasons.map(reasonLine)] };
  }
}

/**
 * @param {Step} step
 * @param {readonly Reason[]} reasons
 */
function interpretations(step, reasons) {
  return new Set([...step.interprets, ...reasons.flatMap((reason) => reason.interprets)]);
}

/**
 * @param {Program} program
 * @param {string} id
 */
function readingOf(program, id) {
  const item = program.interpretations.find((item) => item.id === id);
  return item === undefined ? "unknown interpretation" : `${item.reading} (to be confirmed by ${item.confirm})`;
}

/** @param {readonly Fact[]} found */
function because(found) {
  if (!found.length) return "";
  return ` (${found.map(({ name, value, at }) => `${name} = ${value}${at ? ` at ${at}` : ""}`).join(", ")})`;
}

/** @param {Reason} reason */
function reasonLine(reason) {
  const word = reason.holds === null ? "not known" : reason.holds ? "yes" : "no";
  return `${reason.question} — ${reason.case}: ${word}${because(reason.facts)}`;
}

/**
 * What to do now for the patient that `chart` describes: the JSON of a chart, or a mapping of names to values.
 * @param {Guideline} guideline
 * @param {unknown} chart
 * @param {Options} [options]
 * @returns {Advice}
 * @throws {ChartError} The chart, the local settings or `now` have values that are refused; it lists all of them.
 * @throws {NotApprovedError} Approval is required, and there is none.
 * @throws {WithdrawnError} The protocol was withdrawn.
 */
export function advise(guideline, chart, { now = null, local = null, lenient = false, require = null } = {}) {
  const moment = now === null ? null : timeOf(now);
  requireStanding(guideline.program, require, moment);
  const found = guideline.walk(chart, moment, local, { lenient });
  return new Advice(found.walk, found.chart, moment);
}

/**
 * @param {string | Moment} now
 * @returns {Moment}
 */
function timeOf(now) {
  try {
    return parseTime(now);
  } catch (bad) {
    if (bad instanceof BadValue) throw new ChartError([refusal("KB608", "now", bad.message, bad.help ?? "")]);
    throw bad;
  }
}
