/**
 * From a chart to the flat row a Program reads: what is current, what is running, what has happened. As kb/folds.py.
 *
 * Each slot is one fold over the chart (design rules 5 to 8, 14). What is not known comes with its cause and with the
 * names under which an answer would be charted. Nothing here decides anything clinical.
 */

import { ChartError, RECORD } from "./chart.js";
import { evaluate, slotsOf, undecided } from "./evaluate.js";
import { problemRefusal, readLocal } from "./local.js";
import { SCALE } from "./program.js";
import { Index, dictionaryOf, plain, settle } from "./reading.js";
import { sameDimension } from "./units.js";
import { Fraction, ZERO, divmod, formatDuration } from "./values.js";

/** @typedef {import("./chart.js").NotUsed} NotUsed */
/** @typedef {import("./chart.js").Refusal} Refusal */
/** @typedef {import("./local.js").Local} Local */
/** @typedef {import("./program.js").Drug} Drug */
/** @typedef {import("./program.js").Event} Event */
/** @typedef {import("./program.js").Expr} Expr */
/** @typedef {import("./program.js").Feature} Feature */
/** @typedef {import("./program.js").Program} Program */
/** @typedef {import("./program.js").Row} Row */
/** @typedef {import("./program.js").Slot} Slot */
/** @typedef {import("./program.js").Step} Step */
/** @typedef {import("./program.js").Value} Value */
/** @typedef {import("./program.js").Window} Window */
/** @typedef {import("./reading.js").Mark} Mark */
/** @typedef {import("./reading.js").ParsedChart} ParsedChart */
/** @typedef {import("./reading.js").Strength} Strength */
/** @typedef {import("./times.js").Moment} Moment */

/**
 * What a step rested on at a time, as text: where it differs between a refusal and now, the refusal stands no longer.
 * @typedef {(at: Moment, step: string) => string} Reasons
 */

/**
 * Why a slot is not known.
 *
 * `kind`: never charted, stale, unobtainable, not available, conflict, refused, salt form, weight, local policy, not
 * recorded, not re-measured or no start. `asks`: names under which an answer would be charted. `age`: scaled seconds
 * since the last entry, where there is one.
 * @typedef {{kind: string, asks: readonly string[], text: string, age: bigint | null}} Cause
 */

/**
 * One chart at one time as a Program sees it.
 *
 * `row`: a value per slot; definitions and order attributes are left unknown. `causes` has an entry for every other
 * unknown slot. `times`: when the value was charted. `lowerBounds`: scaled, for counts and totals with a gap.
 * `assumedSlots`: taken for zero because nothing is charted (`absent: 0`). `refused` and `refusals`: names and details
 * of what lenient reading left out; so `notUsed`, `unused`.
 * @typedef {object} Reading
 * @property {Row} row
 * @property {ReadonlyMap<number, Cause>} causes
 * @property {ReadonlyMap<number, Moment | null>} times
 * @property {ReadonlyMap<number, bigint>} lowerBounds
 * @property {readonly string[]} refused
 * @property {readonly string[]} notUsed
 * @property {readonly string[]} assumptions
 * @property {Moment | null} episode
 * @property {readonly number[]} assumedSlots
 * @property {Local} local
 * @property {ReadonlyMap<string, Strength>} strengths
 * @property {readonly Refusal[]} refusals
 * @property {readonly NotUsed[]} unused
 */

/**
 * How far a review has come: `base` is what it counts from; `overdueBy` plain seconds, null before it is due.
 * @typedef {object} Rounds
 * @property {Moment} base
 * @property {Moment} due
 * @property {readonly string[]} measure
 * @property {readonly string[]} missing
 * @property {Fraction | null} overdueBy
 */

/**
 * A value, or why there is none; the time of the mark it comes from; the least a sum can be; taken from absence.
 * @typedef {{value: Value, cause: Cause | null, time: Moment | null, bound: bigint | null, assumed: boolean}} Found
 */

/**
 * When something last happened.
 * @typedef {{state: "known" | "never" | "unknown", at: bigint | null, time: Moment | null}} When
 */

/** @param {string} kind @param {readonly string[]} [asks] @param {string} [text] @param {bigint | null} [age]
 * @returns {Cause} */
const cause = (kind, asks = [], text = "", age = null) => ({ kind, asks, text, age });

/** @param {Value} value @param {Moment | null} [time] @returns {Found} */
const found = (value, time = null) => ({ value, cause: null, time, bound: null, assumed: false });

/** @param {Cause} why @param {Moment | null} [time] @param {bigint | null} [bound] @returns {Found} */
const missing = (why, time = null, bound = null) => ({ value: null, cause: why, time, bound, assumed: false });

/** @param {Mark} mark @returns {When} */
const known = (mark) => ({ state: "known", at: mark.at, time: mark.time });
/** @type {When} */
const NEVER = { state: "never", at: null, time: null };
/** @type {When} */
const UNKNOWN = { state: "unknown", at: null, time: null };

const SETTLED = ["unobtainable", "not available", "local policy"];
const ANSWERS = ["salt form", "weight", "unobtainable", "not available"];
const ACTS = ["started", "changed"];

/**
 * Read `chart` at `now` into a row. Throws ChartError: `local` names what the protocol does not have, or values outside
 * their range; where the chart was read leniently only for what would make advice less careful: limits, care area,
 * bindings.
 * @param {Program} program
 * @param {ParsedChart} chart as `parseChart` gives it
 * @param {Moment | null} [now] a mapping without times does without
 * @param {unknown} [local] what a hospital has settled
 * @param {Reasons | null} [reasons] see design rule 14
 * @returns {Reading}
 */
export function buildRow(program, chart, now = null, local = null, reasons = null) {
  return new Fold(program, chart, now, local, reasons).reading();
}

/** One reading of one chart at one time. */
class Fold {
  /**
   * @param {Program} program
   * @param {ParsedChart} chart
   * @param {Moment | null} now
   * @param {unknown} local
   * @param {Reasons | null} reasons
   */
  constructor(program, chart, now, local, reasons) {
    this.program = program;
    this.chart = chart;
    this.reasons = reasons;
    this.slots = program.slots;
    this.names = dictionaryOf(program);
    this.time = now;
    this.now = now === null ? chart.last : now.scaled;
    const later = !chart.moment && chart.last > this.now;
    this.index = later ? new Index(chart.marks.filter((mark) => mark.at <= this.now)) : chart.standing;
    this.local = readLocal(program, local);
    this.problems = this.local.problems.map(problemRefusal);
    if (this.local.problems.some((problem) => problem.grave)) throw new ChartError(this.problems);
    this.parameters = this.local.parameters;
    /** @type {Row} */
    this.row = this.slots.map(() => null);
    /** @type {Map<number, Cause>} */
    this.causes = new Map();
    /** @type {Map<number, Moment | null>} */
    this.times = new Map();
    /** @type {Map<number, bigint>} */
    this.bounds = new Map();
    /** @type {Set<string>} */
    this.assumptions = new Set();
    /** @type {Set<number>} */
    this.assumed = new Set();
    const starts = this.index.of("record", "").map((mark) => /** @type {bigint} */ (mark.value));
    if (chart.completeFrom !== null) starts.push(chart.completeFrom);
    this.recordFrom = starts.length ? starts.reduce((least, each) => (each < least ? each : least)) : null;
  }

  // ------------------------------------------------------------ the row

  /** @returns {Reading} */
  reading() {
    const { chart } = this;
    const assumptions = this.fill();
    for (const index of this.names.defines) this.row[index] = null; // they were filled in for the slots that need them
    if (this.problems.length && !chart.lenient) throw new ChartError(this.problems);
    const refusals = [...chart.refused, ...this.problems];
    const late = chart.moment ? [] : chart.marks.filter((mark) => mark.at > this.now);
    const unused = [
      ...chart.notUsed,
      ...late.map((mark) => ({ entry: mark.id, name: mark.name, at: mark.time, why: "later than now" })),
    ];
    return {
      row: this.row,
      causes: this.causes,
      times: this.times,
      lowerBounds: this.bounds,
      refused: [...new Set(refusals.map((refusal) => refusal.name))],
      notUsed: unused.map((item) => `${item.entry}: ${item.why}`),
      assumptions,
      episode: chart.moment ? this.time : (this.opened(this.now)?.time ?? null),
      assumedSlots: [...this.assumed].sort((one, other) => one - other),
      local: this.local,
      strengths: new Map([...this.local.concentrations, ...this.hanging()]),
      refusals,
      unused,
    };
  }

  /** Work out the slots, in their order; the assumptions that were made for them. */
  fill() {
    const { row, slots, chart } = this;
    /** @type {Map<number, string[]>} */
    const notes = new Map();
    /** @type {number[]} */
    const last = [];
    /** @param {number} index @param {Found} held */
    const put = (index, held) => {
      this.put(index, held);
      if (this.assumptions.size) notes.set(index, [...this.assumptions]);
      this.assumptions.clear();
    };
    for (const [index, slot] of slots.entries()) {
      if (slot.kind === "order") continue;
      if (slot.kind === "define") {
        row[index] = slot.expr === null ? null : evaluate(slot.expr, row);
      } else if (slot.kind !== "feature") {
        put(index, this.plainSlot(slot, this.now));
      } else if (chart.features.has(index)) {
        put(index, this.given(index, /** @type {Value} */ (chart.features.get(index))));
      } else if (slot.feature?.function === "decline_stands") {
        last.push(index);
      } else {
        put(index, this.feature(slot, this.now));
      }
    }
    for (const index of last) put(index, this.feature(slots[index], this.now));
    const order = chart.moment ? [...notes].sort(([one], [other]) => one - other) : [...notes];
    return [...new Set(order.flatMap(([, made]) => made))];
  }

  /** @param {number} index @param {Found} held */
  put(index, held) {
    this.row[index] = held.value;
    if (held.value === null) {
      let why = held.cause ?? cause("never charted", [this.slots[index].name]);
      if (why.asks.length && !SETTLED.includes(why.kind) && why.asks.every((name) => this.unavailable(name))) {
        why = { ...why, kind: "not available", text: `${why.text}; it is not available now` };
      }
      this.causes.set(index, why);
      if (held.bound !== null) this.bounds.set(index, held.bound);
    }
    if (held.time !== null) this.times.set(index, held.time);
    if (held.assumed) this.assumed.add(index);
  }

  /** @param {number} index @param {Value} value */
  given(index, value) {
    if (value !== null) return found(value, this.time);
    const { name } = this.slots[index];
    return missing(cause("refused", [name], `the value given for \`${name}\` was refused`));
  }

  /**
   * The value of a slot that is no feature, at a time; `after` as in `element`.
   * @param {Slot} slot
   * @param {bigint} at
   * @param {bigint | null} [after]
   * @returns {Found}
   */
  plainSlot(slot, at, after = null) {
    switch (slot.kind) {
      case "element":
        return this.element(slot.of, at, after);
      case "unobtainable":
        return this.unobtainable(slot.of, at, after);
      case "rate":
        return this.rate(this.drugOf(slot.of), at);
      case "parameter":
        return this.parameter(slot.of);
      case "now":
        if (this.time !== null) return found(at);
        return missing(cause("not recorded", ["now"], "the time now is not given"));
      case "computed":
        if (slot.expr !== null) {
          const value = evaluate(slot.expr, this.row);
          return value === null ? missing(this.causeOf(slot.expr, slot.name)) : found(value);
        }
    }
    return missing(cause("not recorded", [], `\`${slot.name}\` is not in a chart`));
  }

  /** @param {string} id */
  drugOf(id) {
    return /** @type {Drug} */ (this.names.drugs.get(id));
  }

  /**
   * The cause of an unknown value worked out from other slots: theirs, together.
   * @param {Expr} expr
   * @param {string} name
   * @param {Row} [row]
   * @param {ReadonlyMap<number, Cause>} [causes]
   * @param {readonly string[]} [asks] where none of them has a cause
   */
  causeOf(expr, name, row = this.row, causes = this.causes, asks = []) {
    const open = [...undecided(expr, row, this.program)].sort((one, other) => one - other);
    const whys = /** @type {Cause[]} */ (open.map((index) => causes.get(index)).filter(Boolean));
    return whys.length ? together(whys) : cause("not recorded", asks, `\`${name}\` has no value for these data`);
  }

  // ------------------------------------------------------------ local policy

  /** @param {string} id */
  parameter(id) {
    const fallback = this.program.parameters.find((parameter) => parameter.id === id)?.default ?? null;
    const value = this.parameters.has(id) ? /** @type {Value} */ (this.parameters.get(id)) : fallback;
    if (value !== null) return found(value);
    return missing(cause("local policy", [id], `\`${id}\` is not set by local policy`));
  }

  // ------------------------------------------------------------ data

  /** The marks about `name` up to `at`, oldest first. @param {string} kind @param {string} name @param {bigint} at */
  marks(kind, name, at) {
    const marks = this.index.of(kind, name);
    return at < this.now && marks.length ? marks.slice(0, countTo(marks, at)) : marks;
  }

  /**
   * The current value of data. With `after`, entries up to then do not count, except of permanent data.
   * @param {string} id
   * @param {bigint} at
   * @param {bigint | null} [after]
   * @returns {Found}
   */
  element(id, at, after = null) {
    const validFor = this.names.elements.get(id)?.validFor ?? null;
    /** @param {Mark} mark */
    const current = (mark) => validFor === null || at - mark.at <= validFor;
    let marks = this.marks("element", id, at);
    if (after !== null && validFor !== null) marks = marks.slice(countTo(marks, after));
    const refused = cause("refused", [id], `an entry about \`${id}\` was refused`);
    const never = cause("never charted", [id], `\`${id}\` has not been charted`);
    if (!marks.length) {
      if (this.chart.doubtful.has(id)) return missing(refused);
      if (after !== null && this.marks("element", id, at).length) {
        return missing(cause("not re-measured", [id], `\`${id}\` was not charted since`));
      }
      return missing(never);
    }
    const answer = marks[marks.length - 1];
    const reading = answer.state === "not available" ? marks.findLast((mark) => mark.state !== answer.state) : answer;
    if (reading !== undefined && current(reading)) {
      if (reading.state === "") {
        return this.chart.doubtful.has(id) ? missing(refused) : found(reading.value, reading.time);
      }
      if (reading === answer || reading.state === "unobtainable") {
        return missing(stateCause(id, reading, at), reading.time);
      }
    }
    if (answer !== reading && current(answer)) return missing(stateCause(id, answer, at), answer.time);
    if (reading === undefined) return missing(never);
    const age = at - reading.at;
    const text = `\`${id}\` is ${ago(age)} old and counts for ${ago(validFor ?? 0n)}`;
    return missing(cause("stale", [id], text, age), reading.time);
  }

  /** @param {string} id @param {bigint} at @param {bigint | null} after @returns {Found} */
  unobtainable(id, at, after) {
    const held = this.element(id, at, after);
    if (held.value !== null) return found(false, held.time);
    return held.cause?.kind === "unobtainable" ? found(true, held.time) : held;
  }

  /** Whether what is no data was answered to be `not available`, and that still stands. @param {string} name */
  unavailable(name) {
    const marks = this.marks("unavailable", name, this.now);
    if (!marks.length) return false;
    const drug = this.names.drugs.get(name);
    if (drug === undefined) return true;
    const told = marks[marks.length - 1].at;
    const rates = this.marks("rate", name, this.now);
    const since = rates.length > 0 && rates[rates.length - 1].at > told;
    return !since && (drug.validFor === null || this.now - told <= drug.validFor);
  }

  /** The times data were charted with a reading, oldest first. @param {string} id @param {bigint} at */
  readings(id, at) {
    return this.marks("element", id, at).filter((mark) => mark.state !== "not available" && mark.state !== "refused");
  }

  // ------------------------------------------------------------ therapies

  /** The weight in base units, or why it is not known. @param {bigint} at @returns {Fraction | Cause} */
  weight(at) {
    const index = this.program.weight;
    if (index === null) return cause("weight", [], "no weight is known");
    const slot = this.slots[index];
    const held = slot.kind === "element" ? this.element(slot.of, at) : null;
    const value = held === null ? this.row[index] : held.value;
    if (typeof value === "bigint" && value > 0n) {
      return new Fraction(value, SCALE).times(this.names.measure(slot.unit).factor);
    }
    const inner = (held === null ? this.causes.get(index) : held.cause) ?? cause("weight", [slot.of]);
    const kind = inner.kind === "unobtainable" || inner.kind === "not available" ? inner.kind : "weight";
    const asks = inner.asks.length ? inner.asks : [slot.of];
    return cause(kind, asks, `per kg, and ${inner.text || "the weight is not known"}`);
  }

  /** The salt form charted apart from the rates, or nothing. @param {Drug} drug @param {bigint} at */
  salt(drug, at) {
    const marks = this.marks("salt", drug.id, at);
    const word = marks.length ? marks[marks.length - 1].value : this.chart.salts.get(drug.id);
    return typeof word === "string" ? word : "";
  }

  /**
   * The rate or amount of a therapy mark, scaled in the drug's unit, or why it is not known.
   * @param {Drug} drug
   * @param {"rate" | "amount"} of
   * @param {Mark} mark
   * @param {bigint} at
   * @returns {bigint | Cause}
   */
  settled(drug, of, mark, at) {
    const { dose } = mark;
    if (mark.event === "stopped") return 0n;
    if (dose === null) {
      const kind = mark.state === "not available" || mark.state === "unobtainable" ? mark.state : "refused";
      return cause(kind, [drug.id], `what was charted of \`${drug.id}\` was ${kind}`);
    }
    if (dose.scaled !== null) return dose.scaled;
    const salt = dose.salt ? "" : this.salt(drug, at);
    const weight = dose.form === "direct" ? null : this.weight(at);
    const strength = this.chart.strengths.get(drug.id) ?? this.local.concentrations.get(drug.id) ?? null;
    const value = settle(this.names, drug, of, dose, weight instanceof Fraction ? weight : null, salt, strength);
    if (typeof value === "bigint") return value;
    if (value.kind === "salt form") {
      const forms = drug.salts.map(([form]) => form).join(" or as ");
      return cause("salt form", [`${drug.id}.salt`], `\`${drug.id}\` ${dose.text}: as ${forms}?`);
    }
    if (value.kind === "weight") {
      const why = /** @type {Cause} */ (this.weight(at));
      return { ...why, text: `\`${drug.id}\` ${dose.text} is read ${why.text}` };
    }
    return cause("not recorded", [drug.id], `\`${drug.id}\` ${dose.text} is charted without its concentration`);
  }

  /**
   * The concentrations that are charted of what runs now; they come before those the hospital has settled.
   * @returns {Iterable<[string, Strength]>}
   */
  *hanging() {
    yield* this.chart.strengths;
    for (const name of this.index.marks.get("rate")?.keys() ?? []) {
      const marks = this.marks("rate", name, this.now);
      const hung = marks.findLast((mark) => mark.event === "stopped" || (mark.dose?.strength ?? null) !== null);
      if (hung !== undefined && hung.event !== "stopped" && hung.dose?.strength) yield [name, hung.dose.strength];
    }
  }

  /** The running rate of a drug. @param {Drug} drug @param {bigint} at @returns {Found} */
  rate(drug, at) {
    const marks = this.marks("rate", drug.id, at);
    if (this.chart.doubtful.has(drug.id)) {
      return missing(cause("refused", [drug.id], `an entry about \`${drug.id}\` was refused`));
    }
    if (!marks.length) {
      if (this.covers(at)) return found(0n);
      if (drug.absentIsZero) {
        this.assumptions.add(`absent: ${drug.id}`);
        return { ...found(0n), assumed: true };
      }
      return missing(cause("never charted", [drug.id], `whether \`${drug.id}\` runs has not been charted`));
    }
    const last = marks[marks.length - 1];
    const value = this.settled(drug, "rate", last, at);
    const age = at - last.at;
    const others = marks.slice(0, -1).filter((mark) => mark.at === last.at);
    if (others.some((mark) => !sameRate(this.settled(drug, "rate", mark, at), value))) {
      const text = `\`${drug.id}\` has two rates charted at one time`;
      return missing(cause("conflict", [drug.id], text, age), last.time);
    }
    const gone = last.event === "stopped" || (value === 0n && this.covers(last.at));
    if (!gone && drug.validFor !== null && age > drug.validFor) {
      const text = `the rate of \`${drug.id}\` was charted ${ago(age)} ago and counts for ${ago(drug.validFor)}`;
      return missing(cause("stale", [drug.id], text, age), last.time);
    }
    return typeof value === "bigint" ? found(value, last.time) : missing(value, last.time);
  }

  /** Whether every therapy from `begin` on is charted (null: from the beginning of the record).
   * @param {bigint | null} begin */
  covers(begin) {
    if (this.chart.moment) return this.chart.complete;
    return this.recordFrom !== null && (begin === null || this.recordFrom <= begin);
  }

  /**
   * What a gap in the therapy record hides: of a mapping the feature itself is asked, of a chart whether all that was
   * given and is running stands in it.
   * @param {string} name
   * @param {string} text
   */
  gap(name, text) {
    return cause("not recorded", [this.chart.moment ? name : RECORD], text);
  }

  /** The drugs an event is about: one, or those of a class. @param {Event} event */
  drugsOf(event) {
    if (event.kind === "drug" || event.kind === "given") return [this.drugOf(event.id)];
    return this.program.drugs.filter((drug) => drug.classes.includes(event.id));
  }

  /**
   * When a drug was given, started, or raised (or changed at all), and whether exactly then.
   * @param {Drug} drug
   * @param {bigint} at
   * @param {boolean} onlyRises
   */
  changes(drug, at, onlyRises) {
    const made = this.marks("given", drug.id, at).map((mark) => ({ mark, exact: true }));
    /** @type {bigint | Cause | null} */
    let before = null;
    for (const mark of this.marks("rate", drug.id, at)) {
      const rate = this.settled(drug, "rate", mark, at);
      if (mark.event === "started") {
        made.push({ mark, exact: true });
      } else if (mark.event !== "stopped") {
        if (typeof before === "bigint" && typeof rate === "bigint") {
          // What is seen running higher was raised at some time before.
          const changed = onlyRises ? rate > before : rate !== before;
          if (changed) made.push({ mark, exact: mark.event === "changed" });
        } else if (rate !== 0n) {
          made.push({ mark, exact: false });
        }
      }
      before = rate;
    }
    return made.sort(({ mark: one }, { mark: other }) => compareTimes(one, other));
  }

  /**
   * When `event` last happened: the start, rise or gift of a drug, data charted, or a step done.
   * @param {Event} event
   * @param {bigint} at
   * @param {boolean} [onlyRises]
   * @returns {When}
   */
  lastEvent(event, at, onlyRises = true) {
    if (event.kind === "element" || event.kind === "step") {
      const marks = event.kind === "element" ? this.readings(event.id, at) : this.marks("done", event.id, at);
      return marks.length ? known(marks[marks.length - 1]) : NEVER;
    }
    const drugs = this.drugsOf(event);
    if (drugs.some((drug) => this.chart.doubtful.has(drug.id))) return UNKNOWN;
    if (this.chart.moment) return this.lastInMoment(event, drugs, at);
    if (event.kind === "given") {
      const gifts = this.marks("given", drugs[0].id, at);
      if (gifts.length) return known(gifts[gifts.length - 1]);
      return this.covers(null) ? NEVER : UNKNOWN;
    }
    const made = drugs
      .flatMap((drug) => this.changes(drug, at, onlyRises))
      .sort(({ mark: one }, { mark: other }) => compareTimes(one, other));
    const last = made[made.length - 1];
    if (last !== undefined) return { ...known(last.mark), state: last.exact ? "known" : "unknown" };
    if (this.covers(null)) return NEVER;
    if (drugs.every((drug) => drug.absentIsZero && !this.marks("rate", drug.id, at).length)) {
      for (const drug of drugs) this.assumptions.add(`absent: ${drug.id}`);
      return NEVER;
    }
    return UNKNOWN;
  }

  /** @param {Event} event @param {readonly Drug[]} drugs @param {bigint} at @returns {When} */
  lastInMoment(event, drugs, at) {
    const index = this.names.slots.get(`since(${event.kind === "given" ? `${event.id} given` : event.id})`);
    const since = index === undefined ? null : (this.chart.features.get(index) ?? null);
    if (typeof since === "bigint") {
      return { state: "known", at: at - since, time: this.time?.plus(-span(since)) ?? null };
    }
    if (event.kind === "given") return this.chart.complete && !this.gifts(drugs) ? NEVER : UNKNOWN;
    if (drugs.some((drug) => drug.rateUnit && this.rate(drug, at).value !== 0n)) return UNKNOWN;
    const given = drugs.filter((drug) => drug.amountUnit);
    if (given.length === 1 && drugs.length === 1) {
      // It does not run: then what counts is when it was last given.
      return this.lastInMoment({ kind: "given", id: drugs[0].id }, drugs, at);
    }
    return !given.length || (this.chart.complete && !this.gifts(given)) ? NEVER : UNKNOWN;
  }

  /** Whether a mapping says that one of `drugs` was given, by a count or a total. @param {readonly Drug[]} drugs */
  gifts(drugs) {
    const starts = drugs.flatMap((drug) => [`count(${drug.id} `, `total(${drug.id} `]);
    return [...this.chart.features].some(
      ([index, value]) => value && starts.some((start) => this.slots[index].name.startsWith(start)),
    );
  }

  // ------------------------------------------------------------ episode and windows

  /** The protocol's last opening, if nothing closed it since. @param {bigint} at */
  opened(at) {
    const marks = this.marks("protocol", "", at);
    const last = marks[marks.length - 1];
    return last?.event === "opened" ? last : null;
  }

  /** When the episode began; null: with the record. @param {bigint} at */
  episode(at) {
    if (this.chart.moment) return at;
    const opened = this.opened(at);
    if (opened === null) this.assumptions.add("episode: the whole record");
    return opened?.at ?? null;
  }

  /**
   * When a window begins (null: with the record), or why that is not known.
   * @param {Window | null} window
   * @param {string} name
   * @param {bigint} at
   * @returns {{begin: bigint | null, why: Cause | null}}
   */
  begin(window, name, at) {
    if (window === null || window.kind === "episode") return { begin: this.episode(at), why: null };
    if (window.kind === "last") {
      const length = /** @type {Expr} */ (window.duration);
      const duration = evaluate(length, this.row);
      if (typeof duration !== "bigint") return { begin: null, why: this.causeOf(length, name) };
      return { begin: at - duration, why: null };
    }
    const event = /** @type {Event} */ (window.event);
    const when = this.lastEvent(event, at);
    if (when.state === "known") return { begin: when.at, why: null };
    if (when.state === "never") {
      const asks = [event.kind === "element" ? event.id : name];
      return { begin: null, why: cause("no start", asks, `\`${event.id}\` has not been charted`) };
    }
    return { begin: null, why: cause("not recorded", [name], `when \`${event.id}\` last was is not charted`) };
  }

  // ------------------------------------------------------------ features

  /** @param {Slot} slot @param {bigint} at @returns {Found} */
  feature(slot, at) {
    const feature = /** @type {Feature} */ (slot.feature);
    switch (feature.function) {
      case "since":
        return this.since(feature, slot.name, at);
      case "count":
        return this.count(feature, slot.name, at);
      case "total":
        return this.total(feature, slot, at);
      case "previous":
        return this.previous(feature, slot, at);
      case "change":
        return this.change(feature, slot, at);
      case "done":
      case "declined":
        return this.done(feature, slot.name, at);
      case "persists":
        return this.persists(feature, slot.name, at);
      case "latch":
        return this.latch(feature, slot.name, at);
      case "decline_stands":
        return this.declineStands(feature, at);
    }
    throw new Error(`no feature \`${feature.function}\``);
  }

  /** @param {Feature} feature @param {string} name @param {bigint} at */
  since(feature, name, at) {
    const of = /** @type {Event} */ (feature.of);
    const when = this.lastEvent(of, at, false);
    if (when.state === "known" && when.at !== null) return found(at - when.at, when.time);
    if (when.state === "never") {
      // Of a chart with its times the value itself is asked: charting it is what answers.
      const asks = [of.kind === "element" && !this.chart.moment ? of.id : name];
      return missing(cause("no start", asks, `\`${of.id}\` has not been charted`));
    }
    const text = `when \`${of.id}\` last was is not charted`;
    const plainly = of.kind === "element" || of.kind === "step";
    return missing(plainly ? cause("not recorded", [name], text) : this.gap(name, text));
  }

  /** @param {Feature} feature @param {string} name @param {bigint} at */
  count(feature, name, at) {
    const of = /** @type {Event} */ (feature.of);
    const { begin, why } = this.begin(feature.window, name, at);
    if (why !== null) return missing(why);
    if (of.kind === "element" || of.kind === "step") {
      if (this.chart.moment && feature.window?.kind !== "episode") return missing(unrecorded(name));
      const marks = of.kind === "element" ? this.readings(of.id, at) : this.marks("done", of.id, at);
      return found(BigInt(from(marks, begin).length) * SCALE);
    }
    const drugs = this.drugsOf(of);
    const number = drugs.reduce((sum, drug) => sum + from(this.marks("given", drug.id, at), begin).length, 0);
    return this.knownFrom(BigInt(number) * SCALE, drugs, begin, name);
  }

  /**
   * A count or sum over therapies: known where the record is complete, else a lower bound.
   * @param {bigint} number
   * @param {readonly Drug[]} drugs
   * @param {bigint | null} begin
   * @param {string} name
   * @returns {Found}
   */
  knownFrom(number, drugs, begin, name) {
    if (drugs.some((drug) => this.chart.doubtful.has(drug.id))) {
      return missing(cause("refused", [name], "an entry was refused"), null, number);
    }
    if (this.covers(begin)) return found(number);
    if (drugs.length && drugs.every((drug) => drug.absentIsZero)) {
      for (const drug of drugs) this.assumptions.add(`absent: ${drug.id}`);
      return { ...found(number), assumed: true };
    }
    return missing(this.gap(name, `\`${name}\` cannot be told from this record`), null, number);
  }

  /** @param {Feature} feature @param {Slot} slot @param {bigint} at */
  total(feature, slot, at) {
    const { begin, why } = this.begin(feature.window, slot.name, at);
    if (why !== null) return missing(why);
    const drugs = this.drugsOf(/** @type {Event} */ (feature.of));
    const unit = this.names.measure(slot.unit).factor;
    let whole = ZERO;
    /** @type {Cause[]} */
    const causes = [];
    for (const drug of drugs) {
      let given = 0n;
      for (const mark of from(this.marks("given", drug.id, at), begin)) {
        const amount = this.settled(drug, "amount", mark, at);
        if (typeof amount === "bigint") given += amount;
        else causes.push(ANSWERS.includes(amount.kind) ? amount : { ...amount, asks: [slot.name] });
      }
      const same = !given || drug.amountUnit === slot.unit;
      const added = new Fraction(given);
      whole = whole.plus(same ? added : added.times(this.names.measure(drug.amountUnit).factor.over(unit)));
      if (this.chart.moment) {
        if (drug.rateUnit && this.rate(drug, at).value !== 0n) {
          // Since when it runs is not told.
          causes.push(this.gap(slot.name, `\`${slot.name}\` cannot be told from this record`));
        }
      } else if (drug.rateUnit) {
        whole = whole.plus(this.infused(drug, begin, at, slot, causes));
      }
    }
    const held = this.knownFrom(whole.round(), drugs, begin, slot.name);
    return causes.length && held.value !== null ? missing(together(causes), null, whole.round()) : held;
  }

  /**
   * What has run in of a drug since `begin`, in scaled units of `slot`; where it is not known `causes` grows.
   * @param {Drug} drug
   * @param {bigint | null} begin
   * @param {bigint} at
   * @param {Slot} slot
   * @param {Cause[]} causes
   */
  infused(drug, begin, at, slot, causes) {
    const marks = this.marks("rate", drug.id, at);
    if (!marks.length) return ZERO;
    const start = begin ?? this.recordFrom ?? marks[0].at;
    let flow = 0n; // rate times time, both scaled
    let gap = marks[0].event !== "started" && marks[0].at > start;
    for (const [number, mark] of marks.entries()) {
      const following = marks[number + 1];
      const end = following === undefined ? at : following.at;
      if (end <= start || mark.event === "stopped") continue;
      const rate = this.settled(drug, "rate", mark, at);
      if (following?.event === "running" && rate !== 0n) {
        if (!sameRate(this.settled(drug, "rate", following, at), rate)) {
          gap = true; // changed at some time in between
          continue;
        }
      }
      if (typeof rate !== "bigint") {
        causes.push(ANSWERS.includes(rate.kind) ? rate : { ...rate, asks: [slot.name] });
        continue;
      }
      let sure = end;
      if (rate && drug.validFor !== null && (following === undefined || !this.covers(mark.at))) {
        sure = least(end, mark.at + drug.validFor);
        gap = gap || sure < end;
      }
      const first = mark.at > start ? mark.at : start;
      if (sure > first) flow += rate * (sure - first);
    }
    if (gap) causes.push(this.gap(slot.name, `the record of \`${drug.id}\` has a gap`));
    if (!flow) return ZERO;
    const [rate, amount] = [this.names.measure(drug.rateUnit), this.names.measure(slot.unit)];
    let factor = rate.factor.over(amount.factor);
    const dimension = plain(rate);
    dimension.delete("time");
    if (dimension.delete("body_mass")) {
      const weight = this.weight(at);
      if (!(weight instanceof Fraction)) {
        causes.push({ ...weight, text: `\`${drug.id}\` runs ${weight.text}` });
        return ZERO;
      }
      factor = factor.times(weight);
    }
    if (!sameDimension(dimension, plain(amount))) {
      causes.push(cause("not recorded", [slot.name], `a rate of \`${drug.id}\` does not add up to an amount`));
      return ZERO;
    }
    return new Fraction(flow, SCALE).times(factor);
  }

  /** @param {Feature} feature @param {Slot} slot @param {bigint} at */
  previous(feature, slot, at) {
    const of = /** @type {Event} */ (feature.of);
    if (of.kind === "drug") {
      const drug = this.drugOf(of.id);
      const marks = this.marks("rate", drug.id, at);
      if (marks.length < 2) return missing(unrecorded(slot.name));
      const last = marks[marks.length - 2];
      const rate = this.settled(drug, "rate", last, at);
      return typeof rate === "bigint" ? found(rate, last.time) : missing(rate);
    }
    const seen = this.readings(of.id, at);
    const last = seen[seen.length - 2];
    return last === undefined || last.value === null ? missing(unrecorded(slot.name)) : found(last.value, last.time);
  }

  /**
   * The latest value less the first one in the window.
   * @param {Feature} feature
   * @param {Slot} slot
   * @param {bigint} at
   */
  change(feature, slot, at) {
    const of = /** @type {Event} */ (feature.of);
    const { begin, why } = this.begin(feature.window, slot.name, at);
    if (why !== null) return missing(why);
    const drug = of.kind === "drug" ? this.drugOf(of.id) : null;
    const marks = from(drug === null ? this.readings(of.id, at) : this.marks("rate", drug.id, at), begin);
    const last = marks[marks.length - 1];
    if (marks.length < 2) return missing(unrecorded(slot.name));
    const ends = [marks[0], last].map((mark) => (drug === null ? mark.value : this.settled(drug, "rate", mark, at)));
    const [first, second] = ends;
    if (typeof first !== "bigint" || typeof second !== "bigint") return missing(unrecorded(slot.name));
    return found(second - first, last.time);
  }

  /** @param {Feature} feature @param {string} name @param {bigint} at */
  done(feature, name, at) {
    const of = /** @type {Event} */ (feature.of);
    const { begin, why } = this.begin(feature.window, name, at);
    if (why !== null) return this.chart.moment ? found(false) : missing(why);
    const marks = this.marks(feature.function, of.id, at);
    const last = marks[marks.length - 1];
    if (last !== undefined && (begin === null || last.at >= begin)) return found(true, last.time);
    if (this.chart.doubtful.has(of.id)) {
      return missing(cause("refused", [name], `an entry about \`${of.id}\` was refused`));
    }
    return found(false);
  }

  /** @param {Feature} feature @param {string} name @param {bigint} at */
  persists(feature, name, at) {
    const after = /** @type {Event} */ (feature.after);
    const condition = /** @type {Expr} */ (feature.condition);
    const length = /** @type {Expr} */ (feature.duration);
    const when = this.lastEvent(after, at);
    if (when.state === "never") return found(false);
    if (when.state === "unknown" || when.at === null) {
      return missing(cause("no start", [name], `when \`${after.id}\` started is not charted`));
    }
    const duration = evaluate(length, this.row);
    if (typeof duration !== "bigint") return missing(this.causeOf(length, name));
    if (at - when.at < duration) return found(false, when.time);
    const { row, causes } = this.inner(condition, at, when.at);
    const value = evaluate(condition, row);
    return value === null ? missing(this.causeOf(condition, name, row, causes, [name])) : found(value, when.time);
  }

  /**
   * A row for a condition at a time, from entries later than `after` where that is given.
   * @param {Expr} condition
   * @param {bigint} at
   * @param {bigint | null} after
   */
  inner(condition, at, after) {
    /** @type {Row} */
    const row = this.slots.map(() => null);
    /** @type {Map<number, Cause>} */
    const causes = new Map();
    for (const index of this.closure(condition)) {
      const slot = this.slots[index];
      if (slot.kind === "define" || slot.kind === "computed") {
        if (slot.expr !== null) row[index] = evaluate(slot.expr, row);
        continue;
      }
      /** @type {Cause | null | undefined} */
      let why;
      if (slot.kind === "element" || slot.kind === "unobtainable" || at !== this.now) {
        const held = slot.kind === "feature" ? this.feature(slot, at) : this.plainSlot(slot, at, after);
        row[index] = held.value;
        why = held.cause;
      } else {
        row[index] = this.row[index];
        why = this.causes.get(index);
      }
      if (row[index] === null && why) causes.set(index, why);
    }
    return { row, causes };
  }

  /**
   * Every slot the conditions need, in the order in which they can be worked out.
   * @param {readonly Expr[]} conditions
   */
  closure(...conditions) {
    /** @type {Set<number>} */
    const needed = new Set();
    const rest = conditions.flatMap((condition) => [...slotsOf(condition)]);
    for (let index = rest.pop(); index !== undefined; index = rest.pop()) {
      if (needed.has(index)) continue;
      needed.add(index);
      const { expr } = this.slots[index];
      if (expr !== null) rest.push(...slotsOf(expr));
    }
    return [...needed].sort((one, other) => one - other);
  }

  /** A row with the slots of a closure as they were at a time. @param {readonly number[]} needed @param {bigint} at */
  valuesAt(needed, at) {
    /** @type {Row} */
    const row = this.slots.map(() => null);
    for (const index of needed) {
      const slot = this.slots[index];
      if (slot.kind === "define" || slot.kind === "computed") {
        row[index] = slot.expr === null ? null : evaluate(slot.expr, row);
      } else if (slot.kind === "element") {
        row[index] = this.valueOf(slot.of, at);
      } else if (slot.kind === "feature") {
        row[index] = this.feature(slot, at).value;
      } else {
        row[index] = this.plainSlot(slot, at).value;
      }
    }
    return row;
  }

  /**
   * The instants before `at` at which something was charted that a closure reads, and `at`.
   *
   * What is charted of other things has no part: it would make an ageing value count as unknown.
   * @param {readonly number[]} needed
   * @param {bigint} at
   */
  turns(needed, at) {
    /** @type {Set<bigint>} */
    const instants = new Set();
    for (const index of needed) {
      const slot = this.slots[index];
      if (slot.kind !== "element" && slot.kind !== "unobtainable" && slot.kind !== "rate") continue;
      for (const mark of this.index.of(slot.kind === "rate" ? "rate" : "element", slot.of)) {
        if (mark.at < at) instants.add(mark.at);
      }
    }
    return [...[...instants].sort((one, other) => (one < other ? -1 : 1)), at];
  }

  /** The value of `element`, without saying why it is unknown. @param {string} id @param {bigint} at */
  valueOf(id, at) {
    const marks = this.index.of("element", id);
    const mark = marks[countTo(marks, at) - 1];
    if (mark === undefined) return null;
    if (mark.state === "not available") return this.element(id, at).value;
    const validFor = this.names.elements.get(id)?.validFor ?? null;
    const current = validFor === null || at - mark.at <= validFor;
    return current && !this.chart.doubtful.has(id) ? mark.value : null;
  }

  /** Whether `set` has been true more lately than `clear`; not so at first. @param {Feature} feature
   * @param {string} name @param {bigint} at */
  latch(feature, name, at) {
    const set = /** @type {Expr} */ (feature.condition);
    const clear = /** @type {Expr} */ (feature.clear);
    const needed = this.closure(set, clear);
    // A mapping knows nothing of what was before, so in the dead band it cannot tell.
    let state = /** @type {Value} */ (this.chart.moment ? null : false);
    for (const instant of this.turns(needed, at)) {
      const row = this.valuesAt(needed, instant);
      const [sets, clears] = [evaluate(set, row), evaluate(clear, row)];
      /** @type {Value} */
      const held = clears === true || state === false ? false : clears === false ? state : null;
      state = sets === true || held === true ? true : sets === false ? held : null;
    }
    if (state !== null) return found(state);
    const { row, causes } = this.inner(set, at, null);
    const why = this.causeOf(set, name, row, causes, [name]);
    return missing(why.kind === "not recorded" ? unrecorded(name) : why);
  }

  /** @param {Feature} feature @param {bigint} at */
  declineStands(feature, at) {
    const id = /** @type {Event} */ (feature.of).id;
    const begin = this.episode(at);
    const declined = from(this.marks("declined", id, at), begin);
    const last = declined[declined.length - 1];
    if (last === undefined) return found(false);
    const step = /** @type {Step} */ (this.program.steps.find((each) => each.id === id));
    const done = this.marks("done", id, at);
    if (done.length && done[done.length - 1].at >= last.at) return found(false);
    if (step.review !== null) {
      const after = evaluate(step.review.after, this.row);
      if (typeof after === "bigint" && at - last.at >= after) return found(false);
    }
    const { reasons, time } = this;
    const stands =
      reasons === null ||
      time === null ||
      last.time.micros === time.micros ||
      reasons(last.time, id) === reasons(time, id);
    return stands ? found(true, last.time) : found(false);
  }
}

/**
 * How many of the marks, in order of time, are not later than `at`.
 * @param {readonly Mark[]} marks
 * @param {bigint} at
 */
function countTo(marks, at) {
  let [low, high] = [0, marks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (marks[middle].at > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The marks that are not before `begin`. @param {readonly Mark[]} marks @param {bigint | null} begin */
const from = (marks, begin) => (begin === null ? marks : marks.filter((mark) => mark.at >= begin));

/** @param {Mark} one @param {Mark} other */
const compareTimes = (one, other) => (one.at < other.at ? -1 : one.at > other.at ? 1 : 0);

/** @param {bigint} one @param {bigint} other */
const least = (one, other) => (one < other ? one : other);

/** @param {bigint | Cause} one @param {bigint | Cause} other */
function sameRate(one, other) {
  if (typeof one === "bigint" || typeof other === "bigint") return one === other;
  const same = one.kind === other.kind && one.text === other.text && one.age === other.age;
  return same && one.asks.join("\n") === other.asks.join("\n");
}

/** Microseconds of scaled seconds. @param {bigint} scaled */
const span = (scaled) => divmod(scaled * 10n ** 6n, SCALE)[0];

/** @param {bigint} scaled */
function ago(scaled) {
  const seconds = new Fraction(scaled, SCALE);
  return formatDuration(scaled < 60n * SCALE ? seconds : seconds.trunc());
}

/** @param {string} name */
const unrecorded = (name) => cause("not recorded", [name], `\`${name}\` cannot be told from this record`);

/** @param {string} id @param {Mark} mark @param {bigint} at */
function stateCause(id, mark, at) {
  /** @type {Record<string, string>} */
  const words = {
    unobtainable: `\`${id}\` is unobtainable`,
    "not available": `\`${id}\` is not available now`,
    conflict: `\`${id}\` has two values charted at one time`,
    refused: `the value charted for \`${id}\` was refused`,
  };
  return cause(mark.state, [id], words[mark.state], at - mark.at);
}

/** Several causes as one: what can be asked comes before what is unavailable or local policy.
 * @param {readonly Cause[]} causes */
function together(causes) {
  /** @param {Cause} why */
  const rank = (why) => (why.kind === "local policy" ? 2 : SETTLED.includes(why.kind) ? 1 : 0);
  const first = Math.min(...causes.map(rank));
  const same = causes.filter((why) => rank(why) === first);
  const kinds = new Set(same.map((why) => why.kind));
  const kind = kinds.size > 1 && kinds.has("not re-measured") ? "not re-measured" : same[0].kind;
  const asks = [...new Set(same.flatMap((why) => why.asks))];
  const text = [...new Set(causes.map((why) => why.text).filter(Boolean))].join("; ");
  const ages = /** @type {bigint[]} */ (same.map((why) => why.age).filter((age) => age !== null));
  return cause(kind, asks, text, ages.length ? ages.reduce((most, age) => (age > most ? age : most)) : null);
}

// ---------------------------------------------------------------- reviews

/**
 * When the action of `step` is to be looked at again, and what is still to be measured (design rule 15).
 *
 * A round is complete at the first instant at which every measure has been charted since its base; that instant is the
 * next base. Null where the action has no entry in the episode.
 * @param {Program} program
 * @param {ParsedChart} chart
 * @param {Step} step
 * @param {bigint} after
 * @param {Moment} now
 * @returns {Rounds | null}
 */
export function reviewRounds(program, chart, step, after, now) {
  const { review, action } = step;
  if (review === null || chart.moment) return null;
  const fold = new Fold(program, chart, now, null, null);
  const begin = fold.opened(fold.now)?.at ?? null;
  /** @type {readonly Mark[]} */
  let entries = [];
  if (action?.drug) {
    const rates = fold.marks("rate", action.drug, fold.now).filter((mark) => ACTS.includes(mark.event));
    entries = [...rates, ...fold.marks("given", action.drug, fold.now)];
  }
  if (!entries.length) entries = fold.marks("done", step.id, fold.now);
  entries = from(entries, begin);
  if (!entries.length) return null;
  let base = latest(entries);
  /** @type {readonly string[]} */
  let open;
  for (;;) {
    const since = base.at;
    const following = review.measure.map((name) => fold.readings(name, fold.now).find((mark) => mark.at > since));
    open = review.measure.filter((_, number) => following[number] === undefined);
    if (open.length || !following.length) break;
    base = latest(/** @type {Mark[]} */ (following));
  }
  const late = fold.now - (base.at + after);
  return {
    base: base.time,
    due: base.time.plus(span(after)),
    measure: review.measure,
    missing: open,
    overdueBy: late < 0n ? null : new Fraction(late, SCALE),
  };
}

/** The first of the latest marks. @param {readonly Mark[]} marks */
const latest = (marks) => marks.reduce((last, mark) => (mark.at > last.at ? mark : last));
