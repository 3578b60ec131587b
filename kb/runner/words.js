/** How Python spells, splits and compares text: messages and names are the same here as there. */

import { split } from "./values.js";

/** Words with one space between them. @param {string} text */
export const joined = (text) => split(text).join(" ");

/**
 * A number of a chart as it was written, so that nothing of it is lost; `String` of it is what Python would show.
 */
export class Numeral {
  /** @param {string} text as JSON has it */
  constructor(text) {
    this.text = text;
  }

  get isWhole() {
    return /^-?\d+$/.test(this.text);
  }

  toString() {
    if (this.isWhole) return this.text === "-0" ? "0" : this.text;
    return spelled(this.text);
  }
}

/** `1.50`, `1E+5`: as the `Decimal` of Python shows a number of JSON. @param {string} text */
function spelled(text) {
  const [mantissa, exponent = "0"] = text.toLowerCase().split("e");
  const sign = mantissa.startsWith("-") ? "-" : "";
  const [whole, part = ""] = mantissa.replace("-", "").split(".");
  const digits = (whole + part).replace(/^0+(?=\d)/, "");
  const power = Number(exponent) - part.length;
  const point = digits.length + power; // of the decimal point among the digits
  if (power <= 0 && point > -6) {
    const padded = digits.padStart(1 - power, "0");
    return sign + (power ? `${padded.slice(0, power)}.${padded.slice(power)}` : padded);
  }
  const tail = digits.length > 1 ? `.${digits.slice(1)}` : "";
  return `${sign}${digits[0]}${tail}E${point > 0 ? "+" : ""}${point - 1}`;
}

/** A mapping as a `Map`, whether it came as one or as a plain object; null for anything else.
 * @param {unknown} value @returns {Map<string, unknown> | null} */
export function asMapping(value) {
  if (value instanceof Map) return value;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const kind = Object.getPrototypeOf(value);
  return kind === Object.prototype || kind === null ? new Map(Object.entries(value)) : null;
}

/** The name of a value's type in Python, where a message has it. @param {unknown} value */
export function typeName(value) {
  if (value === null || value === undefined) return "NoneType";
  if (Array.isArray(value)) return "list";
  return asMapping(value) ? "dict" : typeof value;
}

/** As `str` of Python. @param {unknown} value @returns {string} */
export function textOfAny(value) {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(shown).join(", ")}]`;
  const map = asMapping(value);
  return map ? `{${[...map].map(([key, each]) => `${shown(key)}: ${shown(each)}`).join(", ")}}` : String(value);
}

/** As `repr` of Python. @param {unknown} value @returns {string} */
function shown(value) {
  if (value instanceof Numeral && !value.isWhole) return `Decimal('${value}')`;
  if (typeof value !== "string") return textOfAny(value);
  const mark = value.includes("'") && !value.includes('"') ? '"' : "'";
  const text = value.replace(/[\\'"\p{C}\p{Z}]/gu, (letter) => {
    if (letter === " ") return letter;
    if (letter === "'" || letter === '"') return letter === mark ? `\\${letter}` : letter;
    const known = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" }[letter];
    if (known) return known;
    const code = letter.codePointAt(0) ?? 0;
    const size = code < 0x100 ? 2 : code < 0x10000 ? 4 : 8;
    return `\\${{ 2: "x", 4: "u", 8: "U" }[size]}${code.toString(16).padStart(size, "0")}`;
  });
  return mark + text + mark;
}

/** User text in backticks, cut where it is long. @param {unknown} value */
export function quoted(value) {
  const text = [...joined(textOfAny(value).replaceAll("`", "'"))];
  return text.length > 60 ? `\`${text.slice(0, 57).join("")}…\`` : `\`${text.join("")}\``;
}

/** Text for comparing names, however they are capitalised: `str.casefold` of Python. @param {string} text */
export const casefold = (text) =>
  [...text].map((letter) => (letter === "ı" ? letter : letter.toUpperCase().toLowerCase())).join("");

// ---------------------------------------------------------------- near names

/**
 * ``did you mean `x`?`` where a known name is close, else nothing.
 * @param {string} name
 * @param {Iterable<string>} names
 */
export function nearest(name, names) {
  const known = [...new Set(names)];
  let close = closest([...name].slice(0, 80).join(""), known, 0.72);
  if (close === null && [...name].length > 2) {
    // In a short name two letters that changed places leave little that is alike.
    const turned = known.filter((other) => [...other].sort().join("") === [...name].sort().join(""));
    if (turned.length === 1) [close] = turned;
  }
  return close === null ? "" : `did you mean \`${close}\`?`;
}

/**
 * The name most like a word, if it is as like as `cutoff` (0 to 1): `difflib.get_close_matches` of Python.
 * @param {string} word
 * @param {Iterable<string>} names
 * @param {number} cutoff
 * @returns {string | null}
 */
export function closest(word, names, cutoff) {
  const letters = [...word];
  /** @type {Map<string, number[]>} */
  const places = new Map();
  letters.forEach((letter, place) => {
    const listed = places.get(letter);
    if (listed) listed.push(place);
    else places.set(letter, [place]);
  });
  /** @type {string | null} */
  let best = null;
  let score = cutoff;
  for (const name of names) {
    const other = [...name];
    const length = letters.length + other.length;
    if (length && (2 * Math.min(letters.length, other.length)) / length < score) continue;
    const found = length ? (2 * matches(other, letters, places)) / length : 1;
    if (found > score || (found === score && (best === null || name > best))) [best, score] = [name, found];
  }
  return best;
}

/**
 * How many letters are in matching blocks: the longest, and then what matches on both sides of it.
 * @param {readonly string[]} one
 * @param {readonly string[]} other
 * @param {ReadonlyMap<string, readonly number[]>} places of each letter of `other`
 */
function matches(one, other, places) {
  let total = 0;
  const queue = [[0, one.length, 0, other.length]];
  for (let part = queue.pop(); part !== undefined; part = queue.pop()) {
    const [from, to, low, high] = part;
    let [start, place, size] = [from, low, 0];
    /** @type {Map<number, number>} */
    let lengths = new Map();
    for (let index = from; index < to; index += 1) {
      /** @type {Map<number, number>} */
      const next = new Map();
      for (const at of places.get(one[index]) ?? []) {
        if (at < low) continue;
        if (at >= high) break;
        const length = (lengths.get(at - 1) ?? 0) + 1;
        next.set(at, length);
        if (length > size) [start, place, size] = [index - length + 1, at - length + 1, length];
      }
      lengths = next;
    }
    if (!size) continue;
    total += size;
    queue.push([from, start, low, place], [start + size, to, place + size, high]);
  }
  return total;
}

/**
 * What stands before and after the first `mark`; null after it where there is none.
 * @param {string} text
 * @param {string} mark
 * @returns {[before: string, after: string | null]}
 */
export function partition(text, mark) {
  const place = text.indexOf(mark);
  return place < 0 ? [text, null] : [text.slice(0, place), text.slice(place + mark.length)];
}
