/**
 * Everything a walk lets one say: actions, questions, alerts, goals, reviews. Each is a function of the walk.
 * As kb/answers.py.
 */

import { actionItem, alert, isActive, isAssumed, staysWithheld } from "./actions.js";
import { makeAsk, questions, stepNeeds, wanted } from "./asks.js";
import { decimal, pumpRate } from "./doses.js";
import { saidElsewhere } from "./elsewhere.js";
import { evaluate } from "./evaluate.js";
import { reviewRounds } from "./folds.js";
import { CARE_AREA, proseBeside, unitInUse } from "./local.js";
import { judge, stopByText } from "./orders.js";
import { dictionaryOf } from "./reading.js";
import { facts, reasonsFor, tellValue, unique } from "./reasons.js";
import { formatDuration } from "./values.js";

/** @typedef {import("./advice.js").Alert} Alert */
/** @typedef {import("./advice.js").Ask} Ask */
/** @typedef {import("./advice.js").GoalState} GoalState */
/** @typedef {import("./advice.js").HandOverAdvice} HandOverAdvice */
/** @typedef {import("./advice.js").Item} Item */
/** @typedef {import("./advice.js").Outcome} Outcome */
/** @typedef {import("./advice.js").ReviewState} ReviewState */
/** @typedef {import("./advice.js").Running} Running */
/** @typedef {import("./asks.js").Questions} Questions */
/** @typedef {import("./plan.js").Walk} Walk */
/** @typedef {import("./program.js").Drug} Drug */
/** @typedef {import("./program.js").Review} Review */
/** @typedef {import("./program.js").Step} Step */
/** @typedef {import("./reading.js").ParsedChart} ParsedChart */
/** @typedef {import("./times.js").Moment} Moment */

const PRIORITIES = ["stat", "asap", "urgent", "routine", ""];
/** @type {ReadonlySet<string>} */
const NO_OTHERS = new Set();

/**
 * What is said of one walk, before it is dressed as advice.
 * @typedef {object} Answer
 * @property {readonly Item[]} recommended
 * @property {readonly Item[]} actions
 * @property {Questions} questions
 * @property {readonly Alert[]} alerts
 * @property {readonly ReviewState[]} reviews
 * @property {readonly string[]} assumptions
 */

/**
 * The actions reached, most urgent first, then in reading order, and what is still to be asked.
 * @param {Walk} walk
 * @param {ParsedChart} chart
 * @param {Moment | null} now
 * @returns {Answer}
 */
export function answer(walk, chart, now) {
  const { program, row, decision } = walk;
  const applies = evaluate(program.applies, row);
  const shown = decision.reached | decision.assumed;
  /** @type {Item[]} */
  const items = [];
  /** @type {Alert[]} */
  const alerts = [];
  /** @type {Map<number, ReadonlySet<number>>} */
  const extra = new Map();
  /** @type {ReviewState[]} */
  const reviews = [];
  /** @type {Map<string, string>} */
  const overdue = new Map();
  const assumptions = [...walk.reading.assumptions];
  for (const [index, step] of program.steps.entries()) {
    const bit = 1n << BigInt(index);
    if (!(shown & bit)) {
      if (decision.possible & bit && staysWithheld(walk, index)) extra.set(index, walk.undecided(step.satisfied));
    } else if (step.kind === "do") {
      const { item, needs } = actionItem(walk, index, alerts, now);
      items.push(item);
      // What is withheld only what would satisfy it could still change.
      const settled = item.status === "withheld";
      extra.set(index, settled ? walk.undecided(step.satisfied) : new Set([...stepNeeds(walk, index), ...needs]));
      const review = step.review === null ? null : reviewOf(walk, chart, step, step.review, now);
      if (review !== null) {
        reviews.push(review);
        for (const name of review.overdue_by ? review.missing : []) overdue.set(name, review.overdue_by);
      }
    } else if (step.kind === "hand_over") {
      items.push(handOver(walk, index));
    } else if (step.kind === "decide") {
      const [cases, gap] = walk.openCases(index);
      if (gap && !cases.length) {
        alerts.push(alert("gap", "critical", `no case holds: ${step.title}`, step.id, step.cites));
      }
      if (step.ifUnknown !== null && decision.assumed & (1n << BigInt(step.ifUnknown))) {
        assumptions.push(`${program.steps[step.ifUnknown].id}: assumed while not known: ${step.title}`);
      }
    }
  }
  let asked = questions(walk, [], new Map());
  if (applies !== false) {
    for (const rule of program.alerts) {
      if (evaluate(rule.when, row) !== true) continue;
      const say = proseBeside(walk.reading.local, dictionaryOf(program), rule.say);
      alerts.push(alert(rule.id, rule.severity, say, "", rule.cites, rule.interprets));
    }
    alerts.push(...runningAlerts(walk, now));
    const needed = wanted(walk, extra);
    // What could still show that the protocol is not for this patient is asked, also where it holds without:
    // `not (known(age) and age < 18 years)`. Only where it does not, nothing else goes first.
    const scope = walk.undecided(program.applies);
    if (scope.size) needed.unshift({ step: -1, now: applies === null, slots: scope });
    asked = questions(walk, needed, overdue);
    const asks = asked.asks.map((ask) => inUnitInUse(walk, ask));
    const where = items.filter((item) => item.asks.includes(CARE_AREA)).map((item) => item.step);
    const unclear = alerts.some((alert) => alert.id === "local-limit" && alert.severity === "warning");
    if (where.length || unclear) asks.push(whichCareArea(walk, where));
    asked = { ...asked, asks };
  }
  const actions = PRIORITIES.flatMap((priority) => items.filter((item) => item.priority === priority));
  return {
    recommended: actions.filter((item) => isActive(item.status)),
    actions,
    questions: asked,
    alerts: unique(alerts),
    reviews,
    assumptions,
  };
}

/**
 * @param {Walk} walk
 * @param {Ask} ask
 * @returns {Ask}
 */
function inUnitInUse(walk, ask) {
  return { ...ask, unit: unitInUse(walk.reading.local, dictionaryOf(walk.program), ask.name, ask.unit) };
}

/**
 * The question whose answer is given as `care_area` of the local settings.
 * @param {Walk} walk
 * @param {readonly string[]} decides
 * @returns {Ask}
 */
function whichCareArea(walk, decides) {
  const ask = makeAsk(CARE_AREA, "In which care area is the patient?", "choice", "", [...walk.reading.local.areas.keys()]);
  return { ...ask, decides, cause: "a limit of this hospital differs by care area" };
}

/**
 * @param {Walk} walk
 * @param {number} index
 * @returns {Item}
 */
function handOver(walk, index) {
  const step = walk.program.steps[index];
  return {
    step: step.id,
    kind: "hand_over",
    status: "due",
    title: step.title,
    verb: "",
    dose: null,
    priority: step.priority,
    strength: "",
    certainty: "",
    decide_by: "",
    assumed: isAssumed(walk, index),
    reasons: reasonsFor(walk, index),
    cites: step.cites,
    interprets: step.interprets,
    note: step.note,
    withheld_by: [],
    instead: [],
    cautions: [],
    asks: [],
    options: [],
    review: "",
    hand_over: step.handOver,
    elsewhere: saidElsewhere(walk.program).get(step.id) ?? [],
  };
}

/**
 * Each goal met, not met or unknown, with the values that make it so.
 * @param {Walk} walk
 * @returns {GoalState[]}
 */
export function goals(walk) {
  if (evaluate(walk.program.applies, walk.row) === false) return [];
  return walk.program.goals.map((goal) => {
    const holds = evaluate(goal.target, walk.row);
    const state = holds === null ? "unknown" : holds ? "met" : "not met";
    const { id, title, text, cites } = goal;
    return { id, title, state, text, facts: facts(walk, goal.target), cites };
  });
}

/**
 * The `end` steps that are reached.
 * @param {Walk} walk
 * @returns {Outcome[]}
 */
export function outcomes(walk) {
  const shown = walk.decision.reached | walk.decision.assumed;
  return walk.program.steps.flatMap((step, index) => {
    if (step.kind !== "end" || !((shown >> BigInt(index)) & 1n)) return [];
    return [{ step: step.id, title: step.title, cites: step.cites, assumed: isAssumed(walk, index) }];
  });
}

/**
 * @param {readonly Item[]} actions
 * @returns {HandOverAdvice[]}
 */
export function handOvers(actions) {
  const over = actions.filter((item) => item.kind === "hand_over");
  return over.map(({ step, hand_over, title, assumed }) => ({ step, protocol: hand_over, title, assumed }));
}

/**
 * Running therapies that nothing recommended changes.
 * @param {Walk} walk
 * @param {readonly Item[]} recommended
 * @returns {Running[]}
 */
export function running(walk, recommended) {
  const { plan, program, reading, row } = walk;
  const changed = new Set();
  for (const item of recommended) {
    const { action } = program.steps[/** @type {number} */ (plan.steps.get(item.step))];
    if (action !== null && ["infuse", "change", "stop"].includes(action.verb)) changed.add(action.drug);
  }
  const names = dictionaryOf(program);
  const kilograms = program.weight === null ? null : row[program.weight];
  /** @type {Running[]} */
  const made = [];
  for (const [drug, index] of plan.rates) {
    const value = row[index];
    if (typeof value !== "bigint" || !value || changed.has(drug)) continue;
    const at = reading.times.get(index) ?? null;
    const known = /** @type {Drug} */ (plan.drugs.get(drug));
    const pumped = pumpRate(known, value, kilograms, names, reading.strengths.get(drug) ?? null);
    made.push({
      drug,
      rate: tellValue(walk, index),
      at: at === null ? null : at.isoformat(),
      pump_rate: pumped === null ? "" : `${decimal(pumped)} mL/h`,
    });
  }
  return made;
}

/**
 * Running drugs held against the same rules as an order would be (design rule 19).
 * @param {Walk} walk
 * @param {Moment | null} now
 * @returns {Alert[]}
 */
function runningAlerts(walk, now) {
  /** @type {Alert[]} */
  const alerts = [];
  const { units } = dictionaryOf(walk.program);
  for (const [drug, index] of walk.plan.rates) {
    const rate = walk.row[index];
    if (typeof rate !== "bigint" || !rate) continue;
    const { routes, label } = /** @type {Drug} */ (walk.plan.drugs.get(drug));
    const route = routes.includes("iv") ? "iv" : null; // an infusion runs into a vein
    const order = { drug, rate, amount: null, route, intent: null, line: null, weight: null, salt: null };
    const found = judge(walk, order, NO_OTHERS, units, " running");
    for (const note of found.notes) alerts.push(alert("local-limit", "information", `${label} is running: ${note}`));
    if (found.unstated.includes(CARE_AREA)) {
      const say = `${label} may be running against a limit of this hospital: which care area?`;
      alerts.push(alert("local-limit", "warning", say));
    }
    for (const [rule, why] of found.refused) {
      alerts.push(alert("running", "critical", `${label} is running against ${rule}: ${why}`, "", found.cites));
    }
    if (found.stopAfter !== null) {
      alerts.push(alert("cap", "warning", `${label}: ${stopByText(found.stopAfter, now)}`, "", found.cites));
    }
  }
  return alerts;
}

/**
 * @param {Walk} walk
 * @param {ParsedChart} chart
 * @param {Step} step
 * @param {Review} review
 * @param {Moment | null} now
 * @returns {ReviewState | null}
 */
function reviewOf(walk, chart, step, review, now) {
  const after = evaluate(review.after, walk.row);
  if (now === null || typeof after !== "bigint") return null;
  const found = reviewRounds(walk.program, chart, step, after, now);
  if (found === null) return null;
  const late = found.overdueBy === null || !found.missing.length ? "" : formatDuration(found.overdueBy);
  return {
    step: step.id,
    due: found.due.isoformat(),
    measure: review.measure,
    missing: found.missing,
    overdue_by: late,
  };
}
