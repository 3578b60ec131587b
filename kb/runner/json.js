/** JSON of charts: numbers stay as they are written, keys keep their order, and none may stand twice. */

import { Numeral } from "./words.js";

const DEEPEST = 100;
const MARK = /([{}[\]:,])/;
const QUOTE = /("(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4}))*")/;
const NUMBER = /(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/;
const WORD = /(true|false|null)/;
const TOKEN = new RegExp(`[\\t\\n\\r ]*(?:${[MARK, QUOTE, NUMBER, WORD].map((kind) => kind.source).join("|")})`, "y");
/** @type {Record<string, boolean | null>} */
const WORDS = { true: true, false: false, null: null };

/**
 * The value in JSON text: objects are `Map`s, numbers `Numeral`s. Throws SyntaxError, with words for the reader.
 * @param {string} text
 * @returns {unknown}
 */
export function readJson(text) {
  let place = 0;

  /** @returns {{mark?: string, value?: unknown}} a mark, or a whole value */
  const token = () => {
    TOKEN.lastIndex = place;
    const found = TOKEN.exec(text);
    if (found === null) throw wrong();
    place = TOKEN.lastIndex;
    const [, mark, quote, number, word] = found;
    if (mark) return { mark };
    if (quote) return { value: JSON.parse(quote) };
    return { value: number ? new Numeral(number) : WORDS[word] };
  };

  const wrong = () => {
    const before = text.slice(0, place).split("\n");
    return new SyntaxError(`it is not JSON after line ${before.length}, column ${before[before.length - 1].length}`);
  };

  /** @param {{mark?: string, value?: unknown}} first @param {number} depth @returns {unknown} */
  const item = (first, depth) => {
    if (depth > DEEPEST) throw new SyntaxError("it is nested too deeply");
    if (first.mark === undefined) return first.value;
    if (first.mark === "[") return list(depth);
    if (first.mark === "{") return object(depth);
    throw wrong();
  };

  /** @param {number} depth */
  const list = (depth) => {
    /** @type {unknown[]} */
    const made = [];
    let next = token();
    if (next.mark === "]") return made;
    for (;;) {
      made.push(item(next, depth + 1));
      next = token();
      if (next.mark === "]") return made;
      if (next.mark !== ",") throw wrong();
      next = token();
    }
  };

  /** @param {number} depth */
  const object = (depth) => {
    /** @type {Map<string, unknown>} */
    const made = new Map();
    let next = token();
    if (next.mark === "}") return made;
    for (;;) {
      const key = next.value;
      if (typeof key !== "string" || token().mark !== ":") throw wrong();
      if (made.has(key)) throw new SyntaxError(`it says \`${key}\` twice`);
      made.set(key, item(token(), depth + 1));
      next = token();
      if (next.mark === "}") return made;
      if (next.mark !== ",") throw wrong();
      next = token();
    }
  };

  const made = item(token(), 0);
  if (/[^\t\n\r ]/.test(text.slice(place))) throw wrong();
  return made;
}
