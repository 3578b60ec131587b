/** Why a step is reached or not: the ways to it. As kb/reasons.py. */

import { evaluate } from "./evaluate.js";

/** @typedef {import("./plan.js").Edge} Edge */
/** @typedef {import("./plan.js").Walk} Walk */

/** Whether the way `edge` is open: true, false, or null where it cannot be told yet. @param {Walk} walk
 * @param {Edge} edge @returns {boolean | null} */
export function edgeHolds(walk, edge) {
  if (edge.kind === "with") return true;
  if (edge.kind === "then") {
    return /** @type {boolean | null} */ (evaluate(walk.program.steps[edge.source].satisfied, walk.row));
  }
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
 */
export function wayTo(walk, step) {
  /** @type {Edge[]} */
  const way = [];
  let current = step;
  while (!walk.program.starts.includes(current)) {
    /** @type {Edge | null} */
    let best = null;
    for (const edge of walk.plan.edges[current]) {
      const state = walk.state(edge.source);
      if (state !== "reached" && state !== "assumed") continue;
      const holds = edgeHolds(walk, edge);
      if (holds && (edge.kind !== "if_unknown" || best === null)) {
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
