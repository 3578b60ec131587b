/**
 * Numbers: exact decimals, scaled integers, fractions. As the first half of kb/values.py; units are in units.js.
 *
 * A number at rest is a BigInt, the value in some unit times `SCALE`; on its way it is a `Fraction`. Nothing here
 * rounds but `scale` and the functions of `compute`, and those round half to even, once.
 */

import { SCALE } from "./program.js";

const MAX_DIGITS = 60;
const MAX_EXPONENT = 40;
const LARGEST = 10n ** 30n * SCALE; // results of exp and power beyond it count as outside the domain

/** A number, unit or quantity that is refused. `code` is stable, `message` is for the person who wrote it. */
export class BadValue extends Error {
  /** @param {string} code @param {string} message @param {string | null} [help] */
  constructor(code, message, help = null) {
    super(message);
    this.name = "BadValue";
    this.code = code;
    this.help = help;
  }
}

// ---------------------------------------------------------------- integers and fractions

/** @param {bigint} value */
export const abs = (value) => (value < 0n ? -value : value);

/**
 * Quotient and rest of the floored division, as Python's `divmod`.
 * @param {bigint} top
 * @param {bigint} bottom
 * @returns {[bigint, bigint]}
 */
export function divmod(top, bottom) {
  const quotient = top / bottom;
  const rest = top % bottom;
  return rest !== 0n && rest < 0n !== bottom < 0n ? [quotient - 1n, rest + bottom] : [quotient, rest];
}

/** @param {bigint} left @param {bigint} right */
function gcd(left, right) {
  let [one, other] = [abs(left), abs(right)];
  while (other) [one, other] = [other, one % other];
  return one;
}

/**
 * The integer nearest to a quotient, ties to the even one; `denominator` is not zero.
 * @param {bigint} numerator
 * @param {bigint} denominator
 */
export function roundHalfEven(numerator, denominator) {
  const [top, bottom] = denominator < 0n ? [-numerator, -denominator] : [numerator, denominator];
  const [quotient, rest] = divmod(top, bottom);
  const twice = 2n * rest;
  return twice > bottom || (twice === bottom && quotient & 1n) ? quotient + 1n : quotient;
}

/** A rational number in lowest terms, `d` greater than zero; never changed. */
export class Fraction {
  /** @param {bigint} n @param {bigint} [d] not zero */
  constructor(n, d = 1n) {
    const shared = d === 1n ? 1n : gcd(n, d) * (d < 0n ? -1n : 1n);
    this.n = n / shared;
    this.d = d / shared;
  }

  /** The fraction in `1/2`, `0.5` or `3`. @param {string} text */
  static of(text) {
    const [top, bottom = "1"] = text.split("/");
    return parseDecimal(top).over(parseDecimal(bottom));
  }

  get isZero() {
    return this.n === 0n;
  }

  /** @param {Fraction} other */
  times(other) {
    return new Fraction(this.n * other.n, this.d * other.d);
  }

  /** @param {Fraction} other not zero */
  over(other) {
    return new Fraction(this.n * other.d, this.d * other.n);
  }

  /** @param {Fraction} other */
  plus(other) {
    return new Fraction(this.n * other.d + other.n * this.d, this.d * other.d);
  }

  /** @param {Fraction} other */
  minus(other) {
    return new Fraction(this.n * other.d - other.n * this.d, this.d * other.d);
  }

  negated() {
    return new Fraction(-this.n, this.d);
  }

  /** @param {number} exponent a whole number, of either sign */
  power(exponent) {
    const size = BigInt(Math.abs(exponent));
    return exponent < 0 ? new Fraction(this.d ** size, this.n ** size) : new Fraction(this.n ** size, this.d ** size);
  }

  /** @param {Fraction} other @returns {-1 | 0 | 1} */
  compare(other) {
    const [left, right] = [this.n * other.d, other.n * this.d];
    return left < right ? -1 : left > right ? 1 : 0;
  }

  /** @param {Fraction} other */
  equals(other) {
    return this.n === other.n && this.d === other.d;
  }

  /** The nearest integer, ties to the even one. */
  round() {
    return roundHalfEven(this.n, this.d);
  }

  /** The whole part, towards zero. */
  trunc() {
    return this.n / this.d;
  }
}

export const ONE = new Fraction(1n);
export const ZERO = new Fraction(0n);

// ---------------------------------------------------------------- decimals

/** `text`, cut where it is too long for a message. @param {string} text @param {number} [most] */
export function shorten(text, most = 40) {
  const letters = [...text];
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join("")}…`;
}

const BLANKS = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const EDGES = new RegExp(`^${BLANKS}+|${BLANKS}+$`, "g");
const GAPS = new RegExp(`${BLANKS}+`);

/** As `str.strip` of Python, whose white space is not quite that of JavaScript. @param {string} text */
export const strip = (text) => text.replace(EDGES, "");

/** As `str.split` of Python. @param {string} text */
export const split = (text) => {
  const bare = strip(text);
  return bare ? bare.split(GAPS) : [];
};

/**
 * The exact value of a decimal such as `-0.25` or `1e-05`. Throws BadValue (KB309) where it is not a finite decimal of
 * at most 60 digits.
 * @param {string} text
 */
export function parseDecimal(text) {
  const bare = strip(text);
  const found = bare.length > MAX_DIGITS + 10 ? null : /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?)(\d{1,3}))?$/.exec(bare);
  if (found === null) throw badNumber(bare);
  const [, sign, whole, part = "", minus, exponent = "0"] = found;
  const digits = whole + part;
  if (digits.replace(/^0+/, "").length > MAX_DIGITS || Number(exponent) > MAX_EXPONENT) throw badNumber(bare);
  const power = (minus === "-" ? -Number(exponent) : Number(exponent)) - part.length;
  const size = sign === "-" ? -BigInt(digits) : BigInt(digits);
  return power >= 0 ? new Fraction(size * 10n ** BigInt(power)) : new Fraction(size, 10n ** BigInt(-power));
}

/** @param {string} text */
function badNumber(text) {
  const low = text.toLowerCase().replace(/^[+-]+/, "");
  const told = shorten(text);
  if (!text) return new BadValue("KB309", "a number is missing");
  if (["nan", "inf", "infinity", "snan"].includes(low)) {
    return new BadValue("KB309", `\`${told}\` is not a number`, "leave out what is not known");
  }
  if (text.includes(",") && /^\d+$/.test(text.replace(/[,.]/g, "").replace(/^[+-]+/, ""))) {
    return new BadValue("KB306", `\`${told}\` has a comma`, "write a decimal point, and no thousands separator");
  }
  if (/^\d/.test(low) && /^\d+$/.test(low.replace(/[.e+-]/g, ""))) {
    return new BadValue("KB309", `\`${told}\` is out of range`, `at most ${MAX_DIGITS} digits are read`);
  }
  return new BadValue("KB309", `\`${told}\` is not a number`, "write digits and at most one point, such as 0.25");
}

/** The scaled integer of a value: rounded once. @param {Fraction} value */
export const scale = (value) => roundHalfEven(value.n * SCALE, value.d);

/** The exact number a scaled integer stands for. @param {bigint} value */
export const unscale = (value) => new Fraction(value, SCALE);

/** The shortest exact decimal of a scaled integer: 3000000n is `0.03`. @param {bigint} value */
export function formatDecimal(value) {
  const size = abs(value);
  const part = String(size % SCALE).padStart(8, "0").replace(/0+$/, "");
  return `${value < 0n ? "-" : ""}${size / SCALE}${part ? `.${part}` : ""}`;
}

/** A scaled integer with its unit: `0.03 units/min`, `92 %`, `4`. @param {bigint} value @param {string} [unit] */
export function formatScaled(value, unit = "") {
  return unit === "" || unit === "1" ? formatDecimal(value) : `${formatDecimal(value)} ${unit}`;
}

/** The shortest exact decimal of a fraction, or eight places of it. @param {Fraction} value */
export const formatFraction = (value) => formatDecimal(scale(value));

/**
 * Plain seconds (not scaled) as a person says them: `40 min`, `2 h 5 min`, `3 days`, `0.5 s`.
 * @param {Fraction | bigint} time
 * @returns {string}
 */
export function formatDuration(time) {
  const seconds = typeof time === "bigint" ? new Fraction(time) : time;
  if (seconds.n < 0n) return `-${formatDuration(seconds.negated())}`;
  const whole = seconds.trunc();
  if (whole < 60n) return `${formatFraction(seconds)} s`;
  const days = whole / 86400n;
  if (days >= 2n && whole % 86400n === 0n) return `${days} days`;
  if (days >= 3n) {
    const hours = (whole % 86400n) / 3600n;
    return hours ? `${days} days ${hours} h` : `${days} days`;
  }
  const [hours, minutes, odd] = [whole / 3600n, (whole % 3600n) / 60n, whole % 60n];
  return [hours ? `${hours} h` : "", minutes ? `${minutes} min` : "", odd && !hours ? `${odd} s` : ""]
    .filter(Boolean)
    .join(" ");
}

// ---------------------------------------------------------------- functions of scaled numbers

/**
 * `round`, `ln`, `exp`, `sqrt` or `power` of scaled integers, as a scaled integer rounded half-even; null where the
 * function has no value, or one beyond 10^30.
 * @param {string} name
 * @param {readonly bigint[]} given
 * @returns {bigint | null}
 */
export function compute(name, given) {
  const [value, other = 0n] = given;
  switch (name) {
    case "round":
      return other <= 0n ? null : roundHalfEven(value, other) * other;
    case "sqrt":
      return squareRoot(value);
    case "ln":
      return value <= 0n ? null : value === SCALE ? 0n : settle((bits) => logarithm(value, bits));
    case "exp":
      return exponential(value);
    case "power":
      return power(value, other);
  }
  throw new Error(`no function \`${name}\``);
}

/** @param {bigint} value */
function squareRoot(value) {
  if (value < 0n) return null;
  const square = value * SCALE;
  const root = integerRoot(square, 2n);
  // INVARIANT: a tie would need square = root^2 + root + 1/4, which is no integer.
  return square - root * root > root ? root + 1n : root;
}

/** The largest integer whose power is not above `value`. @param {bigint} value @param {bigint} degree */
function integerRoot(value, degree) {
  let low = 0n;
  let high = 1n << (bitLength(value) / degree + 1n);
  while (low < high) {
    const middle = (low + high + 1n) / 2n;
    if (middle ** degree <= value) low = middle;
    else high = middle - 1n;
  }
  return low;
}

/** @param {bigint} value not negative */
const bitLength = (value) => (value ? BigInt(value.toString(2).length) : 0n);

/** @param {bigint} value */
function exponential(value) {
  if (value === 0n) return SCALE;
  if (value > 70n * SCALE) return null;
  if (value < -50n * SCALE) return 0n;
  return within(settle((bits) => exp((value << bits) / SCALE, bits)));
}

/** @param {bigint} value */
const within = (value) => (abs(value) > LARGEST ? null : value);

/** @param {bigint} base @param {bigint} exponent */
function power(base, exponent) {
  if (exponent === 0n) return SCALE;
  if (base === 0n) return exponent > 0n ? 0n : null;
  const share = new Fraction(exponent, SCALE);
  if (base < 0n && share.d !== 1n) return null;
  const root = exactRoot(new Fraction(abs(base), SCALE), share.d);
  const sign = base < 0n && share.n % 2n ? -1n : 1n;
  // A longer result is neither a tie nor a number of eight places, so it can be rounded as an irrational one is.
  if (root !== null && bits(root) * abs(share.n) <= 20_000n) {
    return within(sign * scale(root.power(Number(share.n))));
  }
  const size = (logarithm(abs(base), 400n) * exponent) / SCALE;
  if (size > 70n << 400n) return null;
  if (size < -50n << 400n) return 0n;
  return within(sign * settle((places) => exp((logarithm(abs(base), places) * exponent) / SCALE, places)));
}

/** Bits of the longer side of a positive fraction, less 1: nothing for 1. @param {Fraction} value */
function bits({ n, d }) {
  return bitLength(n > d ? n : d) - 1n;
}

/** The `degree`-th root of a positive fraction, where it is rational. @param {Fraction} value @param {bigint} degree */
function exactRoot(value, degree) {
  if (degree === 1n || value.equals(ONE)) return value;
  if (degree > 256n) return null; // INVARIANT: no number of a row but 1 is a rational to so high a power
  const [top, bottom] = [integerRoot(value.n, degree), integerRoot(value.d, degree)];
  return top ** degree === value.n && bottom ** degree === value.d ? new Fraction(top, bottom) : null;
}

/**
 * Round an irrational number half-even: more bits until both ends of its error round alike (Ziv).
 *
 * INVARIANT: `attempt` is off by less than 2^200 units of its last place. `logarithm` is off by less than 2^30; a power
 * in range multiplies that by less than 2^34, as no logarithm but 0 is below 10^-8, and `exp` by less than 2^102.
 * @param {(bits: bigint) => bigint} attempt the number times 2^bits
 */
function settle(attempt) {
  for (let bits = 400n; ; bits *= 2n) {
    const found = attempt(bits);
    const ends = [found - (1n << 200n), found + (1n << 200n)];
    const [low, high] = ends.map((end) => roundHalfEven(end * SCALE, 1n << bits));
    if (low === high) return low;
  }
}

/** e to the power of `value`, both times 2^bits. @param {bigint} value @param {bigint} bits */
function exp(value, bits) {
  const log2 = 2n * areaTangent(1n, 3n, bits);
  const twos = divmod(value, log2)[0];
  const rest = value - twos * log2;
  let sum = 0n;
  let term = 1n << bits;
  for (let count = 1n; term; count += 1n) {
    sum += term;
    term = (term * rest) / (count << bits);
  }
  return twos < 0n ? sum >> -twos : sum << twos;
}

/** The natural logarithm of a scaled integer, times 2^bits. @param {bigint} value @param {bigint} bits */
function logarithm(value, bits) {
  const twos = bitLength(value) - bitLength(SCALE);
  const [top, bottom] = twos < 0n ? [value << -twos, SCALE] : [value, SCALE << twos];
  return 2n * (areaTangent(top - bottom, top + bottom, bits) + twos * areaTangent(1n, 3n, bits));
}

/**
 * The inverse hyperbolic tangent of a fraction between -1/3 and 1/3, times 2^bits.
 * @param {bigint} top
 * @param {bigint} bottom
 * @param {bigint} bits
 */
function areaTangent(top, bottom, bits) {
  const [square, below] = [top * top, bottom * bottom];
  let sum = 0n;
  let term = (top << bits) / bottom;
  for (let count = 1n; term; count += 2n) {
    sum += term / count;
    term = (term * square) / below;
  }
  return sum;
}
