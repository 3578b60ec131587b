/**
 * Reading expressions over a row, by walking the tree. As kb/evaluate.py.
 *
 * What is not known is null, and nothing here throws for any row whose values have the types of their slots.
 */

import { abs, compute, divmod } from "./values.js";

/** @typedef {import("./program.js").Expr} Expr */
/** @typedef {import("./program.js").Program} Program */
/** @typedef {import("./program.js").Row} Row */
/** @typedef {import("./program.js").Step} Step */
/** @typedef {import("./program.js").Value} Value */

/** @type {ReadonlySet<number>} */
export const NONE = new Set();

/**
 * The value of `expr` for `row`, null where it is not known. Definitions are read from their slots.
 * @param {Expr} expr
 * @param {Row} row
 * @returns {Value}
 */
export function evaluate(expr, row) {
  switch (expr.kind) {
    case "get":
      return row[expr.slot];
    case "const":
      return expr.value;
    case "compare":
      return compare(expr.op, evaluate(expr.left, row), evaluate(expr.right, row));
    case "and":
    case "or": {
      const closing = expr.kind === "or";
      /** @type {Value} */
      let known = !closing;
      for (const item of expr.items) {
        const value = evaluate(item, row);
        if (value === closing) return closing;
        if (value === null) known = null;
      }
      return known;
    }
    case "known":
      return evaluate(expr.item, row) !== null;
    case "sure":
      return evaluate(expr.item, row) === true;
    case "cases": {
      /** @type {Value} */
      let known = null;
      let first = true;
      for (const [when, then] of expr.cases) {
        const holds = evaluate(when, row);
        if (holds === false) continue;
        const value = evaluate(then, row);
        if (value === null || !(first || value === known)) return null;
        known = value;
        first = false;
        if (holds === true) break;
      }
      return known;
    }
    case "at_least":
      return atLeast(
        expr.count,
        expr.items.map((item) => evaluate(item, row)),
      );
  }
  return strict(
    expr,
    partsOf(expr).map((part) => evaluate(part, row)),
  );
}

/** @param {number} count @param {readonly Value[]} values */
function atLeast(count, values) {
  const [true_, unknown] = [values.filter((value) => value === true).length, values.filter(isNull).length];
  return true_ >= count ? true : true_ + unknown < count ? false : null;
}

/** @param {Value} value */
const isNull = (value) => value === null;

/**
 * `left op right`, null where a side is not known.
 * @param {string} op
 * @param {Value} left
 * @param {Value} right
 */
export function compare(op, left, right) {
  if (left === null || right === null) return null;
  switch (op) {
    case "=":
      return left === right;
    case "!=":
      return left !== right;
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
  }
  return left >= right;
}

/**
 * The value of an operator that needs all its parts; `values` are theirs.
 * @param {Expr} expr
 * @param {readonly Value[]} values
 * @returns {Value}
 */
export function strict(expr, values) {
  if (values.includes(null)) return null;
  const numbers = /** @type {[bigint, bigint]} */ (/** @type {unknown} */ (values));
  const [left, right] = numbers;
  switch (expr.kind) {
    case "add":
      return left + right;
    case "subtract":
      return left - right;
    case "multiply":
      return left * right;
    case "divide":
      return divide(left, right);
    case "least":
      return numbers.reduce((least, each) => (each < least ? each : least));
    case "greatest":
      return numbers.reduce((greatest, each) => (each > greatest ? each : greatest));
    case "absolute":
      return abs(left);
    case "compare":
      return compare(expr.op, left, right);
    case "member":
      return expr.options.includes(left);
    case "not":
      return !left;
    case "function":
      return compute(expr.name, numbers);
  }
  throw new TypeError(`not an operator on values: ${expr.kind}`);
}

/** The quotient rounded half-even; null for a divisor of zero. @param {bigint} left @param {bigint} right */
export function divide(left, right) {
  if (right === 0n) return null;
  const [quotient, rest] = divmod(left, right);
  const [twice, whole] = [2n * abs(rest), abs(right)];
  return twice > whole || (twice === whole && quotient % 2n) ? quotient + 1n : quotient;
}

/** The expressions directly inside `expr`. @param {Expr} expr @returns {readonly Expr[]} */
export function partsOf(expr) {
  switch (expr.kind) {
    case "const":
    case "get":
      return [];
    case "known":
    case "sure":
    case "not":
    case "absolute":
    case "member":
      return [expr.item];
    case "and":
    case "or":
    case "least":
    case "greatest":
    case "at_least":
      return expr.items;
    case "function":
      return expr.arguments;
    case "cases":
      return expr.cases.flat();
  }
  return [expr.left, expr.right];
}

/** Every slot that `expr` reads; definitions are not followed. @param {Expr} expr */
export function slotsOf(expr) {
  /** @type {Set<number>} */
  const found = new Set();
  const rest = [expr];
  for (let part = rest.pop(); part !== undefined; part = rest.pop()) {
    if (part.kind === "get") found.add(part.slot);
    else rest.push(...partsOf(part));
  }
  return found;
}

/** Work out the definitions of `program` and put them into `row`. @param {Program} program @param {Row} row */
export function fillDefines(program, row) {
  program.slots.forEach((slot, index) => {
    if (slot.kind === "define" && slot.expr !== null) row[index] = evaluate(slot.expr, row);
  });
}

/**
 * The cases of a decide that are possible, in order, and whether none of them may hold (design rule 4).
 * @param {Step} step
 * @param {Row} row
 * @returns {[number[], boolean]}
 */
export function possibleCases(step, row) {
  /** @type {number[]} */
  const possible = [];
  for (const [index, each] of step.cases.entries()) {
    const holds = evaluate(each.when, row);
    if (holds === false) continue;
    possible.push(index);
    if (holds) return [possible, false];
  }
  return [possible, true];
}

// ---------------------------------------------------------------- what could still change a value

/**
 * A value; the unknown inputs that could change it; whether they can do so only while it is unknown.
 * @typedef {{value: Value, open: ReadonlySet<number>, settles: boolean}} Weighed
 */

/** @param {Value} value @param {ReadonlySet<number>} [open] @param {boolean} [settles] @returns {Weighed} */
const weighed_ = (value, open = NONE, settles = true) => ({ value, open, settles });

/**
 * The unknown input slots that could still change the value of `expr`.
 *
 * Definitions and computed slots are followed through to what they are made of. Sound: giving values to other unknown
 * inputs never changes the value. Tight as far as one look at the structure goes: a false part closes an `and`, cases
 * that are not possible do not count, and so on.
 * @param {Expr} expr
 * @param {Row} row
 * @param {Program} program
 * @param {readonly number[]} [made] what `madeSlots` says of `expr`, where that is known
 * @param {Map<number, Weighed>} [weighed] keeps what is found of made slots, for other expressions over the same row
 * @returns {ReadonlySet<number>}
 */
export function undecided(expr, row, program, made = madeSlots(expr, program), weighed = new Map()) {
  for (const index of made) {
    const slot = program.slots[index];
    if (weighed.has(index) || !slot?.expr) continue;
    let found = weigh(slot.expr, row, weighed);
    const held = row[index];
    if (slot.kind === "computed" && held !== found.value) {
      // Whoever built the row knew better.
      found = weighed_(held, held !== null ? NONE : found.open, found.settles);
    }
    weighed.set(index, found);
  }
  return weigh(expr, row, weighed).open;
}

/**
 * The definitions and computed slots that `expr` needs, directly or not; each after all that it needs.
 * @param {Expr} expr
 * @param {Program} program
 */
export function madeSlots(expr, program) {
  /** @type {Set<number>} */
  const needed = new Set();
  const rest = [...slotsOf(expr)];
  for (let index = rest.pop(); index !== undefined; index = rest.pop()) {
    const inner = program.slots[index]?.expr;
    if (inner && !needed.has(index)) {
      needed.add(index);
      rest.push(...slotsOf(inner));
    }
  }
  return [...needed].sort((one, other) => one - other);
}

/** @param {Expr} expr @param {Row} row @param {Map<number, Weighed>} made @returns {Weighed} */
function weigh(expr, row, made) {
  switch (expr.kind) {
    case "const":
      return weighed_(expr.value);
    case "get": {
      const held = row[expr.slot];
      return made.get(expr.slot) ?? weighed_(held, held !== null ? NONE : new Set([expr.slot]));
    }
    case "known":
    case "sure": {
      const part = weigh(expr.item, row, made);
      const known = expr.kind === "known";
      if (part.settles && part.value !== null) return weighed_(known || part.value);
      return weighed_(known ? part.value !== null : part.value === true, part.open, !part.open.size);
    }
    case "cases":
      return weighCases(expr.cases, row, made);
  }
  if (expr.kind === "and" || expr.kind === "or") {
    const closing = expr.kind === "or";
    /** @type {Value} */
    let value = !closing;
    /** @type {Weighed[]} */
    const parts = [];
    for (const item of expr.items) {
      const part = weigh(item, row, made);
      if (part.value === closing) {
        value = closing;
        if (!part.open.size) return weighed_(closing);
      } else if (part.value === null && value !== closing) {
        value = null;
      }
      parts.push(part);
    }
    return closed(value, parts);
  }
  const parts = partsOf(expr).map((item) => weigh(item, row, made));
  const values = parts.map((part) => part.value);
  switch (expr.kind) {
    case "at_least": {
      const value = atLeast(expr.count, values);
      const sure = parts.filter((part) => part.value === true && !part.open.size).length;
      const open = parts.filter((part) => part.open.size).length;
      return sure >= expr.count || sure + open < expr.count ? weighed_(value) : closed(value, parts);
    }
  }
  // A part that nothing can make known.
  if (parts.some((part) => part.value === null && !part.open.size)) return weighed_(null);
  return closed(strict(expr, values), parts);
}

/** @param {readonly (readonly [Expr, Expr])[]} cases @param {Row} row @param {Map<number, Weighed>} made */
function weighCases(cases, row, made) {
  /** @type {[Weighed, Weighed][]} */
  const live = [];
  for (const [when, then] of cases) {
    const holds = weigh(when, row, made);
    if (holds.value === false && !holds.open.size) continue;
    live.push([holds, weigh(then, row, made)]);
    if (holds.value === true && !holds.open.size) break;
  }
  /** @type {Value} */
  let value = null;
  let first = true;
  for (const [holds, then] of live) {
    if (holds.value === false) continue;
    if (then.value === null || !(first || then.value === value)) {
      value = null;
      break;
    }
    value = then.value;
    first = false;
    if (holds.value === true) break;
  }
  // From the end: where all that may follow has one and the same value, which case holds is idle.
  /** @type {Weighed[]} */
  const matters = [];
  /** @type {Weighed | null} */
  let last = null;
  let differ = false;
  for (const [holds, then] of live.reverse()) {
    last ??= then;
    differ ||= then.open.size > 0 || then.value === null || then.value !== last.value;
    matters.push(then);
    if (differ) matters.push(holds);
  }
  return closed(value, matters);
}

/**
 * `value` made of `parts`. Where these only ever settle, a known value stays.
 * @param {Value} value
 * @param {readonly Weighed[]} parts
 */
function closed(value, parts) {
  /** @type {Set<number>} */
  const open = new Set();
  let settles = true;
  for (const part of parts) {
    if (part.open.size) settles = part.settles && settles;
    for (const slot of part.open) open.add(slot);
  }
  return !open.size || (settles && value !== null) ? weighed_(value) : weighed_(value, open, settles);
}
