/** What can be worked out of a Program before any chart, once, and the state of one walk over it. As kb/plan.py. */

import { NONE, madeSlots, possibleCases, slotsOf, undecided } from "./evaluate.js";

/** @typedef {import("./advice.js").Reason} Reason */
/** @typedef {import("./folds.js").Reading} Reading */
/** @typedef {import("./program.js").Drug} Drug */
/** @typedef {import("./program.js").Expr} Expr */
/** @typedef {import("./program.js").Program} Program */
/** @typedef {import("./program.js").Row} Row */
/** @typedef {import("./walk.js").Decision} Decision */
/** @typedef {import("./evaluate.js").Weighed} Weighed */
/** @typedef {"reached" | "assumed" | "not known yet" | "not reached"} State */

/**
 * A way into a step; `case` counts from 0 for a case.
 * @typedef {{source: number, kind: "case" | "with" | "then" | "if_unknown", case: number}} Edge
 */

export const NOTHING = NONE;

/** Look-ups of one Program: ways into each step, ids, and which inputs an expression can depend on. */
export class Plan {
  /** @type {Map<Expr, bigint>} */
  #inputsOfExpr = new Map();
  /** @type {Map<Expr, readonly number[]>} */
  #madeOfExpr = new Map();
  /** @type {bigint[]} */
  #inputsOfSlot = [];

  /** @param {Program} program */
  constructor(program) {
    this.program = program;
    this.edges = edgesInto(program);
    this.steps = new Map(program.steps.map((step, index) => [step.id, index]));
    this.drugs = new Map(program.drugs.map((drug) => [drug.id, drug]));
    /** @type {Map<string, number>} */
    this.rates = new Map();
    /** @type {number[]} */
    this.orders = [];
    for (const [index, slot] of program.slots.entries()) {
      if (slot.kind === "rate") this.rates.set(slot.of, index);
      if (slot.kind === "order") this.orders.push(index);
      let mask = slot.kind === "define" ? 0n : 1n << BigInt(index);
      if (slot.expr !== null) mask |= this.#inputsOf(slot.expr);
      this.#inputsOfSlot.push(mask);
    }
  }

  /** @param {Expr} expr */
  #inputsOf(expr) {
    let mask = 0n;
    for (const slot of slotsOf(expr)) mask |= this.#inputsOfSlot[slot];
    return mask;
  }

  /** The input slots, as a mask, that `expr` can depend on; `expr` is part of the Program. @param {Expr} expr */
  inputs(expr) {
    let mask = this.#inputsOfExpr.get(expr);
    if (mask === undefined) this.#inputsOfExpr.set(expr, (mask = this.#inputsOf(expr)));
    return mask;
  }

  /** The made slots that `expr`, a part of the Program, needs. @param {Expr} expr */
  made(expr) {
    let found = this.#madeOfExpr.get(expr);
    if (found === undefined) this.#madeOfExpr.set(expr, (found = madeSlots(expr, this.program)));
    return found;
  }
}

/** One patient read through one Program: what every answer is taken from. */
export class Walk {
  /**
   * @param {Plan} plan
   * @param {Reading} reading
   * @param {Row} row
   * @param {Decision} decision
   * @param {bigint} unknown masks the unknown slots
   * @param {Map<number, Weighed>} weighed keeps what `undecided` found of definitions
   */
  constructor(plan, reading, row, decision, unknown, weighed) {
    this.plan = plan;
    this.reading = reading;
    this.row = row;
    this.decision = decision;
    this.unknown = unknown;
    this.weighed = weighed;
    // What was found is asked for again and again: by steps that share conditions, and ways.
    /** @type {Map<Expr, ReadonlySet<number>>} */
    this.asked = new Map();
    /** @type {Map<number, [number[], boolean]>} */
    this.open = new Map();
    /** @type {Map<Edge, Reason | null>} */
    this.said = new Map();
  }

  get program() {
    return this.plan.program;
  }

  /** @param {number} step @returns {State} */
  state(step) {
    const bit = 1n << BigInt(step);
    if (this.decision.reached & bit) return "reached";
    if (this.decision.assumed & bit) return "assumed";
    return this.decision.possible & bit ? "not known yet" : "not reached";
  }

  /** The unknown inputs that could still change `expr`, a part of the Program. @param {Expr} expr */
  undecided(expr) {
    let found = this.asked.get(expr);
    if (found === undefined) {
      const open = this.plan.inputs(expr) & this.unknown;
      found = open ? undecided(expr, this.row, this.plan.program, this.plan.made(expr), this.weighed) : NOTHING;
      this.asked.set(expr, found);
    }
    return found;
  }

  /**
   * The possible cases of a decide that was looked at, and whether no case may hold (design rule 4).
   * @param {number} step
   * @returns {[number[], boolean]}
   */
  openCases(step) {
    let found = this.open.get(step);
    if (found === undefined) this.open.set(step, (found = this.#openCases(step)));
    return found;
  }

  /** @param {number} step @returns {[number[], boolean]} */
  #openCases(step) {
    const made = this.plan.program.steps[step];
    const mask = this.decision.outcomes.get(step);
    if (mask === undefined) return possibleCases(made, this.row);
    const numbers = [...made.cases.keys()].filter((number) => (mask >> BigInt(number)) & 1n);
    return [numbers, ((mask >> BigInt(made.cases.length)) & 1n) === 1n];
  }
}

/**
 * The walk that `decision` made over the row of `reading`.
 * @param {Plan} plan
 * @param {Reading} reading
 * @param {Decision} decision
 */
export function walkOver(plan, reading, decision) {
  let unknown = 0n;
  for (const [index, value] of reading.row.entries()) if (value === null) unknown |= 1n << BigInt(index);
  return new Walk(plan, reading, reading.row, decision, unknown, new Map());
}

/** For each step the ways into it, in the order of the steps they come from. @param {Program} program */
export function edgesInto(program) {
  /** @type {Edge[][]} */
  const into = program.steps.map(() => []);
  for (const [source, step] of program.steps.entries()) {
    for (const [number, each] of step.cases.entries()) {
      for (const target of each.targets) into[target]?.push({ source, kind: "case", case: number });
    }
    for (const target of step.with) into[target]?.push({ source, kind: "with", case: -1 });
    for (const target of step.then) into[target]?.push({ source, kind: "then", case: -1 });
    if (step.ifUnknown !== null) into[step.ifUnknown]?.push({ source, kind: "if_unknown", case: -1 });
  }
  return into;
}
