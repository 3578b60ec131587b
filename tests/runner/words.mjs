/** Calls on standard input, `[function, …arguments]`; their results, or the refusal, on standard output. */

import { textOf } from "../../kb/runner/chart.js";
import { readJson } from "../../kb/runner/json.js";
import { sha256 } from "../../kb/runner/sha256.js";
import { parseTime, timestampText } from "../../kb/runner/times.js";
import { REFUSED, UnitTable, parseQuantity } from "../../kb/runner/units.js";
import { BadValue, formatDecimal, formatDuration, Fraction } from "../../kb/runner/values.js";
import { casefold, closest, nearest, quoted } from "../../kb/runner/words.js";
import { given } from "./given.mjs";

const units = new UnitTable(given.units);
const spelled = ({ n, d }) => `${n}/${d}`;

const calls = {
  time: (text) => {
    const moment = parseTime(text);
    return [moment.isoformat(), String(moment.scaled), moment.date()];
  },
  timestamp: (value) => timestampText(BigInt(value)),
  quantity: (text) => {
    const [value, unit] = parseQuantity(text);
    return [spelled(value), unit];
  },
  unit: (text) => {
    const { factor, dimension, offset } = units.parse(text);
    return [spelled(factor), [...dimension], spelled(offset), units.ucum(text)];
  },
  convert: (value, unit, to) => String(units.toScaled(Fraction.of(value), unit, to)),
  decimal: (value) => formatDecimal(BigInt(value)),
  duration: (value) => formatDuration(Fraction.of(value)),
  text: (json) => textOf(readJson(json)),
  quoted: (json) => quoted(readJson(json)),
  casefold,
  nearest,
  closest,
  sha256,
  refused: () => Object.fromEntries(REFUSED),
};

const found = given.calls.map(([name, ...values]) => {
  try {
    return calls[name](...values);
  } catch (bad) {
    if (bad instanceof BadValue) return { refused: [bad.code, bad.message, bad.help] };
    throw bad;
  }
});
console.log(JSON.stringify(found));
