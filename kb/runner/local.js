/**
 * What one hospital has settled (`local.yaml`, as JSON), read for one Program: what is in force, and what is wrong.
 * As kb/local.py.
 *
 * Short and long form mean the same: `reassess_after: 5 min` is `reassess_after: {value: 5 min}`. A mapping with the
 * key `format` is a whole file: it serves many protocols and was checked with its base, so what it says of things that
 * this Program does not have is passed over. Without it, the mapping is meant for this Program, and every name in it
 * must be known.
 */

import { ANY, RECORD, STATES, refusal, textOf } from "./chart.js";
import { readJson } from "./json.js";
import { KINDS, SIDES, edgeOf, libraryEdge, unitOf, widened } from "./limits.js";
import { SCALE } from "./program.js";
import { dictionaryOf, parted, readParameter, withoutMolarMass } from "./reading.js";
import { sha256 } from "./sha256.js";
import { parseMolarMass, parseQuantity } from "./units.js";
import { BadValue, Fraction, ONE, abs, divmod, formatDecimal, formatScaled } from "./values.js";
import { asMapping, joined, nearest, quoted, textOfAny } from "./words.js";

/** @typedef {import("./chart.js").Refusal} Refusal */
/** @typedef {import("./limits.js").Kind} Kind */
/** @typedef {import("./limits.js").LocalLimit} LocalLimit */
/** @typedef {import("./limits.js").Side} Side */
/** @typedef {import("./limits.js").Tell} Tell */
/** @typedef {import("./program.js").Drug} Drug */
/** @typedef {import("./program.js").Element} Element */
/** @typedef {import("./program.js").Limit} Limit */
/** @typedef {import("./program.js").Parameter} Parameter */
/** @typedef {import("./program.js").Program} Program */
/** @typedef {import("./program.js").Value} Value */
/** @typedef {import("./reading.js").Binding} Binding */
/** @typedef {import("./reading.js").Dictionary} Dictionary */
/** @typedef {import("./reading.js").Strength} Strength */
/** @typedef {ReadonlyMap<string, unknown>} Mapping */
/** @typedef {readonly (string | number)[]} Path */

export const CARE_AREA = "care_area";
const SECTIONS = ["parameters", "protocols", "display_units", "concentrations", "limits", "care_areas", "bindings"];
const KEYS = ["format", "name", "approved_by", "approved_on", ...SECTIONS, CARE_AREA];
const SIGNATURE = ["because", "approved_by", "approved_on"];

/**
 * One thing wrong with local settings. `path` leads to it through the keys of the file. `grave`: not even a lenient
 * reading may pass it over, because advice would then be less careful than the hospital wants it. `wider`: a limit
 * wider than the library's, without a reason.
 * @typedef {{code: string, path: Path, message: string, help: string, grave: boolean, wider: boolean}} Problem
 */

/**
 * Why a setting was made, by whom it was signed and when; the file's own words where it says none.
 * @typedef {{because: string, by: string, on: string}} Signed
 */

/**
 * One setting of a hospital that is in force. `kind`: parameter, concentration, limit, display unit, binding or care
 * area. `default` is what would count without it; `area` is the care area that it is for.
 * @typedef {object} LocalSetting
 * @property {string} kind
 * @property {string} name
 * @property {string} value
 * @property {string} default
 * @property {string} because
 * @property {string} by
 * @property {string} on
 * @property {string} area
 */

/**
 * Local settings as one Program needs them. `areas` are the care areas and their titles, `area` the one that is named,
 * or empty. `units` are display units by data element or drug, `raw` what was given.
 */
export class Local {
  /** @type {ReadonlyMap<string, Value>} */
  parameters = new Map();
  /** @type {ReadonlyMap<string, Strength>} */
  concentrations = new Map();
  /** @type {ReadonlyMap<string, string>} */
  units = new Map();
  /** @type {ReadonlyMap<string, readonly LocalLimit[]>} */
  limits = new Map();
  /** @type {ReadonlyMap<string, string>} */
  areas = new Map();
  area = "";
  /** @type {ReadonlyMap<string, Binding>} */
  bindings = new Map();
  /** @type {readonly Problem[]} */
  problems = [];
  /** @type {Mapping} */
  raw = new Map();
}

export const NO_LOCAL = new Local();

/**
 * The care areas the patient may be in, as far as they differ for a drug; empty text: none that is named.
 * @param {Local} local
 * @param {string} drug
 */
export function possibleAreas(local, drug) {
  if (local.area) return [local.area];
  return ["", ...new Set((local.limits.get(drug) ?? []).map((item) => item.area).filter(Boolean))];
}

/** @param {Problem} problem @returns {Refusal} */
export function problemRefusal({ code, path, message, help }) {
  return refusal(code, path.length ? String(path[path.length - 1]) : "", message, help);
}

/**
 * The settings of `local` (JSON text or data) for `program`; what is wrong with them is in `problems`.
 * @param {Program} program
 * @param {unknown} local
 * @returns {Local}
 */
export function readLocal(program, local) {
  if (local instanceof Local) return local;
  const data = typeof local === "string" ? readJson(local) : local;
  if (data === null || data === undefined || asMapping(data)?.size === 0) return NO_LOCAL;
  return new Reader(dictionaryOf(program), data).read();
}

// ---------------------------------------------------------------- form

/** A setting as a mapping, however it was written. @param {unknown} raw @param {string} [key] */
const longForm = (raw, key = "value") => asMapping(raw) ?? new Map([[key, raw]]);

/** The named settings of one kind; nothing where it is no mapping. @param {Mapping} raw @param {string} key
 * @returns {[string, unknown][]} */
function section(raw, key) {
  const found = asMapping(raw.get(key)) ?? new Map();
  return [...found].filter(([, value]) => value !== null && value !== undefined);
}

/** The reason of a setting, and who signed it: as it says itself, else as the file does. @param {Mapping} raw
 * @param {unknown} setting @returns {Signed} */
function signed(raw, setting) {
  const own = asMapping(setting) ?? new Map();
  return {
    because: words(own.get("because")),
    by: words(own.get("approved_by")) || words(raw.get("approved_by")),
    on: words(own.get("approved_on")) || words(raw.get("approved_on")),
  };
}

/** @param {unknown} raw */
const words = (raw) => (raw === null || raw === undefined ? "" : joined(textOfAny(raw)));

/**
 * SHA-256 over all that can change advice or what is shown with it; empty where nothing is settled.
 *
 * The order of keys and the short or long form of a setting make no difference.
 * @param {Local} local
 */
export function localDigest(local) {
  /** @type {Map<string, unknown>} */
  const made = new Map();
  for (const key of [...SECTIONS, CARE_AREA, "name"]) {
    const held = canonical(local.raw, key);
    if (typeof held === "string" ? held : held.size) made.set(key, held);
  }
  return [...made.keys()].some((key) => key !== "name") ? sha256(sortedJson(made)) : "";
}

/** As `json.dumps(…, sort_keys=True, ensure_ascii=False)` of Python. @param {unknown} value @returns {string} */
function sortedJson(value) {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(", ")}]`;
  if (!(value instanceof Map)) return JSON.stringify(value);
  const keys = [...value.keys()].sort(byCodePoint);
  return `{${keys.map((key) => `${JSON.stringify(key)}: ${sortedJson(value.get(key))}`).join(", ")}}`;
}

/** @param {string} one @param {string} other */
function byCodePoint(one, other) {
  const [left, right] = [[...one], [...other]];
  const place = left.findIndex((letter, index) => letter !== right[index]);
  if (place < 0) return left.length - right.length;
  return (left[place].codePointAt(0) ?? 0) - (right[place]?.codePointAt(0) ?? -1);
}

/** @param {Mapping} raw @param {string} key @returns {string | Map<string, unknown>} */
function canonical(raw, key) {
  if (key === "name" || key === CARE_AREA) return words(raw.get(key));
  if (key === "limits") return limits(raw, raw);
  if (["display_units", "concentrations", "parameters", "bindings"].includes(key)) return settings(raw, raw, key);
  return new Map(
    section(raw, key).map(([name, value]) => {
      const part = asMapping(value) ?? new Map();
      const inner = new Map();
      inner.set("title", words(part.get("title"))).set("limits", limits(raw, part));
      return [name, inner.set("parameters", settings(raw, part, "parameters"))];
    }),
  );
}

/** @param {Mapping} raw @param {Mapping} part @param {string} key @returns {Map<string, unknown>} */
function settings(raw, part, key) {
  const meant = key === "bindings" ? "data" : "value";
  return new Map(section(part, key).map(([name, value]) => [name, setting(raw, value, meant)]));
}

/** @param {Mapping} raw @param {Mapping} part @returns {Map<string, unknown>} */
function limits(raw, part) {
  return new Map(
    section(part, "limits").map(([drug, entries]) => [
      drug,
      (Array.isArray(entries) ? entries : [entries]).map((entry) => setting(raw, entry, "limit")),
    ]),
  );
}

/** @param {Mapping} raw @param {unknown} given @param {string} key */
function setting(raw, given, key) {
  const own = longForm(given, key);
  const kept = [...own].filter(([name, value]) => value !== null && value !== undefined && !SIGNATURE.includes(name));
  const { because, by, on } = signed(raw, own);
  return [new Map(kept.map(([name, value]) => [name, plainly(value)])), [because, by, on]];
}

/** @param {unknown} raw @returns {unknown} */
function plainly(raw) {
  if (Array.isArray(raw)) return raw.map(plainly);
  const map = asMapping(raw);
  if (map) return new Map([...map].map(([name, value]) => [name, plainly(value)]));
  try {
    const text = textOf(raw);
    return typeof text === "boolean" ? text : joined(text);
  } catch (bad) {
    if (bad instanceof BadValue) return textOfAny(raw);
    throw bad;
  }
}

// ---------------------------------------------------------------- reading

class Reader {
  /** @param {Dictionary} names @param {unknown} local */
  constructor(names, local) {
    this.names = names;
    this.program = names.program;
    /** @type {Problem[]} */
    this.problems = [];
    const mapping = asMapping(local);
    this.raw = mapping ?? new Map();
    this.whole = this.raw.has("format");
    if (mapping === null) {
      this.report("KB621", ["local"], "the local settings are a mapping with `parameters` and so on");
    }
  }

  /** @param {string} code @param {Path} path @param {string} message @param {string | null} [help]
   * @param {boolean} [grave] @param {boolean} [wider] */
  report(code, path, message, help = "", grave = true, wider = false) {
    this.problems.push({ code, path, message, help: help ?? "", grave, wider });
  }

  /** @returns {Local} */
  read() {
    const known = new Map(this.program.parameters.map((parameter) => [parameter.id, parameter]));
    for (const key of this.raw.keys()) {
      if (known.has(key)) {
        this.report("KB621", [key], `${quoted(key)} stands beside \`parameters\``, "put it under `parameters`");
      } else if (!KEYS.includes(key)) {
        const help = nearest(key, KEYS) || `the keys are ${KEYS.join(", ")}`;
        this.report("KB646", [key], `local settings have no ${quoted(key)}`, help);
      }
    }
    const local = new Local();
    local.parameters = new Map(this.parameters(known));
    local.areas = new Map(this.careAreas());
    local.concentrations = new Map(this.concentrations());
    local.units = new Map(this.displayUnits());
    local.limits = this.allLimits(local.areas);
    local.area = this.careArea(local.areas);
    local.bindings = new Map(this.bindings());
    local.problems = this.problems;
    local.raw = this.raw;
    return local;
  }

  /**
   * @param {Mapping} part
   * @param {string} key
   * @param {readonly string[]} [path]
   * @returns {[string, unknown, Path][]}
   */
  settings(part, key, path = []) {
    const found = part.get(key) ?? null;
    if (found === null) return [];
    if (asMapping(found) === null) {
      const message = `\`${key}\` of the local settings is a mapping of names to values`;
      this.report("KB621", [...path, key], message, "", key !== "parameters" && key !== "concentrations");
      return [];
    }
    return section(part, key).map(([name, raw]) => [name, raw, [...path, key, name]]);
  }

  /**
   * A setting in its long form; null where it has a key that it must not have, or lacks its value.
   * @param {unknown} given
   * @param {Path} path
   * @param {readonly string[]} allowed
   * @param {string} [key]
   */
  keys(given, path, allowed, key = "value") {
    const own = longForm(given, key);
    const known = [...allowed, ...SIGNATURE];
    const last = path[path.length - 1];
    for (const name of own.keys()) {
      if (known.includes(name)) continue;
      const help = nearest(name, known) || `its keys are ${known.join(", ")}`;
      this.report("KB646", path, `a setting has no ${quoted(name)} (\`${last}\`)`, help);
      return null;
    }
    if ((own.get(key) ?? null) === null) {
      this.report("KB621", path, `\`${last}\` has no \`${key}\``, `write \`${key}: …\``, false);
      return null;
    }
    return own;
  }

  /**
   * A name that this Program does not have: another protocol's in a whole file, else a mistake.
   * @param {string} code
   * @param {Path} path
   * @param {string} what
   * @param {Iterable<string>} known
   * @param {boolean} [grave]
   */
  unknown(code, path, what, known, grave = true) {
    if (this.whole) return;
    const name = String(path[path.length - 1]);
    const several = "a file for several protocols says `format: 1`; then it may name what others have";
    const help = nearest(name, known) || several;
    this.report(code, path, `${quoted(name)} is not ${what} of this protocol`, help, grave);
  }

  /** @param {string} code @param {Path} path @param {BadValue} bad @param {{named?: string, grave?: boolean}} [how] */
  refuse(code, path, bad, { named = "", grave = true } = {}) {
    this.report(code, path, named + bad.message, bad.help, grave);
  }

  // ------------------------------------------------------------ parameters

  /** @param {ReadonlyMap<string, Parameter>} known @returns {Iterable<[string, Value]>} */
  *parameters(known) {
    for (const [name, raw, path] of this.settings(this.raw, "parameters")) {
      const parameter = known.get(name);
      if (parameter) yield [name, this.parameter(parameter, raw, path)];
      else this.unknown("KB620", path, "a parameter", known.keys(), false);
    }
    for (const [id, given, place] of this.settings(this.raw, "protocols")) {
      const part = asMapping(given);
      if (part === null) {
        this.report("KB621", place, `\`${id}\` is a mapping with \`parameters\``);
        continue;
      }
      for (const key of part.keys()) {
        if (key === "parameters") continue;
        const message = `a protocol has no ${quoted(key)} here`;
        this.report("KB646", place, message, "only `parameters` differ by protocol");
      }
      if (id !== this.program.id) continue;
      for (const [name, raw, path] of this.settings(part, "parameters", ["protocols", id])) {
        const parameter = known.get(name);
        if (parameter) {
          yield [name, this.parameter(parameter, raw, path)];
        } else {
          const message = `${quoted(name)} is not a parameter of \`${id}\``;
          this.report("KB620", path, message, nearest(name, known.keys()), false);
        }
      }
    }
  }

  /** @param {Parameter} parameter @param {unknown} raw @param {Path} path @returns {Value} */
  parameter(parameter, raw, path) {
    const own = this.keys(raw, path, ["value"]);
    if (own === null) return null;
    try {
      return readParameter(this.names, parameter, own.get("value"));
    } catch (bad) {
      this.refuse("KB621", path, known(bad), { grave: false });
      return null;
    }
  }

  // ------------------------------------------------------------ concentrations and display units

  /** @returns {Iterable<[string, Strength]>} */
  *concentrations() {
    /** @type {Map<string, string>} */
    const seen = new Map();
    for (const [name, raw, path] of this.settings(this.raw, "concentrations")) {
      const [own, drug] = [this.keys(raw, path, ["value"]), this.names.drug(name)];
      if (drug === null) {
        this.unknown("KB646", path, "a drug", this.names.synonyms.keys(), false);
      } else if (own !== null && !this.again(drug, name, seen, path)) {
        try {
          yield [drug.id, this.names.strength(textOfAny(textOf(own.get("value"))), drug)];
        } catch (bad) {
          this.refuse("KB618", path, known(bad), { grave: false });
        }
      }
    }
  }

  /**
   * Whether a drug stands twice in one place, under two of its names.
   * @param {Drug} drug
   * @param {string} name
   * @param {Map<string, string>} seen
   * @param {Path} path
   */
  again(drug, name, seen, path) {
    const before = seen.get(drug.id);
    if (before === undefined) {
      seen.set(drug.id, name);
      return false;
    }
    const message = `${quoted(name)} and ${quoted(before)} are one drug, \`${drug.id}\``;
    this.report("KB646", path, message, "leave one of them out");
    return true;
  }

  /** @returns {Iterable<[string, string]>} */
  *displayUnits() {
    for (const [name, raw, path] of this.settings(this.raw, "display_units")) {
      const own = this.keys(raw, path, ["value"]);
      const [element, drug] = [this.names.elements.get(name), this.names.drug(name)];
      if (element === undefined && drug === null) {
        const names = [...this.names.elements.keys(), ...this.names.synonyms.keys()];
        this.unknown("KB649", path, "data or a drug", names);
      } else if (own !== null) {
        try {
          const unit = textOfAny(textOf(own.get("value")));
          if (element !== undefined) this.shownIn(element.unit, unit, element);
          else if (drug !== null) this.shownAs(drug, unit);
          yield [element !== undefined || drug === null ? name : drug.id, unit];
        } catch (bad) {
          this.refuse("KB649", path, known(bad), { named: `\`${name}\` cannot be shown so: ` });
        }
      }
    }
  }

  /** @param {string} unit @param {string} other @param {Element} [element] */
  shownIn(unit, other, element) {
    if (element && element.type !== "number" && element.type !== "quantity") {
      throw new BadValue("KB649", `it is a ${element.type}, and has no unit`);
    }
    const molarMass = element ? parseMolarMass(element.molarMass) : null;
    try {
      this.names.units.convert(ONE, unit, other, molarMass, element?.valence ?? 0);
    } catch (bad) {
      const { code, message } = known(bad);
      if (!element || !withoutMolarMass(this.names, element, other)) throw bad;
      const help = `leave it in \`${unit}\`, or give \`${element.id}\` its \`molar_mass:\` in library/data.yaml`;
      throw new BadValue(code, message, help);
    }
  }

  /** @param {Drug} drug @param {string} other */
  shownAs(drug, other) {
    const units = [drug.rateUnit, drug.amountUnit].filter(Boolean);
    for (const unit of units) {
      try {
        this.shownIn(unit, other);
        return;
      } catch (bad) {
        known(bad);
      }
    }
    this.names.units.parse(other);
    const meant = units.map((unit) => `\`${unit}\``).join(" or ");
    throw new BadValue("KB649", `${quoted(other)} is another thing than ${meant}`);
  }

  // ------------------------------------------------------------ limits and care areas

  /** @returns {Iterable<[string, string]>} */
  *careAreas() {
    for (const [id, part, path] of this.settings(this.raw, "care_areas")) {
      const own = typeof part === "string" ? new Map([["title", part]]) : asMapping(part);
      if (own === null) {
        this.report("KB621", path, `\`${id}\` is a mapping with \`title\` and \`limits\``);
        continue;
      }
      for (const key of own.keys()) {
        if (key === "title" || key === "limits") continue;
        const help = nearest(key, ["title", "limits"]) || "its keys are title, limits";
        this.report("KB646", path, `a care area has no ${quoted(key)}`, help);
      }
      yield [id, words(own.get("title")) || id];
    }
  }

  /** @param {ReadonlyMap<string, string>} areas */
  careArea(areas) {
    const area = words(this.raw.get(CARE_AREA));
    if (area && !areas.has(area)) {
      const names = [...areas.keys()];
      const help = nearest(area, names) || `there are: ${names.join(", ") || "none"}`;
      this.report("KB646", [CARE_AREA], `${quoted(area)} is no care area of the local settings`, help);
    }
    return area;
  }

  /** @param {ReadonlyMap<string, string>} areas */
  allLimits(areas) {
    /** @type {Map<string, LocalLimit[]>} */
    const found = new Map();
    /** @param {string} drug @param {LocalLimit} limit */
    const add = (drug, limit) => {
      const listed = found.get(drug);
      if (listed) listed.push(limit);
      else found.set(drug, [limit]);
    };
    for (const [drug, limit] of this.limitsOf(this.raw, "", [])) add(drug, limit);
    for (const area of areas.keys()) {
      const part = asMapping(asMapping(this.raw.get("care_areas"))?.get(area));
      for (const [drug, limit] of part ? this.limitsOf(part, area, ["care_areas", area]) : []) add(drug, limit);
    }
    return found;
  }

  /**
   * @param {Mapping} part
   * @param {string} area
   * @param {readonly string[]} place
   * @returns {Iterable<[string, LocalLimit]>}
   */
  *limitsOf(part, area, place) {
    /** @type {Map<string, string>} */
    const seen = new Map();
    for (const [name, raw, path] of this.settings(part, "limits", place)) {
      const drug = this.names.drug(name);
      if (drug === null) {
        this.unknown("KB647", path, "a drug", this.names.synonyms.keys());
        continue;
      }
      if (this.again(drug, name, seen, path)) continue;
      for (const [number, entry] of (Array.isArray(raw) ? raw : [raw]).entries()) {
        const limit = this.limit(drug, entry, area, [...path, number]);
        if (limit !== null) yield [drug.id, limit];
      }
    }
  }

  /** @param {Drug} drug @param {unknown} raw @param {string} area @param {Path} path @returns {LocalLimit | null} */
  limit(drug, raw, area, path) {
    if (asMapping(raw) === null) {
      this.report("KB647", path, `a limit of \`${drug.id}\` is a mapping with \`of\`, and \`soft\` or \`hard\``);
      return null;
    }
    const own = this.keys(raw, path, ["of", "route", ...KINDS], "of");
    if (own === null) return null;
    const [of, route] = [words(own.get("of")), words(own.get("route"))];
    const unit = of === "rate" || of === "amount" ? unitOf(drug, of) : "";
    /** @param {Kind} kind */
    const said = (kind) => own.get(kind) ?? null;
    let why = "";
    if (of !== "rate" && of !== "amount") why = `${quoted(of)} is neither \`rate\` nor \`amount\``;
    else if (!unit) why = `\`${drug.id}\` has no ${of}`;
    else if (route && drug.routes.length && !drug.routes.includes(route)) {
      why = `${quoted(route)} is not a route of \`${drug.id}\``;
    } else if (KINDS.every((kind) => said(kind) === null)) {
      why = `a limit of \`${drug.id}\` has neither \`soft\` nor \`hard\``;
    }
    if (why) {
      const help = nearest(route, drug.routes) || (route && unit ? `it is given ${drug.routes.join(", ")}` : "");
      this.report("KB647", path, why, help);
      return null;
    }
    /** @type {Record<Kind, [bigint | null, bigint | null]>} */
    const ends = { hard: [null, null], soft: [null, null] };
    for (const kind of KINDS) {
      try {
        if (said(kind) !== null) ends[kind] = this.ends(textOfAny(textOf(said(kind))), unit);
      } catch (bad) {
        this.refuse("KB647", [...path, kind], known(bad), { named: `\`${drug.id}\`: ` });
        return null;
      }
    }
    const [[softLow, softHigh], [hardLow, hardHigh]] = [ends.soft, ends.hard];
    const made = { of, route, softLow, softHigh, hardLow, hardHigh, source: "", confirm: "" };
    const told = signed(this.raw, own);
    for (const side of SIDES) {
      const [soft, hard] = [edgeOf(made, "soft", side), edgeOf(made, "hard", side)];
      if (soft === null || hard === null || (side === "high" ? soft <= hard : soft >= hard)) continue;
      const message = `the soft limit of \`${drug.id}\`, ${formatScaled(soft, unit)}, lies beyond the hard one`;
      const help = "a hard limit refuses what a soft one only challenges: widen the hard, or tighten the soft";
      this.report("KB647", path, message, help);
    }
    if (!told.because) {
      for (const [kind, , library, edge] of widened(drug, made)) {
        const message =
          `the ${kind} limit of \`${drug.id}\`, ${formatScaled(edge, unit)}, is wider than the library's ` +
          `${formatScaled(library, unit)}, and gives no reason`;
        const help = "write `because:`; it is shown with every dose that relies on it";
        this.report("KB647", [...path, kind], message, help, true, true);
        return null;
      }
    }
    return { limit: made, area, ...told };
  }

  /** `up to X`, `from X`, `X to Y`: scaled in `unit`. @param {string} given @param {string} unit
   * @returns {[bigint | null, bigint | null]} */
  ends(given, unit) {
    const text = joined(given.replaceAll("\u2013", " to "));
    if (text.startsWith("up to ")) return [null, this.end(text.slice(6), unit)];
    if (text.startsWith("from ")) return [this.end(text.slice(5), unit), null];
    const [first, second, to] = parted(text, " to ");
    if (!to) throw new BadValue("KB647", `${quoted(given)} is no limit`, "write `up to X`, `from X` or `X to Y`");
    const stated = parted(second, " ")[1];
    const low = this.end(first.includes(" ") ? first : `${first} ${stated}`, unit);
    const high = this.end(second, unit);
    if (low >= high) throw new BadValue("KB647", `${quoted(given)} ends before it begins`, "write the lower end first");
    return [low, high];
  }

  /** @param {string} text @param {string} unit */
  end(text, unit) {
    const [value, given] = parseQuantity(text);
    if (value.n < 0n) throw new BadValue("KB647", `${quoted(text)} is less than nothing`);
    return this.names.units.toScaled(value, given, unit);
  }

  // ------------------------------------------------------------ bindings

  /** @returns {Iterable<[string, Binding]>} */
  *bindings() {
    const { elements, synonyms, slots } = this.names;
    const taken = new Set([...elements.keys(), ...synonyms.keys(), ...slots.keys(), RECORD, ANY, CARE_AREA]);
    for (const drug of synonyms.keys()) taken.add(`${drug}.salt`).add(`${drug}.concentration`);
    for (const [rawName, raw, path] of this.settings(this.raw, "bindings")) {
      const name = joined(rawName);
      const own = this.keys(raw, path, ["data", "unit", "values"], "data");
      if (own === null) continue;
      const data = words(own.get("data"));
      const element = elements.get(data);
      if (taken.has(name) || this.names.drug(name) !== null) {
        const help = "give the values under that name without a binding, or rename them on their way here";
        this.report("KB648", path, `${quoted(name)} is a name of ours already`, help);
      } else if (element === undefined) {
        if (this.whole) continue;
        const help = nearest(data, elements.keys());
        this.report("KB648", path, `${quoted(data)} (\`${name}\`) is not data of this protocol`, help);
      } else {
        const binding = this.binding(name, element, own, path);
        if (binding !== null) yield [name, binding];
      }
    }
  }

  /** @param {string} name @param {Element} element @param {Mapping} own @param {Path} path @returns {Binding | null} */
  binding(name, element, own, path) {
    const unit = words(own.get("unit"));
    const given = own.get("values") ?? null;
    try {
      if (unit) this.shownIn(element.unit, unit, element);
      if (given === null) return { name, data: element.id, unit, values: null };
      const values = asMapping(given);
      if (!values?.size) throw new BadValue("KB648", "`values` is a mapping of your words to ours");
      const made = new Map([...values].map(([word, raw]) => [word, this.foreign(element, raw)]));
      return { name, data: element.id, unit, values: made };
    } catch (bad) {
      this.refuse("KB648", path, known(bad), { named: `${quoted(name)}: ` });
      return null;
    }
  }

  /** The value of ours that a word of the hospital stands for. @param {Element} element @param {unknown} raw */
  foreign(element, raw) {
    if (element.type === "boolean") {
      if (typeof raw === "boolean") return raw;
      if (raw === "true" || raw === "false") return raw === "true";
    }
    const word = words(raw);
    const names = [...element.options, ...(element.canBeUnobtainable ? STATES : STATES.slice(1))];
    if (names.includes(word)) return word;
    const listed = element.type === "boolean" ? ["true", "false", ...names] : names;
    const help = nearest(word, listed) || `write one of ${listed.join(", ")}`;
    throw new BadValue("KB648", `${quoted(raw)} is not a value of \`${element.id}\``, help);
  }
}

/** A refusal that was caught; anything else is a fault, and goes on. @param {unknown} bad @returns {BadValue} */
function known(bad) {
  if (bad instanceof BadValue) return bad;
  throw bad;
}

// ---------------------------------------------------------------- display units
// All that is shown of a quantity in the hospital's unit is decided here: for facts, doses, conditions, limits, prose.

const NUMBER = "[0-9]+(?:\\.[0-9]+)?";
const DOSE = new RegExp(`^(${NUMBER})(?: to (${NUMBER}))? ([^\\s(),:]+)((?::| as | in | since | = | \\((?!\\d)).*)?$`);
const WORD = "\\p{L}\\p{N}_";
const IN_PROSE = new RegExp(
  `(?<![${WORD}.,/-])(${NUMBER})(?: to (${NUMBER}))? ([A-Za-zµ%][${WORD}%/]*)(?![${WORD}/]| \\([0-9])`,
  "gu",
);

/**
 * A scaled value in the hospital's unit, rounded to four figures; empty where it has none that fits.
 *
 * The protocol's own value always stands beside it, exactly. Where rounding would make the value look like a number
 * that the protocol compares it with, and it is not that number, it is `just below` or `just above` it: rounded numbers
 * never change places, so that none seems to lie on the other side.
 * @param {Local} local
 * @param {Dictionary} names
 * @param {string} name
 * @param {string} unit
 * @param {bigint} value
 */
export function inLocalUnit(local, names, name, unit, value) {
  const other = local.units.get(name);
  if (other === undefined || other === unit) return "";
  const found = converted(names, name, unit, other, new Fraction(value, SCALE));
  if (found === null) return "";
  const shown = fourFigures(found);
  for (const edge of [...names.edges(name)].sort((one, two) => (one < two ? -1 : 1))) {
    if (edge === value) continue;
    const near = converted(names, name, unit, other, new Fraction(edge, SCALE));
    if (near !== null && fourFigures(near) === shown) {
      return `just ${found.compare(near) < 0 ? "below" : "above"} ${shown} ${other}`;
    }
  }
  return `${shown} ${other}`;
}

/**
 * A number that a protocol is written with, in the hospital's unit: `8.666 kPa`; empty where it has none.
 * @param {Local} local
 * @param {Dictionary} names
 * @param {string} name
 * @param {string} unit
 * @param {string} number
 */
export function numberInLocalUnit(local, names, name, unit, number) {
  const other = local.units.get(name);
  if (other === undefined || joined(other) === joined(unit)) return "";
  const found = converted(names, name, unit, other, Fraction.of(number));
  return found === null ? "" : `${fourFigures(found)} ${other}`;
}

/**
 * A scaled value in the protocol's unit, and in the hospital's where it has one: `65 mmHg (8.666 kPa)`.
 * @param {Local} local
 * @param {Dictionary} names
 * @param {string} name
 * @param {string} unit
 * @param {bigint} value
 */
export function shownBeside(local, names, name, unit, value) {
  const told = formatScaled(value, unit);
  const own = numberInLocalUnit(local, names, name, unit, formatDecimal(value));
  return own ? `${told} (${own})` : told;
}

/**
 * A number, or two of them, that a protocol is written with, in the hospital's unit: `1.8 to 2.4 units/h`.
 * @param {Local} local
 * @param {Dictionary} names
 * @param {string} name
 * @param {string} low
 * @param {string} high empty where there is one number
 * @param {string} unit
 */
export function rangeBeside(local, names, name, low, high, unit) {
  const ends = [low, high].filter(Boolean).map((end) => numberInLocalUnit(local, names, name, unit, end));
  if (ends.some((end) => !end)) return "";
  const other = ` ${local.units.get(name)}`;
  return ends.map((end, index) => (index < ends.length - 1 ? end.slice(0, -other.length) : end)).join(" to ");
}

/**
 * A dose or rate of a drug as it is written; where the hospital has a unit of its own for the drug, in that too.
 * @param {Local} local
 * @param {Dictionary} names
 * @param {string} drug
 * @param {string} text
 */
export function doseBeside(local, names, drug, text) {
  const found = local.units.has(drug) ? DOSE.exec(text) : null;
  if (!found) return text;
  const own = rangeBeside(local, names, drug, found[1], found[2] ?? "", found[3]);
  const rest = found[4] ?? "";
  return own ? `${text.slice(0, text.length - rest.length)} (${own})${rest}` : text;
}

/**
 * A text of the protocol; where a number in it surely is of data or a drug with a unit of the hospital's, that too.
 *
 * Sure is what the Program compares that one thing with or gives of it. Where more than one thing has the number, the
 * one that the text names; where the unit depends on the substance (mmol/L as mg/dL), only what the text names.
 * @param {Local} local
 * @param {Dictionary} names
 * @param {string} text
 */
export function proseBeside(local, names, text) {
  if (!local.units.size) return text;
  return text.replace(IN_PROSE, (all, low, high = "", unit) => {
    const own = ofProse(local, names, text, low, high, unit);
    return own ? `${all} (${own})` : all;
  });
}

/** @param {Local} local @param {Dictionary} names @param {string} text @param {string} low @param {string} high
 * @param {string} unit */
function ofProse(local, names, text, low, high, unit) {
  const ends = [low, high].filter(Boolean);
  const having = [...names.elements.keys(), ...names.drugs.keys()].filter((name) =>
    ends.every((end) => isNumberOf(names, name, end, unit)),
  );
  const told = having.filter((name) => isNamed(names, name, text));
  const chosen = told.length ? told : having;
  const shown = new Set(
    chosen.map((name) => (local.units.has(name) ? rangeBeside(local, names, name, low, high, unit) : "")),
  );
  const [only] = shown;
  if (shown.size !== 1 || !only) return "";
  const plain = chosen.every((name) => isPlain(names, unit, /** @type {string} */ (local.units.get(name))));
  return told.length || plain ? only : "";
}

/** @param {Dictionary} names @param {string} name @param {string} number @param {string} unit */
function isNumberOf(names, name, number, unit) {
  const [element, drug] = [names.elements.get(name), names.drugs.get(name)];
  const units = element ? [element.unit] : drug ? [drug.rateUnit, drug.amountUnit] : [];
  return units.filter(Boolean).some((own) => {
    try {
      return names.numbers(name).has(names.units.toScaled(Fraction.of(number), unit, own));
    } catch (bad) {
      known(bad);
      return false;
    }
  });
}

/** @param {Dictionary} names @param {string} name @param {string} text */
function isNamed(names, name, text) {
  const [element, drug] = [names.elements.get(name), names.drugs.get(name)];
  const label = element ? element.label : drug ? parted(drug.label, " (")[0] : "";
  const meant = [name.replace(/[_-]/g, " ").toLowerCase(), label.toLowerCase()].filter(Boolean);
  return meant.some((word) => {
    const plain = word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    return new RegExp(`(?<![${WORD}])${plain}(?![${WORD}])`, "u").test(text.toLowerCase());
  });
}

/** Whether one unit becomes the other whatever is measured. @param {Dictionary} names @param {string} unit
 * @param {string} other */
function isPlain(names, unit, other) {
  try {
    names.units.convert(ONE, unit, other);
    return true;
  } catch (bad) {
    known(bad);
    return false;
  }
}

/**
 * The hospital's unit for data or a drug that the protocol has in `unit`; that one where there is no other.
 * @param {Local} local
 * @param {Dictionary} names
 * @param {string} name
 * @param {string} unit
 */
export function unitInUse(local, names, name, unit) {
  const other = local.units.get(name);
  return other !== undefined && unit && converted(names, name, unit, other, ONE) !== null ? other : unit;
}

/** @param {Dictionary} names @param {string} name @param {string} unit @param {string} other @param {Fraction} value */
function converted(names, name, unit, other, value) {
  const element = names.elements.get(name);
  const molarMass = element ? parseMolarMass(element.molarMass) : null;
  try {
    return names.units.convert(value, unit, other, molarMass, element?.valence ?? 0);
  } catch (bad) {
    known(bad);
    return null;
  }
}

/** @param {Fraction} value */
function fourFigures(value) {
  const size = new Fraction(abs(value.n), value.d);
  let grain = 1n;
  while (grain < 10n ** 8n && size.times(new Fraction(grain)).compare(new Fraction(1000n)) < 0) grain *= 10n;
  return formatDecimal(divmod(value.times(new Fraction(grain)).round() * SCALE, grain)[0]);
}

// ---------------------------------------------------------------- what is in force

/**
 * Every setting that bears on `program`, beside what would count without it.
 * @param {Program} program
 * @param {Local} local
 */
export function settingsInForce(program, local) {
  const { raw } = local;
  const names = dictionaryOf(program);
  /** @type {LocalSetting[]} */
  const made = [];
  /** @param {string} kind @param {string} name @param {string} value @param {string} fallback @param {Signed} told
   * @param {string} [area] */
  const add = (kind, name, value, fallback, told, area = "") =>
    made.push({ kind, name, value, default: fallback, ...told, area });

  if (local.area) {
    const area = asMapping(raw.get("care_areas"))?.get(local.area);
    add("care area", local.area, local.areas.get(local.area) ?? local.area, "", signed(raw, area));
  }
  const own = new Map(section(raw, "parameters"));
  for (const [id, given] of section(raw, "protocols")) {
    const part = id === program.id ? asMapping(given) : null;
    for (const [name, value] of part ? section(part, "parameters") : []) own.set(name, value);
  }
  for (const parameter of program.parameters) {
    const value = local.parameters.get(parameter.id) ?? null;
    if (value === null) continue;
    const shown = [value, parameter.default].map((each) => showParameter(parameter, each));
    add("parameter", parameter.id, shown[0], shown[1], signed(raw, own.get(parameter.id)));
  }
  for (const [name, given] of section(raw, "concentrations")) {
    const drug = names.drug(name);
    const strength = drug && local.concentrations.get(drug.id);
    if (strength) add("concentration", drug.id, strength.text, "", signed(raw, given));
  }
  for (const [id, listed] of local.limits) {
    const drug = /** @type {Drug} */ (names.drugs.get(id));
    for (const { limit, area, because, by, on } of listed) {
      if (local.area && area !== "" && area !== local.area) continue;
      /** @type {Tell} */
      const tell = (unit, value) => shownBeside(local, names, id, unit, value);
      const own = showLimit(drug, limit, tell);
      add("limit", id, own, libraryLimit(drug, limit, tell), { because, by, on }, area);
    }
  }
  for (const [name, given] of section(raw, "display_units")) {
    const [element, drug] = [names.elements.get(name), names.drug(name)];
    const key = element ? name : (drug?.id ?? "");
    const unit = local.units.get(key);
    const fallback = element ? element.unit : drug ? drug.rateUnit || drug.amountUnit : "";
    if (unit !== undefined) add("display unit", key, unit, fallback, signed(raw, given));
  }
  for (const [name, given] of section(raw, "bindings")) {
    const binding = local.bindings.get(joined(name));
    if (!binding) continue;
    const unit = binding.unit ? ` in ${binding.unit}` : "";
    add("binding", binding.name, binding.data + unit, "", signed(raw, given));
  }
  return made;
}

/** A parameter's value with its unit; empty where there is none. @param {Parameter} parameter @param {Value} value */
export function showParameter(parameter, value) {
  if (value === null) return "";
  return typeof value === "bigint" ? formatScaled(value, parameter.unit) : textOfAny(value);
}

/** @typedef {(kind: Kind, side: Side) => bigint | null} Edges */

/** `rate iv: hard up to 1 mcg/kg/min`; `tell` says a quantity of the drug. @param {Drug} drug @param {Limit} limit
 * @param {Tell} tell */
export function showLimit(drug, limit, tell) {
  return shown(drug, limit, tell, (kind, side) => edgeOf(limit, kind, side));
}

/** What the library says of the edges that `limit` sets; empty where it says nothing. @param {Drug} drug
 * @param {Limit} limit @param {Tell} tell */
export function libraryLimit(drug, limit, tell) {
  /** @type {Edges} */
  const edges = (kind, side) =>
    edgeOf(limit, kind, side) === null ? null : libraryEdge(drug, limit.of, limit.route, kind, side);
  const some = KINDS.some((kind) => SIDES.some((side) => edges(kind, side) !== null));
  return some ? shown(drug, limit, tell, edges) : "";
}

/** @param {Drug} drug @param {Limit} limit @param {Tell} tell @param {Edges} edges */
function shown(drug, limit, tell, edges) {
  const unit = unitOf(drug, limit.of);
  const told = [];
  for (const kind of KINDS) {
    const [low, high] = [edges(kind, "low"), edges(kind, "high")];
    if (low !== null && high !== null) told.push(`${kind} ${formatDecimal(low)} to ${tell(unit, high)}`);
    else if (high !== null) told.push(`${kind} up to ${tell(unit, high)}`);
    else if (low !== null) told.push(`${kind} from ${tell(unit, low)}`);
  }
  return `${[limit.of, limit.route].filter(Boolean).join(" ")}: ${told.join(", ")}`;
}
