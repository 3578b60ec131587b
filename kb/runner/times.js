/** Moments with their offset, in exact microseconds; no clock and no local time is read. */

import { SCALE } from "./program.js";
import { BadValue, divmod, formatDecimal, strip } from "./values.js";
import { quoted } from "./words.js";

const MICROSECONDS = 10n ** 6n;
const DAY = 86400n * MICROSECONDS;
const HELP = "write it as `2026-01-27T11:40:00+00:00`";
const TIME = new RegExp(
  "^(\\d{4})(?:-(\\d\\d)-(\\d\\d)|(\\d\\d)(\\d\\d))" +
    "(?:[Tt ]([01]\\d|2[0-3])(?::([0-5]\\d)(?::([0-5]\\d)(?:[.,](\\d+))?)?|([0-5]\\d)(?:([0-5]\\d)(?:[.,](\\d+))?)?)?" +
    "([Zz]|[+-](?:[01]\\d|2[0-3])(?::[0-5]\\d(?::[0-5]\\d)?|[0-5]\\d)?)?)?$",
);

/** A moment: microseconds since 1970-01-01 UTC, and the offset in which it was written, in seconds. Never changed. */
export class Moment {
  /** @param {bigint} micros @param {number} [offset] */
  constructor(micros, offset = 0) {
    this.micros = micros;
    this.offset = offset;
  }

  /** Scaled seconds since 1970-01-01 UTC, as in a row. */
  get scaled() {
    return this.micros * (SCALE / MICROSECONDS);
  }

  /** @param {bigint} micros */
  plus(micros) {
    return new Moment(this.micros + micros, this.offset);
  }

  /** The day, in its own offset: `2026-01-27`. */
  date() {
    const days = divmod(this.micros + BigInt(this.offset) * MICROSECONDS, DAY)[0];
    const date = new Date(Number(days) * 86_400_000);
    return [padded(date.getUTCFullYear(), 4), padded(date.getUTCMonth() + 1), padded(date.getUTCDate())].join("-");
  }

  /** `2026-01-27T11:40:00+00:00`, as `datetime.isoformat` of Python. */
  isoformat() {
    const [seconds, micros] = divmod(this.micros + BigInt(this.offset) * MICROSECONDS, MICROSECONDS);
    const part = micros ? `.${padded(micros, 6)}` : "";
    const away = Math.abs(this.offset);
    const tail = away % 60 ? `:${padded(away % 60)}` : "";
    const zone = `${padded(Math.floor(away / 3600))}:${padded(Math.floor(away / 60) % 60)}${tail}`;
    const time = clock(Number(divmod(seconds, 86400n)[1]));
    return `${this.date()}T${time}${part}${this.offset < 0 ? "-" : "+"}${zone}`;
  }

  toString() {
    return this.isoformat().replace("T", " ");
  }
}

export const EPOCH = new Moment(0n);

/** @param {number | bigint} number @param {number} [size] */
const padded = (number, size = 2) => String(number).padStart(size, "0");

/** @param {number} seconds of a day */
const clock = (seconds) =>
  [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map((part) => padded(part)).join(":");

/**
 * A date-time with its offset. Throws BadValue (KB608): not a time, or without an offset.
 * @param {unknown} text
 */
export function parseTime(text) {
  if (text instanceof Moment) return text;
  const found = typeof text === "string" ? TIME.exec(strip(text)) : null;
  const [, year, month1, day1, month2, day2, hour, ...rest] = found ?? [];
  const [minute1, second1, part1, minute2, second2, part2, zone] = rest;
  const [month, day] = [Number(month1 ?? month2), Number(day1 ?? day2)];
  const date = new Date(Date.UTC(2000, month - 1, day));
  date.setUTCFullYear(Number(year), month - 1, day);
  if (found === null || Number(year) < 1 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) {
    throw new BadValue("KB608", `${quoted(text)} is not a time`, HELP);
  }
  if (zone === undefined) {
    const help = "write `+00:00`, or the local one, after the time";
    throw new BadValue("KB608", `${quoted(text)} has no offset`, help);
  }
  if (Number(year) < 1800 || Number(year) > 2999) {
    throw new BadValue("KB608", `${quoted(text)} is not a time of a living patient`);
  }
  const seconds = [hour, minute1 ?? minute2, second1 ?? second2].reduce((sum, each) => sum * 60 + Number(each ?? 0), 0);
  const micros = BigInt((part1 ?? part2 ?? "").slice(0, 6).padEnd(6, "0"));
  const offset = offsetOf(zone);
  const local = BigInt(date.getTime() / 1000 + seconds) * MICROSECONDS + micros;
  return new Moment(local - BigInt(offset) * MICROSECONDS, offset);
}

/** Seconds east of Greenwich of `Z`, `+02`, `-0330`, `+05:30`. @param {string} zone */
function offsetOf(zone) {
  const [hours = "0", minutes = "0", seconds = "0"] = zone.slice(1).replaceAll(":", "").match(/\d\d/g) ?? [];
  const away = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  return zone.startsWith("-") ? -away : away;
}

/**
 * A date-time of a row in words: as `datetime.fromtimestamp(value / SCALE, UTC).isoformat()` of Python, which goes by
 * way of a floating-point number.
 * @param {bigint} value
 */
export function timestampText(value) {
  const seconds = Number(formatDecimal(value));
  const whole = Math.trunc(seconds);
  const part = (seconds - whole) * 1e6;
  const floor = Math.floor(part);
  const odd = part - floor > 0.5 || (part - floor === 0.5 && floor % 2 !== 0);
  return new Moment(BigInt(whole) * MICROSECONDS + BigInt(floor + Number(odd))).isoformat();
}
