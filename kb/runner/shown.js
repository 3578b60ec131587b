/**
 * Advice as elements of a page: what to do with dose, reason and source, what else is so, and the way of the patient.
 * Titles, doses and reasons are said as `kb run` says them.
 */

import { dueIn } from "./actions.js";
import { elsewhereLine } from "./advice.js";
import { coded, folded, list, make } from "./dom.js";
import { evaluate } from "./evaluate.js";
import { doseBeside, proseBeside } from "./local.js";
import { dictionaryOf } from "./reading.js";
import { parseTime } from "./times.js";
import { formatDuration, Fraction } from "./values.js";
import { clean, listed, Speaker } from "./wording.js";

/** @typedef {import("./advice.js").DoseAdvice} DoseAdvice */
/** @typedef {import("./advice.js").Fact} Fact */
/** @typedef {import("./advice.js").Item} Item */
/** @typedef {import("./advice.js").Reason} Reason */
/** @typedef {import("./dom.js").Held} Held */
/** @typedef {import("./interpreter.js").Advice} Advice */
/** @typedef {import("./program.js").Program} Program */

/**
 * What the page knows of the site: on which page the place of a kind of thing is, and where the protocols run to which
 * this one hands over (by `id@major`).
 * @typedef {{places: {[kind: string]: string}, runners: {[protocol: string]: string}}} Site
 */

/**
 * What a reader can do with a recommendation.
 * @typedef {{done: (step: string) => void, decline: (step: string) => void, handOver: (to: string) => void}} Doing
 */

/** @type {{[priority: string]: string}} */
const URGENCY = { stat: "NOW", asap: "soon", urgent: "urgent" };
/** @type {{[route: string]: string}} */
const ROUTES = { iv: "IV", im: "IM", io: "IO" };
const MICROS = new Fraction(1_000_000n);
const UNOBTAINABLE = " is unobtainable";
/** Another page has a tab of its own: what was entered would be gone with this one. */
const APART = { target: "_blank", rel: "noopener" };
const FIND_OUT = "find out first: ";
const DISAGREES = ["conflicts", "differs", "absent here"];

/** One piece of advice, put into words and elements. */
export class Shown {
  #advice;
  #program;
  #site;
  #say;
  #now;
  /** @type {Map<string, string> | null} */
  #titled = null;

  /**
   * @param {Advice} advice
   * @param {Site} site
   */
  constructor(advice, site) {
    this.#advice = advice;
    this.#program = advice.walk.program;
    this.#site = site;
    this.#say = new Speaker(this.#program, advice.local);
    this.#now = advice.now === null ? null : parseTime(advice.now);
  }

  /** @param {string} text */
  #prose(text) {
    return proseBeside(this.#advice.walk.reading.local, dictionaryOf(this.#program), clean(text));
  }

  /**
   * A condition or a text with names of the Program in it, its numbers in the hospital's units too.
   * @param {string} text
   */
  #told(text) {
    return this.#prose(this.#say.condition(text));
  }

  /**
   * A link to the place of something in the pages of this protocol.
   * @param {string} kind
   * @param {string} id
   * @param {string} [text]
   */
  link(kind, id, text = id) {
    const page = this.#site.places[kind] ?? "list";
    const place = `${kind}-${id.replace(/[^A-Za-z0-9.-]/g, "-")}`;
    return make("a", { href: `${page}.html#${place}`, ...APART }, clean(text));
  }

  /** The titles of the steps, worked out when one is asked for. */
  get #titles() {
    this.#titled ??= new Map(this.#program.steps.map((step) => [step.id, this.#prose(step.title)]));
    return this.#titled;
  }

  /** @param {string} step */
  title(step) {
    return this.#titles.get(step) || step;
  }

  /** What is recommended, a line each, for whoever only hears it. */
  summary() {
    return this.#advice.recommended.map((item) => [this.#name(item), item.dose && this.#dose(item)].filter(Boolean).join(": "));
  }

  // ------------------------------------------------------------ what to do

  /**
   * All of the advice.
   * @param {Doing} doing
   * @returns {Held[]}
   */
  all(doing) {
    const advice = this.#advice;
    if (advice.applies === false) {
      const scope = this.#told(this.#program.appliesText);
      return [make("p", { class: "kb-run-alert" }, `Not for this patient: this protocol applies if ${scope}.`)];
    }
    const shown = new Set(advice.recommended.map((item) => item.step));
    const others = advice.actions.filter((item) => !shown.has(item.step));
    return [
      ...advice.alerts.map((alert) =>
        make(
          "div",
          { class: "kb-run-alert" },
          make("p", {}, make("strong", {}, `${alert.severity}: `), ...coded(this.#prose(alert.say))),
          ...this.#basis(alert.cites, alert.interprets),
        ),
      ),
      ...(advice.recommended.length
        ? [make("ol", { class: "kb-run-do" }, ...advice.recommended.map((item) => make("li", {}, this.#card(item, doing))))]
        : [make("p", {}, advice.asks.length ? "Nothing until more is known." : "Nothing is due.")]),
      ...advice.outcomes.map((end) =>
        make(
          "p",
          { class: "kb-run-end" },
          make("strong", {}, "Outcome: "),
          this.#prose(end.title),
          ...this.#assumed(end.assumed),
          ...this.#basis(end.cites, []),
        ),
      ),
      ...this.#part("Assumed", advice.assumptions.map((each) => this.#told(each))),
      ...this.#part("Not available", advice.unavailable.map((each) => `${this.#say.condition(each.name)}: ${this.#say.condition(each.why)}`)),
      ...this.#part(
        "The source gives no number; local policy must set",
        advice.needs_policy.map(
          (each) => `${this.#prose(each.title)} (${each.parameter}, ${each.unit}): for ${listed(each.decides.map((step) => this.title(step)))}`,
        ),
      ),
      ...this.#part("Refused in the chart", advice.refused),
      ...this.#part("Charted and not used", advice.not_used),
      ...(others.length
        ? [folded("others", `Other actions (${others.length})`, ...others.map((item) => this.#card(item, null)))]
        : []),
      ...this.#goals(),
      ...this.#part(
        "Running; nothing advises to change it",
        advice.running.map((each) => {
          const pump = each.pump_rate ? ` = ${each.pump_rate}` : "";
          return `${this.#say.drug(each.drug)} ${this.#beside(each.drug, each.rate)}${pump}${this.#age(each.at)}`;
        }),
      ),
      ...this.#part(
        "Look again",
        advice.reviews.map((each) => {
          const late = each.overdue_by ? `, overdue by ${each.overdue_by}` : "";
          const what = listed(each.measure.map((name) => this.#say.data(name)));
          return `${this.#clock(each.due)}${late}: ${what} (after: ${this.title(each.step)})`;
        }),
      ),
    ];
  }

  /**
   * @param {string} title
   * @param {readonly string[]} lines
   * @returns {Held[]}
   */
  #part(title, lines) {
    return lines.length ? [make("h3", {}, title), ...list(lines.map((line) => make("span", {}, ...coded(line))))] : [];
  }

  /** @returns {Held[]} */
  #goals() {
    const { goals } = this.#advice;
    if (!goals.length) return [];
    const told = goals.map((goal) =>
      make("span", {}, make("strong", {}, `${goal.state}: `), this.#prose(goal.title), ...this.#basis(goal.cites, [])),
    );
    return [folded("goals", `Goals (${goals.filter((goal) => goal.state === "met").length} of ${goals.length} met)`, ...list(told))];
  }

  /** @param {Item} item */
  #name(item) {
    return this.#prose(item.title) || `Go on with ${item.hand_over}`;
  }

  /**
   * @param {boolean} assumed
   * @returns {Held[]}
   */
  #assumed(assumed) {
    return assumed ? [" ", make("span", { class: "kb-run-tag" }, "assumed")] : [];
  }

  /**
   * When to look again, and at what; where the hospital sets when and has not, that it has to.
   * @param {Item} item
   */
  #review(item) {
    const review = this.#program.steps.find((step) => step.id === item.step)?.review;
    const name = (review?.text ?? "").replace(/^local /, "");
    if (!review || !this.#program.parameters.some((each) => each.id === name)) return this.#say.condition(item.review);
    if (typeof evaluate(review.after, this.#advice.walk.row) === "bigint") return this.#say.condition(item.review);
    const what = review.measure.map((id) => this.#say.data(id)).join(", ");
    return `after an interval that local policy must set (${name})${what && `: ${what}`}`;
  }

  /**
   * @param {Item} item
   * @param {Doing | null} doing
   */
  #card(item, doing) {
    const urgency = URGENCY[item.priority] ?? item.priority;
    const name = this.#name(item);
    const stat = item.priority === "stat" ? " kb-stat" : "";
    const head = make(
      "h3",
      {},
      ...(urgency ? [make("span", { class: `kb-priority${stat}` }, urgency), " "] : []),
      this.link("step", item.step, name),
      " ",
      make("span", { class: "kb-run-tag" }, item.status),
      ...this.#assumed(item.assumed),
    );
    const strength = item.strength ? `${item.strength} recommendation` : "strength not stated";
    const sure = item.kind === "do" ? `${strength}, certainty ${item.certainty || "not graded"}` : "";
    const acts =
      doing === null || item.kind !== "do"
        ? []
        : [
            make(
              "p",
              { class: "kb-run-acts" },
              this.#button("Done", `Done: ${name}`, `done:${item.step}`, () => doing.done(item.step)),
              this.#button("Decline", `Decline: ${name}`, `decline:${item.step}`, () => doing.decline(item.step)),
            ),
          ];
    const told = item.elsewhere.filter((said) => DISAGREES.includes(said.verdict));
    const key = `item:${item.step}`;
    return make(
      "article",
      { class: "kb-run-item", "data-step": item.step, "data-status": item.status },
      head,
      ...this.#due(item),
      ...this.#dosed(item),
      ...this.#details(item),
      ...this.#handOver(item, doing),
      ...(item.review ? [make("p", {}, `Look again: ${this.#review(item)}`)] : []),
      ...(item.note ? [make("p", { class: "kb-quiet" }, this.#prose(item.note))] : []),
      folded(`${key}:why`, "Why", ...list(item.reasons.map((reason) => this.#reason(reason)))),
      ...this.#basis(item.cites, item.interprets),
      ...(sure ? [make("p", { class: "kb-quiet" }, sure)] : []),
      ...(item.interprets.length ? [folded(`${key}:readings`, "Readings of the source that were used", ...this.#readings(item.interprets))] : []),
      ...(told.length ? [folded(`${key}:elsewhere`, `Other sources (${told.length})`, ...list(told.map((said) => clean(elsewhereLine(said)))))] : []),
      ...acts,
    );
  }

  /**
   * @param {string} text
   * @param {string} name What it is for, where the text alone does not tell.
   * @param {string} key
   * @param {() => void} act
   */
  #button(text, name, key, act) {
    return make("button", { type: "button", "aria-label": name, "data-key": key, click: act }, text);
  }

  /**
   * When what waits for its time is due: `due at 12:04, in 3 min`.
   * @param {Item} item
   * @returns {Held[]}
   */
  #due(item) {
    const left = item.status === "waiting" ? dueIn(this.#advice.walk, item.step) : null;
    if (left === null) return [];
    const at = this.#now === null ? "" : `at ${this.#clock(this.#now.plus(left.times(MICROS).trunc()).isoformat())}, `;
    return [make("p", {}, `due ${at}in ${formatDuration(left)}`)];
  }

  // ------------------------------------------------------------ doses

  /** @param {Item} item */
  #dose(item) {
    const { dose } = item;
    if (dose === null) return "";
    if (item.verb !== "infuse" || !dose.high || !dose.low || dose.low === dose.high) return this.#doseWords(dose);
    const range = `${dose.low} to ${dose.high} ${dose.unit}`;
    return `${this.#doseWords(dose, `${dose.low} ${dose.unit}`)} (range ${range})`;
  }

  /**
   * Drug, dose, route, how fast.
   * @param {DoseAdvice} dose
   * @param {string} [text]
   */
  #doseWords(dose, text = dose.text) {
    const words = [this.#say.drug(dose.drug), this.#beside(dose.drug, clean(text))];
    if (dose.route) words.push(ROUTES[dose.route] ?? dose.route);
    if (dose.over) words.push(`over ${this.#say.condition(dose.over.replace(/^local /, ""))}`);
    if (dose.pump_rate) words.push(`= ${dose.pump_rate}`);
    else if (dose.volume) words.push(`= ${dose.volume}`);
    return words.join(" ");
  }

  /**
   * A dose or rate; where the hospital shows this drug in a unit of its own, in that too.
   * @param {string} drug
   * @param {string} text
   */
  #beside(drug, text) {
    return doseBeside(this.#advice.walk.reading.local, dictionaryOf(this.#program), drug, text);
  }

  /**
   * @param {Item} item
   * @returns {Held[]}
   */
  #dosed(item) {
    const { dose } = item;
    if (dose === null) return [];
    const words = this.#dose(item);
    const lines = [make("p", { class: "kb-run-dose" }, words)];
    if (dose.each) lines.push(make("p", {}, `each ${clean(dose.each)}`));
    if (dose.exact !== null && dose.exact !== dose.rounded) {
      lines.push(make("p", { class: "kb-quiet" }, `exactly ${dose.exact} ${dose.unit}, rounded to what can be delivered`));
    }
    const rule = this.#say.condition(dose.rule);
    if (dose.rounded !== null && rule && !words.includes(rule)) lines.push(make("p", { class: "kb-quiet" }, `rule: ${rule}`));
    if (dose.working) lines.push(make("p", { class: "kb-quiet" }, clean(dose.working)));
    if (dose.asks.length) {
      lines.push(make("p", { class: "kb-run-careful" }, `needs ${listed(dose.asks.map((name) => this.#say.condition(name)))}`));
    }
    return lines;
  }

  /**
   * @param {Item} item
   * @param {Doing | null} doing
   * @returns {Held[]}
   */
  #handOver(item, doing) {
    const { hand_over: to } = item;
    if (!to) return [];
    const there = this.#site.runners[to];
    if (!there) return [make("p", {}, `Another protocol takes over: ${clean(to)}. It is not on this site.`)];
    const page = make("a", { href: there, ...APART }, clean(to));
    const told = make("p", {}, "Another protocol takes over: ", page);
    if (doing === null) return [told];
    const act = this.#button("Go on there with this chart", `Go on with ${clean(to)}, with this chart`, `over:${item.step}`, () => doing.handOver(to));
    return [told, make("p", { class: "kb-run-acts" }, act)];
  }

  /**
   * @param {Item} item
   * @returns {Held[]}
   */
  #details(item) {
    /** @type {Held[]} */
    const lines = [];
    const subject = this.#program.steps.find((step) => step.id === item.step)?.action?.subject ?? [];
    if (item.dose === null && subject.length) lines.push(...list(subject.map((name) => this.#say.condition(name))));
    if (item.options.length) {
      const options = item.options.map((option) => {
        const mark = option.eligible === null ? "ask first" : option.eligible ? "possible" : "not advised";
        const dose = option.dose === null ? "" : `: ${this.#doseWords(option.dose)}`;
        const reasons = [...option.in_favour.map((each) => `for: ${each}`), ...option.against.map((each) => `against: ${each}`), ...option.cautions];
        return make(
          "span",
          {},
          make("strong", {}, `${this.#prose(option.title)}${dose}`),
          ` (${mark})`,
          ...list(reasons.map((each) => this.#told(each))),
        );
      });
      lines.push(make("p", {}, "One of these, best first:"), ...list(options, "ol"));
    }
    if (item.decide_by) lines.push(make("p", {}, `Decided by: ${clean(item.decide_by)}; the source gives no number`));
    for (const caution of item.cautions) {
      const words = clean(caution);
      const told = words.startsWith(FIND_OUT) ? FIND_OUT + this.#told(words.slice(FIND_OUT.length)) : this.#prose(words);
      lines.push(make("p", { class: "kb-run-careful" }, told));
    }
    for (const reason of item.withheld_by) lines.push(make("p", { class: "kb-run-careful" }, `because: ${this.#prose(reason)}`));
    for (const other of item.instead) lines.push(make("p", {}, `instead: ${this.#titles.get(other) || clean(other)}`));
    return lines;
  }

  // ------------------------------------------------------------ why, and from where

  /** @param {Reason} reason */
  #reason(reason) {
    const chosen = reason.case === "else" ? "otherwise" : this.#told(reason.case);
    const question = this.#prose(reason.question);
    const facts = reason.facts
      .filter((fact) => !(fact.name.endsWith(UNOBTAINABLE) && fact.value !== "yes"))
      .map((fact) => this.#fact(fact));
    const told = facts.length ? ` — ${facts.join(", ")}` : "";
    return make("span", {}, `${question}${question.endsWith("?") ? "" : ":"} ${chosen}${told}`, ...this.#basis(reason.cites, reason.interprets));
  }

  /** @param {Fact} fact */
  #fact(fact) {
    const name = this.#say.condition(fact.name);
    if (fact.name.endsWith(UNOBTAINABLE)) return `${name.slice(0, -UNOBTAINABLE.length)} unobtainable${this.#age(fact.at)}`;
    return `${name} ${clean(fact.value)}${this.#age(fact.at)}`;
  }

  /** @param {string | null} at */
  #age(at) {
    if (!at || this.#now === null) return "";
    const minutes = Number((this.#now.micros - parseTime(at).micros) / 60_000_000n);
    if (minutes < 1) return " (now)";
    const ago = minutes < 120 ? `${minutes} min` : minutes < 2880 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} days`;
    return ` (${this.#clock(at)}, ${ago} ago)`;
  }

  /**
   * `14:05`; with the day where that is another than that of the advice.
   * @param {string} at
   */
  #clock(at) {
    const text = parseTime(at).isoformat();
    return this.#advice.now?.slice(0, 10) === text.slice(0, 10) ? text.slice(11, 16) : text.slice(0, 16).replace("T", " ");
  }

  /**
   * @param {readonly string[]} cites
   * @param {readonly string[]} interprets
   * @returns {Held[]}
   */
  #basis(cites, interprets) {
    if (!cites.length && !interprets.length) return [];
    const parts = [...cites.map((id) => this.link("statement", id)), ...interprets.map((id) => this.link("reading", id))];
    const words = cites.length ? "Source: " : "An editor's reading: ";
    return [make("span", { class: "kb-run-basis" }, words, ...parts.flatMap((part) => [part, " "]))];
  }

  /**
   * @param {readonly string[]} ids
   * @returns {Held[]}
   */
  #readings(ids) {
    const known = this.#program.interpretations.filter((each) => ids.includes(each.id));
    return list(
      known.map((each) => {
        const confirm = each.confirm ? ` To be confirmed by: ${clean(each.confirm)}.` : "";
        return make("span", {}, this.link("reading", each.id), ` ${this.#prose(each.reading)}.${confirm}`);
      }),
    );
  }

  // ------------------------------------------------------------ the way

  /** The steps that were reached, in the order of the walk, and the address at which the flowchart shows them. */
  way() {
    const reached = this.#advice.trace.filter(({ state }) => state === "reached" || state === "assumed");
    const parts = reached.map(({ step, cases }) => {
      const taken = cases.findIndex((each) => each.holds === true);
      return encodeURIComponent(step) + (taken < 0 ? "" : `:${taken}`);
    });
    const steps = reached.map(({ step, state }) =>
      make("span", {}, this.link("step", step, this.title(step)), ...this.#assumed(state === "assumed")),
    );
    return { href: `chart.html#way=${parts.join(",")}`, steps };
  }

  /** The local settings in force, in words. */
  settings() {
    return this.#advice.local.map((each) => {
      const by = [each.by, each.on].filter(Boolean).join(", ");
      const fallback = each.default ? ` (without it: ${each.default})` : "";
      const area = each.area ? `, in ${each.area}` : "";
      return clean(`${this.#say.condition(each.name)}: ${each.value}${fallback}${area}${by ? `; ${by}` : ""}`);
    });
  }
}
