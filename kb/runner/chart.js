/**
 * What is charted about one patient: entries, as they were written. As kb/chart.py.
 *
 * Nothing here depends on a protocol; reading.js reads a chart with the data dictionary and the drugs of one Program.
 */

import { readJson } from "./json.js";
import { parseTime } from "./times.js";
import { BadValue, parseDecimal, roundHalfEven } from "./values.js";
import { Numeral, asMapping, nearest, quoted, typeName } from "./words.js";

/** @typedef {import("./times.js").Moment} Moment */

export const SCHEMA = "1.0.0";

/** The names of the codes. @type {Record<string, string>} */
export const RULES = {
  KB601: "not-a-chart",
  KB602: "unknown-chart-name",
  KB603: "unknown-option",
  KB604: "number-without-unit",
  KB605: "unfit-unit",
  KB606: "unreadable-value",
  KB607: "implausible-value",
  KB608: "unreadable-time",
  KB609: "no-now",
  KB610: "entry-id-taken",
  KB611: "unknown-entry",
  KB612: "unknown-salt",
  KB613: "unknown-kind-of-entry",
  KB614: "named-twice",
  KB615: "always-obtainable",
  KB616: "incomplete-entry",
  KB617: "not-given-this-way",
  KB618: "unreadable-concentration",
  KB619: "worked-out-by-the-protocol",
  KB620: "unknown-local-name",
  KB621: "unfit-local-value",
  KB630: "unknown-ordered-drug",
  KB631: "unfit-part-of-an-order",
  KB632: "order-without-dose",
  KB646: "unknown-local-setting",
  KB647: "unfit-local-limit",
  KB648: "unfit-binding",
  KB649: "unfit-display-unit",
};

/** What the same faults are called where a quantity is read outside a chart. @type {Record<string, string>} */
export const OF_VALUES = {
  KB304: "KB606",
  KB306: "KB606",
  KB309: "KB606",
  KB314: "KB605",
  KB315: "KB604",
  KB316: "KB605",
  KB317: "KB605",
};

/** @type {ReadonlyMap<string, readonly string[]>} */
const EVENTS = new Map([
  ["therapy", ["started", "changed", "stopped", "given", "running"]],
  ["step", ["done", "declined"]],
  ["protocol", ["opened", "closed"]],
]);
const TEXTS = (
  "kind event element value drug rate amount salt concentration route protocol version digest step reason replaces " +
  "retracts"
).split(" ");
const KEYS = ["id", "at", "recorded", ...TEXTS];
export const STATES = ["unobtainable", "not available"];
export const RECORD = "therapy_record";
/** An entry that cannot be read and does not say what it is about. */
export const ANY = "*";

/**
 * One thing in a chart that is not taken: a stable code, the name it is about, and what to do.
 * @typedef {{code: string, rule: string, name: string, message: string, help: string, entry: string}} Refusal
 */

/**
 * An entry that was read and had no part: `why` says so in words.
 * @typedef {{entry: string, name: string, at: Moment | null, why: string}} NotUsed
 */

/**
 * One line of a chart, as written. Values are text or truth values; times carry their offset.
 * @typedef {object} Entry
 * @property {string} id
 * @property {Moment} at
 * @property {string} kind
 * @property {string} event
 * @property {string} element
 * @property {string | boolean | null} value
 * @property {string} drug
 * @property {string} rate
 * @property {string} amount
 * @property {string} salt
 * @property {string} concentration
 * @property {string} route
 * @property {string} protocol
 * @property {string} version
 * @property {string} digest
 * @property {string} step
 * @property {string} reason
 * @property {Moment | null} recorded
 * @property {string} replaces
 * @property {string} retracts
 */

/**
 * Entries sorted by `at`, then `recorded`, then the order in which they came. Inside the time from `completeFrom` on
 * every therapy is charted, so its absence is knowledge.
 * @typedef {{entries: readonly Entry[], completeFrom: Moment | null}} Chart
 */

/**
 * A refusal with the name its code has.
 * @param {string} code
 * @param {string} name
 * @param {string} message
 * @param {string | null} [help]
 * @param {string} [entry]
 * @returns {Refusal}
 */
export function refusal(code, name, message, help = "", entry = "") {
  return { code, rule: RULES[code], name, message, help: help ?? "", entry };
}

/** A refusal as one line. @param {Refusal} item */
export const refusalText = (item) => `${item.code} ${item.rule}: ${item.message}${item.help ? ` (${item.help})` : ""}`;

/** A chart was refused; `refusals` lists everything that is wrong with it, `code` is that of the first. */
export class ChartError extends Error {
  /** @param {readonly Refusal[]} refusals */
  constructor(refusals) {
    super(refusals.map(refusalText).join("\n"));
    this.name = "ChartError";
    this.refusals = refusals;
    this.code = refusals[0]?.code ?? "KB601";
  }
}

/** The data, drug, step or protocol an entry is about. @param {Entry} entry */
export const about = (entry) => entry.element || entry.drug || entry.step || entry.protocol;

/**
 * A value of a chart as text: numbers without exponent, just as they are written. Throws BadValue (KB606): neither
 * text, nor number, nor truth value.
 * @param {unknown} value
 * @returns {string | boolean}
 */
export function textOf(value) {
  if (typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "bigint" || value instanceof Numeral) {
    if (typeof value === "number" && !Number.isFinite(value)) {
      throw new BadValue("KB606", `${quoted(value)} is not a number`);
    }
    const text = String(value);
    const long = typeof value === "number" && Number.isInteger(value) && Math.abs(value) >= 1e30;
    if (long || /^-?\d{31,}$/.test(text)) {
      throw new BadValue("KB606", "a number this long is not a measurement");
    }
    return /e/i.test(text) ? expanded(text) : text;
  }
  throw new BadValue("KB606", `${quoted(typeName(value))} is not a value`, "write text, a number, true or false");
}

/** A number without its exponent, to 28 figures. @param {string} text */
function expanded(text) {
  const value = parseDecimal(text);
  const size = String(value.n < 0n ? -value.n : value.n).length - String(value.d).length;
  const places = Math.max(0, 28 - size); // no number that fits into 28 figures needs more
  const grain = 10n ** BigInt(places);
  const digits = String(roundHalfEven((value.n < 0n ? -value.n : value.n) * grain, value.d)).padStart(places + 1, "0");
  const part = places ? digits.slice(-places).replace(/0+$/, "") : "";
  const whole = places ? digits.slice(0, -places) : digits;
  return `${value.n < 0n ? "-" : ""}${whole}${part ? `.${part}` : ""}`;
}

// ---------------------------------------------------------------- the form of a chart

/** @param {readonly Entry[]} entries */
function sorted(entries) {
  /** @param {Entry} entry */
  const late = (entry) => (entry.recorded ?? entry.at).micros;
  /** @param {bigint} one @param {bigint} other */
  const order = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
  return [...entries].sort((one, other) => order(one.at.micros, other.at.micros) || order(late(one), late(other)));
}

/**
 * The chart in JSON text or data. Entries that cannot be read are left out; what they are about becomes doubtful.
 * @param {unknown} data
 * @param {Refusal[]} problems grows
 * @param {Set<string>} doubtful grows
 * @returns {Chart}
 */
export function readChart(data, problems, doubtful) {
  if (typeof data === "string") {
    try {
      data = readJson(data);
    } catch (failed) {
      if (!(failed instanceof SyntaxError)) throw failed;
      problems.push(refusal("KB601", "", "the chart is not JSON"));
      return { entries: [], completeFrom: null };
    }
  }
  const chart = asMapping(data);
  if (chart === null) {
    problems.push(refusal("KB601", "", NO_CHART));
    return { entries: [], completeFrom: null };
  }
  const known = ["schema", "complete_from", "entries"];
  for (const key of chart.keys()) {
    if (!known.includes(key)) {
      problems.push(refusal("KB601", key, `a chart has no ${quoted(key)}`, nearest(key, known)));
    }
  }
  const schema = chart.has("schema") ? chart.get("schema") : SCHEMA;
  if (typeof schema !== "string" || schema.split(".")[0] !== SCHEMA.split(".")[0]) {
    problems.push(refusal("KB601", "schema", `this version reads charts of schema ${SCHEMA}`));
  }
  /** @type {Moment | null} */
  let completeFrom = null;
  const from = chart.get("complete_from") ?? null;
  if (from !== null) {
    withBad(
      () => (completeFrom = parseTime(from)),
      (bad) => problems.push(refusal("KB608", "complete_from", bad.message, bad.help)),
    );
  }
  const listed = chart.get("entries");
  if (!Array.isArray(listed)) {
    problems.push(refusal("KB601", "entries", "`entries` is a list"));
    return { entries: [], completeFrom };
  }
  /** @type {Entry[]} */
  const entries = [];
  listed.forEach((item, number) => {
    const entry = readEntry(item, problems, `entry ${number + 1}`);
    if (entry !== null) {
      entries.push(entry);
      return;
    }
    const names = named(item);
    for (const name of names.length ? names : [ANY]) doubtful.add(name);
  });
  /** @type {Map<string, Entry>} */
  const byId = new Map();
  for (const entry of entries) {
    if (byId.has(entry.id)) {
      const help = "give it its own id; a correction names the other one in `replaces`";
      const message = `two entries have the id ${quoted(entry.id)}`;
      problems.push(refusal("KB610", about(entry), message, help, entry.id));
      doubtful.add(about(entry));
    } else {
      byId.set(entry.id, entry);
    }
  }
  for (const entry of byId.values()) {
    const other = byId.get(entry.replaces);
    if (other && (entry.kind !== other.kind || about(entry) !== about(other))) {
      problems.push(otherMatter(entry, other));
      doubtful.add(about(entry)).add(about(other));
    }
    for (const target of [entry.replaces, entry.retracts]) {
      if (target && (!byId.has(target) || target === entry.id)) {
        const why = target === entry.id ? "which is itself" : "and no entry has that id";
        const help = nearest(
          target,
          [...byId.keys()].filter((id) => id !== entry.id),
        );
        const message = `${quoted(entry.id)} corrects ${quoted(target)}, ${why}`;
        problems.push(refusal("KB611", about(entry), message, help, entry.id));
        doubtful.add(about(entry));
      }
    }
  }
  return { entries: sorted([...byId.values()]), completeFrom };
}

export const NO_CHART = "a chart is an object with `entries`, or a mapping of what is known now";

/** A correction that would take away something else unseen. @param {Entry} entry @param {Entry} other */
export function otherMatter(entry, other) {
  const [one, two] = [quoted(about(entry)), quoted(about(other))];
  const message = `${quoted(entry.id)} is about ${one} and would replace an entry about ${two}`;
  return refusal("KB611", about(entry), message, "chart it by itself, and retract the other entry", entry.id);
}

/** What an unreadable entry may be about. @param {unknown} item */
function named(item) {
  const map = asMapping(item);
  const found = ["element", "drug", "step"].map((key) => map?.get(key));
  return /** @type {string[]} */ (found.filter((name) => typeof name === "string"));
}

/**
 * What `make` does; a value that it refuses goes to `refused`.
 * @param {() => void} make
 * @param {(bad: BadValue) => void} refused
 */
export function withBad(make, refused) {
  try {
    make();
  } catch (bad) {
    if (!(bad instanceof BadValue)) throw bad;
    refused(bad);
  }
}

/**
 * The entry in JSON data, or null with what is wrong in `problems`.
 * @param {unknown} data
 * @param {Refusal[]} problems grows
 * @param {string} [place]
 * @returns {Entry | null}
 */
export function readEntry(data, problems, place = "the entry") {
  const item = asMapping(data);
  if (item === null) {
    problems.push(refusal("KB601", "", `${place} is not an object`));
    return null;
  }
  const before = problems.length;
  const name = named(item)[0] ?? "";
  const given = item.get("id");
  const unnamed = typeof given !== "string" || !given || [...given].length > 200;
  if (unnamed) problems.push(refusal("KB616", name, `${place} has no \`id\``, "give every entry an id of its own"));
  const id = unnamed ? place : given;

  /** @param {string} code @param {string} message @param {string | null} [help] */
  const refuse = (code, message, help = "") => problems.push(refusal(code, name, message, help, id));

  for (const key of item.keys()) {
    if (!KEYS.includes(key)) refuse("KB613", `an entry has no ${quoted(key)}`, nearest(key, KEYS));
  }
  /** @type {Moment | null} */
  let at = null;
  /** @type {Moment | null} */
  let recorded = null;
  const [when, written] = [item.get("at") ?? null, item.get("recorded") ?? null];
  if (when === null) {
    refuse("KB616", `${quoted(id)} has no time`, "write when it was so: `at: 2026-01-27T11:40:00+00:00`");
  }
  withBad(
    () => {
      if (when !== null) at = parseTime(when);
      if (written !== null) recorded = parseTime(written);
    },
    (bad) => refuse("KB608", bad.message, bad.help),
  );
  /** @type {Record<string, string>} */
  const words = {};
  /** @type {string | boolean | null} */
  let value = null;
  for (const key of TEXTS) {
    const raw = item.get(key) ?? null;
    words[key] = "";
    if (raw === null) continue;
    withBad(
      () => {
        const text = textOf(raw);
        if (key === "value") value = text;
        else if (typeof text === "string") words[key] = text;
        else refuse("KB606", `\`${key}\` of ${quoted(id)} is text`);
      },
      (bad) => refuse("KB606", `\`${key}\` of ${quoted(id)}: ${bad.message}`, bad.help),
    );
  }
  const { kind, event } = words;
  const events = EVENTS.get(kind);
  if (words.retracts) {
    const more = ["element", "drug", "step", "rate", "amount"].some((key) => item.has(key) && isText(item.get(key)));
    if (words.replaces || more) {
      const help = "write `replaces` to correct one";
      refuse("KB613", `${quoted(id)} retracts an entry and says something else`, help);
    }
  } else if (kind === "observation") {
    if (!words.element || value === null) {
      refuse("KB616", `the observation ${quoted(id)} needs \`element\` and \`value\``);
    }
  } else if (events === undefined) {
    const kinds = ["observation", ...EVENTS.keys()];
    const help = nearest(kind, kinds) || `write one of ${kinds.join(", ")}`;
    refuse("KB613", kind ? `${quoted(kind)} is not a kind of entry` : `${quoted(id)} has no \`kind\``, help);
  } else if (!events.includes(event)) {
    const help = nearest(event, events) || `write one of ${events.join(", ")}`;
    refuse("KB613", `${quoted(event)} is not an event of a ${kind} entry`, help);
  } else {
    const needed = kind === "therapy" ? "drug" : kind;
    const dose = event === "given" ? "amount" : ["started", "changed", "running"].includes(event) ? "rate" : "";
    for (const key of [needed, dose]) {
      if (key && !words[key]) refuse("KB616", `the ${kind} entry ${quoted(id)} needs \`${key}\``);
    }
  }
  if (problems.length > before || at === null) return null;
  return /** @type {Entry} */ (/** @type {unknown} */ ({ ...words, id, at, recorded, value }));
}

/** Whether a value is text or a number. @param {unknown} raw */
function isText(raw) {
  return typeof raw === "string" || typeof raw === "number" || raw instanceof Numeral;
}
