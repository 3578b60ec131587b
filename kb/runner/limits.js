/**
 * Limits of a drug: the library's and, where a hospital has settled its own, those in their place. As kb/limits.py.
 *
 * A local limit takes the place of one edge of the library's (soft or hard, lowest or highest) for the routes it
 * names; edges that it does not name stay the library's. Where several local limits speak, the strictest counts,
 * and those of a care area come before those of the whole hospital. Nothing here knows of rules or caps.
 */

/** @typedef {import("./program.js").Drug} Drug */
/** @typedef {import("./program.js").Limit} Limit */
/** @typedef {"hard" | "soft"} Kind */
/** @typedef {"high" | "low"} Side */
/** @typedef {readonly [rule: string, words: string]} Against */
/** @typedef {(value: bigint) => string} Say */

/**
 * A quantity in words, from its unit and scaled value.
 * @typedef {(unit: string, value: bigint) => string} Tell
 */

/** @type {readonly Kind[]} */
export const KINDS = ["hard", "soft"];
/** @type {readonly Side[]} */
export const SIDES = ["high", "low"];

/**
 * A limit that a hospital has set: `limit` in the drug's unit; `area` is a care area, empty for all of them.
 * @typedef {{limit: Limit, area: string, because: string, by: string, on: string}} LocalLimit
 */

/**
 * What stands against a dose; `notes` say where it lies in what a hospital has widened.
 * @typedef {{refused: readonly Against[], challenged: readonly Against[], notes: readonly string[]}} Held
 */

/**
 * One of the four edges of a limit, scaled.
 * @param {Limit} limit
 * @param {Kind} kind
 * @param {Side} side
 */
export function edgeOf(limit, kind, side) {
  if (kind === "hard") return side === "high" ? limit.hardHigh : limit.hardLow;
  return side === "high" ? limit.softHigh : limit.softLow;
}

/**
 * @param {bigint} value
 * @param {bigint} edge
 * @param {Side} side
 */
export function beyond(value, edge, side) {
  return side === "high" ? value > edge : value < edge;
}

/**
 * @param {readonly bigint[]} edges
 * @param {Side} side
 */
function strictest(edges, side) {
  /** @type {bigint | null} */
  let found = null;
  for (const edge of edges) if (found === null || beyond(found, edge, side)) found = edge;
  return found;
}

/**
 * The strictest edge of the library for the routes that a limit for `route` (empty: any) bears on.
 * @param {Drug} drug
 * @param {string} of
 * @param {string} route
 * @param {Kind} kind
 * @param {Side} side
 */
export function libraryEdge(drug, of, route, kind, side) {
  const edges = [];
  for (const limit of drug.limits) {
    const meets = !limit.route || !route || same(route).includes(limit.route) || same(limit.route).includes(route);
    const edge = edgeOf(limit, kind, side);
    if (limit.of === of && meets && edge !== null) edges.push(edge);
  }
  return strictest(edges, side);
}

/**
 * The edges of a local limit that lie beyond the library's: kind, side, the library's edge and its own.
 * @param {Drug} drug
 * @param {Limit} limit
 * @returns {Generator<[Kind, Side, bigint, bigint]>}
 */
export function* widened(drug, limit) {
  for (const kind of KINDS) {
    for (const side of SIDES) {
      const own = edgeOf(limit, kind, side);
      const library = libraryEdge(drug, limit.of, limit.route, kind, side);
      if (own !== null && library !== null && beyond(own, library, side)) yield [kind, side, library, own];
    }
  }
}

/**
 * @param {Drug} drug
 * @param {string} of
 */
export function unitOf(drug, of) {
  return of === "rate" ? drug.rateUnit : drug.amountUnit;
}

/**
 * A rate or amount held against the limits for its route, in one care area (empty: none of those named). `tell` says a
 * quantity of the drug as this hospital shows it.
 * @param {Drug} drug
 * @param {string} of
 * @param {bigint} value
 * @param {string | null} route
 * @param {readonly LocalLimit[]} local
 * @param {string} area
 * @param {Tell} tell
 * @returns {Held}
 */
export function hold(drug, of, value, route, local, area, tell) {
  if (!value) return { refused: [], challenged: [], notes: [] };
  const unit = unitOf(drug, of);
  /** @type {Say} */
  const say = (scaled) => tell(unit, scaled);
  /** @type {Map<string, {kind: Kind, side: Side, edge: bigint, item: LocalLimit}>} */
  const own = new Map();
  for (const item of [...local.filter((item) => item.area), ...local.filter((item) => !item.area)]) {
    if (item.limit.of !== of || !["", area].includes(item.area) || !bearsOn(item.limit, route)) continue;
    for (const kind of KINDS) {
      for (const side of SIDES) {
        const edge = edgeOf(item.limit, kind, side);
        if (edge === null) continue;
        const before = own.get(`${kind} ${side}`);
        const stricter = before !== undefined && before.item.area === item.area && beyond(before.edge, edge, side);
        if (before === undefined || stricter) own.set(`${kind} ${side}`, { kind, side, edge, item });
      }
    }
  }
  /** @type {Against[]} */
  const refused = [];
  /** @type {Against[]} */
  const challenged = [];
  /** @type {Set<string>} */
  const notes = new Set();
  for (const limit of drug.limits) {
    if (limit.of !== of || !bearsOn(limit, route)) continue;
    for (const kind of KINDS) {
      const side = SIDES.find((side) => isBeyond(value, edgeOf(limit, kind, side), side));
      if (side === undefined) continue;
      const edge = edgeOf(limit, kind, side) ?? 0n;
      const settled = own.get(`${kind} ${side}`);
      if (settled !== undefined) {
        if (!beyond(value, settled.edge, side)) notes.add(note(drug, say, value, kind, side, edge, settled));
        continue;
      }
      const into = kind === "hard" ? refused : challenged;
      into.push([`${kind}-limit`, againstLibrary(drug, say, value, kind, side, edge, limit)]);
      if (kind === "hard") break;
    }
  }
  for (const { kind, side, edge, item } of own.values()) {
    if (!beyond(value, edge, side)) continue;
    const library = libraryEdge(drug, of, item.limit.route, kind, side);
    const into = kind === "hard" ? refused : challenged;
    into.push([`${kind}-limit`, againstLocal(drug, say, value, kind, side, edge, item, library)]);
  }
  return { refused, challenged, notes: [...notes] };
}

/**
 * @param {bigint} value
 * @param {bigint | null} edge
 * @param {Side} side
 */
function isBeyond(value, edge, side) {
  return edge !== null && beyond(value, edge, side);
}

/**
 * What goes into the marrow is at once in the vein.
 * @param {string} route
 */
function same(route) {
  return route === "io" ? ["io", "iv"] : [route];
}

/**
 * Whether a limit is about a dose by `route`; one for a named route says nothing of another.
 * @param {Limit} limit
 * @param {string | null} route
 */
export function bearsOn(limit, route) {
  return !limit.route || (Boolean(route) && same(route ?? "").includes(limit.route));
}

/** @param {Side} side */
function sideWord(side) {
  return side === "high" ? "above" : "below";
}

/**
 * @param {Drug} drug
 * @param {Say} say
 * @param {bigint} value
 * @param {Kind} kind
 * @param {Side} side
 * @param {bigint} edge
 * @param {Limit} limit
 */
function againstLibrary(drug, say, value, kind, side, edge, limit) {
  const where = limit.source || (limit.confirm ? `to be confirmed by ${limit.confirm}` : "");
  return (
    `${say(value)} is ${sideWord(side)} the library's ${kind} limit of ` +
    `${say(edge)} for ${drug.label}${where ? ` (${where})` : ""}`
  );
}

/**
 * @param {Drug} drug
 * @param {Say} say
 * @param {bigint} value
 * @param {Kind} kind
 * @param {Side} side
 * @param {bigint} edge
 * @param {LocalLimit} item
 * @param {bigint | null} library
 */
function againstLocal(drug, say, value, kind, side, edge, item, library) {
  return (
    `${say(value)} is ${sideWord(side)} the ${whose(item)} ${kind} limit of ` +
    `${say(edge)} for ${drug.label} (${[librarys(library, say), ...signed(item)].join("; ")})`
  );
}

/**
 * @param {Drug} drug
 * @param {Say} say
 * @param {bigint} value
 * @param {Kind} kind
 * @param {Side} side
 * @param {bigint} edge
 * @param {{edge: bigint, item: LocalLimit}} settled
 */
function note(drug, say, value, kind, side, edge, settled) {
  return (
    `${say(value)} is ${sideWord(side)} the library's ${kind} limit of ${say(edge)} ` +
    `for ${drug.label}; the ${whose(settled.item)} limit of ${say(settled.edge)} allows it ` +
    `(${signed(settled.item).join("; ") || "no reason given"})`
  );
}

/** @param {LocalLimit} item */
function whose(item) {
  return item.area ? `local (${item.area})` : "local";
}

/**
 * @param {bigint | null} edge
 * @param {Say} say
 */
function librarys(edge, say) {
  return edge === null ? "the library has none" : `the library's is ${say(edge)}`;
}

/** @param {LocalLimit} item */
function signed(item) {
  const by = [item.by, item.on].filter(Boolean).join(", ");
  return [item.because, by].filter(Boolean);
}
