/**
 * A chart that grows by checked entries, and the protocol it is read with. As `Record` of kb/session.py; nothing is
 * kept but in memory. Entries are corrected and retracted, never erased.
 */

import { about, ChartError, otherMatter, readEntry, refusal } from "./chart.js";
import { parseChart } from "./reading.js";
import { Moment } from "./times.js";
import { nearest, quoted } from "./words.js";

/** @typedef {import("./chart.js").Entry} Entry */
/** @typedef {import("./chart.js").Refusal} Refusal */
/** @typedef {import("./guideline.js").Guideline} Guideline */
/** @typedef {import("./program.js").Program} Program */

/**
 * An entry of a chart as JSON; `at` and `recorded` may be a Moment.
 * @typedef {{[key: string]: unknown}} EntryData
 */

const KEYS = /** @type {const} */ ([
  ...["id", "at", "recorded", "kind", "event", "element", "value", "drug", "rate", "amount", "salt"],
  ...["concentration", "route", "protocol", "version", "digest", "step", "reason", "replaces", "retracts"],
]);

/**
 * An entry as it stands in the JSON of a chart; keys without content are left out.
 * @param {Entry} entry
 * @returns {EntryData}
 */
export function entryJson(entry) {
  /** @type {EntryData} */
  const found = {};
  for (const key of KEYS) {
    const value = entry[key];
    if (value === null || (value === "" && key !== "value")) continue;
    found[key] = value instanceof Moment ? value.isoformat() : value;
  }
  return found;
}

/** A chart in memory, with one protocol's episode in it. */
export class Record {
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  /** @type {Map<string, string>} */
  #gone = new Map();
  /** @type {(readonly string[])[]} */
  #batches = [];

  /**
   * @param {Guideline} guideline
   * @param {Moment | null} [opened] When the protocol's episode begins; charted as the first entry.
   */
  constructor(guideline, opened = null) {
    this.guideline = guideline;
    if (opened !== null) this.append([opening(guideline.program, opened)]);
  }

  get program() {
    return this.guideline.program;
  }

  /** All entries in the order in which they came: each stands after what it corrects. */
  get entries() {
    return [...this.#entries.values()];
  }

  /** The ids of the entries that each `append` brought: what came together is taken back together. */
  get batches() {
    return this.#batches;
  }

  /**
   * The chart in its JSON form, which `kb advise` reads: by time, then in the order in which the entries came.
   * @returns {{schema: string, entries: EntryData[]}}
   */
  chart() {
    const when = (/** @type {Entry} */ entry) => (entry.recorded ?? entry.at).micros;
    const entries = this.entries.sort(
      (left, right) => compare(left.at.micros, right.at.micros) || compare(when(left), when(right)),
    );
    return { schema: "1.0.0", entries: entries.map(entryJson) };
  }

  /**
   * @param {string} id
   * @returns {Entry | null} The entry that replaced or retracted `id`; null while it stands.
   */
  gone(id) {
    return this.#entries.get(this.#gone.get(id) ?? "") ?? null;
  }

  /** The entries that nothing replaced or retracted, in the order in which they came. */
  standing() {
    return this.entries.filter((entry) => !this.#gone.has(entry.id) && !entry.retracts);
  }

  /**
   * Chart entries, all or none. An entry without `id` is given one.
   * @param {readonly EntryData[]} made
   * @returns {readonly string[]} Their ids.
   * @throws {ChartError} What is wrong with them; nothing was charted.
   */
  append(made) {
    const read = this.#read(made);
    const ids = read.map((entry) => entry.id);
    if (read.length) this.#batches.push(ids);
    for (const entry of read) {
      this.#entries.set(entry.id, entry);
      if (entry.replaces || entry.retracts) this.#gone.set(entry.replaces || entry.retracts, entry.id);
    }
    return ids;
  }

  /**
   * Go on with another protocol on the same chart, as a `hand_over` of this one asks; the person has confirmed it.
   * The episode of this protocol is closed and that of the other opened, both at `at`.
   * @param {Guideline} to
   * @param {Moment} at
   * @throws {ChartError} No step of this protocol hands over to it.
   */
  handOver(to, at) {
    const { id, version, steps } = this.program;
    const name = nameOf(to.program);
    const offered = [...new Set(steps.map((step) => step.handOver).filter(Boolean))].sort();
    if (!offered.includes(name)) {
      const what = `${id} does not hand over to ${name}; it hands over to: ${offered.join(", ") || "none"}`;
      throw new ChartError([refusal("KB601", "", what)]);
    }
    this.append([{ kind: "protocol", event: "closed", protocol: id, version, at }, opening(to.program, at)]);
    this.guideline = to;
  }

  /**
   * Go on with a chart that another protocol hands over to this one; the person has confirmed it.
   * @param {string} protocol
   * @param {string} version
   * @param {Moment} at
   */
  takeOver(protocol, version, at) {
    this.append([{ kind: "protocol", event: "closed", protocol, version, at }, opening(this.program, at)]);
  }

  /**
   * The entries, checked; nothing is changed by it.
   * @param {readonly EntryData[]} made
   * @returns {Entry[]}
   */
  #read(made) {
    /** @type {Refusal[]} */
    const problems = [];
    /** @type {Entry[]} */
    const read = [];
    const taken = new Set(this.#entries.keys());
    const gone = new Map(this.#gone);
    let number = taken.size;
    for (const item of made) {
      const data = textual(item);
      if (data.id === undefined || data.id === null) {
        while (taken.has(`e${number}`)) number += 1;
        data.id = `e${number}`;
      }
      const entry = readEntry(data, problems);
      if (entry === null) continue;
      const subject = about(entry);
      if (taken.has(entry.id)) {
        const message = `an entry has the id ${quoted(entry.id)} already`;
        problems.push(refusal("KB610", subject, message, "leave `id` out to be given one", entry.id));
      }
      const target = entry.replaces || entry.retracts;
      const replaced = entry.replaces ? this.#entries.get(target) : undefined;
      const before = gone.get(target);
      if (target && !taken.has(target)) {
        const help = nearest(target, taken);
        problems.push(refusal("KB611", subject, `no entry has the id ${quoted(target)}`, help, entry.id));
      } else if (before !== undefined) {
        const message = `${quoted(target)} was replaced or retracted already`;
        problems.push(refusal("KB611", subject, message, `correct \`${before}\``, entry.id));
      } else if (replaced !== undefined && (entry.kind !== replaced.kind || subject !== about(replaced))) {
        problems.push(otherMatter(entry, replaced));
      } else if (target) {
        gone.set(target, entry.id);
      }
      taken.add(entry.id);
      read.push(entry);
    }
    for (const entry of read) {
      if (entry.retracts) continue;
      const alone = { entries: [{ ...entryJson(entry), replaces: null }] };
      problems.push(...parseChart(this.program, alone, entry.at, true).refused);
    }
    if (problems.length) throw new ChartError(problems);
    return read;
  }
}

/**
 * @param {bigint} left
 * @param {bigint} right
 */
function compare(left, right) {
  return left < right ? -1 : left > right ? 1 : 0;
}

/**
 * An entry with its times as text.
 * @param {EntryData} entry
 * @returns {EntryData}
 */
function textual(entry) {
  return Object.fromEntries(
    Object.entries(entry).map(([key, value]) => [key, value instanceof Moment ? value.isoformat() : value]),
  );
}

/**
 * `id@major`, as a hand-over names a protocol.
 * @param {Program} program
 */
export function nameOf(program) {
  return `${program.id}@${program.version.split(".", 1)[0]}`;
}

/**
 * The entry with which an episode begins.
 * @param {Program} program
 * @param {Moment} at
 * @returns {EntryData}
 */
function opening(program, at) {
  const { id, version, logicDigest } = program;
  return { kind: "protocol", event: "opened", protocol: id, version, digest: logicDigest, at };
}
