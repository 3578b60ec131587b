/**
 * What is still to be asked: the data that could still change the answer, and as nearly as can be no others.
 * As kb/asks.py; the questions about orders (`order_ask`) have no part here.
 *
 * Source: design rules 9, 10 and 13. With `undecided` a question belongs to a step that is reached or could still
 * be, and to a condition whose value could still change where it leads.
 */

import { RECORD } from "./chart.js";
import { overSlot } from "./doses.js";
import { evaluate } from "./evaluate.js";
import { remaining } from "./orders.js";
import { NOTHING } from "./plan.js";

/** @typedef {import("./advice.js").Ask} Ask */
/** @typedef {import("./advice.js").Policy} Policy */
/** @typedef {import("./advice.js").Unavailable} Unavailable */
/** @typedef {import("./plan.js").Walk} Walk */
/** @typedef {import("./program.js").Action} Action */
/** @typedef {import("./program.js").Event} Event */
/** @typedef {import("./program.js").Program} Program */
/** @typedef {import("./program.js").Slot} Slot */

/**
 * Unknown slots that a step still needs; `now` where the step is reached.
 * @typedef {{step: number, now: boolean, slots: ReadonlySet<number>}} Wanted
 */

/**
 * `unavailable`: asked, and answered that it cannot be had.
 * @typedef {{asks: readonly Ask[], policies: readonly Policy[], unavailable: readonly Unavailable[]}} Questions
 */

/**
 * Add all of `more` to `set`.
 * @template T
 * @param {Set<T>} set
 * @param {Iterable<T>} more
 */
export function addAll(set, more) {
  for (const item of more) set.add(item);
}

/**
 * The unknown inputs that could still change where the step leads, its status or its dose.
 * @param {Walk} walk
 * @param {number} index
 * @returns {ReadonlySet<number>}
 */
export function stepNeeds(walk, index) {
  const step = walk.program.steps[index];
  if (step.kind === "decide") return decideNeeds(walk, index);
  if (step.kind !== "do" || step.action === null) return NOTHING;
  const needs = new Set(walk.undecided(step.status));
  addAll(needs, walk.undecided(step.satisfied));
  const status = evaluate(step.status, walk.row);
  if (["satisfied", "declined", "withheld", "held"].includes(/** @type {string} */ (status))) return needs;
  addAll(needs, limitedDoseNeeds(walk, step.action));
  addAll(needs, optionNeeds(walk, step.action));
  return needs;
}

/**
 * The unknown inputs of a dose.
 * @param {Walk} walk
 * @param {Action} action
 * @returns {Set<number>}
 */
export function doseNeeds(walk, action) {
  /** @type {Set<number>} */
  const needs = new Set();
  const dose = action.dose;
  if (dose === null) return needs;
  for (const expr of [dose.low, dose.high, dose.most, action.each]) {
    if (expr !== null) addAll(needs, walk.undecided(expr));
  }
  const over = overSlot(walk.program, action);
  if (over !== null && walk.row[over] === null) needs.add(over);
  return needs;
}

/**
 * The unknown inputs of a dose and of the caps that limit it.
 * @param {Walk} walk
 * @param {Action} action
 */
function limitedDoseNeeds(walk, action) {
  const needs = doseNeeds(walk, action);
  for (const cap of walk.program.caps) {
    if (action.of === "amount" && action.dose !== null && cap.drugs.includes(action.drug)) {
      addAll(needs, remaining(walk, cap).needs);
    }
  }
  return needs;
}

/**
 * What ranks the options of a `choose`, and the dose of the one that would be first.
 * @param {Walk} walk
 * @param {Action} action
 */
export function optionNeeds(walk, action) {
  /** @type {Set<number>} */
  const needs = new Set();
  let first = null;
  let favoured = false;
  for (const option of action.options) {
    for (const reason of [...option.against, ...option.for]) addAll(needs, walk.undecided(reason.when));
    if (option.against.some((reason) => evaluate(reason.when, walk.row) === true)) continue;
    const favour = option.for.some((reason) => evaluate(reason.when, walk.row) === true);
    if (first === null || (favour && !favoured)) {
      first = option;
      favoured = favour;
    }
  }
  if (first !== null) addAll(needs, limitedDoseNeeds(walk, first.action));
  return needs;
}

/**
 * @param {Walk} walk
 * @param {number} index
 * @returns {ReadonlySet<number>}
 */
function decideNeeds(walk, index) {
  const step = walk.program.steps[index];
  const [cases, gap] = walk.openCases(index);
  if (cases.length + Number(gap) <= 1) return NOTHING;
  const ways = new Map(cases.map((number) => [wayOf(step.cases[number].targets), step.cases[number].targets]));
  if (gap) ways.set("", []);
  const reached = walk.decision.reached;
  const allReached = [...ways.values()].every((way) => way.every((target) => (reached >> BigInt(target)) & 1n));
  if (ways.size === 1 || (!gap && allReached)) return NOTHING;
  /** @type {Set<number>} */
  const needs = new Set();
  for (const number of cases) addAll(needs, walk.undecided(step.cases[number].when));
  return needs;
}

/**
 * Targets as a text that is equal for equal sets.
 * @param {readonly number[]} targets
 */
function wayOf(targets) {
  return [...new Set(targets)].sort((left, right) => left - right).join();
}

/**
 * What each step that is reached, or could be, still needs; `actions` has it for the actions reached,
 * which know what their order check needs and whether anything could still change them.
 * @param {Walk} walk
 * @param {ReadonlyMap<number, ReadonlySet<number>>} actions
 * @returns {Wanted[]}
 */
export function wanted(walk, actions) {
  const found = [];
  for (const index of walk.program.steps.keys()) {
    const bit = 1n << BigInt(index);
    const now = (walk.decision.reached & bit) !== 0n;
    if (!now && !(walk.decision.possible & bit)) continue;
    const slots = actions.get(index) ?? stepNeeds(walk, index);
    if (slots.size) found.push({ step: index, now, slots });
  }
  return found;
}

/**
 * Slots in their order.
 * @param {Iterable<number>} slots
 */
export function inOrder(slots) {
  return [...slots].sort((left, right) => left - right);
}

/**
 * Needs as questions, most useful first: overdue reviews, then what a reached step needs, in reading order.
 * @param {Walk} walk
 * @param {readonly Wanted[]} needs
 * @param {ReadonlyMap<string, string>} overdue
 * @returns {Questions}
 */
export function questions(walk, needs, overdue) {
  const { program } = walk;
  /** @type {Map<string, Ask & {decides: string[]}>} */
  const byName = new Map();
  /** @type {Map<string, Policy & {decides: string[]}>} */
  const policies = new Map();
  /** @param {string} parameter @param {string} title @param {string} unit @param {string} step */
  const needPolicy = (parameter, title, unit, step) => {
    let made = policies.get(parameter);
    if (made === undefined) policies.set(parameter, (made = { parameter, title, unit, decides: [] }));
    if (step && !made.decides.includes(step)) made.decides.push(step);
  };
  /** @type {Map<string, Unavailable>} */
  const unavailable = new Map();
  /** @type {Set<string>} */
  const needed = new Set();
  for (const [name, late] of overdue) {
    byName.set(name, { ...askFor(program, name, "review"), overdue_by: late, decides: [] });
  }
  for (const need of [...needs.filter((need) => need.now), ...needs.filter((need) => !need.now)]) {
    const step = need.step < 0 ? "" : program.steps[need.step].id; // none: the scope of the protocol
    for (const index of inOrder(need.slots)) {
      const slot = program.slots[index];
      const cause = walk.reading.causes.get(index);
      const kind = cause === undefined ? "" : cause.kind;
      if (slot.kind === "parameter" || kind === "local policy") {
        for (const name of slot.kind === "parameter" ? [slot.of] : (cause?.asks ?? [])) {
          needPolicy(name, parameterTitle(program, name), slot.unit, step);
        }
        continue;
      }
      if (cause !== undefined && (kind === "unobtainable" || kind === "not available")) {
        const name = slot.of || slot.name;
        if (!unavailable.has(name)) unavailable.set(name, { name, why: cause.text || kind });
        continue;
      }
      for (const parameter of unsetParameters(walk, slot)) {
        needPolicy(parameter.of, parameter.title, parameter.unit, step);
      }
      for (const name of cause === undefined ? [slot.name] : cause.asks) {
        let ask = byName.get(name);
        if (ask === undefined) byName.set(name, (ask = { ...askFor(program, name, kind, slot), decides: [] }));
        if (cause !== undefined && !ask.cause) ask.cause = cause.text;
        if (!needed.has(name)) ask.now = need.now;
        needed.add(name);
        if (step && !ask.decides.includes(step)) ask.decides.push(step);
      }
    }
  }
  return { asks: [...byName.values()], policies: [...policies.values()], unavailable: [...unavailable.values()] };
}

/**
 * The parameters without a value that the times of a feature need, whatever else it lacks.
 * @param {Walk} walk
 * @param {Slot} slot
 * @returns {Slot[]}
 */
function unsetParameters(walk, slot) {
  const { feature } = slot;
  if (feature === null) return [];
  const found = [];
  for (const expr of [feature.duration, feature.window && feature.window.duration]) {
    for (const index of expr === null ? NOTHING : walk.undecided(expr)) {
      if (walk.program.slots[index].kind === "parameter") found.push(walk.program.slots[index]);
    }
  }
  return found;
}

/**
 * @param {Program} program
 * @param {string} id
 */
function parameterTitle(program, id) {
  return program.parameters.find((parameter) => parameter.id === id)?.title ?? id;
}

/**
 * @param {string} name
 * @param {string} question
 * @param {string} type
 * @param {string} [unit]
 * @param {readonly string[]} [options]
 * @returns {Ask}
 */
export function makeAsk(name, question, type, unit = "", options = []) {
  return { name, question, type, unit, options, decides: [], now: true, cause: "", overdue_by: "" };
}

/**
 * The question whose answer is charted under `name`.
 * @param {Program} program
 * @param {string} name
 * @param {string} [kind]
 * @param {Slot | null} [slot]
 * @returns {Ask}
 */
export function askFor(program, name, kind = "", slot = null) {
  if (name === RECORD) {
    const question = "Is everything that was given, and all that is running, on the chart?";
    return makeAsk(name, question, "choice", "", ["complete"]);
  }
  for (const element of program.elements) {
    if (element.id !== name) continue;
    const own = element.options.length ? element.options : element.type === "boolean" ? ["yes", "no"] : [];
    return makeAsk(name, element.question || `${element.label}?`, element.type, element.unit, own);
  }
  for (const drug of program.drugs) {
    if (drug.id === name) {
      return makeAsk(name, `At what rate is ${drug.label} running now (0 if it is not)?`, "number", drug.rateUnit);
    }
    if (`${drug.id}.salt` === name) {
      const forms = drug.salts.map(([form]) => form);
      return makeAsk(name, `Is the rate of ${drug.label} charted as ${forms.join(" or as ")}?`, "choice", "", forms);
    }
  }
  if (slot === null || slot.name !== name) slot = program.slots.find((other) => other.name === name) ?? slot;
  if (slot === null) return makeAsk(name, `${name}?`, "text");
  return makeAsk(name, featureQuestion(program, slot), slot.type, slot.unit, slot.options);
}

/**
 * A question for something that would be read from the record if there were one.
 * @param {Program} program
 * @param {Slot} slot
 */
export function featureQuestion(program, slot) {
  const { feature } = slot;
  if (feature === null) return `${slot.title || slot.name}?`;
  const of = feature.of === null ? "" : eventLabel(program, feature.of);
  let when = "";
  if (feature.window !== null) {
    const { kind, event } = feature.window;
    if (kind === "episode") when = " in this episode";
    else if (kind === "since") when = event === null ? "" : ` since ${eventLabel(program, event)}`;
    else if (slot.name.includes("in the last")) when = ` ${slot.name.slice(slot.name.indexOf("in the last"), -1)}`;
  }
  switch (feature.function) {
    case "since":
      if (feature.of !== null && feature.of.kind === "step") return `How long ago was this last done: ${of}?`;
      return `How long ago was the last ${of}?`;
    case "count":
      return `How many times has ${of} been given or done${when}?`;
    case "total":
      return `How much ${of} has been given${when}?`;
    case "previous":
      return `What was the value of ${of} before this one?`;
    case "change":
      return `By how much has ${of} changed${when}?`;
    case "done":
      return `Has this been done${when}: ${of}?`;
    case "declined":
      return `Has this been declined${when}: ${of}?`;
    case "persists":
      if (feature.after !== null) return persistsQuestion(program, slot.name, feature.after);
  }
  return `Is this so: ${slot.title || slot.name}?`;
}

/**
 * @param {Program} program
 * @param {string} name
 * @param {Event} event
 */
function persistsQuestion(program, name, event) {
  const inner = name.replace(/^persists\(/, "").replace(/\)$/, "");
  const comma = inner.lastIndexOf(", ");
  const condition = comma < 0 ? "" : inner.slice(0, comma);
  const titled = program.slots.find((slot) => slot.kind === "define" && slot.title && slot.name === condition);
  // What is started or raised is a drug, also where a step has its id.
  const drug = program.drugs.find((drug) => drug.id === event.id);
  const after = drug?.label || eventLabel(program, event);
  let [long] = inner.slice(comma < 0 ? 0 : comma + 2).split(" after ", 1);
  if (program.parameters.some((parameter) => parameter.id === long)) long = "the interval set locally";
  return (
    `Measured again at least ${long} after ${after} was last started or raised, ` +
    `was it still so: ${titled?.title ?? condition}?`
  );
}

/**
 * The name for readers: a step may have the id of a drug or class.
 * @param {Program} program
 * @param {Event} event
 */
function eventLabel(program, event) {
  const found =
    event.kind === "step"
      ? program.steps.find((step) => step.id === event.id)?.title
      : event.kind === "element"
        ? program.elements.find((element) => element.id === event.id)?.label
        : program.drugs.find((drug) => drug.id === event.id)?.label;
  return found ?? event.id.replaceAll("-", " ");
}

/**
 * The names under which the unknown `slots` would be answered.
 * @param {Walk} walk
 * @param {Iterable<number>} slots
 * @returns {string[]}
 */
export function namesOf(walk, slots) {
  /** @type {Set<string>} */
  const names = new Set();
  for (const index of inOrder(slots)) {
    const cause = walk.reading.causes.get(index);
    if (cause === undefined) names.add(walk.program.slots[index].name);
    else if (!["unobtainable", "not available", "local policy"].includes(cause.kind)) addAll(names, cause.asks);
  }
  return [...names];
}
