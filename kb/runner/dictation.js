/**
 * What a person enters, read: clock times, spans of time, quantities. Nothing is guessed. As kb/dictation.py.
 *
 * A `BadValue` has words for the person where something can be read in more than one way, or in none.
 */

import { Moment, parseTime } from "./times.js";
import { BadValue, Fraction, parseDecimal } from "./values.js";
import { quoted } from "./words.js";

/** @type {Record<string, bigint>} */
const SECONDS = {};
for (const [seconds, words] of /** @type {[bigint, string][]} */ ([
  [1n, "s sec second seconds"],
  [60n, "min mins minute minutes"],
  [3600n, "h hr hour hours"],
  [86400n, "d day days"],
])) {
  for (const word of words.split(" ")) SECONDS[word] = seconds;
}
const CLOCK = /^(?:(\d{4}-\d{2}-\d{2})[ T])?(\d{1,2}):(\d{2})(?::(\d{2}))?$/;
const SPAN = /^(?:\d+(?:\.\d+)?\s*[a-z]+\s*)+$/;
const BARE = /^(?:[+-]?\d+(?:\.\d+)?|[+-]?\.\d+)$/;
const MICROSECONDS = 1_000_000n;
const DAY = 86400n * MICROSECONDS;

export const YES = new Set(["y", "yes", "true"]);
export const NO = new Set(["n", "no", "false"]);
export const NOT_AVAILABLE = "not available";

/**
 * `15 min`, `1 h 30 min`, `90s`, in microseconds. A number alone is refused.
 * @param {string} text
 * @returns {bigint}
 */
export function span(text) {
  const words = text.trim().toLowerCase();
  if (SPAN.test(words)) {
    let seconds = new Fraction(0n);
    for (const [, number, unit] of words.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/g)) {
      const size = SECONDS[unit];
      if (size === undefined) throw new BadValue("KB608", `${quoted(unit)} is not a unit of time`, "write s, min, h or d");
      seconds = seconds.plus(parseDecimal(number).times(new Fraction(size)));
    }
    if (seconds.compare(new Fraction(366n * 86400n)) <= 0) return seconds.times(new Fraction(MICROSECONDS)).round();
  }
  throw new BadValue("KB608", `${quoted(text)} is not a length of time`, "write it as `15 min` or `1 h 30 min`");
}

/**
 * `11:40`, `2026-01-27 11:40`, an ISO time, or `20 min ago`; never later than `now`.
 *
 * A time of day is its last occurrence; one that lies more than half a day back needs its date.
 * @param {string} text
 * @param {Moment} now
 * @returns {Moment}
 */
export function moment(text, now) {
  const words = text.trim();
  if (words.toLowerCase() === "now") return now;
  if (words.toLowerCase().endsWith(" ago")) return now.plus(-span(words.slice(0, -4)));
  const found = CLOCK.exec(words);
  let made = found === null ? parseTime(words) : onTheClock(found, now);
  if (found !== null && found[1] === undefined) {
    if (made.micros > now.micros) made = made.plus(-DAY);
    if (now.micros - made.micros > DAY / 2n) {
      const what = `${quoted(words)} is later than now (${clock(now)})`;
      throw new BadValue("KB608", what, "for another day write its date too");
    }
  }
  if (made.micros > now.micros) {
    throw new BadValue("KB608", `${quoted(words)} is later than now (${dayAndClock(now)})`, "write when it was");
  }
  return made;
}

/**
 * The next time to which the clock is set: `14:05`, with its date if that is not today.
 * @param {string} text
 * @param {Moment} now
 * @returns {Moment}
 */
export function later(text, now) {
  const words = text.trim();
  const found = CLOCK.exec(words);
  const made = found === null ? parseTime(words) : onTheClock(found, now);
  if (made.micros < now.micros) {
    const help = "the clock only goes forward; for another day write its date too";
    throw new BadValue("KB608", `${quoted(words)} is before now (${dayAndClock(now)})`, help);
  }
  return made;
}

/**
 * @param {RegExpExecArray} found
 * @param {Moment} now
 */
function onTheClock(found, now) {
  const [text, date, hour, minute, second] = found;
  const parts = [Number(hour), Number(minute), Number(second ?? 0)];
  try {
    if (parts[0] > 23 || parts[1] > 59 || parts[2] > 59) throw new BadValue("KB608", "no such time of day");
    const midnight = parseTime(`${date ?? now.isoformat().slice(0, 10)}T00:00:00+00:00`);
    const since = BigInt(parts[0] * 3600 + parts[1] * 60 + parts[2]) * MICROSECONDS;
    return new Moment(midnight.micros + since - BigInt(now.offset) * MICROSECONDS, now.offset);
  } catch (bad) {
    if (!(bad instanceof BadValue)) throw bad;
    throw new BadValue("KB608", `${quoted(text)} is not a time`, "write it as `14:05`");
  }
}

/**
 * `14:05`, in its own offset.
 * @param {Moment} at
 */
export function clock(at) {
  return at.isoformat().slice(11, 16);
}

/**
 * `2026-01-27 14:05`, in its own offset.
 * @param {Moment} at
 */
export function dayAndClock(at) {
  return at.isoformat().slice(0, 16).replace("T", " ");
}

/**
 * Whether a text is a number without a unit.
 * @param {string} text
 */
export function bare(text) {
  return BARE.test(text);
}

/**
 * `text` with `unit` where it is a bare number, and with a space before its own unit.
 * @param {string} text
 * @param {string} unit
 */
export function quantity(text, unit) {
  const spaced = text.replace(/^([+-]?\d*\.?\d+)(?=[^\d\s.,eE+-])/, "$1 ");
  return bare(spaced) && unit !== "" && unit !== "1" ? `${spaced} ${unit}` : spaced;
}
