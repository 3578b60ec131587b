/**
 * A chart read with one Program's dictionary: names, units, salts, concentrations, and what is refused. As the module
 * `reading` of Python.
 *
 * `parseChart` gives a `ParsedChart`, from which folds.js makes the row.
 */

import {
  ANY,
  ChartError,
  NO_CHART,
  OF_VALUES,
  RECORD,
  STATES,
  readChart,
  refusal,
  textOf,
  withBad,
} from "./chart.js";
import { SCALE } from "./program.js";
import { EPOCH, Moment, parseTime } from "./times.js";
import { UnitTable, parseMolarMass, parseQuantity, sameDimension } from "./units.js";
import { BadValue, Fraction, ONE, formatDecimal, scale, split, strip } from "./values.js";
import { asMapping, casefold, closest, joined, nearest, quoted, textOfAny } from "./words.js";

/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./chart.js").Entry} Entry */
/** @typedef {import("./chart.js").NotUsed} NotUsed */
/** @typedef {import("./chart.js").Refusal} Refusal */
/** @typedef {import("./program.js").Drug} Drug */
/** @typedef {import("./program.js").Element} Element */
/** @typedef {import("./program.js").Parameter} Parameter */
/** @typedef {import("./program.js").Program} Program */
/** @typedef {import("./program.js").Slot} Slot */
/** @typedef {import("./program.js").Value} Value */
/** @typedef {import("./units.js").Measure} Measure */
/** @typedef {"rate" | "amount"} Of */

// ---------------------------------------------------------------- what a Program makes of it

/**
 * A concentration as written: `value` base units of the drug per base unit of volume, in the form `salt`, which is
 * empty where it does not say one.
 * @typedef {{text: string, value: Fraction, salt: string}} Strength
 */

/**
 * The name under which a hospital's system exports data. `unit` is that of a bare number. `values` takes its words to
 * ours: an option, a truth value, `unobtainable` or `not available`.
 * @typedef {{name: string, data: string, unit: string, values: ReadonlyMap<string, string | boolean> | null}} Binding
 */

/**
 * A charted rate or amount.
 *
 * `scaled` is set where nothing else is needed to know it. Otherwise `value` is in base units and `form` says what
 * stands between it and the drug's unit: `direct`, `patient` (still to be divided by the weight) or `volume` (still to
 * be multiplied by the concentration). `salt` is empty where a salt form is needed and not charted.
 * @typedef {object} Dose
 * @property {string} text
 * @property {Fraction} value
 * @property {"direct" | "patient" | "volume"} form
 * @property {string} salt
 * @property {Strength | null} strength
 * @property {bigint | null} scaled
 */

/**
 * One entry, read. `kind`: element, rate, given, done, declined, protocol, salt, record, unavailable (what is no data
 * was asked for and cannot be had) or retraction.
 *
 * `state` of an element: empty (there is a value), unobtainable, not available, refused or conflict; of a therapy:
 * empty, not available or refused.
 * @typedef {object} Mark
 * @property {bigint} at
 * @property {Moment} time
 * @property {string} id
 * @property {string} kind
 * @property {string} name
 * @property {Value} value
 * @property {string} state
 * @property {string} event
 * @property {Dose | null} dose
 * @property {string} reason
 * @property {string} replaces
 */

/**
 * A chart read with one Program's dictionary.
 *
 * `moment`: it was a mapping, all of it of one moment. `features` are slots given outright. `doubtful` names what
 * refused entries without a usable time were about: unknown until charted anew.
 * @typedef {object} ParsedChart
 * @property {readonly Mark[]} marks
 * @property {Index} standing
 * @property {bigint} last
 * @property {bigint | null} completeFrom
 * @property {boolean} complete
 * @property {boolean} moment
 * @property {ReadonlyMap<number, Value>} features
 * @property {ReadonlyMap<string, string>} salts
 * @property {ReadonlyMap<string, Strength>} strengths
 * @property {ReadonlySet<string>} doubtful
 * @property {readonly Refusal[]} refused
 * @property {readonly NotUsed[]} notUsed
 * @property {boolean} lenient
 * @property {Chart | null} chart
 */

/**
 * What keeps a charted dose from being known.
 * @typedef {{kind: "salt form" | "weight" | "concentration"}} Missing
 */

/**
 * @param {{at: bigint, time: Moment, id: string, kind: string, name: string} & Partial<Mark>} fields
 * @returns {Mark}
 */
const mark = (fields) => ({ value: null, state: "", event: "", dose: null, reason: "", replaces: "", ...fields });

/** The marks that stand at one moment, by what they are about, in order of time. */
export class Index {
  /** @param {readonly Mark[]} marks */
  constructor(marks) {
    const gone = new Set(marks.map((each) => each.replaces).filter(Boolean));
    /** @type {Map<string, Map<string, Mark[]>>} */
    this.marks = new Map();
    for (const each of marks) {
      if (each.kind === "retraction" || gone.has(each.id)) continue;
      let kind = this.marks.get(each.kind);
      if (kind === undefined) this.marks.set(each.kind, (kind = new Map()));
      let listed = kind.get(each.name);
      if (listed === undefined) kind.set(each.name, (listed = []));
      const last = listed[listed.length - 1];
      if (each.kind === "element" && last && last.at === each.at) {
        if (last.state === "not available") {
          listed[listed.length - 1] = each;
        } else if (each.state !== "not available" && (each.value !== last.value || each.state !== last.state)) {
          listed[listed.length - 1] = { ...last, value: null, state: "conflict" };
        }
        continue;
      }
      listed.push(each);
    }
  }

  /** The marks about `name`, oldest first. @param {string} kind @param {string} name @returns {readonly Mark[]} */
  of(kind, name) {
    return this.marks.get(kind)?.get(name) ?? [];
  }
}

/** The names and units of one Program, ready for reading charts. */
export class Dictionary {
  /** @type {Map<string, Measure>} */
  #measures = new Map();
  /** @type {Map<string, Set<bigint>> | null} */
  #edges = null;
  /** @type {Map<string, Set<bigint>> | null} */
  #given = null;

  /** @param {Program} program */
  constructor(program) {
    this.program = program;
    this.elements = new Map(program.elements.map((element) => [element.id, element]));
    this.drugs = new Map(program.drugs.map((drug) => [drug.id, drug]));
    /** @type {Map<string, string>} */
    this.synonyms = new Map(
      program.drugs.flatMap((drug) => [...drug.synonyms, drug.id].map((name) => [hyphened(name), drug.id])),
    );
    this.steps = new Set(program.steps.map((step) => step.id));
    this.units = new UnitTable(program.units);
    this.slots = new Map(program.slots.map((slot, index) => [slot.name, index]));
    this.defines = [...program.slots.keys()].filter((index) => program.slots[index].kind === "define");
  }

  /** The numbers, scaled, with which the Program compares data or the rate of a drug anywhere. @param {string} name */
  edges(name) {
    if (this.#edges === null) {
      this.#edges = new Map();
      for (const { left, right } of compares(this.program)) {
        for (const [one, other] of [
          [left, right],
          [right, left],
        ]) {
          if (one.kind === "get" && other.kind === "const") {
            add(this.#edges, this.program.slots[one.slot].of, other.value);
          }
        }
      }
    }
    return this.#edges.get(name) ?? new Set();
  }

  /**
   * As `edges`, and of a drug the doses and rates that the Program gives and compares orders with.
   * @param {string} name
   */
  numbers(name) {
    if (this.#given === null) {
      this.#given = new Map();
      const { slots, rules } = this.program;
      const steps = this.program.steps.flatMap((step) => step.action ?? []);
      for (const action of [...steps, ...steps.flatMap((step) => step.options.map((option) => option.action))]) {
        if (action.dose === null) continue;
        for (const end of [action.dose.low, action.dose.high, action.dose.most]) {
          if (end?.kind === "const") add(this.#given, action.drug, end.value);
        }
        for (const rung of action.ladder) add(this.#given, action.drug, rung);
      }
      for (const rule of rules) {
        for (const { left, right } of compares(rule.when)) {
          if (left.kind !== "get" || slots[left.slot].kind !== "order" || right.kind !== "const") continue;
          for (const drug of rule.drugs) add(this.#given, drug, right.value);
        }
      }
    }
    return new Set([...this.edges(name), ...(this.#given.get(name) ?? [])]);
  }

  /** The drug of an id or synonym, however it is capitalised or spaced. @param {string} name @returns {Drug | null} */
  drug(name) {
    return this.drugs.get(this.synonyms.get(hyphened(name)) ?? "") ?? null;
  }

  /** The meaning of a unit of the Program itself. @param {string} unit */
  measure(unit) {
    let found = this.#measures.get(unit);
    if (found === undefined) this.#measures.set(unit, (found = this.units.parse(unit || "1")));
    return found;
  }

  /**
   * A concentration such as `4 mg/50 mL`, perhaps with the salt form that it counts: `16 mcg/mL as base`. Throws
   * BadValue (KB618): not a concentration of this drug.
   * @param {string} text
   * @param {Drug} drug
   * @returns {Strength}
   */
  strength(text, drug) {
    const [stated, form, as] = parted(joined(text), " as ");
    const salt = form.toLowerCase();
    const known = drug.salts.map(([name]) => name);
    if (as && !known.includes(salt)) {
      const forms = nearest(salt, known) || (known.length ? `write one of ${known.join(", ")}` : "leave the form out");
      throw new BadValue("KB618", `${quoted(form)} is not a salt form of \`${drug.id}\``, forms);
    }
    const [over, under, slash] = parted(stated.replace(/\s+in\s+/g, "/"), "/");
    const help = "write `1 mg/mL` or `4 mg/50 mL`";
    if (!slash) throw new BadValue("KB618", `${quoted(text)} is not a concentration`, help);
    /** @type {Fraction} */
    let value;
    /** @type {Fraction} */
    let volume;
    /** @type {Measure} */
    let top;
    /** @type {Measure} */
    let bottom;
    try {
      let [unit, below] = ["", strip(under)];
      [value, unit] = parseQuantity(strip(over));
      volume = ONE;
      if (/^\d/.test(below)) [volume, below] = parseQuantity(below);
      [top, bottom] = [this.units.parse(unit), this.units.parse(below)];
    } catch (bad) {
      if (!(bad instanceof BadValue)) throw bad;
      throw new BadValue("KB618", `${quoted(text)} is not a concentration: ${bad.message}`, bad.help);
    }
    if (!sameDimension(plain(bottom), new Map([["volume", 1]])) || volume.n <= 0n || value.n <= 0n) {
      throw new BadValue("KB618", `${quoted(text)} is not a concentration`, help);
    }
    const wanted = plain(this.measure(drug.rateUnit || drug.amountUnit));
    wanted.delete("time");
    wanted.delete("body_mass");
    if (!sameDimension(plain(top), wanted)) {
      throw new BadValue("KB618", `${quoted(text)} is not a concentration of \`${drug.id}\``, help);
    }
    return { text, value: value.times(top.factor).over(volume.times(bottom.factor)), salt };
  }
}

/** @param {Map<string, Set<bigint>>} found @param {string} name @param {Value} value */
function add(found, name, value) {
  if (typeof value === "bigint") found.set(name, (found.get(name) ?? new Set()).add(value));
}

/** @param {string} name */
const hyphened = (name) => split(casefold(name)).join("-");

/**
 * What stands before and after the first `mark`, and whether it is there: `str.partition` of Python.
 * @param {string} text
 * @param {string} mark
 * @returns {[string, string, boolean]}
 */
export function parted(text, mark) {
  const place = text.indexOf(mark);
  return place < 0 ? [text, "", false] : [text.slice(0, place), text.slice(place + mark.length), true];
}

/** The dimension without weight bases and substances: a chart does not spell those out. @param {Measure} measure */
export function plain(measure) {
  /** @type {Map<string, number>} */
  const found = new Map();
  for (const [base, power] of measure.dimension) {
    const [name] = base.split("[");
    if (name !== "count") found.set(name, (found.get(name) ?? 0) + power);
  }
  return new Map([...found].filter(([, power]) => power));
}

/** Units in which the same thing is measured elsewhere, and which a number is written without thinking of. */
const MISTAKEN = new Map([
  ["mmol/L", ["mg/dL"]],
  ["mg/dL", ["mmol/L"]],
  ["mmHg", ["kPa"]],
  ["kPa", ["mmHg"]],
]);

/**
 * What to do with data in `given` that only a molar mass would convert, where none is known; else empty.
 * @param {Dictionary} names
 * @param {Element} element
 * @param {string} given
 */
export function withoutMolarMass(names, element, given) {
  if (!names.units.has(given) || !names.units.has(element.unit)) return "";
  const [one, other] = [given, element.unit].map((unit) => names.units.parse(unit).dimension);
  const bases = new Set([...one.keys(), ...other.keys()]);
  const apart = [...bases].filter((base) => one.get(base) !== other.get(base));
  if (element.molarMass || apart.length !== 2 || !apart.includes("mass") || !apart.includes("amount")) return "";
  const why = `nothing is converted, because the library has no \`molar_mass\` for \`${element.id}\``;
  return `have it reported in \`${element.unit}\`; ${why}`;
}

/** @param {unknown} item @returns {Iterable<import("./program.js").Compare>} */
function* compares(item) {
  if (typeof item !== "object" || item === null) return;
  if ("kind" in item && item.kind === "compare") yield /** @type {import("./program.js").Compare} */ (item);
  for (const part of Object.values(item)) yield* compares(part);
}

/** @type {WeakMap<Program, Dictionary>} */
const DICTIONARIES = new WeakMap();

/** The dictionary of a Program, made once. @param {Program} program */
export function dictionaryOf(program) {
  let found = DICTIONARIES.get(program);
  if (found === undefined) DICTIONARIES.set(program, (found = new Dictionary(program)));
  return found;
}

/**
 * Read a chart: JSON text or data with `entries`, or a mapping of what is known now. Throws ChartError: everything that
 * is refused.
 * @param {Program} program
 * @param {unknown} data
 * @param {Moment | string | null} [now] needed for entries, and for data that are times; a mapping without them does
 *   without
 * @param {boolean} [lenient] what is wrong counts as unknown and is listed in `refused`, instead of being thrown
 * @param {ReadonlyMap<string, Binding>} [bindings] the names under which the hospital's own system exports data
 * @returns {ParsedChart}
 */
export function parseChart(program, data, now = null, lenient = false, bindings = new Map()) {
  const reader = new Reader(dictionaryOf(program), lenient, bindings);
  /** @type {Moment | null} */
  let moment = null;
  withBad(
    () => {
      if (now !== null) moment = parseTime(now);
    },
    (bad) => {
      throw new ChartError([refusal("KB608", "now", bad.message, bad.help)]);
    },
  );
  const mapping = asMapping(data);
  if (typeof data === "string" || mapping?.has("entries")) {
    const chart = readChart(data, reader.problems, reader.doubtful);
    if (moment === null) {
      const help = "say what time it is: `now`, with its offset";
      reader.problems.push(refusal("KB609", "now", "a chart with times is read for a moment", help));
      throw new ChartError(reader.problems);
    }
    return reader.ofChart(chart);
  }
  if (mapping === null) throw new ChartError([refusal("KB601", "", NO_CHART)]);
  return reader.ofMapping(mapping, moment);
}

/** One reading of one chart: collects what is refused and what is not used. */
class Reader {
  /** @param {Dictionary} names @param {boolean} lenient @param {ReadonlyMap<string, Binding>} [bindings] */
  constructor(names, lenient, bindings = new Map()) {
    this.names = names;
    this.bindings = bindings;
    this.lenient = lenient;
    /** @type {Refusal[]} */
    this.problems = [];
    /** @type {NotUsed[]} */
    this.notUsed = [];
    /** @type {Set<string>} */
    this.doubtful = new Set();
  }

  // ------------------------------------------------------------ entries

  /** @param {Chart} chart */
  ofChart(chart) {
    const marks = chart.entries.map((entry) => this.mark(entry)).filter((each) => each !== null);
    return this.result(/** @type {Mark[]} */ (marks), chart.completeFrom?.scaled ?? null, chart);
  }

  /** @param {Mark[]} marks @param {bigint | null} completeFrom @param {Chart | null} chart @returns {ParsedChart} */
  result(marks, completeFrom, chart) {
    if (this.problems.length && !this.lenient) throw new ChartError(this.problems);
    return {
      marks,
      standing: new Index(marks),
      last: marks.length ? marks[marks.length - 1].at : 0n,
      completeFrom,
      complete: false,
      moment: false,
      features: new Map(),
      salts: new Map(),
      strengths: new Map(),
      doubtful: new Set(
        [...this.doubtful].flatMap((told) => (told === ANY ? [...this.names.drugs.keys()] : [this.meant(told)])),
      ),
      refused: this.problems,
      notUsed: this.notUsed,
      lenient: this.lenient,
      chart,
    };
  }

  /** @param {Entry} entry @returns {Mark | null} */
  mark(entry) {
    const { names } = this;
    const common = { at: entry.at.scaled, time: entry.at, id: entry.id, replaces: entry.replaces || entry.retracts };
    if (entry.retracts) return mark({ ...common, kind: "retraction", name: "" });
    const gone = common.replaces ? mark({ ...common, kind: "retraction", name: "" }) : null;
    if (entry.kind === "observation") {
      const binding = this.bindings.get(entry.element);
      const element = names.elements.get(entry.element);
      if (binding !== undefined || element !== undefined) {
        const [name, [value, state]] =
          binding !== undefined
            ? [binding.data, this.bound(binding, entry.value, entry.id)]
            : [entry.element, this.observed(/** @type {Element} */ (element), entry.value, entry.id)];
        return mark({ ...common, kind: "element", name, value, state });
      }
      const asked = entry.value === "not available" ? this.asked(entry.element) : "";
      if (asked) return mark({ ...common, kind: "unavailable", name: asked });
      const ofSalt = entry.element.endsWith(".salt");
      const drug = names.drug(entry.element.replace(/\.salt$/, ""));
      if (drug !== null && ofSalt) {
        const salt = this.salt(drug, textOfAny(entry.value), entry.id);
        return mark({ ...common, kind: "salt", name: drug.id, value: salt || null });
      }
      if (entry.element === RECORD) return this.record(entry, common) ?? gone;
      this.unused(entry, entry.element, [...names.elements.keys(), ...names.drugs.keys()]);
      return gone;
    }
    if (entry.kind === "therapy") {
      const drug = names.drug(entry.drug);
      if (drug === null) {
        const meant = closest(hyphened(entry.drug), names.synonyms.keys(), 0.8);
        if (meant === null) {
          this.unused(entry, entry.drug, names.synonyms.keys());
          return gone;
        }
        // Passed over as another drug, a misspelt dose would be given again.
        const message = `${quoted(entry.drug)} is a drug this protocol does not know`;
        this.problems.push(refusal("KB602", entry.drug, message, `did you mean \`${meant}\`?`, entry.id));
        this.doubtful.add(/** @type {string} */ (names.synonyms.get(meant)));
        return gone;
      }
      const given = entry.event === "given";
      /** @type {Dose | null} */
      let dose = null;
      let state = "";
      if (entry.event !== "stopped") {
        const of = given ? "amount" : "rate";
        dose = this.dose(drug, of, entry[of], entry.salt, entry.concentration, entry.id);
        state = dose === null ? "refused" : "";
      }
      return mark({ ...common, kind: given ? "given" : "rate", name: drug.id, state, event: entry.event, dose });
    }
    if (entry.kind === "step") {
      if (entry.protocol !== "" && entry.protocol !== names.program.id) return gone;
      if (!names.steps.has(entry.step)) {
        this.unused(entry, entry.step, names.steps);
        return gone;
      }
      return mark({ ...common, kind: entry.event, name: entry.step, reason: entry.reason });
    }
    if (entry.protocol !== names.program.id) return gone;
    return mark({ ...common, kind: "protocol", name: "", event: entry.event });
  }

  /** What else than data may be asked for under `name`: a rate, a salt form, the record, a feature.
   * @param {string} name */
  asked(name) {
    const drug = this.names.drug(name.replace(/\.salt$/, ""));
    if (drug !== null) return drug.id + (name.endsWith(".salt") ? ".salt" : "");
    const slot = this.featureSlot(name);
    return name === RECORD ? RECORD : slot === null ? "" : this.names.program.slots[slot].name;
  }

  /**
   * An entry that says from when the therapy record is complete: `complete` (from ever) or a time.
   * @param {Entry} entry
   * @param {{at: bigint, time: Moment, id: string, replaces: string}} common
   * @returns {Mark | null}
   */
  record(entry, common) {
    let start = 0n;
    if (entry.value !== "complete") {
      try {
        start = parseTime(entry.value).scaled;
      } catch (bad) {
        if (!(bad instanceof BadValue)) throw bad;
        const help = "write `complete`, or the time from which it is";
        const message = `${quoted(entry.value)} does not say from when the therapy record is complete`;
        this.problems.push(refusal("KB606", RECORD, message, help, entry.id));
        return null;
      }
    }
    return mark({ ...common, kind: "record", name: "", value: start, replaces: entry.replaces });
  }

  /** @param {Entry} entry @param {string} name @param {Iterable<string>} known */
  unused(entry, name, known) {
    const hint = nearest(name, known);
    const why = `${quoted(name)} is unknown to this protocol${hint ? `; ${hint}` : ""}`;
    this.notUsed.push({ entry: entry.id, name, at: entry.at, why });
  }

  // ------------------------------------------------------------ a mapping

  /** @param {ReadonlyMap<string, unknown>} data @param {Moment | null} now @returns {ParsedChart} */
  ofMapping(data, now) {
    const { names } = this;
    const { slots } = names.program;
    const time = now ?? EPOCH;
    const at = time.scaled;
    /** @type {Mark[]} */
    const marks = [];
    /** @type {Map<number, Value>} */
    const features = new Map();
    /** @type {Map<string, [string, unknown]>} */
    const rates = new Map();
    /** @type {Map<string, string>} */
    const salts = new Map();
    /** @type {Map<string, Strength>} */
    const strengths = new Map();
    let complete = false;
    for (const [rawKey, raw] of data) {
      const key = joined(rawKey);
      if (raw === null || raw === undefined) continue;
      const place = key.lastIndexOf(".");
      const part = place < 0 ? "" : key.slice(place + 1);
      const drug = names.drug(place < 0 ? key : key.slice(0, place));
      const binding = this.bindings.get(key);
      const element = names.elements.get(binding === undefined ? key : binding.data);
      if (element !== undefined) {
        if (element.type === "date-time" && now === null && !isState(raw)) {
          const help = "say what time it is: `now`, with its offset";
          this.problems.push(refusal("KB609", key, `\`${key}\` is a time and \`now\` is not given`, help));
          continue;
        }
        const [value, state] = binding ? this.bound(binding, raw, "") : this.observed(element, raw, "");
        marks.push(mark({ at, time, id: key, kind: "element", name: element.id, value, state }));
      } else if (drug !== null && place < 0) {
        const before = rates.get(drug.id);
        if (before) this.twice(drug.id, before[0], key);
        else rates.set(drug.id, [key, raw]);
      } else if (drug !== null && part === "salt") {
        if (salts.has(drug.id)) this.twice(`${drug.id}.salt`, `${drug.id}.salt`, key);
        else salts.set(drug.id, this.salt(drug, textOfAny(raw), ""));
      } else if (drug !== null && part === "concentration") {
        withBad(
          () => strengths.set(drug.id, names.strength(textOfAny(raw), drug)),
          (bad) => this.refuse(bad, key, ""),
        );
      } else if (key === RECORD) {
        complete = raw === "complete";
        if (raw !== "complete" && raw !== "not complete") {
          const help = "write `complete` where every therapy now running is given here";
          this.problems.push(refusal("KB606", key, `${quoted(raw)} is not known here`, help));
        }
      } else {
        const slot = this.featureSlot(key);
        if (slot === null) this.unknownKey(key);
        else if (features.has(slot)) this.twice(slots[slot].name, slots[slot].name, key);
        else features.set(slot, this.feature(slots[slot], raw));
      }
    }
    for (const [id, [key, raw]] of rates) {
      marks.push(this.rateNow(/** @type {Drug} */ (names.drugs.get(id)), key, raw, salts.get(id) ?? "", at, time));
    }
    return { ...this.result(marks, null, null), complete, moment: true, features, salts, strengths, last: at };
  }

  /** @param {Drug} drug @param {string} key @param {unknown} given @param {string} salt @param {bigint} at
   * @param {Moment} time @returns {Mark} */
  rateNow(drug, key, given, salt, at, time) {
    const therapy = asMapping(given);
    let raw = given;
    let concentration = "";
    let form = salt;
    if (therapy !== null) {
      const known = ["rate", "salt", "concentration"];
      for (const part of therapy.keys()) {
        if (known.includes(part)) continue;
        this.problems.push(refusal("KB613", key, `a therapy has no ${quoted(part)} here`, nearest(part, known)));
      }
      form = spoken(therapy.get("salt")) || salt;
      concentration = spoken(therapy.get("concentration"));
      raw = therapy.has("rate") ? therapy.get("rate") : "";
    }
    const common = { at, time, id: key, kind: "rate", name: drug.id, event: "running" };
    if (isState(raw)) return mark({ ...common, state: raw });
    const dose = this.dose(drug, "rate", raw, form, concentration, "");
    return mark({ ...common, state: dose === null ? "refused" : "", dose });
  }

  /** @param {string} name @param {string} first @param {string} second */
  twice(name, first, second) {
    const message = `\`${first}\` and ${quoted(second)} are the same; one value is taken, not two`;
    this.problems.push(refusal("KB614", name, message, "leave one of them out"));
  }

  /**
   * The slot of a feature under its generated name; drugs in it may be named by their synonyms.
   * @param {string} key
   * @returns {number | null}
   */
  featureSlot(key) {
    let found = this.names.slots.get(key);
    if (found === undefined && key.includes("(")) {
      found = this.names.slots.get(
        key.replace(/[a-z][a-z0-9_-]*/g, (word) => this.names.synonyms.get(word) ?? word),
      );
    }
    return found !== undefined && this.names.program.slots[found].kind === "feature" ? found : null;
  }

  /** @param {string} key */
  unknownKey(key) {
    const { names } = this;
    const { program } = names;
    const index = names.slots.get(key);
    const kind = index === undefined ? "" : program.slots[index].kind;
    if (kind === "unobtainable" || key.endsWith(" is unobtainable")) {
      const of = key.replace(/ is unobtainable$/, "");
      this.problems.push(refusal("KB602", key, `${quoted(key)} is not a key`, `write \`${of}: unobtainable\``));
      return;
    }
    if (kind === "parameter" || program.parameters.some((parameter) => parameter.id === key)) {
      const message = `\`${key}\` is settled by local policy, not charted`;
      this.problems.push(refusal("KB619", key, message, "set it under `parameters` of the local settings"));
      return;
    }
    if (kind) {
      const message = `\`${key}\` is worked out by the protocol`;
      this.problems.push(refusal("KB619", key, message, "give the data it is worked out from"));
      return;
    }
    const known = [
      ...program.slots.filter((slot) => slot.kind === "feature").map((slot) => slot.name),
      ...names.elements.keys(),
      ...names.synonyms.keys(),
      RECORD,
      ...program.drugs.filter((drug) => drug.salts.length).map((drug) => `${drug.id}.salt`),
    ];
    const near = key.includes("(") ? known : known.filter((name) => !name.includes("("));
    const words = casefold(key).replace(/[- ]/g, "_");
    const [longer] = near.filter((name) => `_${name.replaceAll("-", "_")}_`.includes(`_${words}_`)).sort();
    const help = nearest(key, near) || nearest(words, near) || (longer ? `did you mean \`${longer}\`?` : "");
    const message = `${quoted(key)} is unknown to this protocol`;
    this.problems.push(refusal("KB602", key, message, help || "leave it out: nothing in this protocol reads it"));
  }

  /** The value of a feature given outright; unknown where it is refused. @param {Slot} slot @param {unknown} raw
   * @returns {Value} */
  feature(slot, raw) {
    /** @type {Value} */
    let value = null;
    withBad(
      () => {
        value = this.featureValue(slot, raw);
      },
      (bad) => this.refuse(bad, slot.name, ""),
    );
    return value;
  }

  /** @param {Slot} slot @param {unknown} raw @returns {Value} */
  featureValue(slot, raw) {
    if (slot.type === "boolean") return truth(slot.name, raw);
    if (slot.type === "choice") return option(slot.name, raw, slot.options);
    if (slot.type === "date-time") return parseTime(raw).scaled;
    const made = slot.feature?.function ?? "";
    // Only a previous value is a value of the data, and has its range.
    const of = made === "previous" ? (slot.feature?.of?.id ?? "") : "";
    const value = this.quantity(slot.name, raw, slot.unit, this.names.elements.get(of) ?? null);
    if (value < 0n && made !== "change" && made !== "previous") {
      throw new BadValue("KB607", `\`${slot.name}\` cannot be negative`);
    }
    if (made === "count" && value % SCALE) throw new BadValue("KB607", `\`${slot.name}\` is a whole number`);
    return value;
  }

  // ------------------------------------------------------------ values

  /** @param {BadValue} bad @param {string} name @param {string} entry */
  refuse(bad, name, entry) {
    this.problems.push(refusal(OF_VALUES[bad.code] ?? bad.code, name, bad.message, bad.help, entry));
  }

  /** Our name of what an entry is about. @param {string} told */
  meant(told) {
    return this.bindings.get(told)?.data ?? this.names.synonyms.get(hyphened(told)) ?? told;
  }

  /**
   * (value, state) of an observation under a name of the hospital's, in its words and its unit.
   * @param {Binding} binding
   * @param {unknown} raw
   * @param {string} entry
   * @returns {[Value, string]}
   */
  bound(binding, raw, entry) {
    const element = /** @type {Element} */ (this.names.elements.get(binding.data));
    /** @type {string | boolean} */
    let text;
    try {
      text = textOf(raw);
    } catch (bad) {
      if (!(bad instanceof BadValue)) throw bad;
      this.refuse(bad, element.id, entry);
      return [null, "refused"];
    }
    const word = typeof text === "boolean" ? String(text) : joined(text);
    const meant = binding.values?.get(word);
    if (meant !== undefined) return this.observed(element, meant, entry);
    if (STATES.includes(word)) return this.observed(element, word, entry);
    if (binding.values !== null && element.type !== "number" && element.type !== "quantity") {
      const known = [...binding.values.keys()];
      const help = nearest(word, known) || `the local settings know ${known.join(", ")}`;
      const message = `${quoted(raw)} is not a word of \`${binding.name}\`, which is \`${element.id}\` here`;
      this.problems.push(refusal("KB603", element.id, message, help, entry));
      return [null, "refused"];
    }
    const bare = binding.unit && typeof text !== "boolean" && !word.includes(" ");
    return this.observed(element, bare ? `${word} ${binding.unit}` : raw, entry);
  }

  /** (value, state) of one observation. @param {Element} element @param {unknown} raw @param {string} entry
   * @returns {[Value, string]} */
  observed(element, raw, entry) {
    try {
      if (raw === "not available") return [null, raw];
      if (raw === "unobtainable") {
        if (element.canBeUnobtainable) return [null, raw];
        throw new BadValue("KB615", `\`${element.id}\` cannot be unobtainable`, "write `not available`");
      }
      switch (element.type) {
        case "boolean":
          return [truth(element.id, raw), ""];
        case "choice":
          return [option(element.id, raw, element.options), ""];
        case "date-time":
          return [parseTime(raw).scaled, ""];
        case "text":
          return [textOfAny(textOf(raw)), ""];
      }
      return [this.quantity(element.id, raw, element.unit, element), ""];
    } catch (bad) {
      if (!(bad instanceof BadValue)) throw bad;
      this.refuse(bad, element.id, entry);
    }
    return [null, "refused"];
  }

  /**
   * A number with its unit, scaled in `unit`; within the range of `element` where it has one.
   * @param {string} name
   * @param {unknown} raw
   * @param {string} unit
   * @param {Element | null} element
   */
  quantity(name, raw, unit, element) {
    const text = textOf(raw);
    if (typeof text === "boolean") throw new BadValue("KB606", `\`${name}\` is a number, not ${text}`);
    const [value, given] = this.split(text, name, unit);
    let scaled = 0n;
    if (given === unit) {
      scaled = scale(value);
    } else {
      const molarMass = element === null ? null : parseMolarMass(element.molarMass);
      try {
        scaled = this.names.units.toScaled(value, given, unit, molarMass, element?.valence ?? 0);
      } catch (bad) {
        if (!(bad instanceof BadValue)) throw bad;
        const help = (element && withoutMolarMass(this.names, element, given)) || bad.help;
        throw new BadValue(bad.code, `\`${name}\`: ${bad.message}`, help);
      }
    }
    if (element !== null && (given === unit || element.unit === unit)) {
      this.checkRange(element.low, element.high, unit, name, scaled, text);
    }
    return scaled;
  }

  /** Number and unit of `text`, which is to be in `unit`. @param {string} text @param {string} name
   * @param {string} unit @returns {[Fraction, string]} */
  split(text, name, unit) {
    const [value, given] = named(name, () => parseQuantity(text));
    if (!given && unit !== "" && unit !== "1") {
      const help = `write \`${strip(text)} ${unit}\``;
      throw new BadValue("KB604", `${quoted(text)} has no unit (\`${name}\`)`, help);
    }
    return [value, given];
  }

  /** Refuse a value outside its range; both ends are in it. @param {bigint | null} low @param {bigint | null} high
   * @param {string} unit @param {string} name @param {bigint} scaled @param {unknown} raw */
  checkRange(low, high, unit, name, scaled, raw) {
    if ((low === null || scaled >= low) && (high === null || scaled <= high)) return;
    const [from, to] = [low, high].map((end) => (end === null ? "" : formatDecimal(end)));
    const span = from && to ? `${from} to ${to}` : from ? `from ${from}` : `up to ${to}`;
    const help = strip(`its range is ${span} ${unit}`) + this.otherUnit(name, unit, raw);
    throw new BadValue("KB607", `${quoted(raw)} is outside the range of \`${name}\``, help);
  }

  /** The unit in which a number outside its range may have been measured; empty where none would fit.
   * @param {string} name @param {string} unit @param {unknown} raw */
  otherUnit(name, unit, raw) {
    const element = this.names.elements.get(name);
    const given = split(textOfAny(raw));
    if (element?.unit !== unit || given.length < 2 || given[1] !== unit) return "";
    for (const other of MISTAKEN.get(unit) ?? []) {
      const help = withoutMolarMass(this.names, element, other);
      if (help) return `; if it was reported in \`${other}\`, ${help}`;
      const molarMass = parseMolarMass(element.molarMass);
      const [number] = parseQuantity(textOfAny(raw));
      const scaled = this.names.units.toScaled(number, other, unit, molarMass, element.valence);
      if ((element.low === null || scaled >= element.low) && (element.high === null || scaled <= element.high)) {
        return `; if it was measured in \`${other}\`, write \`${given[0]} ${other}\``;
      }
    }
    return "";
  }

  /** A salt form of `drug`, or nothing where it is refused. @param {Drug} drug @param {string} text
   * @param {string} entry */
  salt(drug, text, entry) {
    const word = joined(text.toLowerCase()).replace(/^as /, "");
    const known = drug.salts.map(([salt]) => salt);
    if (known.includes(word)) return word;
    let message = `${quoted(text)} is not a salt form of \`${drug.id}\` here`;
    let help = nearest(word, known) || `write one of ${known.join(", ")}`;
    if (!known.length) {
      // Whoever says it may mean another drug.
      [message, help] = [`\`${drug.id}\` has no salt forms in this protocol`, "leave the form out"];
    }
    this.problems.push(refusal("KB612", drug.id, message, help, entry));
    return "";
  }

  /**
   * A charted rate or amount of a drug; null where it is refused.
   * @param {Drug} drug
   * @param {Of} of
   * @param {unknown} raw
   * @param {string} salt
   * @param {string} concentration
   * @param {string} entry
   * @returns {Dose | null}
   */
  dose(drug, of, raw, salt, concentration, entry) {
    const before = this.problems.length;
    const unit = unitOf(drug, of);
    /** @type {Dose | null} */
    let dose = null;
    try {
      if (!unit) {
        const other = of === "rate" ? "chart the amount `given`" : "chart the running rate";
        throw new BadValue("KB617", `\`${drug.id}\` has no ${of} here`, other);
      }
      const text = textOf(raw);
      if (typeof text === "boolean") {
        throw new BadValue("KB606", `the ${of} of \`${drug.id}\` is a number with its unit`);
      }
      const [stated, form, as] = parted(text, " as ");
      const word = (as && this.salt(drug, form, entry)) || (salt && this.salt(drug, salt, entry)) || "";
      if (as && salt && this.salt(drug, salt, entry) !== word) {
        throw new BadValue("KB612", `\`${drug.id}\` is charted as two salt forms`);
      }
      const nothing = of === "rate" && strip(stated) === "0"; // no infusion is none in every unit
      const [value, given] = nothing ? [new Fraction(0n), ""] : this.split(stated, drug.id, unit);
      if (value.n < 0n) throw new BadValue("KB607", `the ${of} of \`${drug.id}\` cannot be negative`);
      const strength = concentration ? this.names.strength(concentration, drug) : null;
      dose = this.weighed(drug, of, unit, { text, value, form: "direct", salt: word, strength, scaled: null }, given);
    } catch (bad) {
      if (!(bad instanceof BadValue)) throw bad;
      this.refuse(bad, drug.id, entry);
      return null;
    }
    return this.problems.length === before ? dose : null;
  }

  /** `dose` in base units, with what is still needed to know it in `unit`. @param {Drug} drug @param {Of} of
   * @param {string} unit @param {Dose} dose @param {string} given @returns {Dose} */
  weighed(drug, of, unit, dose, given) {
    if (dose.value.isZero && !given) return { ...dose, scaled: 0n };
    const wanted = this.names.measure(unit);
    const measure = named(drug.id, () => this.names.units.parse(given), `write it in \`${unit}\``);
    const [have, need] = [plain(measure), plain(wanted)];
    const perPatient = new Map([...need].filter(([base]) => base !== "body_mass"));
    /** @type {Map<string, number>} */
    const byVolume = new Map([["volume", 1]]);
    if (of === "rate") byVolume.set("time", -1);
    const value = dose.value.times(measure.factor);
    const form = sameDimension(have, need)
      ? "direct"
      : sameDimension(have, perPatient)
        ? "patient"
        : sameDimension(have, byVolume)
          ? "volume"
          : null;
    if (form === null || (form === "patient" && this.names.program.weight === null)) {
      const why = form ? ": it is read per kg, and this protocol knows no weight" : "";
      const message = `\`${given || dose.text}\` is not a unit for the ${of} of \`${drug.id}\`${why}`;
      throw new BadValue("KB605", message, `write it in \`${unit}\``);
    }
    if (dose.value.isZero) return { ...dose, value, form, scaled: 0n };
    const fraction = saltFraction(drug, dose.salt);
    if (fraction === null || form !== "direct") return { ...dose, value, form };
    return { ...dose, value, scaled: scale(value.times(fraction).over(wanted.factor)) };
  }
}

/** @param {unknown} raw @returns {raw is string} */
const isState = (raw) => typeof raw === "string" && STATES.includes(raw);

/** A part of a therapy as text; nothing where it is left out. @param {unknown} raw */
function spoken(raw) {
  if (typeof raw === "string") return raw;
  return raw === undefined || raw === null || raw === false || Number(raw) === 0 ? "" : textOfAny(raw);
}

/**
 * What `make` gives; the message of a refusal names what it is about.
 * @template T
 * @param {string} name
 * @param {() => T} make
 * @param {string} [help] where there is no better
 * @returns {T}
 */
function named(name, make, help) {
  try {
    return make();
  } catch (bad) {
    if (!(bad instanceof BadValue)) throw bad;
    throw new BadValue(bad.code, `\`${name}\`: ${bad.message}`, bad.help || help || null);
  }
}

/** @param {Drug} drug @param {Of} of */
const unitOf = (drug, of) => (of === "rate" ? drug.rateUnit : drug.amountUnit);

/**
 * The fraction of base in a salt form; null where the form matters and is not known.
 * @param {Drug} drug
 * @param {string} salt
 */
export function saltFraction(drug, salt) {
  const shares = new Map(drug.salts);
  if (salt) return Fraction.of(shares.get(salt) ?? "1");
  const different = new Set(shares.values());
  if (different.size > 1 || [...different].some((share) => !Fraction.of(share).equals(ONE))) return null;
  return ONE;
}

/** @param {string} name @param {unknown} raw */
function truth(name, raw) {
  if (typeof raw === "boolean") return raw;
  if (raw === "true" || raw === "false") return raw === "true";
  throw new BadValue("KB603", `${quoted(raw)} does not answer \`${name}\``, "write true or false");
}

/** @param {string} name @param {unknown} raw @param {readonly string[]} options */
function option(name, raw, options) {
  const word = typeof raw === "string" ? strip(raw) : textOfAny(raw);
  if (options.includes(word)) return word;
  const help = nearest(word, options) || `write one of ${options.join(", ")}`;
  throw new BadValue("KB603", `${quoted(raw)} is not an option of \`${name}\``, help);
}

/**
 * A value of the local settings for a parameter: an option, or a number within its range, scaled. Throws BadValue: it
 * does not fit.
 * @param {Dictionary} names
 * @param {Parameter} parameter
 * @param {unknown} raw
 * @returns {Value}
 */
export function readParameter(names, parameter, raw) {
  if (parameter.options.length) return option(parameter.id, raw, parameter.options);
  const reader = new Reader(names, false);
  const scaled = reader.quantity(parameter.id, raw, parameter.unit, null);
  if (scaled < 0n && parameter.low === null) {
    throw new BadValue("KB621", `${quoted(raw)} is less than nothing`, "write the value without a sign");
  }
  reader.checkRange(parameter.low, parameter.high, parameter.unit, parameter.id, scaled, raw);
  return scaled;
}

/**
 * A charted rate or amount, scaled in the drug's unit.
 * @param {Dictionary} names
 * @param {Drug} drug
 * @param {Of} of
 * @param {Dose} dose
 * @param {Fraction | null} weight base units (kg) of the weight that `per kg` means
 * @param {string} salt the form that was charted apart from the dose, or nothing
 * @param {Strength | null} strength the concentration that holds where the entry names none. Where it says its salt
 *   form, a rate by volume needs none of its own, and must not say another.
 * @returns {bigint | Missing}
 */
export function settle(names, drug, of, dose, weight, salt, strength) {
  if (dose.scaled !== null) return dose.scaled;
  const wanted = names.measure(unitOf(drug, of));
  const held = dose.strength ?? strength;
  let said = dose.salt || salt;
  if (dose.form === "volume" && held?.salt) {
    const [own, its] = [said ? saltFraction(drug, said) : null, saltFraction(drug, held.salt)];
    if (said && !(own !== null && its !== null && own.equals(its))) return { kind: "salt form" };
    said = held.salt;
  }
  const fraction = saltFraction(drug, said);
  if (fraction === null) return { kind: "salt form" };
  let value = dose.value.times(fraction);
  if (dose.form === "volume") {
    if (held === null) return { kind: "concentration" };
    value = value.times(held.value);
  }
  if (dose.form !== "direct" && plain(wanted).has("body_mass")) {
    if (weight === null || weight.isZero) return { kind: "weight" };
    value = value.over(weight);
  }
  return scale(value.over(wanted.factor));
}
