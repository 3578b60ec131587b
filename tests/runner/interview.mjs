/** Conversations on standard input; what each act leads to, on standard output. */

import { programFromJson } from "../../kb/runner/codec.js";
import { Guideline } from "../../kb/runner/guideline.js";
import { Interview } from "../../kb/runner/interview.js";
import { ChartError } from "../../kb/runner/chart.js";
import { BadValue } from "../../kb/runner/values.js";
import { given } from "./given.mjs";

const TOLD = ["form", "name", "text", "unit", "options", "note", "ask", "decides", "late", "step", "corrects"];

function told(talk, code) {
  const { question } = talk;
  return {
    refused: code,
    question: question && Object.fromEntries(TOLD.map((key) => [key, question[key]])),
    now: talk.now.isoformat(),
    chart: talk.chart().entries,
    charted: talk.charted().map((entry) => `${entry.text}, at ${entry.time}`),
    asks: talk.advice.asks.map((ask) => [ask.name, ask.now]),
    recommended: talk.advice.recommended.map((item) => [item.step, item.status]),
  };
}

function act(talk, [name, ...parts]) {
  try {
    if (name === "handOver") talk.handOver(guidelines[Number(parts[0])]);
    else talk[name](...parts);
  } catch (refused) {
    if (refused instanceof BadValue) return refused.code;
    if (refused instanceof ChartError) return refused.code;
    throw refused;
  }
  return "";
}

const guidelines = given.programs.map((program) => new Guideline(programFromJson(program)));
const talks = given.talks.map(({ program, now, local, chart, acts }) => {
  const talk = new Interview(guidelines[program], { now, local, chart });
  return [told(talk, ""), ...acts.map((each) => told(talk, act(talk, each)))];
});
console.log(JSON.stringify(talks));
