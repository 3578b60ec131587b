/**
 * A conversation about one patient: which question is next, how an answer becomes a chart entry, and the advice as it
 * forms. As kb/interview/conversation.py, so that a page asks what `kb run` asks, in its order, and charts what it
 * charts.
 *
 * Nothing is drawn here, and no clock is read. What is said goes through the rules of the chart: what they refuse is
 * thrown as a `BadValue` or a `ChartError`, nothing is charted, and the question stays.
 */

import { about as aboutOf } from "./chart.js";
import { content } from "./charted.js";
import { correction, entryOf, takeBack } from "./correcting.js";
import { carriedOut, declined, therapy } from "./deeds.js";
import { later, moment, span } from "./dictation.js";
import { answer } from "./heard.js";
import { takeIn } from "./importing.js";
import { askOf, nextQuestion, questionOf } from "./questions.js";
import { nameOf } from "./record.js";
import { keyOf, question, Talk } from "./talk.js";
import { parseTime } from "./times.js";
import { knownName } from "./understanding.js";
import { BadValue } from "./values.js";
import { nearest, quoted } from "./words.js";
import { clean } from "./wording.js";

/** @typedef {import("./chart.js").Entry} Entry */
/** @typedef {import("./guideline.js").Guideline} Guideline */
/** @typedef {import("./talk.js").Beginning} Beginning */
/** @typedef {import("./talk.js").Charted} Charted */
/** @typedef {import("./times.js").Moment} Moment */

const ACTED = ["given", "started", "changed", "done"];
const LAST_YEAR = "2900";

/** One conversation over one chart: its turns. */
export class Interview extends Talk {
  /**
   * Begin a conversation, or go on with a chart: what `kb advise` reads, or what `chart()` gave. Without one the
   * protocol's episode begins now.
   * @param {Guideline} guideline
   * @param {Beginning} beginning `more`: ask what may be needed next as well.
   * @throws {ChartError} The chart or the local settings do not fit.
   */
  constructor(guideline, beginning) {
    super(guideline, beginning);
    const { chart = null } = beginning;
    if (chart !== null) {
      takeIn(this, chart);
      this.advice = this.advise();
    }
    this.question = nextQuestion(this);
  }

  /** The chart in its JSON form, which `kb advise` and `new Interview` read. */
  chart() {
    return this.record.chart();
  }

  /** What is charted and stands, oldest first, in words. @returns {Charted[]} */
  charted() {
    const told = this.record.standing().filter((entry) => entry.kind !== "protocol");
    return [...told].sort(byTime).map((entry) => ({
      id: entry.id,
      about: aboutOf(entry),
      text: content(this, entry),
      time: this.clockTime(entry.at),
      entry,
    }));
  }

  /**
   * Answer the question that is asked.
   * @param {string} text
   * @param {string | Moment | null} [at] When it was so: `11:40`, `20 min ago` or an ISO time; by default now.
   */
  answer(text, at = null) {
    const { question } = this;
    if (question === null) throw new BadValue("KB606", "nothing is asked now");
    this.#act(() => answer(this, question, clean(text), this.#time(at)));
  }

  /**
   * Chart something else than what is asked: data, the rate of a drug, a salt form or the record, by its name.
   * @param {string} name
   * @param {string} text
   * @param {string | Moment | null} [at]
   */
  tell(name, text, at = null) {
    this.#act(() => answer(this, questionOf(this, askOf(this, knownName(this, name))), clean(text), this.#time(at)));
  }

  /** Leave the question for later; `again` brings all skipped ones back. */
  skip() {
    this.#act(() => {
      if (this.pending !== null) {
        this.pending = null;
      } else if (this.question !== null) {
        if (this.queue[0] === this.question.name) this.queue.shift();
        this.aside.add(keyOf(this.question));
      }
    });
  }

  again() {
    this.#act(() => this.aside.clear());
  }

  /** Ask what may be needed next as well, or no more. @param {boolean} [more] */
  askMore(more = true) {
    this.#act(() => {
      this.more = more;
    });
  }

  /** Whether there is an answer that `back` would take back. */
  get canGoBack() {
    const standing = new Set(this.record.standing().map((entry) => entry.id));
    return this.pending !== null || this.acts.some((act) => act.some((id) => standing.has(id)));
  }

  /** Take the last answer back, and ask it again. */
  back() {
    this.#act(() => {
      if (this.pending !== null) {
        this.pending = null;
        return;
      }
      const standing = new Map(this.record.standing().map((entry) => [entry.id, entry]));
      for (let act = this.acts.pop(); act !== undefined; act = this.acts.pop()) {
        const entries = act.flatMap((id) => standing.get(id) ?? []);
        if (entries.length) return takeBack(this, entries, act);
      }
      throw new BadValue("KB611", "there is nothing to take back");
    });
  }

  /**
   * Put an earlier answer right: its question is asked again, and the answer replaces the entry.
   * @param {string} id The id of the entry.
   */
  correct(id) {
    this.#act(() => {
      this.pending = correction(this, entryOf(this, id));
    });
  }

  /** Take an entry back. @param {string} id */
  remove(id) {
    this.#act(() => takeBack(this, [entryOf(this, id)]));
  }

  /**
   * A recommended action was carried out: its drug is charted with the dose that is stated, or that is advised where
   * it is one number; where it is not known how much, or which option, that is asked.
   * @param {string} step
   * @param {string} [said] The dose, or the option.
   * @param {string | Moment | null} [at]
   */
  done(step, said = "", at = null) {
    this.#act(() => carriedOut(this, this.doStep(step), clean(said), this.#time(at)));
  }

  /**
   * A recommended action is not carried out; without a `reason` it is asked for.
   * @param {string} step
   * @param {string} [reason]
   */
  decline(step, reason = "") {
    this.#act(() => {
      const made = this.doStep(step);
      if (clean(reason)) declined(this, made, clean(reason));
      else this.pending = question("reason", made.id, `Why is it declined: ${this.prose(made.title)}?`, { step: made.id });
    });
  }

  /**
   * Chart a therapy, whatever is advised.
   * @param {"given" | "started" | "changed" | "stopped"} event
   * @param {string} drug
   * @param {string} [dose]
   * @param {{at?: string | Moment | null, route?: string}} [more]
   */
  therapy(event, drug, dose = "", { at = null, route = "" } = {}) {
    this.#act(() => {
      const known = this.names.drug(drug);
      if (known === null) {
        const help = nearest(drug, this.names.synonyms.keys());
        throw new BadValue("KB602", `${quoted(drug)} is a drug this protocol does not know`, help);
      }
      therapy(this, event, known, clean(dose), this.#time(at), route);
    });
  }

  /**
   * Let time pass: `15 min`, or microseconds.
   * @param {string | bigint} time
   */
  wait(time) {
    this.#act(() => this.#letPass(this.now.plus(typeof time === "bigint" ? time : span(time))));
  }

  /** Set the clock: `14:05`, with its date if that is not today; it only goes forward. @param {string} text */
  setClock(text) {
    this.#act(() => this.#letPass(later(text, this.now)));
  }

  /** The clock of the caller, who lets it run by itself; skipped questions stay skipped. @param {string | Moment} now */
  tick(now) {
    this.#act(() => {
      this.setNow(parseTime(now));
    });
  }

  /**
   * As `tick`, for a caller that does something at once: advice and question come with that, and until then are those
   * that were shown.
   * @param {Moment} now
   */
  setNow(now) {
    if (now.micros > this.now.micros) this.now = now;
  }

  /** Measure again what the reviews of all that was done want. @returns {readonly string[]} What is asked for it. */
  reassess() {
    this.#act(() => {
      /** @type {Set<string>} */
      const wanted = new Set();
      for (const entry of this.record.standing()) {
        if (!ACTED.includes(entry.event)) continue;
        // What was done is looked at again, also where its step is not reached while something else is not known.
        for (const step of this.program.steps) {
          const acted = [step.id, step.action?.drug ?? ""].includes(aboutOf(entry));
          for (const name of acted && step.review !== null ? step.review.measure : []) wanted.add(name);
        }
      }
      this.aside.clear();
      this.queue = [...wanted].filter((name) => !this.chartedNow(name));
      if (!wanted.size) this.notices.push("no review asks for anything now");
      else if (!this.queue.length) {
        this.notices.push("all that the reviews want was measured just now; let time pass first");
      }
    });
    return [...this.queue];
  }

  /**
   * Go on with the chart of a protocol that hands over to this one: its episode ends, that of this one begins.
   * @param {string} protocol
   * @param {string} version
   */
  takeOver(protocol, version) {
    this.#act(() => {
      this.record.takeOver(protocol, version, this.now);
      this.acts = [];
    });
  }

  /**
   * Go on with the protocol that is handed over to, on the same chart.
   * @param {Guideline} to
   */
  handOver(to) {
    this.#act(() => {
      if (!this.advice.hand_overs.some((item) => item.protocol === nameOf(to.program))) {
        throw new BadValue("KB602", `nothing is handed over to \`${nameOf(to.program)}\` now`);
      }
      this.record.handOver(to, this.now);
      this.pending = null;
      this.queue = [];
      this.acts = [];
      this.aside.clear();
      this.settled = this.checkedLocal();
      this.say = this.speaker();
    });
  }

  /** @param {Moment} to */
  #letPass(to) {
    if (to.isoformat().slice(0, 4) > LAST_YEAR) throw new BadValue("KB608", "no patient lives that long");
    this.now = to;
    this.aside.clear();
  }

  /**
   * @param {string | Moment | null} at
   * @returns {Moment | null}
   */
  #time(at) {
    return typeof at === "string" ? (at.trim() ? moment(at, this.now) : null) : at;
  }

  /**
   * Do something, then advise and ask anew. Where it is refused nothing has changed but the notices.
   * @param {() => void} act
   */
  #act(act) {
    this.notices = [];
    act();
    this.advice = this.advise();
    this.question = nextQuestion(this);
  }
}

/**
 * @param {Entry} left
 * @param {Entry} right
 */
function byTime(left, right) {
  return left.at.micros < right.at.micros ? -1 : left.at.micros > right.at.micros ? 1 : 0;
}
