/**
 * Our own actions, and what runs, held against a protocol's `never` rules, its caps and the limits of drugs
 * (design rule 19). As kb/orders.py, but for what only the orders of others need: whoever checks those
 * (`check_orders`) has a server.
 */

import { amountPerSecond } from "./doses.js";
import { evaluate, undecided } from "./evaluate.js";
import { hold } from "./limits.js";
import { CARE_AREA, doseBeside, possibleAreas, proseBeside, shownBeside } from "./local.js";
import { SCALE } from "./program.js";
import { dictionaryOf } from "./reading.js";
import { formatDuration, Fraction } from "./values.js";

/** @typedef {import("./limits.js").Against} Against */
/** @typedef {import("./limits.js").Held} Held */
/** @typedef {import("./plan.js").Walk} Walk */
/** @typedef {import("./program.js").Action} Action */
/** @typedef {import("./program.js").Cap} Cap */
/** @typedef {import("./program.js").Drug} Drug */
/** @typedef {import("./program.js").Row} Row */
/** @typedef {import("./times.js").Moment} Moment */
/** @typedef {import("./units.js").UnitTable} UnitTable */

/**
 * An action of ours, or a running drug, as an order: `rate` and `amount` scaled in the drug's units, null where they
 * are not known; the rest null where it is not stated.
 * @typedef {object} Order
 * @property {string} drug
 * @property {bigint | null} rate
 * @property {bigint | null} amount
 * @property {string | null} route
 * @property {string | null} intent
 * @property {string | null} line
 * @property {string | null} weight
 * @property {string | null} salt
 */

/**
 * What stands against an order. `unknown` are slots, `unstated` order attributes that would tell; `stopAfter` seconds
 * until a cap is reached at this rate; `notes` where the dose lies in what the hospital has widened.
 * @typedef {object} Judgement
 * @property {readonly Against[]} refused
 * @property {readonly Against[]} challenged
 * @property {ReadonlySet<number>} unknown
 * @property {readonly string[]} unstated
 * @property {readonly string[]} instead
 * @property {readonly string[]} cites
 * @property {readonly string[]} interprets
 * @property {Fraction | null} stopAfter
 * @property {readonly string[]} notes
 */

/**
 * What a cap still leaves, scaled; null and the slots that would tell where that is not known.
 *
 * A total with a gap is a lower bound: once that alone reaches the cap, nothing is left.
 * @param {Walk} walk
 * @param {Cap} cap
 * @returns {{left: bigint | null, needs: ReadonlySet<number>}}
 */
export function remaining(walk, cap) {
  const amount = /** @type {bigint | null} */ (evaluate(cap.amount, walk.row));
  const total = /** @type {bigint | null} */ (walk.row[cap.total]);
  if (amount !== null && total === null) {
    const bound = walk.reading.lowerBounds.get(cap.total);
    if (bound !== undefined && bound >= amount) return { left: 0n, needs: new Set() };
  }
  if (amount === null || total === null) {
    const needs = new Set(walk.undecided(cap.amount));
    if (total === null) needs.add(cap.total);
    return { left: null, needs };
  }
  return { left: amount > total ? amount - total : 0n, needs: new Set() };
}

/**
 * The patient's row with this order's attributes filled in.
 *
 * A rate taken for zero only because nothing was charted is unknown here: it never allows an order.
 * @param {Walk} walk
 * @param {Order} order
 * @param {Drug} drug
 * @param {ReadonlySet<string>} others
 * @returns {Row}
 */
function orderRow(walk, order, drug, others) {
  const row = [...walk.row];
  for (const index of walk.reading.assumedSlots) row[index] = null;
  for (const index of walk.plan.orders) {
    const slot = walk.program.slots[index];
    const attribute = slot.name.replace(/^order\./, "").split(" ", 1)[0];
    if (slot.name.startsWith("ordered(")) {
      const named = (/** @type {string} */ id) =>
        id === slot.of || walk.plan.drugs.get(id)?.classes.includes(slot.of) === true;
      row[index] = [...others].some(named);
    } else if (attribute === "rate" || attribute === "amount") {
      row[index] = slot.unit === (attribute === "rate" ? drug.rateUnit : drug.amountUnit) ? order[attribute] : null;
    } else {
      row[index] = order[/** @type {"route" | "intent" | "line" | "weight" | "salt"} */ (attribute)];
    }
  }
  return row;
}

/**
 * Everything that stands against `order`; `others` are the drugs of the other actions of the same advice.
 *
 * `own` is the step whose action this is: it is not held against the rule that the step's own `repeat` makes (its
 * status already says that).
 * @param {Walk} walk
 * @param {Order} order
 * @param {ReadonlySet<string>} others
 * @param {UnitTable} units
 * @param {string} own
 * @returns {Judgement}
 */
export function judge(walk, order, others, units, own) {
  const { program } = walk;
  const tell = teller(walk, order.drug);
  const drug = /** @type {Drug} */ (walk.plan.drugs.get(order.drug));
  // There is no other way to give it.
  if (!order.route && drug.routes.length === 1) order = { ...order, route: drug.routes[0] };
  const row = orderRow(walk, order, drug, others);
  /** @type {Against[]} */
  const refused = [];
  /** @type {Set<number>} */
  const unknown = new Set();
  /** @type {Set<string>} */
  const instead = new Set();
  /** @type {Set<string>} */
  const cites = new Set();
  /** @type {Set<string>} */
  const interprets = new Set();
  for (const rule of program.rules) {
    if (!rule.drugs.includes(order.drug) || rule.madeBy === own) continue;
    const broken = evaluate(rule.when, row);
    if (broken === true) {
      refused.push([rule.id, proseBeside(walk.reading.local, dictionaryOf(program), rule.because)]);
      if (rule.instead) instead.add(rule.instead);
      for (const cite of rule.cites) cites.add(cite);
      for (const id of rule.interprets) interprets.add(id);
    } else if (broken === null) {
      for (const index of undecided(rule.when, row, program)) unknown.add(index);
    }
  }
  const limits = limitsOf(walk, order, drug);
  refused.push(...limits.refused);
  /** @type {Fraction | null} */
  let stopAfter = null;
  for (const cap of program.caps) {
    if (!cap.drugs.includes(order.drug) || !(order.rate || order.amount)) continue;
    const { left, needs } = remaining(walk, cap);
    for (const index of needs) unknown.add(index);
    if (left === null) continue;
    for (const cite of cap.cites) cites.add(cite);
    for (const id of cap.interprets) interprets.add(id);
    if (left === 0n || (order.amount ?? 0n) > left) {
      const most = doseBeside(walk.reading.local, dictionaryOf(program), order.drug, cap.text);
      refused.push([cap.id, `at most ${most}; ${tell(cap.unit, left)} is left`]);
    } else if (order.rate) {
      const weight = program.weight === null ? null : row[program.weight];
      const perSecond = amountPerSecond(order.rate, drug.rateUnit, weight, units);
      if (perSecond === null) {
        if (program.weight !== null) unknown.add(program.weight);
      } else {
        const after = new Fraction(left, SCALE).times(units.parse(cap.unit).factor).over(perSecond);
        if (stopAfter === null || after.compare(stopAfter) < 0) stopAfter = after;
      }
    }
  }
  const ordered = [...unknown].filter((index) => program.slots[index].kind === "order").sort((a, b) => a - b);
  const attributes = ordered.map((index) => program.slots[index].name.split(" ", 1)[0]);
  for (const index of ordered) unknown.delete(index);
  return {
    refused,
    challenged: limits.challenged,
    unknown,
    unstated: [...new Set([...attributes, ...limits.unstated])],
    instead: [...instead],
    cites: [...cites],
    interprets: [...interprets],
    stopAfter,
    notes: limits.notes,
  };
}

/**
 * Says quantities of a drug in the protocol's unit, and in the hospital's where it has its own.
 * @param {Walk} walk
 * @param {string} drug
 * @returns {import("./limits.js").Tell}
 */
function teller(walk, drug) {
  const names = dictionaryOf(walk.program);
  return (unit, value) => shownBeside(walk.reading.local, names, drug, unit, value);
}

/**
 * The order against the limits of the library and of the hospital (limits.js); `unstated` would tell whether there
 * is more.
 *
 * Where no care area is named, or no route stated, counts what all that are possible agree on; where they do not
 * agree, it cannot be told.
 * @param {Walk} walk
 * @param {Order} order
 * @param {Drug} drug
 * @returns {Held & {unstated: readonly string[]}}
 */
function limitsOf(walk, order, drug) {
  const { local } = walk.reading;
  const own = local.limits.get(drug.id) ?? [];
  const tell = teller(walk, drug.id);
  let routes = [order.route ?? ""];
  if (order.route === null) {
    const named = [...drug.limits.map((limit) => limit.route), ...own.map((item) => item.limit.route)];
    routes = ["", ...[...new Set(named.filter(Boolean))].sort()];
  }
  /** @type {Set<string>} */
  const unstated = new Set();
  /** @type {Held | null} */
  let agreed = null;
  for (const area of possibleAreas(local, drug.id)) {
    const here = routes.map((route) =>
      joined([
        hold(drug, "rate", order.rate ?? 0n, route, own, area, tell),
        hold(drug, "amount", order.amount ?? 0n, route, own, area, tell),
      ]),
    );
    if (here.some((one) => against(one) !== against(here[0]))) unstated.add("order.route");
    const shared = common(here);
    if (agreed !== null && against(agreed) !== against(shared)) unstated.add(CARE_AREA);
    agreed = agreed === null ? shared : common([agreed, shared]);
  }
  const { refused, challenged, notes } = /** @type {Held} */ (agreed);
  return { refused, challenged, notes, unstated: [...unstated] };
}

/**
 * What decides the verdict: whether it is refused, else whether it is challenged.
 * @param {Held} held
 */
function against(held) {
  return held.refused.length ? "refused" : held.challenged.length ? "challenged" : "";
}

/**
 * What all say; where all refuse or all challenge, in the words of each.
 * @param {readonly Held[]} found
 * @returns {Held}
 */
function common(found) {
  const [first, ...rest] = found;
  if (rest.every((one) => against(one) === against(first))) return joined(found);
  return {
    refused: first.refused.filter((item) => rest.every((one) => one.refused.some((other) => same(item, other)))),
    challenged: first.challenged.filter((item) => rest.every((one) => one.challenged.some((other) => same(item, other)))),
    notes: first.notes.filter((item) => rest.every((one) => one.notes.includes(item))),
  };
}

/**
 * @param {readonly Held[]} found
 * @returns {Held}
 */
function joined(found) {
  return {
    refused: once(found.flatMap((one) => one.refused)),
    challenged: once(found.flatMap((one) => one.challenged)),
    notes: [...new Set(found.flatMap((one) => one.notes))],
  };
}

/**
 * @param {readonly Against[]} items
 * @returns {readonly Against[]}
 */
function once(items) {
  return items.filter((item, index) => items.findIndex((other) => same(item, other)) === index);
}

/**
 * @param {Against} left
 * @param {Against} right
 */
function same(left, right) {
  return left[0] === right[0] && left[1] === right[1];
}

const MICROSECONDS = 1_000_000n;
const YEAR_10000 = 253_402_300_800n * MICROSECONDS;

/**
 * `stop by 12:30 (after 30 min)` for a rate that will reach its cap; without a time of the advice only in how long.
 * @param {Fraction | null} after
 * @param {Moment | null} now
 */
export function stopByText(after, now) {
  if (after === null) return "";
  // Never later than the cap is reached; past the end of the calendar only in how long.
  const at = now === null ? null : now.plus(after.trunc() * MICROSECONDS);
  if (at === null || at.micros + BigInt(at.offset) * MICROSECONDS >= YEAR_10000) return `stop after ${formatDuration(after)}`;
  return `stop by ${at.isoformat().replace(/(T[\d:]+)\.\d+/, "$1")} (after ${formatDuration(after)})`;
}

/**
 * An action of the protocol as an order: what its author left out is stated to be nothing.
 * @param {Action} action
 * @param {bigint | null} rate
 * @param {bigint | null} amount
 * @returns {Order}
 */
export function ownOrder(action, rate, amount) {
  const { drug, route, intent, line, salt } = action;
  return { drug, rate, amount, route, intent, line, weight: "", salt };
}
