/** What other sources say beside a step, as it is shown; nothing of it is executed. As in kb/plan.py. */

/** @typedef {import("./advice.js").SaidElsewhere} SaidElsewhere */
/** @typedef {import("./program.js").Program} Program */

/** @type {WeakMap<Program, ReadonlyMap<string, readonly SaidElsewhere[]>>} */
const KNOWN = new WeakMap();

/**
 * What other sources say, in the order of the Program.
 * @param {Program} program
 * @returns {SaidElsewhere[]}
 */
export function allSaidElsewhere(program) {
  const titles = new Map(
    program.references.map((item) => [item.key, [item.title, item.year].filter(Boolean).join(", ")]),
  );
  return program.elsewhere.map((item) => ({
    id: item.id,
    topic: item.topic || item.of,
    number: `${item.what} ${item.value}`.trim(),
    says: item.says,
    sources: item.cites.map((key) => titles.get(key) ?? key),
    about: item.about,
    verdict: item.verdict,
    because: item.because,
    stored: item.stored,
    superseded: item.superseded,
  }));
}

/**
 * What other sources say, by the id of the step it concerns.
 * @param {Program} program
 * @returns {ReadonlyMap<string, readonly SaidElsewhere[]>}
 */
export function saidElsewhere(program) {
  let known = KNOWN.get(program);
  if (known === undefined) {
    /** @type {Map<string, readonly SaidElsewhere[]>} */
    const found = new Map();
    const said = allSaidElsewhere(program);
    for (const [index, item] of program.elsewhere.entries()) {
      for (const step of item.steps) found.set(step, [...(found.get(step) ?? []), said[index]]);
    }
    KNOWN.set(program, (known = found));
  }
  return known;
}
