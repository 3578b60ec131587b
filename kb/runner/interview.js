/**
 * A conversation about one patient: which question is next, how an answer becomes a chart entry, and the advice as it
 * forms. As kb/interview.py, so that a page asks what `kb run` asks, in its order, and charts what it charts.
 *
 * Nothing is drawn here, and no clock is read. What is said goes through the rules of the chart: what they refuse is
 * thrown as a `BadValue` or a `ChartError`, nothing is charted, and the question stays.
 */

import { askFor, namesOf } from "./asks.js";
import { about as aboutOf, ChartError, RECORD, refusal } from "./chart.js";
import { bare, clock, dayAndClock, later, moment, NO, quantity, span, YES } from "./dictation.js";
import { advise } from "./interpreter.js";
import { CARE_AREA, doseBeside, inLocalUnit, proseBeside, readLocal, settingsInForce, unitInUse } from "./local.js";
import { SCALE } from "./program.js";
import { dictionaryOf, parseChart } from "./reading.js";
import { entryJson, nameOf, Record } from "./record.js";
import { Moment, parseTime } from "./times.js";
import { BadValue, formatDecimal, roundHalfEven } from "./values.js";
import { asMapping, nearest, quoted } from "./words.js";
import { clean, listed, Speaker } from "./wording.js";

/** @typedef {import("./advice.js").Ask} Ask */
/** @typedef {import("./advice.js").Item} Item */
/** @typedef {import("./chart.js").Entry} Entry */
/** @typedef {import("./guideline.js").Guideline} Guideline */
/** @typedef {import("./interpreter.js").Advice} Advice */
/** @typedef {import("./program.js").Action} Action */
/** @typedef {import("./program.js").Drug} Drug */
/** @typedef {import("./program.js").Element} Element */
/** @typedef {import("./program.js").Feature} Feature */
/** @typedef {import("./program.js").Program} Program */
/** @typedef {import("./program.js").Slot} Slot */
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

const NOT_AVAILABLE = "not available";
const SECOND = 1_000_000n;
const GONE = new Set(["0", "no", "n", "not running", "none", "off", "nil"]);
const ACTED = ["given", "started", "changed", "done"];
const LAST_YEAR = "2900";

/** One conversation over one chart. `advice` is that of now; `question` the one that waits for an answer, or null. */
export class Interview {
  /** @type {Question | null} */
  #pending = null;
  /** @type {string[]} */
  #queue = [];
  /** @type {Set<string>} */
  #aside = new Set();
  /** @type {(readonly string[])[]} */
  #acts = [];
  /** @type {string[]} */
  #notices = [];
  #more;
  #local;

  /**
   * Begin a conversation, or go on with a chart: what `kb advise` reads, or what `chart()` gave. Without one the
   * protocol's episode begins now.
   * @param {Guideline} guideline
   * @param {Beginning} beginning `more`: ask what may be needed next as well.
   * @throws {ChartError} The chart or the local settings do not fit.
   */
  constructor(guideline, { now, local = null, chart = null, more = false }) {
    this.now = parseTime(now);
    this.#local = local;
    this.#more = more;
    this.record = new Record(guideline, chart === null ? this.now : null);
    this.#settled = this.#checkedLocal();
    this.#say = this.#speaker();
    if (chart !== null) this.#take(chart);
    this.advice = this.#advise();
    /** @type {Question | null} */
    this.question = null;
    this.question = this.#next();
  }

  #settled;
  #say;

  get program() {
    return this.record.program;
  }

  /** The local settings as they were given; with the care area, once that is answered. */
  get local() {
    return this.#local;
  }

  /** What the last act has to tell besides its effect. */
  get notices() {
    return this.#notices;
  }

  /** The chart in its JSON form, which `kb advise` and `new Interview` read. */
  chart() {
    return this.record.chart();
  }

  /** What is charted and stands, oldest first, in words. @returns {Charted[]} */
  charted() {
    const told = this.record.standing().filter((entry) => entry.kind !== "protocol");
    return [...told].sort(byTime).map((entry) => ({
      id: entry.id,
      about: aboutOf(entry),
      text: this.#content(entry),
      time: this.#clockTime(entry.at),
      entry,
    }));
  }

  // ------------------------------------------------------------ acts

  /**
   * Answer the question that is asked.
   * @param {string} text
   * @param {string | Moment | null} [at] When it was so: `11:40`, `20 min ago` or an ISO time; by default now.
   */
  answer(text, at = null) {
    const { question } = this;
    if (question === null) throw new BadValue("KB606", "nothing is asked now");
    this.#act(() => this.#answer(question, clean(text), this.#time(at)));
  }

  /**
   * Chart something else than what is asked: data, the rate of a drug, a salt form or the record, by its name.
   * @param {string} name
   * @param {string} text
   * @param {string | Moment | null} [at]
   */
  tell(name, text, at = null) {
    this.#act(() => this.#answer(this.#question(this.#askOf(this.#known(name))), clean(text), this.#time(at)));
  }

  /** Leave the question for later; `again` brings all skipped ones back. */
  skip() {
    this.#act(() => {
      if (this.#pending !== null) {
        this.#pending = null;
      } else if (this.question !== null) {
        if (this.#queue[0] === this.question.name) this.#queue.shift();
        this.#aside.add(keyOf(this.question));
      }
    });
  }

  again() {
    this.#act(() => this.#aside.clear());
  }

  /** Ask what may be needed next as well, or no more. @param {boolean} [more] */
  askMore(more = true) {
    this.#act(() => {
      this.#more = more;
    });
  }

  /** Whether what may be needed next is asked as well. */
  get more() {
    return this.#more;
  }

  /** Whether there is an answer that `back` would take back. */
  get canGoBack() {
    const standing = new Set(this.record.standing().map((entry) => entry.id));
    return this.#pending !== null || this.#acts.some((act) => act.some((id) => standing.has(id)));
  }

  /** Take the last answer back, and ask it again. */
  back() {
    this.#act(() => {
      if (this.#pending !== null) {
        this.#pending = null;
        return;
      }
      const standing = new Map(this.record.standing().map((entry) => [entry.id, entry]));
      for (let act = this.#acts.pop(); act !== undefined; act = this.#acts.pop()) {
        const entries = act.flatMap((id) => standing.get(id) ?? []);
        if (entries.length) return this.#takeBack(entries, act);
      }
      throw new BadValue("KB611", "there is nothing to take back");
    });
  }

  /**
   * Put an earlier answer right: its question is asked again, and the answer replaces the entry.
   * @param {string} id The id of the entry.
   */
  correct(id) {
    this.#act(() => {
      this.#pending = this.#correction(this.#entryOf(id));
    });
  }

  /** Take an entry back. @param {string} id */
  remove(id) {
    this.#act(() => this.#takeBack([this.#entryOf(id)]));
  }

  /**
   * A recommended action was carried out: its drug is charted with the dose that is stated, or that is advised where
   * it is one number; where it is not known how much, or which option, that is asked.
   * @param {string} step
   * @param {string} [said] The dose, or the option.
   * @param {string | Moment | null} [at]
   */
  done(step, said = "", at = null) {
    this.#act(() => this.#carriedOut(this.#doStep(step), clean(said), this.#time(at)));
  }

  /**
   * A recommended action is not carried out; without a `reason` it is asked for.
   * @param {string} step
   * @param {string} [reason]
   */
  decline(step, reason = "") {
    this.#act(() => {
      const made = this.#doStep(step);
      if (clean(reason)) this.#declined(made, clean(reason));
      else this.#pending = question("reason", made.id, `Why is it declined: ${this.#prose(made.title)}?`, { step: made.id });
    });
  }

  /**
   * Chart a therapy, whatever is advised.
   * @param {"given" | "started" | "changed" | "stopped"} event
   * @param {string} drug
   * @param {string} [dose]
   * @param {{at?: string | Moment | null, route?: string}} [more]
   */
  therapy(event, drug, dose = "", { at = null, route = "" } = {}) {
    this.#act(() => {
      const known = this.#names.drug(drug);
      if (known === null) {
        const help = nearest(drug, this.#names.synonyms.keys());
        throw new BadValue("KB602", `${quoted(drug)} is a drug this protocol does not know`, help);
      }
      this.#therapy(event, known, clean(dose), this.#time(at), route);
    });
  }

  /**
   * Let time pass: `15 min`, or microseconds.
   * @param {string | bigint} time
   */
  wait(time) {
    this.#act(() => this.#letPass(this.now.plus(typeof time === "bigint" ? time : span(time))));
  }

  /** Set the clock: `14:05`, with its date if that is not today; it only goes forward. @param {string} text */
  setClock(text) {
    this.#act(() => this.#letPass(later(text, this.now)));
  }

  /** The clock of the caller, who lets it run by itself; skipped questions stay skipped. @param {string | Moment} now */
  tick(now) {
    this.#act(() => {
      const made = parseTime(now);
      if (made.micros > this.now.micros) this.now = made;
    });
  }

  /** Measure again what the reviews of all that was done want. @returns {readonly string[]} What is asked for it. */
  reassess() {
    this.#act(() => {
      /** @type {Set<string>} */
      const wanted = new Set();
      for (const entry of this.record.standing()) {
        if (!ACTED.includes(entry.event)) continue;
        // What was done is looked at again, also where its step is not reached while something else is not known.
        for (const step of this.program.steps) {
          const acted = [step.id, step.action?.drug ?? ""].includes(aboutOf(entry));
          for (const name of acted && step.review !== null ? step.review.measure : []) wanted.add(name);
        }
      }
      this.#aside.clear();
      this.#queue = [...wanted].filter((name) => !this.#chartedNow(name));
      if (!wanted.size) this.#notices.push("no review asks for anything now");
      else if (!this.#queue.length) {
        this.#notices.push("all that the reviews want was measured just now; let time pass first");
      }
    });
    return [...this.#queue];
  }

  /**
   * Go on with the protocol that is handed over to, on the same chart.
   * @param {Guideline} to
   */
  handOver(to) {
    this.#act(() => {
      if (!this.advice.hand_overs.some((item) => item.protocol === nameOf(to.program))) {
        throw new BadValue("KB602", `nothing is handed over to \`${nameOf(to.program)}\` now`);
      }
      this.record.handOver(to, this.now);
      this.#pending = null;
      this.#queue = [];
      this.#acts = [];
      this.#aside.clear();
      this.#settled = this.#checkedLocal();
      this.#say = this.#speaker();
    });
  }

  /**
   * Do something, then advise and ask anew. Where it is refused nothing has changed but the notices.
   * @param {() => void} act
   */
  #act(act) {
    this.#notices = [];
    act();
    this.advice = this.#advise();
    this.question = this.#next();
  }

  #advise() {
    return advise(this.record.guideline, this.record.chart(), { now: this.now, local: this.#local });
  }

  #checkedLocal() {
    const settled = readLocal(this.program, this.#local);
    const problems = settled.problems.map(({ code, path, message, help }) =>
      refusal(code, path.length ? String(path[path.length - 1]) : "", message, help),
    );
    if (problems.length) throw new ChartError(problems);
    return settled;
  }

  #speaker() {
    return new Speaker(this.program, settingsInForce(this.program, this.#settled));
  }

  /**
   * A text of the protocol; where a number in it has a unit of the hospital's, that too.
   * @param {string} text
   */
  #prose(text) {
    return proseBeside(this.#settled, this.#names, clean(text));
  }

  /** @param {string} drug @param {string} text */
  #doseText(drug, text) {
    return doseBeside(this.#settled, this.#names, drug, text);
  }

  get #names() {
    return dictionaryOf(this.program);
  }

  /**
   * @param {string | Moment | null} at
   * @returns {Moment | null}
   */
  #time(at) {
    return typeof at === "string" ? (at.trim() ? moment(at, this.now) : null) : at;
  }

  // ------------------------------------------------------------ which question is next

  /** @returns {Question | null} */
  #next() {
    if (this.#pending !== null) return this.#pending;
    while (this.#queue.length) {
      if (!this.#chartedNow(this.#queue[0])) return this.#question(this.#askOf(this.#queue[0]));
      this.#queue.shift();
    }
    if (this.advice.applies === false) return null;
    /** @type {Question | null} */
    let first = null;
    for (const ask of [...this.advice.asks, ...this.#ofScope()]) {
      if (!ask.now && !this.#more && !this.#onAnAssumption(ask)) continue;
      const made = this.#question(ask);
      if (this.#aside.has(keyOf(made))) continue;
      first ??= made;
      // What was asked stays asked while it is still open: an act never changes it under the fingers.
      if (this.question !== null && keyOf(made) === keyOf(this.question)) return made;
    }
    return first;
  }

  /** What could still show that the patient is outside the scope, where the protocol goes on without it. */
  #ofScope() {
    const { walk } = this.advice;
    return namesOf(walk, walk.undecided(walk.program.applies)).map((name) => askFor(walk.program, name));
  }

  /**
   * Whether a step that is reached only by assumption needs it: what it assumes may never be known.
   * @param {Ask} ask
   */
  #onAnAssumption(ask) {
    const { walk } = this.advice;
    return ask.decides.some((step) => walk.state(walk.plan.steps.get(step) ?? -1) === "assumed");
  }

  /** @param {string} name */
  #askOf(name) {
    return this.advice.asks.find((ask) => ask.name === name) ?? askFor(this.program, name);
  }

  /** @param {string} name */
  #chartedNow(name) {
    return this.record.standing().some((entry) => aboutOf(entry) === name && same(entry.at, this.now));
  }

  /**
   * An ask as something that a person can answer in a conversation.
   * @param {Ask} ask
   * @returns {Question}
   */
  #question(ask) {
    const told = ask.cause && !ask.cause.endsWith("has not been charted");
    const note = told ? this.#say.condition(ask.cause.replaceAll("`", "")) : "";
    const common = { ask: ask.name, decides: ask.decides, late: ask.overdue_by, note };
    const element = this.#names.elements.get(ask.name);
    if (element !== undefined) return this.#aboutData(element, common);
    const drug = this.#names.drugs.get(ask.name);
    if (drug !== undefined) return this.#aboutRate(drug, common);
    if (ask.name === RECORD) return this.#aboutRecord(ask, common);
    const text = clean(ask.question);
    if (ask.name.endsWith(".salt")) return question("salt", ask.name, text, { ...common, options: ask.options });
    const slot = this.program.slots[this.#names.slots.get(ask.name) ?? -1];
    if (slot === undefined || slot.feature === null) {
      return question("value", ask.name, text, { ...common, type: ask.type, unit: ask.unit, options: ask.options });
    }
    return this.#aboutPast(slot.feature, ask, common);
  }

  /**
   * Whether the record is complete; where that is charted or would not tell, what the record does not say.
   * @param {Ask} ask
   * @param {Common} common
   * @returns {Question}
   */
  #aboutRecord(ask, common) {
    const standing = this.record.standing().filter((entry) => entry.at.micros <= this.now.micros);
    const complete = standing.some((entry) => entry.element === RECORD && entry.value !== NOT_AVAILABLE);
    for (const [index, cause] of this.advice.walk.reading.causes) {
      const { feature } = this.program.slots[index];
      if (feature === null || !cause.asks.includes(RECORD) || cause.kind === NOT_AVAILABLE) continue;
      const seen = feature.of !== null && this.#lastRate(feature.of.id) !== null;
      if (!complete && !(feature.function === "since" && seen)) continue;
      const made = this.#aboutPast(feature, ask, common);
      if (!this.#aside.has(keyOf(made)) && made.name !== ask.name) return made;
    }
    const charted = standing.filter((entry) => entry.kind === "therapy").map((entry) => this.#chartedText(entry));
    const note = `charted: ${charted.length ? charted.join("; ") : "no drug or fluid so far"}`;
    return question("record", RECORD, clean(ask.question), { ...common, note });
  }

  /**
   * @param {Element} element
   * @param {Common} common
   * @returns {Question}
   */
  #aboutData(element, common) {
    const unit = this.#unit(element.id, element.unit);
    const options = element.options.length ? element.options : element.type === "boolean" ? ["yes", "no"] : [];
    let range = "";
    if (element.type === "number" || element.unit) {
      const low = element.low === null ? "" : formatDecimal(element.low);
      const high = element.high === null ? "" : formatDecimal(element.high);
      const span = low && high ? `${low} to ${high}` : low ? `from ${low}` : high ? `up to ${high}` : "a number";
      range = `${span} ${element.unit === "1" ? "" : element.unit}`.trim();
    }
    const text = this.#prose(element.question) || `${clean(element.label)}?`;
    const unobtainable = element.canBeUnobtainable;
    return question("value", element.id, text, { ...common, type: element.type, unit, options, range, unobtainable });
  }

  /**
   * @param {Drug} drug
   * @param {Common} common
   * @returns {Question}
   */
  #aboutRate(drug, common) {
    const text = `At what rate is ${this.#say.drug(drug.id)} running now?`;
    return question("rate", drug.id, text, { ...common, ...this.#dosed(drug, drug.rateUnit) });
  }

  /**
   * @param {Drug} drug
   * @param {string} unit
   */
  #dosed(drug, unit) {
    return { type: "number", unit: this.#unit(drug.id, unit), salts: drug.salts.map(([form]) => form) };
  }

  /**
   * A question about what was before this conversation: when something happened, or an earlier value.
   * @param {Feature} feature
   * @param {Ask} ask
   * @param {Common} common
   * @returns {Question}
   */
  #aboutPast(feature, ask, common) {
    const { elements } = this.#names;
    let event = feature.after ?? feature.window?.event ?? null;
    if (event === null && ["since", "total", "count"].includes(feature.function)) event = feature.of;
    if (event !== null) {
      const { kind, id } = event;
      if (kind === "step") {
        const step = this.program.steps.find((step) => step.id === id);
        const title = step === undefined ? id : this.#prose(step.title);
        return question("done", id, `When was this last done: ${title}?`, common);
      }
      const element = kind === "element" ? elements.get(id) : undefined;
      if (element !== undefined) return this.#aboutData(element, common);
      for (const drug of this.program.drugs) {
        if (drug.id !== id && !drug.classes.includes(id)) continue;
        const runs = this.#runsNow(drug);
        if (kind !== "given" && runs === null && drug.rateUnit) return this.#aboutRate(drug, common);
        const label = this.#say.drug(drug.id);
        if (kind !== "given" && runs) {
          const text = `When was ${label} last started, or changed?`;
          return question("began", drug.id, text, { ...common, ...this.#dosed(drug, drug.rateUnit) });
        }
        if (drug.amountUnit) {
          const text = `When was ${label} last given, and how much?`;
          return question("given", drug.id, text, { ...common, ...this.#dosed(drug, drug.amountUnit) });
        }
      }
    }
    const element = feature.of === null ? undefined : elements.get(feature.of.id);
    if (element === undefined) return question("earlier", ask.name, clean(ask.question), common);
    const unit = this.#unit(element.id, element.unit);
    const text = `What was ${this.#say.data(element.id)} before, and when?`;
    const { type, options } = element;
    return question("earlier", element.id, text, { ...common, type, unit, options });
  }

  /**
   * The unit in which data or a drug is asked for, and a bare number is read: the hospital's, else ours.
   * @param {string} name
   * @param {string} unit
   */
  #unit(name, unit) {
    return unitInUse(this.#settled, this.#names, name, unit);
  }

  /**
   * Whether a drug runs now; null where that is not known.
   * @param {Drug} drug
   */
  #runsNow(drug) {
    const { walk } = this.advice;
    const index = walk.plan.rates.get(drug.id);
    const rate = index === undefined ? null : walk.row[index];
    if (rate !== null) return Boolean(rate);
    const last = this.#lastRate(drug.id);
    return last === null ? null : last.event !== "stopped";
  }

  /**
   * @param {string} drug
   * @returns {Entry | null}
   */
  #lastRate(drug) {
    /** @type {Entry | null} */
    let last = null;
    for (const entry of this.record.standing()) {
      if (entry.kind !== "therapy" || entry.event === "given" || entry.at.micros > this.now.micros) continue;
      if (this.#names.drug(entry.drug)?.id !== drug) continue;
      if (last === null || entry.at.micros > last.at.micros) last = entry;
    }
    return last;
  }

  // ------------------------------------------------------------ answers

  /**
   * @param {Question} asked
   * @param {string} text
   * @param {Moment | null} told When it was so, where that was said.
   */
  #answer(asked, text, told) {
    if (asked.name === CARE_AREA) return this.#inCareArea(asked, text);
    if (asked.form === "option") return this.#chosen(asked, text, told);
    if (asked.form === "reason") return this.#declined(this.#doStep(asked.step), text);
    if (asked.form === "dose") {
      const step = this.#doStep(asked.step);
      const option = step.action?.options.find((option) => option.id === asked.option);
      this.#settlePending(asked);
      try {
        return this.#carriedOut(step, quantity(text, asked.unit), told, option?.action ?? null);
      } catch (refused) {
        this.#pending = asked;
        throw refused;
      }
    }
    if (text.toLowerCase() === NOT_AVAILABLE && asked.form !== "amount") {
      const name = asked.ask || asked.name;
      return this.#write(asked, [observation(name, NOT_AVAILABLE, told ?? this.now)], told !== null);
    }
    const old = this.record.standing().find((entry) => entry.id === asked.corrects);
    const at = told ?? old?.at ?? this.now;
    if (!text && asked.form !== "done") throw new BadValue("KB606", "it says when, but not what", "give the value too");
    const made = this.#heard(asked, text, at, told !== null);
    if (made.length) this.#write(asked, made, told !== null);
  }

  /**
   * The entries that an answer amounts to; none where it says that something never happened.
   * @param {Question} asked
   * @param {string} text
   * @param {Moment} at
   * @param {boolean} stated Whether the time was said.
   * @returns {EntryData[]}
   */
  #heard(asked, text, at, stated) {
    const never = text.toLowerCase() === "never";
    switch (asked.form) {
      case "rate":
        return [this.#heardRate(this.#drugOf(asked), text, asked.unit, at)];
      case "salt":
        return [observation(asked.name, text.toLowerCase().replace(/^as /, ""), at)];
      case "record":
        return this.#heardRecord(text);
      case "began":
        return never ? this.#never(asked) : this.#heardBegan(asked, text, at, stated);
      case "given": {
        if (never) return this.#never(asked);
        if (!stated) throw new BadValue("KB608", `${quoted(text)} does not say when`, "give its time too");
        const amount = quantity(text, asked.unit);
        return [{ kind: "therapy", event: "given", drug: asked.name, amount, at }];
      }
      case "done":
        if (never) return this.#never(asked);
        return [this.#stepEntry(asked.name, "done", stated ? at : moment(text.replace(/^at /, ""), this.now))];
      case "amount": {
        const { id, replaces, recorded, ...kept } = entryJson(this.#entryOf(asked.corrects));
        return [{ ...kept, amount: quantity(text, asked.unit), at }];
      }
      case "earlier":
        if (!stated) throw new BadValue("KB608", `${quoted(text)} does not say when`, "give its time too");
    }
    const element = this.#names.elements.get(asked.name);
    if (element === undefined) throw new BadValue("KB602", `${quoted(asked.name)} cannot be charted`, "leave it open");
    return [observation(element.id, this.#value(element, text, asked.unit), at)];
  }

  /**
   * @param {Element} element
   * @param {string} text
   * @param {string} unit
   * @returns {string | boolean}
   */
  #value(element, text, unit) {
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
        return moment(text, this.now).isoformat();
      default:
        return quantity(text, unit);
    }
  }

  /**
   * @param {Drug} drug
   * @param {string} text
   * @param {string} unit
   * @param {Moment} at
   * @returns {EntryData}
   */
  #heardRate(drug, text, unit, at) {
    const word = text.toLowerCase();
    const entry = { kind: "therapy", drug: drug.id, at };
    if (GONE.has(word)) return { ...entry, event: "running", rate: "0" };
    if (word === "stopped" || word === "stop") return { ...entry, event: "stopped" };
    return { ...entry, event: "running", ...this.#rate(drug, text, unit, at) };
  }

  /**
   * `0.08 mcg/kg/min as base`, `5 mL/h of 4 mg/50 mL`; a bare number in `unit`.
   * @param {Drug} drug
   * @param {string} text
   * @param {string} unit
   * @param {Moment} at
   * @returns {{rate: string, concentration?: string}}
   */
  #rate(drug, text, unit, at) {
    const [stated, strength] = partition(text, " of ");
    const [number, form] = partition(stated, " as ");
    const rate = `${quantity(number.trim(), unit)}${form === null ? "" : ` as ${form}`}`.trim();
    const made = strength === null ? { rate } : { rate, concentration: strength.trim() };
    const dose = this.#mark({ kind: "therapy", event: "running", drug: drug.id, at, id: "x", ...made })?.dose ?? null;
    const byVolume = dose !== null && dose.form === "volume" && dose.scaled === null && dose.strength === null;
    if (byVolume && !this.advice.walk.reading.strengths.has(drug.id)) {
      const help = `add \`of 4 mg/50 mL\` as it is on the syringe, or give the rate in ${drug.rateUnit}`;
      throw new BadValue("KB605", `${quoted(stated)} needs the concentration`, help);
    }
    return made;
  }

  /**
   * An entry as the chart's rules read it; a ChartError where it is refused.
   * @param {EntryData} entry
   * @returns {Mark | null}
   */
  #mark(entry) {
    const at = entry.at instanceof Moment ? entry.at.isoformat() : entry.at;
    const found = parseChart(this.program, { entries: [{ ...entry, at }] }, this.now, false);
    return found.marks[0] ?? null;
  }

  /**
   * @param {string} text
   * @returns {EntryData[]}
   */
  #heardRecord(text) {
    const word = text.toLowerCase();
    if (YES.has(word) || word === "complete") return [observation(RECORD, "complete", this.now)];
    if (NO.has(word)) {
      this.#notices.push("chart what is missing, with its time; then say that the record is complete");
      return [observation(RECORD, NOT_AVAILABLE, this.now)];
    }
    const from = moment(word.replace(/^since /, "").replace(/^from /, ""), this.now);
    return [observation(RECORD, from.isoformat(), this.now)];
  }

  /**
   * `started`, `raised from 0.02 units/min`: what runs now began then.
   * @param {Question} asked
   * @param {string} text
   * @param {Moment} at
   * @param {boolean} stated
   * @returns {EntryData[]}
   */
  #heardBegan(asked, text, at, stated) {
    const drug = this.#drugOf(asked);
    const last = this.#lastRate(drug.id);
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
    const rate = this.#rate(drug, former.trim(), asked.unit || drug.rateUnit, at);
    const before = { kind: "therapy", event: "running", drug: drug.id, at: at.plus(-SECOND), ...rate };
    return [before, { ...entry, event: "changed" }];
  }

  /**
   * That something never happened is known only of a record that is complete.
   * @param {Question} asked
   * @returns {EntryData[]}
   */
  #never(asked) {
    this.#aside.add(keyOf(asked));
    const said = this.record.standing().some((entry) => entry.element === RECORD);
    if (["began", "given"].includes(asked.form) && !said) {
      this.#notices.push("that counts where the record is known to be complete");
      this.#queue.unshift(RECORD);
    }
    return [];
  }

  /**
   * The care area is a local setting, not an entry.
   * @param {Question} asked
   * @param {string} text
   */
  #inCareArea(asked, text) {
    if (text.toLowerCase() !== NOT_AVAILABLE) {
      const before = this.#local;
      this.#local = new Map([...(asMapping(before) ?? []), [CARE_AREA, text]]);
      try {
        this.#settled = this.#checkedLocal();
      } catch (refused) {
        this.#local = before;
        throw refused;
      }
    }
    this.#aside.add(keyOf(asked));
  }

  /** @param {Question} asked */
  #drugOf(asked) {
    return /** @type {Drug} */ (this.#names.drugs.get(asked.name));
  }

  /**
   * @param {string} step
   * @param {string} event
   * @param {Moment} at
   * @returns {EntryData}
   */
  #stepEntry(step, event, at) {
    return { kind: "step", event, step, protocol: this.program.id, at };
  }

  /**
   * Chart entries, and go on to the next question.
   * @param {Question | null} asked
   * @param {EntryData[]} made
   * @param {boolean} exact Whether their time was said: then it stays as it is.
   */
  #write(asked, made, exact) {
    const corrects = asked?.corrects ?? "";
    for (const said of made) this.#checkForm(said);
    const before = this.now;
    try {
      const placed = made.map((entry) => this.#placed(entry, exact, corrects));
      if (corrects) placed[placed.length - 1].replaces = corrects;
      this.#acts.push(this.record.append(placed));
    } catch (refused) {
      this.now = before;
      throw refused;
    }
    if (asked === null) return;
    this.#settlePending(asked);
    // Asked once; where the answer does not settle it, that is told, and it is not asked again at once.
    this.#aside.add(keyOf(asked));
    if (this.#queue[0] === asked.name) this.#queue.shift();
  }

  /**
   * Refuse a salt form of a drug that has none: whoever says it may mean another drug.
   * @param {EntryData} entry
   */
  #checkForm(entry) {
    const [named, ofSalt] = partition(String(entry.element ?? ""), ".salt");
    const drug = this.#names.drug(String(entry.drug || (ofSalt === null ? "" : named)));
    const stated = String(entry.rate || entry.amount || "");
    const says = ofSalt !== null && entry.value !== NOT_AVAILABLE;
    if (drug !== null && !drug.salts.length && (says || entry.salt || stated.includes(" as "))) {
      throw new BadValue("KB612", `\`${drug.id}\` has no salt forms in this protocol`, "leave the form out");
    }
  }

  /** @param {Question | null} asked */
  #settlePending(asked) {
    if (asked === this.#pending) this.#pending = null;
  }

  /**
   * An entry beside those of the same instant: a second value corrects the first, an action comes after it.
   * @param {EntryData} made
   * @param {boolean} exact
   * @param {string} corrects
   * @returns {EntryData}
   */
  #placed(made, exact, corrects) {
    const entry = { ...made };
    const about = entry.element || entry.drug;
    if (!about || entry.event === "given") return entry;
    for (const other of this.record.standing()) {
      const here = same(other.at, /** @type {Moment} */ (entry.at));
      if (other.id === corrects || !here || other.kind !== entry.kind || aboutOf(other) !== about) continue;
      if (other.event === "given") continue;
      if (about === RECORD && [entry.value, other.value].includes(NOT_AVAILABLE)) continue;
      if (entry.kind === "observation" || (entry.event === "running" && other.event === "running")) {
        entry.replaces = other.id;
      } else if (exact) {
        const help = `give another time, or correct \`${other.id}\``;
        throw new BadValue("KB614", `\`${about}\` was charted at that time already`, help);
      } else {
        const after = /** @type {Moment} */ (entry.at).plus(SECOND);
        if (after.micros > this.now.micros) this.now = this.now.plus(after.micros - this.now.micros);
        entry.at = this.now;
      }
    }
    return entry;
  }

  // ------------------------------------------------------------ what was done

  /**
   * Chart that a step was carried out.
   * @param {Step} step
   * @param {string} said
   * @param {Moment | null} told
   * @param {Action | null} [chosen] That of an option.
   */
  #carriedOut(step, said, told, chosen = null) {
    const action = chosen ?? /** @type {Action} */ (step.action);
    if (action.verb === "choose") {
      if (said) return this.#chosen(question("option", step.id, "", { step: step.id }), said, told);
      const options = action.options.map((option) => option.id);
      this.#pending = question("option", step.id, `Which was it: ${this.#prose(step.title)}?`, { options, step: step.id });
      return;
    }
    if (action.verb === "measure" || action.verb === "exclude") {
      this.#queue = action.subject.filter((name) => !this.#chartedNow(name));
      this.#aside.clear();
      this.#notices.push("what was found counts once it is charted");
      return;
    }
    const drug = this.#names.drugs.get(action.drug);
    const at = told ?? this.now;
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
        const stated = said || this.#advised(step, chosen);
        if (!stated) {
          this.#pending = this.#howMuch(step, drug, amount, unit, chosen);
          return;
        }
        if (bare(stated) && this.#unit(drug.id, unit) !== unit) {
          const help = `write ${stated} ${unit}, or ${stated} ${this.#unit(drug.id, unit)}`;
          throw new BadValue("KB604", `${quoted(stated)} does not say in which unit`, help);
        }
        const event = amount ? "given" : this.#runsNow(drug) ? "changed" : "started";
        /** @type {EntryData} */
        const dose = amount ? { amount: quantity(stated, unit) } : this.#rate(drug, stated, unit, at);
        if (action.salt && drug.salts.length && !stated.includes(" as ")) dose.salt = action.salt;
        made.push({ ...entry, event, ...dose });
      }
    }
    made.push(this.#stepEntry(step.id, "done", at));
    this.#write(null, made, told !== null);
  }

  /**
   * The dose that is advised, where it is one number that is given at once; else nothing.
   * @param {Step} step
   * @param {Action | null} chosen
   */
  #advised(step, chosen) {
    const dose = chosen === null ? this.#item(step.id)?.dose : null;
    if (!dose || dose.rounded === null || dose.each || (dose.high !== null && dose.high !== dose.rounded)) return "";
    return `${dose.rounded} ${dose.unit}`;
  }

  /** @param {string} step */
  #item(step) {
    return this.advice.actions.find((item) => item.step === step);
  }

  /**
   * @param {Step} step
   * @param {Drug} drug
   * @param {boolean} amount
   * @param {string} unit
   * @param {Action | null} chosen
   * @returns {Question}
   */
  #howMuch(step, drug, amount, unit, chosen) {
    const option = step.action?.options.find((option) => option.action === chosen)?.id ?? "";
    const item = this.#item(step.id);
    const dose = option ? item?.options.find((ranked) => ranked.id === option)?.dose : item?.dose;
    const parts = [dose?.text, dose?.each].filter(Boolean).map((part) => this.#doseText(drug.id, clean(part ?? "")));
    const note = dose ? `advised: ${parts.join(", each ")}` : "";
    const label = this.#say.drug(drug.id);
    const text = amount ? `How much ${label} was given?` : `To what rate was ${label} set?`;
    return question("dose", drug.id, text, { ...this.#dosed(drug, unit), unit, note, step: step.id, option });
  }

  /**
   * @param {Question} asked
   * @param {string} text An option's id, then perhaps the dose.
   * @param {Moment | null} told
   */
  #chosen(asked, text, told) {
    const step = this.#doStep(asked.step);
    const options = [...(step.action?.options ?? [])].sort((left, right) => right.id.length - left.id.length);
    const word = text.toLowerCase();
    for (const option of options) {
      const id = option.id.toLowerCase();
      if (word !== id && !word.startsWith(`${id} `) && word !== clean(option.title).toLowerCase()) continue;
      const before = this.#pending;
      this.#pending = null;
      try {
        this.#carriedOut(step, word.startsWith(id) ? text.slice(id.length).trim() : "", told, option.action);
      } catch (refused) {
        this.#pending = before;
        throw refused;
      }
      return;
    }
    const ids = (step.action?.options ?? []).map((option) => option.id);
    const help = nearest(word, ids) || `it is one of ${ids.join(", ")}`;
    throw new BadValue("KB603", `${quoted(text)} is not one of the options`, help);
  }

  /**
   * @param {Step} step
   * @param {string} reason
   */
  #declined(step, reason) {
    this.#write(null, [{ ...this.#stepEntry(step.id, "declined", this.now), reason }], false);
    this.#pending = null;
  }

  /**
   * @param {string} event
   * @param {Drug} drug
   * @param {string} dose
   * @param {Moment | null} told
   * @param {string} route
   */
  #therapy(event, drug, dose, told, route) {
    const at = told ?? this.now;
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
      Object.assign(entry, this.#rate(drug, dose, "", at));
    }
    this.#write(null, [entry], told !== null);
  }

  /** @param {Moment} to */
  #letPass(to) {
    if (to.isoformat().slice(0, 4) > LAST_YEAR) throw new BadValue("KB608", "no patient lives that long");
    this.now = to;
    this.#aside.clear();
  }

  // ------------------------------------------------------------ putting right

  /**
   * Retract entries; what they had corrected stands again, unless it came with them in one `act`.
   * @param {readonly Entry[]} entries
   * @param {readonly string[]} [act]
   */
  #takeBack(entries, act = []) {
    const known = new Map(this.record.entries.map((entry) => [entry.id, entry]));
    const made = entries.map((entry) => ({ at: entry.at, retracts: entry.id }));
    /** @type {EntryData[]} */
    const back = [];
    for (const entry of entries) {
      const old = known.get(entry.replaces);
      if (old === undefined || act.includes(old.id)) continue;
      const { id, replaces, recorded, ...kept } = entryJson(old);
      back.push(kept);
    }
    const ids = new Set(this.record.append([...made, ...back]));
    const restored = this.record.standing().filter((entry) => ids.has(entry.id) && entry.kind !== "protocol");
    if (restored.length) this.#acts.push(restored.map((entry) => entry.id));
    this.#aside.clear();
    const [entry] = entries;
    const asked = this.#names.elements.has(aboutOf(entry)) || this.#names.drugs.has(aboutOf(entry));
    const alone = entries.length === 1 && !restored.length && ["", "running"].includes(entry.event);
    if (asked && alone) this.#queue.unshift(aboutOf(entry));
  }

  /**
   * @param {string} id
   * @returns {Entry}
   */
  #entryOf(id) {
    const found = this.record.standing().find((entry) => entry.id === id && entry.kind !== "protocol");
    if (found === undefined) throw new BadValue("KB611", `nothing that is charted has the id ${quoted(id)}`);
    return found;
  }

  /**
   * The question whose answer replaces an entry.
   * @param {Entry} entry
   * @returns {Question}
   */
  #correction(entry) {
    if (entry.kind === "step") {
      throw new BadValue("KB611", "what was done is taken back, not corrected", "remove it");
    }
    const drug = entry.drug ? this.#names.drug(entry.drug) : null;
    if (entry.drug && drug === null) {
      throw new BadValue("KB602", `${quoted(entry.drug)} is a drug this protocol does not know`, "remove it");
    }
    if (drug !== null && entry.event === "given") {
      const text = `How much ${this.#say.drug(drug.id)} was given?`;
      const dosed = { ...this.#dosed(drug, drug.amountUnit), unit: drug.amountUnit };
      return question("amount", drug.id, text, { ...dosed, corrects: entry.id });
    }
    const made = this.#question(askFor(this.program, drug === null ? entry.element : drug.id));
    return { ...made, corrects: entry.id };
  }

  /**
   * @param {string} id
   * @returns {Step}
   */
  #doStep(id) {
    const step = this.program.steps.find((step) => step.id === id);
    if (step === undefined || step.kind !== "do") {
      throw new BadValue("KB602", `${quoted(id)} is nothing that is done in this protocol`);
    }
    return step;
  }

  /**
   * The name under which something is charted.
   * @param {string} name
   */
  #known(name) {
    const { elements, synonyms } = this.#names;
    const word = name.trim();
    if (elements.has(word) || word === RECORD || word === CARE_AREA) return word;
    const drug = this.#names.drug(word.replace(/\.salt$/, ""));
    if (drug !== null) return drug.id + (word.endsWith(".salt") ? ".salt" : "");
    const help = nearest(word, [...elements.keys(), ...synonyms.keys()]);
    throw new BadValue("KB602", `${quoted(name)} is unknown to this protocol`, help);
  }

  // ------------------------------------------------------------ a chart taken in

  /** @param {unknown} data A chart with times, or a mapping of what is known now. */
  #take(data) {
    const given = asMapping(typeof data === "string" ? JSON.parse(data) : data);
    const listed = given?.get("entries");
    if (given !== null && !given.has("entries")) {
      this.record.append(this.#ofMoment(given));
    } else {
      // Its form first, all of it: what is wrong is told together.
      parseChart(this.program, data, this.now, false, this.#settled.bindings);
      const entries = /** @type {unknown[]} */ (listed).map((item) => Object.fromEntries(asMapping(item) ?? []));
      const from = given?.get("complete_from");
      if (from !== null && from !== undefined) entries.push(observation(RECORD, String(from), this.now));
      this.record.append(originalsFirst(entries));
    }
  }

  /**
   * A mapping of what is known now as entries.
   * @param {ReadonlyMap<string, unknown>} given
   * @returns {EntryData[]}
   */
  #ofMoment(given) {
    const names = this.#names;
    const parsed = parseChart(this.program, given, this.now, false, this.#settled.bindings);
    if (parsed.features.size) {
      const told = [...parsed.features.keys()].map((index) => this.program.slots[index].name);
      const message = `a chart with times is needed for ${listed(told.map(quoted))}`;
      throw new ChartError([refusal("KB619", told[0], message, "leave it out; it will be asked for")]);
    }
    const at = this.now;
    /** @type {EntryData[]} */
    const made = [];
    for (const [raw, value] of given) {
      const key = raw.trim().split(/\s+/u).join(" ");
      const drug = names.drug(key);
      if (value === null) continue;
      if (names.elements.has(key) || key === RECORD || key.endsWith(".salt")) {
        if (key !== RECORD || value !== "not complete") made.push({ ...observation(key, "", at), value });
      } else if (drug !== null && value === NOT_AVAILABLE) {
        made.push(observation(drug.id, NOT_AVAILABLE, at));
      } else if (drug !== null) {
        const parts = Object.fromEntries(asMapping(value) ?? [["rate", value]]);
        const concentration = given.get(`${drug.id}.concentration`);
        if (concentration && !parts.concentration) parts.concentration = concentration;
        made.push({ kind: "therapy", event: "running", drug: drug.id, ...parts, at });
      }
    }
    return made;
  }

  // ------------------------------------------------------------ entries in words

  /** @param {Entry} entry */
  #chartedText(entry) {
    return `${this.#content(entry)}, at ${this.#clockTime(entry.at)}`;
  }

  /**
   * `14:05`; with the day where that is another.
   * @param {Moment} at
   */
  #clockTime(at) {
    const here = new Moment(at.micros, this.now.offset);
    return here.date() === this.now.date() ? clock(here) : dayAndClock(here);
  }

  /**
   * `MAP 58 mmHg`.
   * @param {Entry} entry
   * @returns {string}
   */
  #content(entry) {
    const { elements } = this.#names;
    if (entry.kind === "observation") {
      if (entry.element === RECORD) {
        if (entry.value === NOT_AVAILABLE) return "the record of what was given and runs is not known to be complete";
        const start = entry.value === "complete" ? "" : ` from ${clean(String(entry.value))} on`;
        return `the record of what was given and runs is complete${start}`;
      }
      const element = elements.get(entry.element);
      if (element !== undefined) return `${this.#say.data(entry.element)} ${this.#shown(element, entry)}`;
      return `${this.#say.condition(entry.element.replace(".salt", " charted as"))} ${clean(String(entry.value))}`;
    }
    if (entry.kind === "therapy") {
      const drug = this.#names.drug(entry.drug);
      const label = drug === null ? clean(entry.drug) : this.#say.drug(drug.id);
      if (entry.event === "running" && entry.rate === "0") return `${label} not running`;
      const dose = drug === null ? entry.rate || entry.amount : this.#doseShown(drug, entry);
      const salt = entry.salt ? `as ${entry.salt}` : "";
      const of = entry.concentration ? `of ${entry.concentration}` : "";
      const words = [label, dose, salt, of, entry.route.toUpperCase(), entry.event];
      return words.filter(Boolean).map(clean).join(" ");
    }
    if (entry.kind === "step") {
      const step = this.program.steps.find((step) => step.id === entry.step);
      const reason = entry.reason ? ` (${clean(entry.reason)})` : "";
      return `${entry.event}: ${step === undefined ? clean(entry.step) : this.#prose(step.title)}${reason}`;
    }
    return `${entry.event} ${aboutOf(entry)}`;
  }

  /**
   * A value as it was said, and in the unit of the protocol where that is another.
   * @param {Element} element
   * @param {Entry} entry
   */
  #shown(element, entry) {
    if (entry.value === true || entry.value === "true") return "yes";
    if (entry.value === false || entry.value === "false") return "no";
    const text = clean(String(entry.value));
    if (element.type !== "number" && !element.unit) return text.replaceAll("_", " ");
    const value = this.#mark({ ...entryJson(entry), replaces: null })?.value ?? null;
    return typeof value === "bigint" ? this.#beside(element.id, text, element.unit, value) : text;
  }

  /**
   * A rate or amount as it was said; where the hospital shows the drug in a unit of its own, in both.
   * @param {Drug} drug
   * @param {Entry} entry
   */
  #doseShown(drug, entry) {
    const text = clean(entry.rate || entry.amount || "");
    const ours = entry.rate ? drug.rateUnit : drug.amountUnit;
    if (!text || this.#unit(drug.id, ours) === ours) return text;
    const scaled = this.#mark({ ...entryJson(entry), replaces: null })?.dose?.scaled ?? null;
    return scaled === null ? text : this.#beside(drug.id, text, ours, scaled);
  }

  /**
   * @param {string} name
   * @param {string} text
   * @param {string} ours
   * @param {bigint} scaled
   */
  #beside(name, text, ours, scaled) {
    const unit = partition(text, " ")[1];
    if (unit && unit !== ours) return `${text} (= ${this.#short(name, scaled)} ${ours})`;
    const own = inLocalUnit(this.#settled, this.#names, name, ours, scaled);
    return own ? `${text} (= ${own})` : text;
  }

  /**
   * A number for the eye: four figures at least, never more than two places after them; in full where it would look
   * like a number that it is compared with, and is not.
   * @param {string} name
   * @param {bigint} scaled
   */
  #short(name, scaled) {
    const exact = formatDecimal(scaled);
    const [whole, places] = partition(exact, ".");
    const keep = Math.max(1, 4 - whole.replace(/^[-0]+/, "").length);
    if (places === null || places.length <= keep) return exact;
    const step = SCALE / 10n ** BigInt(keep);
    const rounded = roundHalfEven(scaled, step) * step;
    if (this.#names.edges(name).has(rounded)) return exact;
    const [left, right] = partition(formatDecimal(rounded), ".");
    return `${left}.${(right ?? "").padEnd(keep, "0")}`;
  }
}

/**
 * @param {Form} form
 * @param {string} name
 * @param {string} text
 * @param {Partial<Question>} more
 * @returns {Question}
 */
function question(form, name, text, more) {
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
function keyOf(asked) {
  return `${asked.form} ${asked.name}`;
}

/**
 * @param {string} element
 * @param {string | boolean} value
 * @param {Moment} at
 * @returns {EntryData}
 */
function observation(element, value, at) {
  return { kind: "observation", element, value, at };
}

/**
 * What stands before and after the first `mark`; null after it where there is none.
 * @param {string} text
 * @param {string} mark
 * @returns {[before: string, after: string | null]}
 */
function partition(text, mark) {
  const place = text.indexOf(mark);
  return place < 0 ? [text, null] : [text.slice(0, place), text.slice(place + mark.length)];
}

/**
 * @param {Moment} left
 * @param {Moment} right
 */
function same(left, right) {
  return left.micros === right.micros;
}

/**
 * @param {Entry} left
 * @param {Entry} right
 */
function byTime(left, right) {
  return left.at.micros < right.at.micros ? -1 : left.at.micros > right.at.micros ? 1 : 0;
}

/**
 * Entries so that each stands after what it corrects.
 * @param {readonly EntryData[]} entries
 * @returns {EntryData[]}
 */
function originalsFirst(entries) {
  const known = new Set(entries.map((entry) => entry.id));
  const placed = new Set();
  /** @type {EntryData[]} */
  const made = [];
  let left = [...entries];
  while (left.length) {
    const ready = left.filter(({ replaces, retracts }) => {
      const target = replaces || retracts;
      return !target || placed.has(target) || !known.has(target);
    });
    if (!ready.length) return [...made, ...left]; // they correct each other; the record says so
    for (const entry of ready) placed.add(entry.id);
    made.push(...ready);
    left = left.filter((entry) => !ready.includes(entry));
  }
  return made;
}
