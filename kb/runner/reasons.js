/**
 * Why a step is reached or not: the conditions on the way, and the values that made them so. As kb/reasons.py.
 *
 * Source: design rules 9 and 10; nothing here decides anything, it reads what was decided.
 */

import { evaluate } from "./evaluate.js";
import { inLocalUnit } from "./local.js";
import { dictionaryOf } from "./reading.js";
import { timestampText } from "./times.js";
import { formatScaled } from "./values.js";

/** @typedef {import("./advice.js").CaseState} CaseState */
/** @typedef {import("./advice.js").Fact} Fact */
/** @typedef {import("./advice.js").Reason} Reason */
/** @typedef {import("./advice.js").StepState} StepState */
/** @typedef {import("./plan.js").Edge} Edge */
/** @typedef {import("./plan.js").Walk} Walk */
/** @typedef {import("./program.js").Expr} Expr */
/** @typedef {import("./program.js").Row} Row */
/** @typedef {import("./program.js").Slot} Slot */
/** @typedef {import("./program.js").Value} Value */

/**
 * A value in words: with its unit, `not known` where it is missing.
 * @param {Slot} slot
 * @param {Value} value
 */
export function showValue(slot, value) {
  if (value === null) return "not known";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "bigint") return slot.type === "date-time" ? timestampText(value) : formatScaled(value, slot.unit);
  return value;
}

/**
 * As `showValue`; where the hospital has a unit of its own first in that, rounded, then exactly in ours.
 * @param {Walk} walk
 * @param {number} index
 */
export function tellValue(walk, index) {
  const slot = walk.program.slots[index];
  const value = walk.row[index];
  const told = showValue(slot, value);
  const { local } = walk.reading;
  if (["element", "rate"].includes(slot.kind) && typeof value === "bigint" && local.units.has(slot.of)) {
    const own = inLocalUnit(local, dictionaryOf(walk.program), slot.of, slot.unit, value);
    return own ? `${own} (${told})` : told;
  }
  return told;
}

/**
 * The input slots that suffice to make `expr` what it is (all it reads, where it is not known).
 * @param {Expr} expr
 * @param {Row} row
 * @param {readonly Slot[]} slots
 * @returns {number[]}
 */
export function support(expr, row, slots) {
  /** @type {Set<number>} */
  const found = new Set();
  collect(expr, row, slots, found);
  return [...found];
}

/**
 * @param {Expr} expr
 * @param {Row} row
 * @param {readonly Slot[]} slots
 * @param {Set<number>} found
 * @returns {void}
 */
function collect(expr, row, slots, found) {
  switch (expr.kind) {
    case "const":
      return;
    case "get": {
      const slot = slots[expr.slot];
      if (slot.kind === "define" && slot.expr !== null) collect(slot.expr, row, slots, found);
      else found.add(expr.slot);
      return;
    }
    case "and":
    case "or": {
      const settling = expr.items.find((item) => evaluate(item, row) === (expr.kind === "or"));
      if (settling !== undefined) collect(settling, row, slots, found);
      else for (const item of expr.items) collect(item, row, slots, found);
      return;
    }
    case "at_least":
    case "least":
    case "greatest":
      for (const item of expr.items) collect(item, row, slots, found);
      return;
    case "not":
    case "sure":
    case "known":
    case "absolute":
    case "member":
      return collect(expr.item, row, slots, found);
    case "compare":
    case "add":
    case "subtract":
    case "multiply":
    case "divide":
      collect(expr.left, row, slots, found);
      return collect(expr.right, row, slots, found);
    case "function":
      for (const item of expr.arguments) collect(item, row, slots, found);
      return;
    case "cases":
      for (const [when, value] of expr.cases) {
        const holds = evaluate(when, row);
        collect(when, row, slots, found);
        if (holds !== false) collect(value, row, slots, found);
        if (holds === true) return;
      }
  }
}

/**
 * The values behind `expr`, with the time each was charted.
 * @param {Walk} walk
 * @param {Expr} expr
 * @returns {Fact[]}
 */
export function facts(walk, expr) {
  const { slots } = walk.program;
  return support(expr, walk.row, slots).map((index) => {
    const at = walk.reading.times.get(index) ?? null;
    return { name: slots[index].name, value: tellValue(walk, index), at: at === null ? null : at.isoformat() };
  });
}

/**
 * @template T
 * @param {readonly T[]} items
 * @returns {T[]} Each once; records are the same where their content is.
 */
export function unique(items) {
  return [...new Map(items.map((item) => [JSON.stringify(item), item])).values()];
}

/**
 * A truth value, or null where it is not known.
 * @param {Value} value
 */
export function truth(value) {
  return value === null ? null : Boolean(value);
}

/**
 * What the way `edge` says: the case that won, a step satisfied, an assumption; null for a plain `with`. Many steps are
 * reached by the same ways.
 * @param {Walk} walk
 * @param {Edge} edge
 * @returns {Reason | null}
 */
function reasonOf(walk, edge) {
  let made = walk.said.get(edge);
  if (made === undefined) walk.said.set(edge, (made = reasonMade(walk, edge)));
  return made;
}

/**
 * @param {Walk} walk
 * @param {Edge} edge
 * @returns {Reason | null}
 */
function reasonMade(walk, edge) {
  const step = walk.program.steps[edge.source];
  const common = { step: step.id, question: step.title };
  const { cites, interprets } = step;
  switch (edge.kind) {
    case "case": {
      const made = step.cases[edge.case];
      const otherwise = made.text === "else";
      const whens = otherwise ? step.cases.slice(0, edge.case).map((other) => other.when) : [made.when];
      return {
        ...common,
        case: made.title || made.text,
        holds: truth(evaluate(made.when, walk.row)),
        facts: unique(whens.flatMap((when) => facts(walk, when))),
        cites: [...new Set([...cites, ...made.cites])],
        interprets: [...new Set([...interprets, ...made.interprets])],
      };
    }
    case "then": {
      const holds = truth(evaluate(step.satisfied, walk.row));
      return { ...common, case: "satisfied", holds, facts: facts(walk, step.satisfied), cites, interprets };
    }
    case "if_unknown":
      return { ...common, case: "assumed while not known", holds: null, facts: [], cites, interprets };
    default:
      return null;
  }
}

/**
 * Whether the way `edge` is open: true, false, or null where it cannot be told yet.
 * @param {Walk} walk
 * @param {Edge} edge
 * @returns {boolean | null}
 */
export function edgeHolds(walk, edge) {
  if (edge.kind === "with") return true;
  if (edge.kind === "then") return truth(evaluate(walk.program.steps[edge.source].satisfied, walk.row));
  const [cases, gap] = walk.openCases(edge.source);
  const undecided = cases.length + Number(gap) > 1;
  if (edge.kind === "if_unknown") return undecided;
  if (!cases.includes(edge.case)) return false;
  return undecided ? null : true;
}

/**
 * One way from the start to a reached or assumed step, earliest steps first.
 * @param {Walk} walk
 * @param {number} step
 * @returns {Edge[]}
 */
export function wayTo(walk, step) {
  const way = [];
  let current = step;
  while (!walk.program.starts.includes(current)) {
    /** @type {Edge | null} */
    let best = null;
    for (const edge of walk.plan.edges[current]) {
      const state = walk.state(edge.source);
      if (state !== "reached" && state !== "assumed") continue;
      const holds = edgeHolds(walk, edge);
      if (holds === true && (edge.kind !== "if_unknown" || best === null)) {
        best = edge;
        if (state === "reached" && edge.kind !== "if_unknown") break;
      } else if (holds === null && best === null) {
        best = edge; // two undecided ways meet here: either leads to it
      }
    }
    if (best === null) break;
    way.push(best);
    current = best.source;
  }
  return way.reverse();
}

/**
 * The conditions on the way to a reached or assumed step.
 * @param {Walk} walk
 * @param {number} step
 * @returns {Reason[]}
 */
export function reasonsFor(walk, step) {
  return wayTo(walk, step).flatMap((edge) => reasonOf(walk, edge) ?? []);
}

/**
 * The ways towards a step that is not reached, or not known yet, that are closed or still open.
 * @param {Walk} walk
 * @param {number} step
 * @returns {Reason[]}
 */
export function reasonsAgainst(walk, step) {
  /** @type {Reason[]} */
  const found = [];
  const seen = new Set();
  const stack = [step];
  for (let current = stack.pop(); current !== undefined; current = stack.pop()) {
    if (seen.has(current)) continue;
    seen.add(current);
    for (const edge of walk.plan.edges[current]) {
      if (edge.kind === "if_unknown") continue;
      const state = walk.state(edge.source);
      const holds = edgeHolds(walk, edge);
      if (state === "not reached" || (holds === true && state !== "reached")) {
        stack.push(edge.source);
        continue;
      }
      const reason = reasonOf(walk, edge);
      if (reason !== null && holds !== true) found.push(holds === false ? notAsked(walk, edge, reason) : reason);
    }
  }
  return unique(found);
}

/**
 * A case that is closed although its condition is not false: an earlier one had won.
 * @param {Walk} walk
 * @param {Edge} edge
 * @param {Reason} reason
 * @returns {Reason}
 */
function notAsked(walk, edge, reason) {
  if (edge.kind !== "case" || reason.holds === false) return reason;
  const [winner] = walk.openCases(edge.source)[0];
  if (winner === undefined) return reason;
  const won = walk.program.steps[edge.source].cases[winner];
  const words = `${reason.case} (not asked: \`${won.title || won.text}\` came first)`;
  return { ...reason, case: words, holds: false, facts: facts(walk, won.when) };
}

/**
 * The state of every step, and of every case of the decides on the way.
 * @param {Walk} walk
 * @returns {StepState[]}
 */
export function trace(walk) {
  return walk.program.steps.map((step, index) => {
    const state = walk.state(index);
    /** @type {CaseState[]} */
    const cases = [];
    let won = false;
    for (const made of step.kind === "decide" && state !== "not reached" ? step.cases : []) {
      const targets = made.targets.map((target) => walk.program.steps[target].id);
      /** @type {boolean | string | null} */
      const holds = won ? "not asked" : truth(evaluate(made.when, walk.row));
      won ||= holds === true;
      cases.push({ text: made.text, holds, targets });
    }
    return { step: step.id, state, kind: step.kind, cases };
  });
}
