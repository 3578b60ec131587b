/**
 * Which steps are reached, in one pass over a row. The meaning of kb/codegen.py, over the trees.
 *
 * Steps are taken in their order, so each is settled before those it leads to. A step's mark is 3 when it is reached, 2
 * when it is possible, 1 when it is possible only by an assumption, and 0 when no way leads to it; steps marked 0 are
 * not evaluated. Where a reached decide stays undecided, a second look works out what follows all the same because
 * every possible way leads there (design rule 9).
 */

import { evaluate, fillDefines, possibleCases } from "./evaluate.js";

/** @typedef {import("./program.js").Program} Program */
/** @typedef {import("./program.js").Row} Row */

/**
 * What a walk over one row found; bit i of a mask is step i.
 *
 * `possible` includes `reached`; `assumed` does not. `statuses` has the status of every do step that is reached or
 * assumed, null where it is not known. `outcomes` has, for every step that was looked at, a mask: of a decide, its
 * possible cases (bit i is case i, the bit after the last: no case holds); of a do that leads on once satisfied, 1
 * satisfied, 2 not, 3 not known.
 * @typedef {object} Decision
 * @property {bigint} reached
 * @property {bigint} possible
 * @property {bigint} assumed
 * @property {Map<number, string | null>} statuses
 * @property {Map<number, bigint>} outcomes
 */

/** @param {number} index */
const bit = (index) => 1n << BigInt(index);

/** Whether a mask of outcomes has more than one bit: nothing is settled yet. @param {bigint} outcome */
const isOpen = (outcome) => (outcome & (outcome - 1n)) !== 0n;

/**
 * The function that walks `program` over a row; it fills in the definitions of the row it is given.
 * @param {Program} program
 * @returns {(row: Row) => Decision}
 */
export function makeDecider(program) {
  return (row) => {
    fillDefines(program, row);
    /** @type {number[]} */
    const marks = new Array(program.steps.length).fill(0);
    for (const start of program.starts) marks[start] = 3;
    const masks = [0n, 0n, 0n, 0n];
    /** @type {Decision["statuses"]} */
    const statuses = new Map();
    /** @type {Decision["outcomes"]} */
    const outcomes = new Map();

    /** @param {readonly number[]} targets @param {number} mark */
    const lead = (targets, mark) => {
      for (const target of targets) marks[target] = Math.max(marks[target], mark);
    };

    for (const [index, step] of program.steps.entries()) {
      const mark = marks[index];
      if (!mark) continue;
      masks[mark] = masks[mark] | bit(index);
      if (step.kind === "decide") {
        const [numbers, gap] = possibleCases(step, row);
        const sure = numbers.length + Number(gap) === 1;
        let outcome = gap ? bit(step.cases.length) : 0n;
        for (const number of numbers) {
          outcome |= bit(number);
          lead(step.cases[number].targets, sure ? mark : Math.min(mark, 2));
        }
        if (step.ifUnknown !== null && !sure) lead([step.ifUnknown], 1);
        outcomes.set(index, outcome);
      } else if (step.kind === "do") {
        lead(step.with, mark);
        if (step.then.length) {
          const satisfied = evaluate(step.satisfied, row);
          if (satisfied !== false) lead(step.then, satisfied ? mark : Math.min(mark, 2));
          outcomes.set(index, satisfied ? 1n : satisfied === false ? 2n : 3n);
        }
        statuses.set(index, /** @type {string | null} */ (evaluate(step.status, row)));
      }
    }
    const [, supposed, possible, reached] = masks;
    if (!possible && !supposed) return { reached, possible: reached, assumed: 0n, statuses, outcomes };
    return settle(program, reached, possible, supposed, statuses, outcomes);
  };
}

/**
 * What to do when some ways stay open: find the steps that every open way leads to, and the assumed ones.
 * @param {Program} program
 * @param {bigint} reached
 * @param {bigint} possible
 * @param {bigint} supposed
 * @param {Decision["statuses"]} statuses
 * @param {Decision["outcomes"]} outcomes
 * @returns {Decision}
 */
function settle(program, reached, possible, supposed, statuses, outcomes) {
  // For each step those that must follow it, itself included, but for those that are reached anyway. Steps already
  // reached need no entry: what must follow them is reached too, by themselves.
  /** @type {Map<number, bigint>} */
  const after = new Map();

  /** @param {readonly number[]} targets */
  const union = (targets) => targets.reduce((found, target) => found | (after.get(target) ?? 0n), 0n);

  /** @param {number} index */
  const must = (index) => {
    const step = program.steps[index];
    if (!step.cases.length) return union(step.with) | (outcomes.get(index) === 1n ? union(step.then) : 0n);
    const outcome = outcomes.get(index) ?? 0n;
    if (outcome & bit(step.cases.length)) return 0n;
    const open = step.cases.filter((_, number) => outcome & bit(number));
    return open.reduce((common, each) => common & union(each.targets), -1n);
  };

  const left = possible | supposed;
  for (let index = program.steps.length - 1; index >= 0; index -= 1) {
    if (left & bit(index)) after.set(index, bit(index) | must(index));
  }
  let found = reached;
  for (const [index, outcome] of outcomes) {
    if (isOpen(outcome) && reached & bit(index) && program.steps[index].cases.length) found |= must(index);
  }
  let assumed = 0n;
  for (const [index, step] of program.steps.entries()) {
    if (step.ifUnknown !== null && isOpen(outcomes.get(index) ?? 0n) && (found | assumed) & bit(index)) {
      assumed |= after.get(step.ifUnknown) ?? 0n;
    }
  }
  const shown = found | assumed;
  return {
    reached: found,
    possible: reached | possible,
    assumed: assumed & ~found,
    statuses: new Map([...statuses].filter(([index]) => shown & bit(index))),
    outcomes,
  };
}
