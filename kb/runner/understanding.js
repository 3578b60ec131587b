/**
 * What is charted under a name.
 * As kb/interview/understanding.py, of which a page needs no more.
 */

import { RECORD } from "./chart.js";
import { CARE_AREA } from "./local.js";
import { BadValue } from "./values.js";
import { nearest, quoted } from "./words.js";

/** @typedef {import("./talk.js").Talk} Talk */

/**
 * The name under which something is charted.
 * @param {Talk} talk
 * @param {string} name
 */
export function knownName(talk, name) {
  const { elements, synonyms } = talk.names;
  const word = name.trim();
  if (elements.has(word) || word === RECORD || word === CARE_AREA) return word;
  const drug = talk.names.drug(word.replace(/\.salt$/, ""));
  if (drug !== null) return drug.id + (word.endsWith(".salt") ? ".salt" : "");
  const help = nearest(word, [...elements.keys(), ...synonyms.keys()]);
  throw new BadValue("KB602", `${quoted(name)} is unknown to this protocol`, help);
}
