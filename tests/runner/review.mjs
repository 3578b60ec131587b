/** A Program, and what its review records say; on standard output what is told of it, or the code of the refusal. */

import { advise, load } from "../../kb/runner/kb.js";
import { given } from "./given.mjs";

const { program, review, calls } = given;
const told = calls.map(({ now, require, more }) => {
  try {
    const advice = advise(load(program, { review, ...more }), {}, { now, require });
    return { state: advice.state, banner: advice.banner, approvals: advice.approvals, valid_until: advice.valid_until };
  } catch (error) {
    return `${error.code ?? error.name} ${error.message}`;
  }
});
console.log(JSON.stringify(told));
