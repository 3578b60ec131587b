/**
 * One reached action as advice: its status after every check, its dose, its options, what withholds it.
 * As kb/actions.py.
 */

import { addAll, doseNeeds, namesOf } from "./asks.js";
import { describeDose, doseValue, inBase, NOT_KNOWN } from "./doses.js";
import { saidElsewhere } from "./elsewhere.js";
import { evaluate } from "./evaluate.js";
import { CARE_AREA, doseBeside, shownBeside } from "./local.js";
import { judge, ownOrder, remaining, stopByText } from "./orders.js";
import { NOTHING } from "./plan.js";
import { SCALE } from "./program.js";
import { dictionaryOf } from "./reading.js";
import { reasonsFor } from "./reasons.js";
import { Fraction } from "./values.js";

/** @typedef {import("./advice.js").Alert} Alert */
/** @typedef {import("./advice.js").DoseAdvice} DoseAdvice */
/** @typedef {import("./advice.js").Item} Item */
/** @typedef {import("./advice.js").OptionAdvice} OptionAdvice */
/** @typedef {import("./doses.js").DoseValue} DoseValue */
/** @typedef {import("./limits.js").Against} Against */
/** @typedef {import("./orders.js").Judgement} Judgement */
/** @typedef {import("./plan.js").Walk} Walk */
/** @typedef {import("./program.js").Action} Action */
/** @typedef {import("./program.js").Drug} Drug */
/** @typedef {import("./program.js").Step} Step */
/** @typedef {import("./times.js").Moment} Moment */

const FIND_OUT = "find out first: "; // then a condition as it is written

/**
 * Whether a status says that the action is to be done now.
 * @param {string | null} status
 */
export function isActive(status) {
  return status === "due" || status === "overdue";
}

/**
 * @param {string} id
 * @param {string} severity
 * @param {string} say
 * @param {string} [step]
 * @param {readonly string[]} [cites]
 * @param {readonly string[]} [interprets]
 * @returns {Alert}
 */
export function alert(id, severity, say, step = "", cites = [], interprets = []) {
  return { id, severity, say, step, cites, interprets };
}

/**
 * Whether a step is shown because it is assumed, and not reached.
 * @param {Walk} walk
 * @param {number} index
 */
export function isAssumed(walk, index) {
  return !((walk.decision.reached >> BigInt(index)) & 1n);
}

/**
 * The advice on one reached action, and the slots that its order check still needs; tells `alerts`.
 * @param {Walk} walk
 * @param {number} index
 * @param {Alert[]} alerts
 * @param {Moment | null} now
 * @returns {{item: Item, needs: ReadonlySet<number>}}
 */
export function actionItem(walk, index, alerts, now) {
  const { program, row } = walk;
  const step = program.steps[index];
  const action = /** @type {Action} */ (step.action);
  let status = walk.decision.statuses.get(index) || "not known";
  /** @type {string[]} */
  const withheld = [];
  /** @type {string[]} */
  const instead = [];
  /** @type {string[]} */
  const cautions = [];
  /** @type {Set<number>} */
  const beside = new Set();
  /** @type {Set<number>} */
  const needs = new Set();
  for (const reason of step.avoid) {
    const holds = evaluate(reason.when, row);
    if (holds === true) {
      withheld.push(reason.because || reason.text);
      if (reason.instead) instead.push(reason.instead);
    } else if (holds === null && isActive(status)) {
      cautions.push(FIND_OUT + reason.text + (reason.because ? ` (${reason.because})` : ""));
      addAll(beside, walk.undecided(reason.when));
    }
  }
  let dose = null;
  let unstated = false;
  if (action.dose !== null) {
    const found = doseOf(walk, action);
    dose = found.dose;
    if (!["satisfied", "declined", "withheld"].includes(status)) addAll(needs, found.needs);
    // An action that may be due, and is not done, is held against the rules as well as one that is.
    const maybe = status === "not known" && evaluate(step.satisfied, row) === false;
    if (isActive(status) || status === "waiting" || maybe) {
      if (found.note && found.value.rounded === 0n) {
        status = "withheld";
        withheld.push(found.note);
      }
      const { judgement, refused } = refusals(walk, step.id, action, found.value, status === "waiting");
      addAll(needs, judgement.unknown);
      if (refused.length) {
        status = "withheld";
        withheld.push(...refused.map(([rule, why]) => `${rule}: ${why}`));
        instead.push(...judgement.instead);
        alerts.push(alert("rule", "warning", `withheld by ${refused[0][0]}: ${refused[0][1]}`, step.id));
      }
      cautions.push(...judgement.challenged.map(([, why]) => why), ...judgement.notes);
      cautions.push(...judgement.unstated.map(untold));
      unstated = judgement.unstated.includes(CARE_AREA);
      if (judgement.stopAfter !== null) cautions.push(stopByText(judgement.stopAfter, now));
    }
    if (action.ladder.length && isActive(status)) {
      const rate = row[/** @type {number} */ (walk.plan.rates.get(action.drug))];
      if (typeof rate === "bigint" && rate && !action.ladder.includes(rate)) {
        const first = `the running rate of ${action.drug}, ${told(walk, action.drug, action.dose.unit, rate)}, `;
        alerts.push(alert("off-ladder", "warning", `${first}is not one of the steps of this titration`, step.id));
      }
    }
  }
  /** @type {readonly OptionAdvice[]} */
  let options = [];
  if (action.options.length) {
    options = ranked(walk, step, action);
    if (isActive(status) && options.every((option) => option.eligible === false)) status = "withheld";
  }
  if (status === "declined" && step.priority === "stat") {
    alerts.push(alert("declined", "critical", `declined: ${step.title}`, step.id, step.cites));
  }
  if (status === "not known") addAll(beside, walk.undecided(step.satisfied));
  const asks = namesOf(walk, beside);
  if (unstated || options.some((option) => option.asks.includes(CARE_AREA))) asks.push(CARE_AREA);
  const item = {
    step: step.id,
    kind: "do",
    status,
    title: step.title,
    verb: action.verb,
    dose,
    priority: step.priority,
    strength: step.strength,
    certainty: step.certainty,
    decide_by: step.decideBy,
    assumed: isAssumed(walk, index),
    reasons: reasonsFor(walk, index),
    cites: step.cites,
    interprets: step.interprets,
    note: step.note,
    withheld_by: withheld,
    instead: [...new Set(instead)],
    cautions,
    asks,
    options,
    review: step.review === null ? "" : `after ${step.review.text}: ${step.review.measure.join(", ")}`,
    hand_over: "",
    elsewhere: saidElsewhere(program).get(step.id) ?? [],
  };
  return { item, needs };
}

/**
 * Whether a cap or a rule would withhold an action that is not reached yet: then its dose is not asked.
 * @param {Walk} walk
 * @param {number} index
 */
export function staysWithheld(walk, index) {
  const step = walk.program.steps[index];
  const { action } = step;
  if (action === null || action.dose === null) return false;
  const status = /** @type {string | null} */ (evaluate(step.status, walk.row));
  const maybe = status === null && evaluate(step.satisfied, walk.row) === false;
  if (!isActive(status) && status !== "waiting" && !maybe) return false;
  const { value, note } = limitedDose(walk, action);
  if (note && value.rounded === 0n) return true;
  return refusals(walk, step.id, action, value, status === "waiting").refused.length > 0;
}

/**
 * What stands against our own action, and what of it refuses it.
 * @param {Walk} walk
 * @param {string} step
 * @param {Action} action
 * @param {DoseValue} value
 * @param {boolean} waiting
 * @returns {{judgement: Judgement, refused: readonly Against[]}}
 */
function refusals(walk, step, action, value, waiting) {
  const judgement = judgeOwn(walk, step, action, value);
  if (!waiting) return { judgement, refused: judgement.refused };
  // Another step with the same drug waits for the same gift: that is one wait, not a rule against it.
  const waits = new Set(walk.program.rules.filter((rule) => rule.madeBy).map((rule) => rule.id));
  return { judgement, refused: judgement.refused.filter(([rule]) => !waits.has(rule)) };
}

/**
 * How much, what a cap's total still needs, and what a cap says about it.
 * @param {Walk} walk
 * @param {Action} action
 * @returns {{value: DoseValue, needs: ReadonlySet<number>, note: string}}
 */
function limitedDose(walk, action) {
  const drug = /** @type {Drug} */ (walk.plan.drugs.get(action.drug));
  /** @type {bigint | null} */
  let left = null;
  /** @type {Set<number>} */
  const needs = new Set();
  let note = "";
  let unknownCap = false;
  for (const cap of action.of === "amount" ? walk.program.caps : []) {
    if (!cap.drugs.includes(drug.id)) continue;
    const found = remaining(walk, cap);
    addAll(needs, found.needs);
    if (found.left === null) {
      unknownCap = true;
    } else if (left === null || found.left < left) {
      left = found.left;
      const most = doseBeside(walk.reading.local, dictionaryOf(walk.program), drug.id, cap.text);
      note = `${cap.id}: at most ${most}; ${told(walk, drug.id, cap.unit, left)} is left`;
    }
  }
  return { value: unknownCap ? NOT_KNOWN : doseValue(drug, action, walk.row, left), needs, note };
}

/**
 * As `limitedDose`, and the dose in words.
 * @param {Walk} walk
 * @param {Action} action
 * @returns {{dose: DoseAdvice, value: DoseValue, needs: ReadonlySet<number>, note: string}}
 */
function doseOf(walk, action) {
  const { value, needs, note } = limitedDose(walk, action);
  const drug = /** @type {Drug} */ (walk.plan.drugs.get(action.drug));
  const asks = namesOf(walk, new Set([...doseNeeds(walk, action), ...needs]));
  const names = dictionaryOf(walk.program);
  let strength = walk.reading.strengths.get(drug.id) ?? null;
  if (action.concentration) strength = names.strength(action.concentration, drug);
  const dose = describeDose(drug, action, value, walk.row, walk.program, names, strength, asks);
  return { dose, value, needs, note };
}

/**
 * Seconds until a waiting action is due: again, or for the next change of a titration. Null where that is not known, or
 * where it no longer waits for time but for a measurement.
 * @param {Walk} walk
 * @param {string} id
 * @returns {Fraction | null}
 */
export function dueIn(walk, id) {
  const { program, row } = walk;
  const index = /** @type {number} */ (walk.plan.steps.get(id));
  const step = program.steps[index];
  /** @type {unknown} */
  let since = null;
  /** @type {unknown} */
  let after = null;
  if (step.repeat !== null) {
    [since, after] = [row[step.repeat.since], evaluate(step.repeat.earliest, row)];
  } else if (step.action?.verb === "wait") {
    const parent = program.steps[/** @type {number} */ (walk.plan.steps.get(step.partOf))];
    for (const { when, targets } of parent.cases) {
      // As `titrate` is compiled: `since(drug) < every`, or not measured again.
      const young = when.kind === "or" && targets.length === 1 && targets[0] === index ? when.items[0] : null;
      if (young?.kind === "compare" && young.op === "<" && young.left.kind === "get") {
        [since, after] = [row[young.left.slot], evaluate(young.right, row)];
      }
    }
  }
  if (typeof since !== "bigint" || typeof after !== "bigint" || (step.repeat === null && since >= after)) return null;
  return new Fraction(after > since ? after - since : 0n, SCALE);
}

/**
 * @param {Walk} walk
 * @param {string} drug
 * @param {string} unit
 * @param {bigint} value
 */
function told(walk, drug, unit, value) {
  return shownBeside(walk.reading.local, dictionaryOf(walk.program), drug, unit, value);
}

/**
 * Our own action as an order; where its dose is not known yet, what holds whatever the dose is still refuses it.
 * @param {Walk} walk
 * @param {string} step
 * @param {Action} action
 * @param {DoseValue} value
 * @returns {Judgement}
 */
function judgeOwn(walk, step, action, value) {
  let rate = null;
  let amount = null;
  if (value.rounded !== null) {
    const dose = inBase(/** @type {Drug} */ (walk.plan.drugs.get(action.drug)), action.salt, value.rounded);
    if (action.of === "rate") rate = dose;
    else amount = dose;
  }
  const { units } = dictionaryOf(walk.program);
  const judgement = judge(walk, ownOrder(action, rate, amount), ownOthers(walk, step), units, step);
  if (value.rounded !== null) return judgement;
  // What the dose needs is asked for already.
  return { ...judgement, unstated: judgement.unstated.filter((name) => name !== `order.${action.of}`) };
}

/** @param {string} name */
function untold(name) {
  if (name === CARE_AREA) return "cannot tell whether a limit of this hospital forbids this: which care area?";
  return `cannot tell whether a rule forbids this: ${name}`;
}

/**
 * The other drugs that this advice starts, gives or changes, for rules that read the rest of the set.
 * @param {Walk} walk
 * @param {string} step
 * @returns {ReadonlySet<string>}
 */
function ownOthers(walk, step) {
  /** @type {Set<string>} */
  const made = new Set();
  for (const [index, status] of walk.decision.statuses) {
    const other = walk.program.steps[index];
    if (other.id !== step && isActive(status) && other.action?.drug) made.add(other.action.drug);
  }
  return made;
}

/**
 * Options ranked: those with a reason for them first, those with a reason against them last.
 * @param {Walk} walk
 * @param {Step} step
 * @param {Action} action
 * @returns {OptionAdvice[]}
 */
function ranked(walk, step, action) {
  /** @type {[OptionAdvice[], OptionAdvice[], OptionAdvice[]]} */
  const ranks = [[], [], []];
  for (const option of action.options) {
    const holding = (/** @type {Action["options"][number]["for"]} */ reasons, /** @type {true | null} */ what) =>
      reasons.filter((reason) => evaluate(reason.when, walk.row) === what);
    const unsure = holding(option.against, null);
    const favour = holding(option.for, true);
    const stopped = holding(option.against, true).map((reason) => reason.because || reason.text);
    let dose = null;
    let where = false;
    /** @type {string[]} */
    let cautions = [];
    if (option.action.dose !== null) {
      const found = doseOf(walk, option.action);
      const judgement = judgeOwn(walk, step.id, option.action, found.value);
      dose = found.dose;
      if (found.note && found.value.rounded === 0n) stopped.push(found.note);
      stopped.push(...judgement.refused.map(([rule, why]) => `${rule}: ${why}`));
      where = judgement.unstated.includes(CARE_AREA);
      cautions = [...judgement.notes, ...(where ? [untold(CARE_AREA)] : [])];
    }
    const needs = unsure.length ? new Set(unsure.flatMap((reason) => [...walk.undecided(reason.when)])) : NOTHING;
    ranks[stopped.length ? 2 : favour.length ? 0 : 1].push({
      id: option.id,
      title: option.title,
      dose,
      eligible: stopped.length ? false : unsure.length || where ? null : true,
      in_favour: favour.map((reason) => reason.because || reason.text),
      against: stopped,
      asks: [...namesOf(walk, needs), ...(where ? [CARE_AREA] : [])],
      cautions,
    });
  }
  return ranks.flat();
}
