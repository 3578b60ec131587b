/**
 * Doses: worked out exactly, then rounded to what can be delivered, towards the safer side (design rule 18).
 * As kb/doses.py.
 */

import { evaluate } from "./evaluate.js";
import { SCALE } from "./program.js";
import { saltFraction } from "./reading.js";
import { divmod, formatDecimal, formatScaled, Fraction } from "./values.js";

/** @typedef {import("./advice.js").DoseAdvice} DoseAdvice */
/** @typedef {import("./program.js").Action} Action */
/** @typedef {import("./program.js").Drug} Drug */
/** @typedef {import("./program.js").Expr} Expr */
/** @typedef {import("./program.js").Program} Program */
/** @typedef {import("./program.js").Row} Row */
/** @typedef {import("./program.js").Value} Value */
/** @typedef {import("./reading.js").Dictionary} Dictionary */
/** @typedef {import("./reading.js").Strength} Strength */
/** @typedef {import("./units.js").UnitTable} UnitTable */

/**
 * Scaled values in the dose's unit; null where not known.
 * @typedef {{exact: bigint | null, rounded: bigint | null, low: bigint | null, high: bigint | null}} DoseValue
 */

/** @type {DoseValue} */
export const NOT_KNOWN = { exact: null, rounded: null, low: null, high: null };

/**
 * A dose stated as a salt form, as base: what charted rates, limits and rules speak of.
 * @param {Drug} drug
 * @param {string} salt
 * @param {bigint} value
 */
export function inBase(drug, salt, value) {
  const stated = drug.salts.find(([name]) => name === salt);
  return stated === undefined ? value : new Fraction(value).times(Fraction.of(stated[1])).round();
}

/**
 * @param {bigint} left
 * @param {bigint} right
 */
function lesser(left, right) {
  return left < right ? left : right;
}

/**
 * `value` rounded to the drug's deliverable step towards its safer side, never above `most`.
 * @param {Drug} drug
 * @param {string} of
 * @param {bigint} value
 * @param {bigint | null} [most]
 */
export function deliverable(drug, of, value, most = null) {
  const delivery = drug.delivery.find((delivery) => delivery.of === of);
  if (delivery === undefined) return most === null ? value : lesser(value, most);
  const { step, towards } = delivery;
  let [steps, rest] = divmod(value, step);
  if (rest) {
    const twice = 2n * rest;
    const nearest = twice > step || (twice === step && (steps & 1n) === 1n);
    if (towards === "up" || (towards === "nearest" && nearest)) steps += 1n;
  }
  const rounded = steps * step;
  return most !== null && rounded > most ? divmod(most, step)[0] * step : rounded;
}

/**
 * The value of a number expression; null where it is not known.
 * @param {Expr} expr
 * @param {Row} row
 * @returns {bigint | null}
 */
function number(expr, row) {
  return /** @type {bigint | null} */ (evaluate(expr, row));
}

/**
 * The dose of `action` for this row; `left` is what a cap leaves of the drug, or null without a cap.
 * @param {Drug} drug
 * @param {Action} action
 * @param {Row} row
 * @param {bigint | null} [left]
 * @returns {DoseValue}
 */
export function doseValue(drug, action, row, left = null) {
  const { dose } = action;
  if (dose === null) throw new TypeError("an action without a dose");
  // The cap is used up: nothing, whatever the dose would be.
  if (left !== null && left <= 0n) return { exact: 0n, rounded: 0n, low: 0n, high: null };
  const low = number(dose.low, row);
  const high = dose.high === null ? null : number(dose.high, row);
  let most = left;
  if (dose.most !== null) {
    const limit = number(dose.most, row);
    if (limit === null) return NOT_KNOWN;
    most = most === null ? limit : lesser(most, limit);
  }
  if (low === null || (dose.high !== null && high === null)) return NOT_KNOWN;
  /** @param {bigint} end */
  const bounded = (end) => {
    const within = most === null ? end : lesser(end, most);
    return within < 0n ? 0n : within;
  };
  const exact = bounded(low);
  const rounded = deliverable(drug, action.of, exact, most);
  const top = high === null ? null : deliverable(drug, action.of, bounded(high), most);
  return { exact, rounded, low: rounded, high: top };
}

/**
 * A running rate in base units per second; null where the weight it needs is not known.
 * @param {bigint} rate
 * @param {string} unit
 * @param {Value} weight
 * @param {UnitTable} units
 * @returns {Fraction | null}
 */
export function amountPerSecond(rate, unit, weight, units) {
  const measure = units.parse(unit);
  const value = new Fraction(rate, SCALE).times(measure.factor);
  if (![...measure.dimension.keys()].some((base) => base.startsWith("body_mass"))) return value;
  return typeof weight === "bigint" ? value.times(new Fraction(weight, SCALE)) : null;
}

const MILLILITRES_PER_HOUR = new Fraction(3_600_000n); // a litre per second in mL/h
const MILLILITRES = new Fraction(1000n);

/**
 * Where the row holds how long one gift takes, if that is a local parameter and not written out.
 * @param {Program} program
 * @param {Action} action
 * @returns {number | null}
 */
export function overSlot(program, action) {
  if (!/^\p{L}/u.test(action.over)) return null;
  const index = program.slots.findIndex((slot) => slot.kind === "parameter" && slot.of === action.over);
  return index < 0 ? null : index;
}

/**
 * A concentration as base; null where the salt form matters and it does not say which it counts.
 * @param {Drug} drug
 * @param {Strength} strength
 */
export function strengthInBase(drug, strength) {
  const share = saltFraction(drug, strength.salt);
  return share === null ? null : strength.value.times(share);
}

/**
 * mL/h of a rate as base, scaled in the drug's unit; null where weight, concentration or salt form is missing.
 * @param {Drug} drug
 * @param {bigint} rate
 * @param {Value} kilograms
 * @param {Dictionary} names
 * @param {Strength | null} strength
 */
export function pumpRate(drug, rate, kilograms, names, strength) {
  const perSecond = amountPerSecond(rate, drug.rateUnit, kilograms, names.units);
  if (perSecond === null) return null;
  if (names.units.parse(drug.rateUnit).dimension.has("volume")) return perSecond.times(MILLILITRES_PER_HOUR);
  const base = strength === null ? null : strengthInBase(drug, strength);
  return base === null || base.isZero ? null : perSecond.over(base).times(MILLILITRES_PER_HOUR);
}

/**
 * How a rate becomes mL/h: `0.3 mcg/kg/min × 70 kg at 16 mcg/mL as base = 78.75 mL/h`.
 * @param {string} stated
 * @param {string} unit
 * @param {Value} kilograms
 * @param {Strength} strength
 * @param {string} pumped
 */
export function pumpWorking(stated, unit, kilograms, strength, pumped) {
  const perKg = unit.includes("/kg") && typeof kilograms === "bigint";
  return `${stated}${perKg ? ` × ${formatScaled(kilograms, "kg")}` : ""} at ${strength.text} = ${pumped}`;
}

/**
 * The dose in words: with mL of a named concentration, mL/h and the working where they can be told.
 * @param {Drug} drug
 * @param {Action} action
 * @param {DoseValue} value
 * @param {Row} row
 * @param {Program} program
 * @param {Dictionary} names
 * @param {Strength | null} strength
 * @param {readonly string[]} asks
 * @returns {DoseAdvice}
 */
export function describeDose(drug, action, value, row, program, names, strength, asks) {
  const { dose } = action;
  if (dose === null) throw new TypeError("an action without a dose");
  let { over } = action;
  const local = overSlot(program, action);
  if (local !== null) {
    const took = row[local];
    over = typeof took === "bigint" ? formatScaled(took, program.slots[local].unit) : `local policy: ${over}`;
  }
  let each = null;
  if (action.each !== null) {
    const size = number(action.each, row);
    each = size === null ? `local policy: ${action.eachText}` : formatScaled(size, dose.unit);
  }
  const common = { drug: drug.id, unit: dose.unit, rule: dose.text, route: action.route, salt: action.salt };
  const { exact, rounded, low, high } = value;
  if (rounded === null || exact === null) {
    const nothing = { exact: null, rounded: null, low: null, high: null, volume: null, pump_rate: null, working: null };
    return { ...common, text: `${dose.text}: not known yet`, ...nothing, each, over, asks };
  }
  let text = formatScaled(rounded, dose.unit);
  if (high !== null && high !== rounded) text = `${formatDecimal(rounded)} to ${formatScaled(high, dose.unit)}`;
  if (action.salt) text += ` as ${action.salt}`;
  const working = [];
  const kilograms = program.weight === null ? null : row[program.weight];
  const weighed = dose.weight === null ? null : row[dose.weight];
  if (typeof weighed === "bigint") working.push(`${dose.text} with ${formatScaled(weighed, "kg")}`);
  // Its author states dose and concentration in one form.
  if (strength !== null && action.concentration && !strength.salt) strength = { ...strength, salt: action.salt };
  const base = strength === null ? null : strengthInBase(drug, strength);
  if (strength !== null && base === null && rounded) {
    const forms = drug.salts.map(([name]) => name).join(" or as ");
    working.push(`no mL: ${strength.text} does not say whether it counts as ${forms}`);
  }
  let pumped = null;
  if (action.of === "rate" && rounded) {
    const inMl = pumpRate(drug, inBase(drug, action.salt, rounded), kilograms, names, strength);
    if (inMl !== null) {
      pumped = `${decimal(inMl)} mL/h`;
      if (strength !== null && !names.units.parse(dose.unit).dimension.has("volume")) {
        working.push(pumpWorking(formatScaled(rounded, dose.unit), dose.unit, kilograms, strength, pumped));
      }
    }
  }
  let volume = null;
  if (action.of === "amount" && strength !== null && base !== null && !base.isZero && rounded) {
    const ends = high === null || high === rounded ? [rounded] : [rounded, high];
    const factor = names.units.parse(dose.unit).factor.times(MILLILITRES).over(base).over(new Fraction(SCALE));
    const inMl = ends.map((end) => decimal(new Fraction(inBase(drug, action.salt, end)).times(factor)));
    volume = `${inMl.join(" to ")} mL`;
    working.push(`${text} at ${strength.text} = ${volume}`);
    text += ` = ${volume} of ${strength.text}`;
  }
  if (exact !== rounded) {
    working.push(`exactly ${formatScaled(exact, dose.unit)}, rounded to what can be delivered`);
  }
  return {
    ...common,
    text,
    exact: formatDecimal(exact),
    rounded: formatDecimal(rounded),
    low: formatDecimal(low ?? rounded),
    high: high === null ? null : formatDecimal(high),
    each,
    volume,
    pump_rate: pumped,
    working: working.join("; ") || null,
    over,
    asks,
  };
}

/**
 * At most two places: what a pump or a syringe can show.
 * @param {Fraction} value
 */
export function decimal(value) {
  return formatDecimal(value.times(new Fraction(100n)).round() * (SCALE / 100n));
}
