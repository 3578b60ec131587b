/** Programs with vectors on standard input; on standard output what is read in each chart, or why it is refused. */

import { ChartError } from "../../kb/runner/chart.js";
import { programFromJson } from "../../kb/runner/codec.js";
import { Guideline } from "../../kb/runner/guideline.js";
import { readJson } from "../../kb/runner/json.js";
import { localDigest, settingsInForce } from "../../kb/runner/local.js";
import { given } from "./given.mjs";

const iso = (moment) => moment && moment.isoformat();
const sorted = (map, show) => [...map].sort(([one], [other]) => (one < other ? -1 : 1)).map(([key, item]) => [key, show(item)]);
const valueToJson = (value) =>
  typeof value === "bigint" ? String(value) : typeof value === "string" ? ["option", value] : value;

function read(guideline, line) {
  const vector = readJson(line);
  const how = { lenient: vector.get("lenient") };
  const { walk } = guideline.walk(vector.get("chart"), vector.get("now"), vector.get("local"), how);
  const { reading, decision } = walk;
  return {
    row: walk.row.map(valueToJson),
    causes: sorted(reading.causes, ({ kind, asks, text, age }) => [kind, asks, text, age === null ? null : String(age)]),
    times: sorted(reading.times, iso),
    lower_bounds: sorted(reading.lowerBounds, String),
    refused: reading.refused,
    not_used: reading.notUsed,
    assumptions: reading.assumptions,
    episode: iso(reading.episode),
    assumed_slots: reading.assumedSlots,
    strengths: sorted(reading.strengths, ({ text, value, salt }) => [text, `${value.n}/${value.d}`, salt]),
    refusals: reading.refusals,
    unused: reading.unused.map(({ entry, name, at, why }) => [entry, name, iso(at), why]),
    masks: [decision.reached, decision.possible, decision.assumed].map(String),
    statuses: sorted(decision.statuses, (status) => status),
    outcomes: sorted(decision.outcomes, String),
    local_digest: localDigest(reading.local),
    settings: settingsInForce(guideline.program, reading.local),
  };
}

function tried(guideline, line) {
  try {
    return read(guideline, line);
  } catch (error) {
    if (error instanceof ChartError) return { refused: error.refusals };
    throw error;
  }
}

const found = given.map(({ program, vectors }) => {
  const guideline = new Guideline(programFromJson(program));
  return vectors.map((line) => tried(guideline, line));
});
console.log(JSON.stringify(found));
