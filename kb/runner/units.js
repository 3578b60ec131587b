/** Units: what they measure, and conversions between those that editors may write. As the end of kb/values.py. */

import { BadValue, Fraction, ONE, ZERO, formatFraction, parseDecimal, scale, shorten, strip } from "./values.js";
import { closest } from "./words.js";

/** @typedef {import("./program.js").Unit} Unit */
/** @typedef {ReadonlyMap<string, number>} Dimension base to power, none zero */

/**
 * What a unit measures: value × `factor` + `offset` is in base units of `dimension`.
 * @typedef {{factor: Fraction, dimension: Dimension, offset: Fraction}} Measure
 */

const MAX_LENGTH = 60;

/** @type {readonly (readonly [base: string, words: string])[]} */
const BASES = [
  ["mass", "mass"],
  ["body_mass", "body weight"],
  ["volume", "volume"],
  ["time", "time"],
  ["length", "length"],
  ["pressure", "pressure"],
  ["temperature", "temperature"],
  ["temperature_difference", "temperature difference"],
  ["amount", "amount of substance"],
  ["charge", "equivalents"],
  ["arbitrary", "units"],
  ["energy", "energy"],
];

// What editors write, and what to write instead; kb/values.py says why.
const ENZYME = "can be misread (U as 0, IU as IV), and in UCUM a bare U is an enzyme unit";
const OURS = "is not a spelling of ours";
/** @type {ReadonlyMap<string, readonly [instead: string, why: string]>} */
export const REFUSED = new Map(
  [
    ["units", ENZYME, "U u IU iu I.U Units unit Unit UNITS"],
    ["milliunits", ENZYME, "mU mIU milliunit"],
    ["mcg", "can be misread as mg", "µg μg ug mcgs microgram micrograms gamma"],
    ["mL", "can be misread", "cc ml ML mls ccm"],
    ["L", "can be misread as 1", "l litre liter litres liters"],
    ["dL", OURS, "dl dL."],
    ["mcL", "can be misread as mL", "µL μL uL ul"],
    ["h", OURS, "hr hrs hour hours H"],
    ["min", OURS, "minute minutes mins Min m/n"],
    ["s", OURS, "sec secs second seconds"],
    ["days", OURS, "d D Days Day"],
    ["weeks", OURS, "week wk wks"],
    ["months", OURS, "month mo mos"],
    ["years", OURS, "year yr yrs y a"],
    ["Cel", OURS, "°C C degC celsius Celsius"],
    ["degF", OURS, "°F F fahrenheit Fahrenheit"],
    ["mmHg", OURS, "mmhg mmHG MMHG torr Torr"],
    ["kPa", OURS, "kpa KPa kPA"],
    ["cmH2O", OURS, "cmh2o cmH20 cmh20"],
    ["mEq", OURS, "meq mEQ mval"],
    ["micromol", "can be misread as mmol", "µmol μmol umol"],
    ["g", OURS, "gm gms gram grams G"],
    ["mg", OURS, "mgs MG Mg milligram milligrams"],
    ["kg", OURS, "Kg KG kgs kilogram kilograms"],
    ["/min", "does not say of what", "bpm BPM rpm"],
    ["%", OURS, "percent pct vol%"],
    ["m2", OURS, "m² sqm m^2"],
    ["J", OURS, "joule joules Joule Joules Ws"],
  ].flatMap(([instead, why, spellings]) => spellings.split(" ").map((spelling) => [spelling, [instead, why]])),
);

/** The fraction in `133.322` or `1/1000`; null for anything else. @param {string} text */
export function parseFactor(text) {
  const [top, bottom = ""] = strip(text).split(/\/(.*)/s);
  try {
    const divisor = parseDecimal(bottom || "1");
    const number = parseDecimal(top);
    return divisor.isZero ? null : number.over(divisor);
  } catch (bad) {
    if (bad instanceof BadValue) return null;
    throw bad;
  }
}

/** @param {Dimension} one @param {Dimension} other */
export function sameDimension(one, other) {
  return one.size === other.size && [...one].every(([base, power]) => other.get(base) === power);
}

/** @param {Iterable<readonly [string, number]>} dimension @returns {Dimension} */
const sorted = (dimension) =>
  new Map([...dimension].filter(([, power]) => power).sort(([one], [other]) => (one < other ? -1 : 1)));

/** The units a Program knows, and every compound of them (`mcg/kg/min`, `mmol/L`, `/min`). */
export class UnitTable {
  /** @type {Map<string, Measure>} */
  #simple = new Map();
  /** @type {Map<string, string>} */
  #ucum = new Map();
  /** @type {Map<string, Measure>} */
  #known = new Map(["", "1"].map((unit) => [unit, { factor: ONE, dimension: new Map(), offset: ZERO }]));

  /** @param {Iterable<Unit>} units */
  constructor(units) {
    for (const unit of units) {
      const [factor, offset] = [parseFactor(unit.factor), parseFactor(unit.offset)];
      if (factor === null || factor.n <= 0n || offset === null) continue;
      const dimension = sorted(unit.dimension.filter(([base]) => base !== "count"));
      this.#simple.set(unit.spelling, { factor, dimension, offset });
      this.#ucum.set(unit.spelling, unit.ucum);
    }
  }

  /** @param {string} unit */
  has(unit) {
    try {
      this.parse(unit);
    } catch (bad) {
      if (bad instanceof BadValue) return false;
      throw bad;
    }
    return true;
  }

  /**
   * What `unit` measures; the empty text and `1` are dimensionless. Throws BadValue: KB316 for a unit nobody knows,
   * KB317 for one that is refused because it is misread.
   * @param {string} unit
   * @returns {Measure}
   */
  parse(unit) {
    let known = this.#known.get(unit);
    if (known === undefined) {
      known = this.#compound(unit);
      if (this.#known.size < 4096) this.#known.set(unit, known); // texts come from untrusted charts too
    }
    return known;
  }

  /** @param {string} unit @returns {Measure} */
  #compound(unit) {
    const parts = this.parts(unit);
    if (parts.length === 1 && parts[0][1] === 1) return this.#one(parts[0][0], unit);
    let factor = ONE;
    /** @type {Map<string, number>} */
    const dimension = new Map();
    for (const [spelling, power] of parts) {
      const measure = this.#one(spelling, unit);
      if (!measure.offset.isZero) {
        throw new BadValue("KB316", `\`${spelling}\` cannot be part of \`${unit}\``, "a temperature stands alone");
      }
      factor = factor.times(measure.factor.power(power));
      for (const [base, exponent] of measure.dimension) {
        dimension.set(base, (dimension.get(base) ?? 0) + exponent * power);
      }
    }
    return { factor, dimension: sorted(dimension), offset: ZERO };
  }

  /**
   * The simple units of a compound and their powers, in the order written. Throws BadValue where the text has not the
   * form of a unit.
   * @param {string} unit
   */
  parts(unit) {
    if ([...unit].length > MAX_LENGTH || unit !== strip(unit)) {
      throw new BadValue("KB316", `unknown unit \`${shorten(unit)}\``);
    }
    if (REFUSED.has(unit)) throw this.#refuse(unit, unit);
    /** @type {[string, number][]} */
    const found = [];
    for (const [index, group] of unit.split("/").entries()) {
      if (index === 0 && (group === "" || group === "1") && unit.includes("/")) continue;
      for (const spelling of group.split(".")) {
        if (!spelling) {
          throw new BadValue("KB316", `\`${unit}\` is not a unit`, "write units as `mcg/kg/min`, without spaces");
        }
        found.push([spelling, index === 0 ? 1 : -1]);
      }
    }
    return found;
  }

  /** @param {string} spelling @param {string} unit */
  #one(spelling, unit) {
    const measure = this.#simple.get(spelling);
    if (measure === undefined) throw this.#refuse(spelling, unit);
    return measure;
  }

  /** @param {string} spelling @param {string} unit */
  #refuse(spelling, unit) {
    const inside = spelling === unit ? `\`${spelling}\`` : `\`${spelling}\` in \`${shorten(unit)}\``;
    /** @param {string} instead */
    const whole = (instead) => (spelling === unit ? instead : unit.replace(spelling, () => instead));
    const refused = REFUSED.get(spelling);
    if (refused !== undefined && !this.#simple.has(spelling)) {
      const [instead, why] = refused;
      const help = `write \`${whole(instead)}\`: \`${spelling}\` ${why}`;
      return new BadValue("KB317", `unit ${inside} is not accepted`, help);
    }
    const names = [...this.#simple.keys()];
    const lower = names.find((known) => known.toLowerCase() === spelling.toLowerCase());
    const near = lower ?? closest(spelling, names, 0.6);
    const help = near ? `did you mean \`${whole(near)}\`?` : "the units that may be written are in library/units.yaml";
    return new BadValue("KB316", `unknown unit ${inside}`, help);
  }

  /** The UCUM code of a unit or compound: `ug/kg/min` for `mcg/kg/min`. @param {string} unit */
  ucum(unit) {
    this.parse(unit);
    let text = "";
    for (const [spelling, power] of unit === "" || unit === "1" ? [] : this.parts(unit)) {
      text += (power < 0 ? "/" : text ? "." : "") + this.#ucum.get(spelling);
    }
    return text || "1";
  }

  /** The simple units of a dimension, as they are written. @param {Dimension} dimension */
  spelled(dimension) {
    const wanted = new Map([...dimension].map(([base, power]) => [base.split("[")[0], power]));
    return [...this.#simple].filter(([, measure]) => sameDimension(measure.dimension, wanted)).map(([name]) => name);
  }

  /**
   * `value` of `unit` in the unit `to`, exactly. With `molarMass` (g/mol) mass and amount convert, with `valence`
   * amount and equivalents. Throws BadValue: KB314 where the two measure different things, KB315 where a unit is
   * missing.
   * @param {Fraction} value
   * @param {string} unit
   * @param {string} to
   * @param {Fraction | null} [molarMass]
   * @param {number} [valence]
   */
  convert(value, unit, to, molarMass = null, valence = 0) {
    const [source, target] = [this.parse(unit), this.parse(to)];
    const same = sameDimension(source.dimension, target.dimension);
    const ratio = same ? ONE : chemistry(source.dimension, target.dimension, molarMass, valence);
    if (ratio === null) throw mismatch(value, unit, source, to, target);
    return value.times(source.factor).times(ratio).plus(source.offset).minus(target.offset).over(target.factor);
  }

  /**
   * As `convert`, and then the scaled integer, rounded half-even once.
   * @param {Fraction} value
   * @param {string} unit
   * @param {string} to
   * @param {Fraction | null} [molarMass]
   * @param {number} [valence]
   */
  toScaled(value, unit, to, molarMass = null, valence = 0) {
    return scale(this.convert(value, unit, to, molarMass, valence));
  }
}

/**
 * The number that takes base units of `source` to those of `target` for one substance, or null.
 *
 * Mass (g), amount (mol) and equivalents of a substance are one thing once molar mass (g/mol) and valence are known.
 * @param {Dimension} source
 * @param {Dimension} target
 * @param {Fraction | null} molarMass
 * @param {number} valence
 */
export function chemistry(source, target, molarMass, valence) {
  /** @param {Dimension} dimension @returns {[Dimension, Fraction] | null} */
  const inMoles = (dimension) => {
    const rest = new Map(dimension);
    const [moles, mass, charge] = ["amount", "mass", "charge"].map((base) => {
      const power = rest.get(base) ?? 0;
      rest.delete(base);
      return power;
    });
    if ((mass && (molarMass === null || molarMass.isZero)) || (charge && !valence)) return null;
    let factor = ONE;
    if (mass && molarMass !== null) factor = factor.over(molarMass.power(mass));
    if (charge) factor = factor.over(new Fraction(BigInt(Math.abs(valence))).power(charge));
    if (moles + mass + charge) rest.set("amount", moles + mass + charge);
    return [rest, factor];
  };
  const [left, right] = [inMoles(source), inMoles(target)];
  return left && right && sameDimension(left[0], right[0]) ? left[1].over(right[1]) : null;
}

/**
 * A dimension in words: `mass per body weight per time`, `pressure`, `a plain number`.
 * @param {Dimension} dimension
 */
export function describeDimension(dimension) {
  /** @param {string} base @param {number} power */
  const word = (base, power) => {
    const [kind, of = ""] = base.replace(/\]+$/, "").split(/\[(.*)/s);
    const name = BASES.find(([known]) => known === kind)?.[1] ?? kind;
    const text = of && kind === "arbitrary" ? `${name} of ${of}` : of ? `${of} ${name}` : name;
    return power === 1 ? text : `${text}^${power}`;
  };
  const order = BASES.map(([base]) => base);
  /** @param {string} base */
  const place = (base) => order.indexOf(base.split("[")[0]);
  const items = [...dimension].sort(([one], [other]) => place(one) - place(other));
  const above = items.filter(([, power]) => power > 0).map(([base, power]) => word(base, power));
  const below = items.filter(([, power]) => power < 0).map(([base, power]) => `per ${word(base, -power)}`);
  return items.length ? [above.join(" × ") || "number", ...below].join(" ") : "a plain number";
}

/** @param {Fraction} value @param {string} unit @param {Measure} source @param {string} to @param {Measure} target */
function mismatch(value, unit, source, to, target) {
  const number = formatFraction(value);
  if (!source.dimension.size && (unit === "" || unit === "1")) {
    return new BadValue("KB315", `\`${number}\` has no unit`, `write \`${number} ${to}\``);
  }
  const bases = new Set([...source.dimension.keys(), ...target.dimension.keys()]);
  const apart = [...bases].filter((base) => source.dimension.has(base) !== target.dimension.has(base));
  let help = `write it in \`${to || "1"}\``;
  if (apart.includes("mass") && apart.includes("amount")) {
    help = `write it in \`${to}\`: no molar mass is known that would convert it`;
  } else if (apart.includes("charge") && apart.includes("amount")) {
    help = `write it in \`${to}\`: no valence is known that would convert it`;
  } else if (apart.length === 1 && apart[0] === "body_mass") {
    const per = source.dimension.has("body_mass") ? "is not" : "is";
    help = `write it in \`${to}\`, which ${per} per kg of body weight`;
  }
  const [have, want] = [describeDimension(source.dimension), describeDimension(target.dimension)];
  return new BadValue("KB314", `\`${number} ${unit}\` is ${have}, not ${want}`, help);
}

/**
 * The number and the unit text of `58 mmHg`, `130 /min`, `4`; the unit is empty where there is none. Throws BadValue:
 * KB309 for the number, KB304 where the space before the unit is missing.
 * @param {string} text
 * @returns {[Fraction, string]}
 */
export function parseQuantity(text) {
  const bare = strip(text);
  if ([...bare].length > 140) throw new BadValue("KB309", `\`${shorten(bare)}\` is too long for a quantity`);
  const [number, rest = ""] = bare.replace(/[\u00a0\u202f]/g, " ").split(/ (.*)/s);
  if (/^[+\-0-9.]/.test(number) && !/[0-9.]$/.test(number)) {
    const end = number.search(/[^+\-0-9.]/);
    const [digits, letters] = end < 0 ? [number, ""] : [number.slice(0, end), number.slice(end)];
    if (letters.toLowerCase() !== "e") {
      throw new BadValue("KB304", `\`${shorten(bare)}\` needs a space`, `write \`${digits} ${letters}\``);
    }
  }
  return [parseDecimal(number), strip(rest)];
}

/**
 * Molar mass in g/mol from `180.16 g/mol`; null for the empty text. Throws BadValue where it is not a positive number
 * of g/mol.
 * @param {string} text
 */
export function parseMolarMass(text) {
  if (!text) return null;
  const [value, unit] = parseQuantity(text);
  if (unit !== "g/mol" || value.n <= 0n) {
    const help = "write it in g/mol, such as `180.16 g/mol`";
    throw new BadValue("KB316", `\`${shorten(text)}\` is not a molar mass`, help);
  }
  return value;
}
