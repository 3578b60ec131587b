/** Rows and functions on standard input; what the runner makes of them on standard output. */

import { programFromJson } from "../../kb/runner/codec.js";
import { undecided } from "../../kb/runner/evaluate.js";
import { compute } from "../../kb/runner/values.js";
import { makeDecider } from "../../kb/runner/walk.js";
import { given } from "./given.mjs";

const text = (value) => (typeof value === "bigint" ? { n: String(value) } : value);
const read = (value) => (value && typeof value === "object" ? BigInt(value.n) : value);
const sorted = (map) => [...map].sort(([one], [other]) => one - other);

function decided({ program, rows }) {
  const made = programFromJson(program);
  const decide = makeDecider(made);
  return rows.map((each) => {
    const row = each.map(read);
    const { reached, possible, assumed, statuses, outcomes } = decide(row);
    return {
      row: row.map(text),
      masks: [reached, possible, assumed].map(String),
      statuses: sorted(statuses),
      outcomes: sorted(outcomes).map(([step, outcome]) => [step, String(outcome)]),
      undecided: made.steps.flatMap((step) =>
        [...step.cases.map((each) => each.when), step.status].map((expr) =>
          [...undecided(expr, row, made)].sort((one, other) => one - other),
        ),
      ),
    };
  });
}

function computed({ functions }) {
  return functions.map(([name, ...values]) => text(compute(name, values.map(BigInt))));
}

console.log(JSON.stringify(given.functions ? computed(given) : decided(given)));
