/** Programs and vectors on standard input; on standard output the advice and why each step is so, or the refusal. */

import { dueIn } from "../../kb/runner/actions.js";
import { readJson } from "../../kb/runner/json.js";
import { advise, ChartError, load } from "../../kb/runner/kb.js";
import { given } from "./given.mjs";

const guidelines = given.programs.map((program) => load(program));

function told([program, line]) {
  const guideline = guidelines[program];
  const vector = readJson(line);
  const now = vector.get("now");
  try {
    const how = { now, local: vector.get("local"), lenient: vector.get("lenient") };
    const advice = advise(guideline, vector.get("chart"), how);
    const due = (id) => {
      const left = dueIn(advice.walk, id);
      return left && (left.d === 1n ? `${left.n}` : `${left.n}/${left.d}`);
    };
    const why = given.why ? guideline.program.steps.map(({ id }) => [advice.status(id), due(id), advice.why(id)]) : [];
    return { advice, why };
  } catch (error) {
    if (error instanceof ChartError) return { refused: error.refusals };
    throw error;
  }
}

console.log(JSON.stringify(given.vectors.map(told)));
