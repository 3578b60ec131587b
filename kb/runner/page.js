/**
 * The page of the runner: a conversation over one patient, with the advice beside it as it forms.
 *
 * The Program and the local settings stand in the page as data. Nothing is fetched, sent or stored: what was entered is
 * gone with the page. The clock of the device is read here, and nowhere below.
 */

import { ChartError, refusalText } from "./chart.js";
import { coded, folded, list, make, redraw } from "./dom.js";
import { askForChart, handOver } from "./handover.js";
import { readJson } from "./json.js";
import { Interview } from "./interview.js";
import { load } from "./kb.js";
import { nameOf } from "./record.js";
import { rehearsal } from "./rehearsal.js";
import { Shown } from "./shown.js";
import { Moment, parseTime } from "./times.js";
import { BadValue } from "./values.js";
import { asMapping } from "./words.js";
import { clean } from "./wording.js";

/** @typedef {import("./dom.js").Held} Held */
/** @typedef {import("./guideline.js").Guideline} Guideline */
/** @typedef {import("./talk.js").Question} Question */
/** @typedef {import("./shown.js").Site} Site */

const MICROSECONDS = 1_000_000n;
const SLICE = 10; // milliseconds of work in the background, where the browser does not say how long it is idle
const TICK = 20_000; // milliseconds between two looks at the clock of the device
/** Questions that are about a time of their own. */
const TIMED = new Set(["began", "given", "done", "earlier"]);
/** Questions to which nobody can lack the answer: they ask what the reader has just done. */
const OWN = new Set(["dose", "amount", "option", "reason"]);

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page lacks its part \`${id}\``);
  return found;
}

/**
 * Something went wrong that is not the reader's doing: old advice must not stand there as if it were that of now.
 * @param {unknown} problem
 */
function fail(problem) {
  const told = problem instanceof Error ? problem.message : String(problem);
  const root = document.getElementById("kb-run");
  const box = make(
    "div",
    { class: "kb-run-failed", role: "alert", id: "kb-run-failed", tabindex: "-1" },
    make("p", {}, make("strong", {}, "This page has failed, and gives no advice now. ")),
    make("p", {}, ...coded(told)),
    make("p", {}, "Use ", make("a", { href: "list.html" }, "the steps as a list"), "."),
  );
  for (const id of ["kb-run-advice", "kb-run-question", "kb-run-told"]) document.getElementById(id)?.replaceChildren();
  document.getElementById("kb-run-failed")?.remove();
  if (root === null) document.body.prepend(box);
  else root.prepend(box);
  box.focus();
}

/** The clock of the device, to the second, with the offset of its place. */
function device() {
  const now = new Date();
  return new Moment(BigInt(Math.floor(now.getTime() / 1000)) * MICROSECONDS, -now.getTimezoneOffset() * 60);
}

/**
 * When there is nothing else to do; not every browser can tell when that is. `act` is given how many milliseconds are
 * left for it: none as soon as the reader does something, where the browser can tell that.
 * @param {(left: () => number) => void} act
 */
function idle(act) {
  const { scheduling } = /** @type {{scheduling?: {isInputPending(): boolean}}} */ (/** @type {unknown} */ (navigator));
  if (typeof requestIdleCallback === "function") {
    requestIdleCallback((deadline) => act(() => (scheduling?.isInputPending() ? 0 : deadline.timeRemaining())));
  } else {
    setTimeout(() => {
      const end = performance.now() + SLICE;
      act(() => end - performance.now());
    }, 4 * SLICE);
  }
}

/**
 * The content of a data block of the page.
 * @param {string} id
 */
function block(id) {
  return byId(id).textContent ?? "";
}

/** @param {Question} question */
function keyOf(question) {
  return [question.form, question.name, question.step, question.option, question.corrects].join(" ");
}

/**
 * A field with its label.
 * @param {string} id
 * @param {string} label
 * @param {HTMLElement} field
 * @param {string} [hint]
 */
function labelled(id, label, field, hint = "") {
  field.id = id;
  field.setAttribute("data-key", id);
  const told = hint ? [make("span", { class: "kb-quiet", id: `${id}-hint` }, hint)] : [];
  if (hint) field.setAttribute("aria-describedby", `${id}-hint`);
  return make("p", { class: "kb-run-field" }, make("label", { for: id }, label), field, ...told);
}

/** @param {{[name: string]: string | boolean}} [attributes] */
function input(attributes = {}) {
  return /** @type {HTMLInputElement} */ (make("input", { type: "text", autocomplete: "off", ...attributes }));
}

/**
 * @param {readonly (readonly [value: string, text: string])[]} options
 */
function select(options) {
  const made = options.map(([value, text]) => make("option", { value }, text));
  return /** @type {HTMLSelectElement} */ (make("select", {}, ...made));
}

/**
 * @param {string} text
 * @param {string} key
 * @param {() => void} act
 * @param {{[name: string]: string | boolean}} [attributes]
 */
function button(text, key, act, attributes = {}) {
  return make("button", { type: "button", "data-key": key, ...attributes, click: act }, text);
}

const WHEN = "such as 11:40, or 20 min ago";

/** One conversation on the page. */
class Page {
  #guideline;
  #local;
  #site;
  #talk;
  /** By how much the clock of the conversation is ahead of that of the device, in microseconds. */
  #ahead = 0n;
  #asked = "";
  #wording = "";
  #drawn = "";
  /** @type {readonly string[]} */
  #summary = [];

  /**
   * @param {Guideline} guideline
   * @param {unknown} local
   * @param {Site} site
   */
  constructor(guideline, local, site) {
    this.#guideline = guideline;
    this.#local = local;
    this.#site = site;
    this.#talk = new Interview(guideline, { now: device(), local });
  }

  begin() {
    this.#draw(false);
    this.#drawTime();
    setInterval(() => this.#guarded(() => this.#tick()), TICK);
    window.addEventListener("beforeunload", (event) => {
      if (this.#talk.charted().length) event.preventDefault();
    });
  }

  /** While the reader reads a question: some turns whenever there is nothing else to do. */
  rehearse() {
    const turns = rehearsal(this.#guideline, { now: device(), local: this.#local }, this.#site);
    idle(function next(left) {
      for (let took = 0, start = performance.now(); took <= left(); start += took) {
        if (turns.next().done) {
          performance.mark("kb-run-rehearsed");
          return;
        }
        took = performance.now() - start;
      }
      idle(next);
    });
  }

  #now() {
    return device().plus(this.#ahead);
  }

  /** @param {() => void} act */
  #guarded(act) {
    try {
      act();
    } catch (problem) {
      fail(problem);
    }
  }

  #tick() {
    this.#talk.tick(this.#now());
    this.#draw(false);
  }

  /**
   * Do something that the reader asks for, and show what comes of it.
   * @param {() => void} change
   * @param {string} [place] Where a refusal is told, the id of an element; by default at the question.
   */
  #act(change, place = "kb-run-refused") {
    this.#guarded(() => {
      const start = performance.now();
      for (const told of document.querySelectorAll(".kb-run-refusal")) told.replaceChildren();
      this.#field()?.removeAttribute("aria-invalid");
      try {
        this.#talk.setNow(this.#now());
        change();
      } catch (refused) {
        if (!(refused instanceof BadValue) && !(refused instanceof ChartError) && !(refused instanceof SyntaxError)) throw refused;
        this.#refuse(refused, place);
        return;
      }
      this.#ahead += this.#talk.now.micros - this.#now().micros;
      performance.measure("kb-run-advised", { start });
      this.#draw(true);
      performance.measure("kb-run-drawn", { start });
    });
  }

  /**
   * @param {BadValue | ChartError | SyntaxError} refused
   * @param {string} place
   */
  #refuse(refused, place) {
    const lines =
      refused instanceof ChartError
        ? refused.refusals.map(refusalText)
        : [refused instanceof BadValue && refused.help ? `${refused.message}; ${refused.help}` : refused.message];
    byId(place).replaceChildren(...lines.map((line) => make("p", {}, ...coded(line))));
    const field = this.#field();
    if (place !== "kb-run-refused" || field === null) return;
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }

  /** The first field of the question; none where it is answered with one press. */
  #field() {
    return /** @type {HTMLElement | null} */ (byId("kb-run-question").querySelector("fieldset > .kb-run-field > :is(input, select)"));
  }

  // ------------------------------------------------------------ drawing

  /** @param {boolean} acted Whether the reader has just done something: then the next question has the focus. */
  #draw(acted) {
    const talk = this.#talk;
    const { question } = talk;
    const asked = question === null ? "" : keyOf(question);
    const fresh = asked !== this.#asked;
    this.#asked = asked;
    // What is half typed stays, unless the reader has moved on.
    const wording = JSON.stringify(question);
    if (fresh || question === null || (acted && wording !== this.#wording)) this.#drawQuestion(question);
    else byId("kb-back").toggleAttribute("disabled", !talk.canGoBack);
    this.#wording = wording;
    const shown = new Shown(talk.advice, this.#site);
    byId("kb-run-clock").textContent = talk.now.isoformat().slice(0, 16).replace("T", " ");
    // Time alone seldom changes the advice; what stands unchanged is left alone, so that nobody is read it again.
    const told = JSON.stringify({ ...talk.advice.toJson(), now: "" }) + (acted ? talk.now.isoformat() : "");
    if (told !== this.#drawn) {
      this.#drawn = told;
      byId("kb-run-banner").textContent = talk.advice.banner;
      redraw(
        byId("kb-run-advice"),
        shown.all({
          done: (step) => this.#act(() => this.#talk.done(step)),
          decline: (step) => this.#act(() => this.#talk.decline(step)),
          handOver: (to) => this.#guarded(() => this.#handOver(to)),
        }),
      );
      this.#drawWay(shown);
      this.#drawChart();
      this.#drawSettings(shown);
    }
    this.#tell(shown.summary(), acted);
    if (acted && fresh) this.#focusQuestion();
  }

  /**
   * What has changed, in the live region: notices, what is advised now, and what no more.
   * @param {readonly string[]} summary
   * @param {boolean} acted
   */
  #tell(summary, acted) {
    const more = summary.filter((line) => !this.#summary.includes(line));
    const less = this.#summary.filter((line) => !summary.includes(line));
    this.#summary = summary;
    const lines = [
      ...(acted ? this.#talk.notices : []),
      ...more.map((line) => `Advised now: ${line}`),
      ...less.map((line) => `No longer advised: ${line}`),
    ];
    if (acted || lines.length) byId("kb-run-told").replaceChildren(...lines.map((line) => make("p", {}, ...coded(line))));
  }

  #focusQuestion() {
    // Never a button: a key still held down would answer with it.
    (this.#field() ?? byId("kb-run-asked")).focus();
    byId("kb-run-question").scrollIntoView({ block: "nearest" });
  }

  // ------------------------------------------------------------ the question

  /** @param {Question | null} question */
  #drawQuestion(question) {
    const talk = this.#talk;
    const refused = make("div", { id: "kb-run-refused", class: "kb-run-refusal", role: "alert" });
    const back = button("Back", "back", () => this.#act(() => talk.back()), { id: "kb-back", disabled: !talk.canGoBack });
    if (question === null) {
      const outside = talk.advice.applies === false;
      const words = outside ? "Nothing more is asked: the protocol is not for this patient." : "Nothing more is asked now.";
      const open = talk.advice.asks.length > 0 && !outside;
      redraw(byId("kb-run-question"), [
        make("p", { id: "kb-run-asked", class: "kb-run-asked", tabindex: "-1" }, words),
        refused,
        make(
          "p",
          { class: "kb-run-acts" },
          back,
          ...(open
            ? [
                button("Ask what was left open", "again", () => this.#act(() => talk.again())),
                button("Ask what may be needed next", "more", () => this.#act(() => talk.askMore()), { disabled: talk.more }),
              ]
            : []),
        ),
      ]);
      return;
    }
    const when = input({ placeholder: "now" });
    const timed = TIMED.has(question.form);
    if (timed) when.removeAttribute("placeholder");
    const whenField = labelled("kb-when", timed ? "When was it?" : "When was it so, if not now?", when, WHEN);
    const fields = this.#fields(question);
    const say = (/** @type {string} */ text) =>
      this.#act(() => {
        if (!text && question.form !== "done") throw new BadValue("KB606", "there is no answer yet", "write it, or press one of the buttons");
        talk.answer(text, when.value.trim() || null);
      });
    const form = make(
      "form",
      {
        novalidate: true,
        "data-form": question.form,
        "data-name": question.name,
        submit: (event) => {
          event.preventDefault();
          say(fields.read());
        },
      },
      make(
        "fieldset",
        {},
        make("legend", { id: "kb-run-asked", class: "kb-run-asked", tabindex: "-1" }, clean(question.text)),
        ...this.#about(question),
        ...fields.held,
        ...(timed ? [whenField] : []),
        refused,
        ...(question.options.length && fields.choices.length
          ? [make("p", { class: "kb-run-choices" }, ...fields.choices.map(([value, text]) => button(text, `say:${value}`, () => say(value))))]
          : []),
        make(
          "p",
          { class: "kb-run-acts" },
          ...(fields.typed ? [make("button", { type: "submit", "data-key": "answer", class: "kb-run-main" }, "Answer")] : []),
          ...(question.options.length ? [] : fields.choices.map(([value, text]) => button(text, `say:${value}`, () => say(value)))),
          ...(question.unobtainable ? [button("Unobtainable", "unobtainable", () => say("unobtainable"))] : []),
          ...(OWN.has(question.form) ? [] : [button("Not available now", "not-available", () => say("not available"))]),
        ),
        ...(timed || question.form === "reason" || question.form === "record"
          ? []
          : [folded("earlier", "It was earlier than now", whenField)]),
      ),
      make(
        "p",
        { class: "kb-run-acts" },
        back,
        button("Later", "later", () => this.#act(() => talk.skip()), { "aria-label": "Leave this question for later" }),
      ),
    );
    redraw(byId("kb-run-question"), [form]);
  }

  /**
   * What the question is for, and what is known of it.
   * @param {Question} question
   * @returns {Held[]}
   */
  #about(question) {
    const shown = new Shown(this.#talk.advice, this.#site);
    const decides = question.decides.map((step) => shown.title(step));
    if (!decides.length && !question.late && this.#talk.advice.asks.some((ask) => ask.name === question.ask)) {
      decides.push("whether the protocol is for this patient");
    }
    const lines = [
      question.late ? `Overdue by ${question.late}.` : "",
      question.note ? `${question.note.slice(0, 1).toUpperCase()}${question.note.slice(1)}.` : "",
      decides.length ? `It decides: ${decides.slice(0, 3).join("; ")}${decides.length > 3 ? " and more" : ""}` : "",
    ];
    return lines.filter(Boolean).map((line) => make("p", { class: "kb-quiet" }, clean(line)));
  }

  /**
   * The fields of a question: what is typed, what is chosen with one press, and how the typed is said.
   * @param {Question} question
   * @returns {{held: Held[], choices: (readonly [value: string, text: string])[], typed: boolean, read: () => string}}
   */
  #fields(question) {
    const { form, unit, options, salts } = question;
    /** @type {[string, string][]} */
    const never = TIMED.has(form) && form !== "earlier" ? [["never", "Never"]] : [];
    if (form === "done") return { held: [], choices: never, typed: true, read: () => "" };
    if (form === "record") {
      const from = input();
      const held = [labelled("kb-answer", "Or: it is complete from", from, `a time, ${WHEN}`)];
      /** @type {[string, string][]} */
      const choices = [
        ["yes", "Yes, all of it"],
        ["no", "No"],
      ];
      return { held, choices, typed: true, read: () => from.value };
    }
    if (options.length && form !== "earlier") {
      const step = this.#talk.program.steps.find((step) => step.id === question.step);
      const titles = new Map(step?.action?.options.map((option) => [option.id, option.title]));
      const choices = options.map((value) => /** @type {const} */ ([value, clean(titles.get(value) ?? value.replaceAll("_", " "))]));
      return { held: [], choices, typed: false, read: () => "" };
    }
    const value = input({ inputmode: form === "value" && question.range ? "decimal" : "text" });
    const label = form === "reason" ? "Reason" : form === "began" ? `Rate before, in ${unit}` : unit && unit !== "1" ? `Answer, in ${unit}` : "Answer";
    const hint = question.range || (question.type === "date-time" ? WHEN : "");
    /** @type {Held[]} */
    const held = [labelled("kb-answer", label, value, hint)];
    const salt = select([["", "not stated"], ...salts.map((each) => /** @type {const} */ ([each, `as ${each}`]))]);
    if (salts.length) held.push(labelled("kb-salt", "Stated as base or salt", salt));
    const typed = () => [value.value.trim(), salt.value && `as ${salt.value}`].filter(Boolean).join(" ");
    if (form === "began") {
      const event = select([
        ["started", "it was started"],
        ["changed", "its rate was changed"],
      ]);
      const former = make("div", { hidden: true }, ...held);
      event.addEventListener("change", () => (former.hidden = event.value === "started"));
      const read = () => (event.value === "started" ? "started" : `changed from ${typed()}`);
      return { held: [labelled("kb-event", "What happened then?", event), former], choices: never, typed: true, read };
    }
    if (form === "rate") {
      const strength = input({ placeholder: "4 mg/50 mL" });
      held.push(folded("strength", "The rate is in mL/h", labelled("kb-strength", "What is in the syringe or bag", strength)));
      const read = () => [typed(), strength.value.trim() && `of ${strength.value.trim()}`].filter(Boolean).join(" ");
      return { held, choices: [["not running", "Not running"]], typed: true, read };
    }
    return { held, choices: never, typed: true, read: typed };
  }

  // ------------------------------------------------------------ what was done, time

  /**
   * Open the page of the protocol that takes over, and hand it the chart as it then is; this conversation stays.
   * @param {string} to
   */
  #handOver(to) {
    const { program } = this.#talk;
    const { id: protocol, version } = program;
    const handed = () => ({ protocol, version, to, chart: this.#chartText(), at: this.#talk.now.isoformat() });
    const told = handOver(this.#site.runners[to], handed)
      ? "The chart goes to the page that has opened. What is charted here from now on is not seen there."
      : "The browser did not open the page. Open it, copy the chart from here, and read it in there.";
    byId("kb-run-told").replaceChildren(make("p", {}, told));
  }

  /** Take the chart over from the page that opened this one, if it hands one to this protocol. */
  takeOver() {
    askForChart((handed) => {
      const mine = nameOf(this.#guideline.program);
      if (handed.to !== mine || this.#talk.charted().length) return;
      this.#act(() => {
        this.#read(handed.chart, handed.at);
        this.#talk.takeOver(handed.protocol, handed.version);
      }, "kb-run-read-refused");
    });
  }

  #drawTime() {
    const pass = input({ placeholder: "15 min" });
    const set = input({ placeholder: "14:05" });
    const wait = (/** @type {string} */ time) => this.#act(() => this.#talk.wait(time), "kb-run-time-refused");
    const submit = (/** @type {() => void} */ act) => (/** @type {Event} */ event) => {
      event.preventDefault();
      act();
    };
    byId("kb-run-time").replaceChildren(
      make(
        "p",
        { class: "kb-run-acts" },
        button("Reassess now", "reassess", () => this.#act(() => void this.#talk.reassess(), "kb-run-time-refused"), { class: "kb-run-main" }),
        ...["5 min", "15 min", "1 h"].map((time) => button(`+ ${time}`, `wait:${time}`, () => wait(time), { "aria-label": `Let ${time} pass` })),
      ),
      make("div", { id: "kb-run-time-refused", class: "kb-run-refusal", role: "alert" }),
      folded(
        "time-more",
        "Another time",
        make("form", { submit: submit(() => wait(pass.value)) }, labelled("kb-pass", "Let pass", pass), make("button", {}, "Let it pass")),
        make(
          "form",
          { submit: submit(() => this.#act(() => this.#talk.setClock(set.value), "kb-run-time-refused")) },
          labelled("kb-set", "Set the clock to", set, "only forward; for another day with its date"),
          make("button", {}, "Set it"),
        ),
      ),
      folded("tell-more", "Chart something else", ...this.#telling(submit)),
    );
  }

  /**
   * Forms for what is not asked: data, and what was given, started, changed or stopped.
   * @param {(act: () => void) => (event: Event) => void} submit
   * @returns {Held[]}
   */
  #telling(submit) {
    const { elements, drugs } = this.#talk.program;
    const place = "kb-run-tell-refused";
    /** @type {(left: readonly [string, string], right: readonly [string, string]) => number} */
    const byText = ([, left], [, right]) => (left < right ? -1 : 1);
    const drugNames = drugs.map((drug) => /** @type {const} */ ([drug.id, clean(drug.label)])).sort(byText);
    const elementNames = elements.map((each) => /** @type {const} */ ([each.id, clean(each.label)])).sort(byText);
    const name = select(elementNames);
    const value = input();
    const at = input({ placeholder: "now" });
    const event = select(["given", "started", "changed", "stopped"].map((word) => /** @type {const} */ ([word, word])));
    const drug = select(drugNames);
    const dose = input();
    const route = input();
    const then = input({ placeholder: "now" });
    const clear = (/** @type {HTMLInputElement[]} */ ...fields) => fields.forEach((field) => (field.value = ""));
    const forms = [
      make(
        "form",
        {
          submit: submit(() =>
            this.#act(() => {
              this.#talk.tell(name.value, value.value, at.value.trim() || null);
              clear(value, at);
            }, place),
          ),
        },
        make(
          "fieldset",
          {},
          make("legend", {}, "A value"),
          labelled("kb-tell-name", "What", name),
          labelled("kb-tell-value", "Value, with its unit", value),
          labelled("kb-tell-at", "When, if not now", at, WHEN),
          make("button", {}, "Chart the value"),
        ),
      ),
    ];
    if (drugNames.length) {
      const give = () => {
        const more = { at: then.value.trim() || null, route: route.value.trim() };
        this.#talk.therapy(/** @type {"given"} */ (event.value), drug.value, dose.value, more);
        clear(dose, route, then);
      };
      forms.push(
        make(
          "form",
          { submit: submit(() => this.#act(give, place)) },
          make(
            "fieldset",
            {},
            make("legend", {}, "A drug or fluid"),
            labelled("kb-give-drug", "Which", drug),
            labelled("kb-give-event", "It was", event),
            labelled("kb-give-dose", "Dose or rate, with its unit", dose, "such as 500 mL, 0.1 mcg/kg/min as base, 5 mL/h of 4 mg/50 mL"),
            labelled("kb-give-route", "Route, if it matters", route),
            labelled("kb-give-at", "When, if not now", then, WHEN),
            make("button", {}, "Chart the drug"),
          ),
        ),
      );
    }
    return [...forms, make("div", { id: place, class: "kb-run-refusal", role: "alert" })];
  }

  // ------------------------------------------------------------ the way, the chart

  /** @param {Shown} shown */
  #drawWay(shown) {
    const { href, steps } = shown.way();
    redraw(byId("kb-run-way"), [
      make("p", {}, make("a", { href, target: "_blank", rel: "noopener", "data-key": "way" }, "Show this patient's way on the flowchart")),
      folded("steps", `Steps reached (${steps.length})`, ...list(steps, "ol")),
    ]);
  }

  #drawChart() {
    const talk = this.#talk;
    const charted = talk.charted().map((entry) => {
      const change =
        entry.entry.kind === "step"
          ? []
          : [
              button("Change", `change:${entry.id}`, () => this.#act(() => talk.correct(entry.id), "kb-run-chart-refused"), {
                "aria-label": `Change: ${entry.text}, ${entry.time}`,
              }),
            ];
      return make(
        "span",
        { class: "kb-run-charted" },
        make("span", {}, `${entry.time} ${entry.text}`),
        ...change,
        button("Remove", `remove:${entry.id}`, () => this.#act(() => talk.remove(entry.id), "kb-run-chart-refused"), {
          "aria-label": `Remove: ${entry.text}, ${entry.time}`,
        }),
      );
    });
    redraw(byId("kb-run-charted"), charted.length ? list(charted) : [make("p", {}, "Nothing yet.")]);
    /** @type {HTMLTextAreaElement} */ (byId("kb-run-json")).value = this.#chartText();
    byId("kb-run-command").textContent = `kb advise ${talk.program.id} --chart chart.json --at ${talk.now.isoformat()}`;
  }

  #chartText() {
    return `${JSON.stringify(this.#talk.chart(), null, 1)}\n`;
  }

  /** Buttons and forms for the chart as a file. */
  exchange() {
    const { id } = this.#talk.program;
    const told = (/** @type {string} */ text) => byId("kb-run-exchanged").replaceChildren(text);
    byId("kb-run-out").addEventListener("click", () =>
      this.#guarded(() => {
        const address = URL.createObjectURL(new Blob([this.#chartText()], { type: "application/json" }));
        const link = make("a", { href: address, download: `${id}-chart.json` });
        link.click();
        setTimeout(() => URL.revokeObjectURL(address), 60_000);
        told("The chart was handed to the browser as a file.");
      }),
    );
    byId("kb-run-copy").addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(this.#chartText());
        told("Copied.");
      } catch {
        const field = /** @type {HTMLTextAreaElement} */ (byId("kb-run-json"));
        const fold = field.closest("details");
        if (fold !== null) fold.open = true;
        field.select();
        told("This browser does not let the page copy; the text below is selected.");
      }
    });
    const pasted = /** @type {HTMLTextAreaElement} */ (byId("kb-run-paste"));
    byId("kb-run-file").addEventListener("change", async (event) => {
      const [file] = /** @type {HTMLInputElement} */ (event.target).files ?? [];
      if (file === undefined) return;
      try {
        pasted.value = await file.text();
        told(`${file.name} is below: look at it, then read it.`);
      } catch {
        told(`${file.name} cannot be read.`);
      }
    });
    byId("kb-run-read").addEventListener("submit", (event) => {
      event.preventDefault();
      const at = /** @type {HTMLInputElement} */ (byId("kb-run-read-at"));
      this.#act(() => this.#read(pasted.value, at.value.trim()), "kb-run-read-refused");
    });
    byId("kb-run-new").addEventListener("click", () => {
      if (this.#talk.charted().length && !window.confirm("Forget all that is charted, and begin anew?")) return;
      this.#act(() => {
        this.#ahead = 0n;
        this.#talk = new Interview(this.#guideline, { now: device(), local: this.#local });
        this.#asked = "";
      }, "kb-run-read-refused");
    });
  }

  /**
   * Go on with a chart that was read; where it is refused the conversation stays as it was.
   * @param {string} text
   * @param {string} at The time of the advice; empty: the clock of the device.
   */
  #read(text, at) {
    const now = at ? parseTime(at) : device();
    const chart = readJson(text);
    if (asMapping(chart) === null) throw new BadValue("KB601", "a chart is an object", "paste what `Download the chart` gives");
    this.#talk = new Interview(this.#guideline, { now, local: this.#local, chart });
    this.#ahead = now.micros - device().micros;
    this.#asked = "";
  }

  /** @param {Shown} shown */
  #drawSettings(shown) {
    const { advice } = this.#talk;
    const digest = advice.local_digest ? `Local settings ${advice.local_digest.slice(0, 12)}` : "No local settings.";
    redraw(byId("kb-run-local"), [
      make("p", {}, `${advice.protocol}@${advice.version} · logic ${advice.logic_digest.slice(0, 12)} · text ${advice.text_digest.slice(0, 12)}`),
      make("p", { "data-digest": advice.local_digest }, digest),
      ...list(shown.settings()),
    ]);
  }
}

window.addEventListener("error", (event) => fail(event.error ?? event.message));
window.addEventListener("unhandledrejection", (event) => fail(event.reason));
try {
  const site = /** @type {Site & {review: {state: string, standing: import("./program.js").Standing}}} */ (JSON.parse(block("kb-site")));
  const settings = block("kb-local").trim();
  const page = new Page(load(block("kb-program"), { review: site.review }), settings ? readJson(settings) : null, site);
  byId("kb-run-body").hidden = false;
  page.begin();
  page.exchange();
  page.takeOver();
  document.getElementById("kb-run-asleep")?.remove();
  performance.mark("kb-run-ready");
  page.rehearse();
} catch (problem) {
  document.getElementById("kb-run-asleep")?.remove();
  fail(problem);
}
