/**
 * Programs from their JSON, by schema/program.schema.json. As kb/codec.py.
 *
 * What is read is hostile until it is checked: every problem names its place, and a field that this version does not
 * know is refused, because it may change what the Program means.
 */

import { FALSE, SCHEMA } from "./program.js";

/** @typedef {import("./program.js").Expr} Expr */
/** @typedef {import("./program.js").Program} Program */
/** @typedef {import("./program.js").Step} Step */
/** @typedef {"boolean" | "number" | "choice"} Type */

/** How deep expressions and records may nest; everything that walks them recurses. */
export const DEEPEST = 200;

/**
 * The fields of every record: `name:type=default`; `?` stands for a field that may be left out and then is null.
 * `int` is a scaled integer; `slot`, `step` and `plain` are small ones.
 */
export const LAYOUTS = `
Event kind:str id:str
Window kind:str event:Event? duration:Expr?
Feature function:str of:Event? window:Window? condition:Expr? clear:Expr? duration:Expr? after:Event?
Slot name:str kind:str type:str of:str unit:str= title:str= feature:Feature? expr:Expr? options:str[]=[] cites:str[]=[] interprets:str[]=[]
Unit spelling:str ucum:str factor:str dimension:power[] offset:str=0
Element id:str label:str type:str unit:str= options:str[]=[] low:int? high:int? valid_for:int? question:str= can_be_unobtainable:bool=false molar_mass:str= valence:plain=0 basis:str= codes:pair[]=[] source:str= confirm:str=
Limit of:str route:str= soft_low:int? soft_high:int? hard_low:int? hard_high:int? source:str= confirm:str=
Delivery of:str step:int towards:str source:str= confirm:str=
Drug id:str label:str synonyms:str[]=[] classes:str[]=[] rate_unit:str= amount_unit:str= salts:pair[]=[] valid_for:int? absent_is_zero:bool=false limits:Limit[]=[] delivery:Delivery[]=[] largest_step:str= routes:str[]=[] codes:pair[]=[] source:str= confirm:str=
Parameter id:str title:str type:str unit:str= options:str[]=[] low:int? high:int? default:Value=null cites:str[]=[] interprets:str[]=[]
Case when:Expr targets:step[] text:str= title:str= cites:str[]=[] interprets:str[]=[]
Dose low:Expr high:Expr? most:Expr? unit:str text:str weight:slot?
Avoid when:Expr text:str because:str= instead:str= cites:str[]=[] interprets:str[]=[]
Review after:Expr measure:str[] text:str=
Repeat earliest:Expr latest:Expr at_most:Expr? window:Window since:slot count:slot text:str=
Action verb:str drug:str= of:str= dose:Dose? each:Expr? each_text:str= over:str= route:str= salt:str= concentration:str= intent:str= line:str= subject:str[]=[] options:Option[]=[] ladder:int[]=[]
Option id:str title:str action:Action satisfied:Expr for:Avoid[]=[] against:Avoid[]=[] cites:str[]=[] interprets:str[]=[]
Step id:str kind:str title:str cases:Case[]=[] if_unknown:step? with:step[]=[] then:step[]=[] satisfied:Expr=FALSE status:Expr=FALSE action:Action? avoid:Avoid[]=[] review:Review? repeat:Repeat? priority:str= strength:str= certainty:str= decide_by:str= note:str= hand_over:str= part_of:str= cites:str[]=[] interprets:str[]=[]
Rule id:str drugs:str[] when:Expr text:str because:str instead:str= made_by:str= cites:str[]=[] interprets:str[]=[]
Cap id:str drugs:str[] amount:Expr unit:str total:slot window:Window text:str cites:str[]=[] interprets:str[]=[]
Goal id:str title:str target:Expr text:str cites:str[]=[] interprets:str[]=[]
AlertRule id:str severity:str when:Expr text:str say:str cites:str[]=[] interprets:str[]=[]
Interpretation id:str about:str[] reading:str rejected:str[] because:str confirm:str status:str=chosen
Statement id:str says:str kind:str cites:str[] support:str= wording:str= grade:str=
Elsewhere id:str cites:str[] topic:str= of:str= what:str= value:str= says:str= about:str[]=[] verdict:str= because:str= stored:bool=true superseded:bool=false steps:str[]=[] rules:str[]=[] goals:str[]=[]
Reference key:str title:str kind:str publisher:str= year:str= tier:str= identifier:str= checked:str= superseded_by:str=
Source title:str= publisher:str= updated:str= banner:str= claims:str[]=[] disclaimer:str=
Signed who:str name:str role:str date:str signature:str
Standing signed:Signed[]=[] missing:str[]=[] valid_until:str= reason:str=
Program schema:str id:str version:str title:str question:str purpose:str updated:str population:str state:str withdrawn:str logic_digest:str text_digest:str slots:Slot[] steps:Step[] starts:step[] applies:Expr applies_text:str enter:Expr enter_text:str weight:slot? rules:Rule[] caps:Cap[] goals:Goal[] alerts:AlertRule[] elements:Element[] drugs:Drug[] units:Unit[] parameters:Parameter[] interpretations:Interpretation[] statements:Statement[] not_encoded:pair[] references:Reference[] source:Source standing:Standing={} elsewhere:Elsewhere[]=[]
`;

const OPERATORS = new Set(["<", "<=", ">=", ">", "=", "!="]);
/** @type {Record<string, number>} */
const FUNCTIONS = { round: 2, power: 2, ln: 1, exp: 1, sqrt: 1 };
/** @type {Record<string, Type>} */
const TYPES = { boolean: "boolean", number: "number", choice: "choice", "date-time": "number" };
const KINDS_OF_SLOT = new Set("element unobtainable rate parameter feature now computed define order".split(" "));
const KINDS_OF_STEP = new Set("decide do hand_over end".split(" "));
const CONDITIONS = new Set("when satisfied condition clear applies enter target".split(" "));

/** JSON that is not a Program. `place` is the way to the fault, `problem` says what it is. */
export class ProgramError extends Error {
  /** @param {string} problem @param {string} [place] */
  constructor(problem, place = "") {
    super(place ? `${place}: ${problem}` : problem);
    this.name = "ProgramError";
    this.problem = problem;
    this.place = place;
  }

  /**
   * The same problem, seen from one level further out.
   * @param {string | number} key
   */
  within(key) {
    const dot = this.place && !this.place.startsWith("[") ? "." : "";
    return new ProgramError(this.problem, `${typeof key === "number" ? `[${key}]` : key}${dot}${this.place}`);
  }
}

/** What has been read so far: the type of each slot and of the last expression; how many steps there are to be. */
class Reading {
  /** @param {number} steps */
  constructor(steps) {
    /** @type {Type[]} */
    this.slots = [];
    this.steps = steps;
    this.depth = 0;
    /** @type {Type} */
    this.found = "boolean";
  }
}

/** @typedef {(raw: unknown, reading: Reading) => unknown} Decode */
/** @typedef {{key: string, name: string, required: boolean, fallback: unknown, decode: Decode}} Field */

/**
 * The Program in `data`, as `JSON.parse` gives it. The checksum that a file has is left aside.
 * @param {unknown} data
 * @returns {Program}
 */
export function programFromJson(data) {
  if (!isObject(data)) throw new ProgramError("a Program is an object");
  const { checksum: _, ...rest } = data;
  const schema = rest.schema;
  const major = SCHEMA.split(".")[0];
  if (typeof schema !== "string" || schema.split(".")[0] !== major) {
    throw new ProgramError(`schema ${shown(schema)} cannot be read; this version reads ${major}.x`, "schema");
  }
  const steps = Array.isArray(rest.steps) ? rest.steps.length : 0;
  const program = /** @type {Program} */ (/** @type {unknown} */ (record("Program", rest, new Reading(steps))));
  checkGraph(program);
  return program;
}

/**
 * The Program in a file of `kb compile`: its checksum must be its own, and it is a draft, as no file can claim a review.
 * Working out the checksum takes longer than reading the Program; a page that comes with its Program need not.
 * @param {unknown} data
 * @returns {Program}
 */
export function programFromFile(data) {
  const { checksum: stated, ...rest } = isObject(data) ? data : { checksum: "" };
  if (stated !== checksum(rest)) {
    throw new ProgramError("it was changed after it was compiled; compile it again", "checksum");
  }
  const standing = /** @type {any} */ (record("Standing", {}, new Reading(0)));
  return { ...programFromJson(rest), state: "draft", standing };
}

/**
 * CRC-32 over the canonical JSON of a Program, its own checksum left out. It tells that a file was changed; it is no
 * signature, and whoever changes a file on purpose can renew it.
 * @param {unknown} data
 */
function checksum(data) {
  const text = ascii(JSON.stringify(inOrder(data)));
  let sum = ~0;
  for (let place = 0; place < text.length; place += 1) {
    sum = (sum >>> 8) ^ CRC[(sum ^ text.charCodeAt(place)) & 0xff];
  }
  return (~sum >>> 0).toString(16).padStart(8, "0");
}

const CRC = Int32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  return sum;
});

/** The data with all keys in order. @param {unknown} data @returns {unknown} */
function inOrder(data) {
  if (Array.isArray(data)) return data.map(inOrder);
  if (!isObject(data)) return data;
  // Keys that are numbers have an order of their own in an object: a Program has none.
  return Object.fromEntries(Object.keys(data).sort().map((key) => [key, inOrder(data[key])]));
}

/** JSON text with all that is not ASCII escaped. @param {string} text */
function ascii(text) {
  return text.replace(/[^ -~]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** @param {unknown} raw @returns {raw is Record<string, unknown>} */
function isObject(raw) {
  return typeof raw === "object" && raw !== null && !Array.isArray(raw);
}

/** @param {unknown} raw */
function shown(raw) {
  if (Array.isArray(raw)) return "a list";
  if (isObject(raw)) return "an object";
  const text = typeof raw === "string" ? `'${raw}'` : String(raw);
  return text.length > 41 ? `\`${text.slice(0, 40)}…\`` : `\`${text}\``;
}

// ---------------------------------------------------------------- values

/** @param {unknown} raw */
function scaled(raw) {
  if (typeof raw === "string" && raw.length <= 100 && /^(0|-?[1-9]\d*)$/.test(raw)) return BigInt(raw);
  throw new ProgramError(`${shown(raw)} is not an integer in a string`);
}

/** @param {unknown} raw @returns {boolean | bigint | string} */
function value(raw) {
  if (typeof raw === "boolean") return raw;
  if (Array.isArray(raw) && raw.length === 2 && raw[0] === "option" && typeof raw[1] === "string") return raw[1];
  return scaled(raw);
}

/** @param {unknown} raw */
function plain(raw) {
  if (typeof raw === "number" && Number.isInteger(raw) && Math.abs(raw) < 10 ** 6) return raw;
  throw new ProgramError(`${shown(raw)} is not a small integer`);
}

/** @param {unknown} raw @param {number} count @param {string} what */
function index(raw, count, what) {
  if (typeof raw === "number" && Number.isInteger(raw) && raw >= 0 && raw < count) return raw;
  throw new ProgramError(`${shown(raw)} is not ${what}; there are ${count}`);
}

/** @param {unknown} raw */
function text(raw) {
  if (typeof raw === "string") return raw;
  throw new ProgramError(`${shown(raw)} is not a string`);
}

// ---------------------------------------------------------------- expressions

/**
 * The expression in `raw`, which must have the type `expected` (or any).
 * @param {unknown} raw
 * @param {Reading} reading
 * @param {string} expected
 * @returns {Expr}
 */
function typed(raw, reading, expected) {
  const made = expression(raw, reading);
  if (expected === "status") {
    if (reading.found !== "choice" && !(made.kind === "const" && made.value === false)) {
      throw new ProgramError("a status is a choice");
    }
  } else if (reading.found !== expected && expected !== "any") {
    throw new ProgramError(`this is a ${reading.found} where a ${expected} is needed`);
  }
  return made;
}

/** @param {unknown} raw @param {Reading} reading @returns {Expr} */
function expression(raw, reading) {
  if (!Array.isArray(raw) || typeof raw[0] !== "string") {
    throw new ProgramError(`${shown(raw)} is not an expression`);
  }
  const [op, first] = raw;
  if (op === "get" || op === "const" || op === "option") {
    has(raw.length === 2);
    if (op === "get") {
      const slot = index(first, reading.slots.length, "an earlier slot");
      reading.found = reading.slots[slot];
      return { kind: "get", slot };
    }
    const held = op === "option" ? text(first) : value(first);
    has(typeof held !== "string" || op === "option");
    reading.found = typeOf(held);
    return { kind: "const", value: held };
  }
  reading.depth += 1;
  if (reading.depth > DEEPEST) throw new ProgramError(`nested deeper than ${DEEPEST}`);
  const [made, found] = operator(op, raw, reading);
  reading.depth -= 1;
  reading.found = found;
  return made;
}

/** @param {string} op @param {any[]} raw @param {Reading} reading @returns {[Expr, Type]} */
function operator(op, raw, reading) {
  const size = raw.length;
  switch (op) {
    case "compare": {
      has(size === 4 && OPERATORS.has(raw[1]));
      const left = part(raw, 2, reading);
      const type = reading.found;
      const right = part(raw, 3, reading);
      if (type !== reading.found || (type !== "number" && raw[1] !== "=" && raw[1] !== "!=")) {
        throw new ProgramError(`a ${type} and a ${reading.found} cannot be compared by \`${raw[1]}\``);
      }
      return [{ kind: op, op: raw[1], left, right }, "boolean"];
    }
    case "and":
    case "or":
      return [{ kind: op, items: parts(raw, 1, reading, "boolean") }, "boolean"];
    case "least":
    case "greatest":
      has(size >= 2);
      return [{ kind: op, items: parts(raw, 1, reading, "number") }, "number"];
    case "not":
    case "sure":
      has(size === 2);
      return [{ kind: op, item: part(raw, 1, reading, "boolean") }, "boolean"];
    case "known":
      has(size === 2);
      return [{ kind: op, item: part(raw, 1, reading) }, "boolean"];
    case "absolute":
      has(size === 2);
      return [{ kind: op, item: part(raw, 1, reading, "number") }, "number"];
    case "member": {
      has(size === 3 && Array.isArray(raw[2]));
      const item = part(raw, 1, reading);
      /** @type {(boolean | bigint | string)[]} */
      const options = raw[2].map(value);
      if (options.some((option) => typeOf(option) !== reading.found)) {
        throw new ProgramError(`not every option is a ${reading.found}`, "[2]");
      }
      return [{ kind: op, item, options }, "boolean"];
    }
    case "cases":
      return cases(raw, reading);
    case "at_least":
      has(size >= 2);
      return [{ kind: op, count: plain(raw[1]), items: parts(raw, 2, reading, "boolean") }, "boolean"];
    case "add":
    case "subtract":
    case "multiply":
    case "divide":
      has(size === 3);
      return [
        { kind: op, left: part(raw, 1, reading, "number"), right: part(raw, 2, reading, "number") },
        "number",
      ];
    case "function":
      has(typeof raw[1] === "string" && Object.hasOwn(FUNCTIONS, raw[1]));
      has(size === 2 + FUNCTIONS[raw[1]]);
      return [{ kind: op, name: raw[1], arguments: parts(raw, 2, reading, "number") }, "number"];
  }
  throw new ProgramError(`unknown operator ${shown(op)}`);
}

/** @param {any[]} raw @param {Reading} reading @returns {[Expr, Type]} */
function cases(raw, reading) {
  /** @type {[Expr, Expr][]} */
  const made = [];
  /** @type {Set<Type>} */
  const kinds = new Set();
  for (let number = 1; number < raw.length; number += 1) {
    const pair = raw[number];
    inside(number, () => {
      has(Array.isArray(pair) && pair.length === 2);
      const when = part(pair, 0, reading, "boolean");
      made.push([when, part(pair, 1, reading)]);
      kinds.add(reading.found);
    });
  }
  const [type] = kinds;
  if (type === undefined || kinds.size !== 1) {
    throw new ProgramError("the values of cases are of one type, and there is at least one");
  }
  const [last] = made[made.length - 1];
  if (last.kind !== "const" || last.value !== true) throw new ProgramError("the last case always holds");
  return [{ kind: "cases", cases: made }, type];
}

/** @param {boolean} shape */
function has(shape) {
  if (!shape) throw new ProgramError("the parts of this operator are not as they must be");
}

/**
 * What `make` gives; a problem in it is told from one level further out.
 * @template T
 * @param {string | number} key
 * @param {() => T} make
 */
function inside(key, make) {
  try {
    return make();
  } catch (error) {
    throw error instanceof ProgramError ? error.within(key) : error;
  }
}

/** @param {any[]} raw @param {number} at @param {Reading} reading @param {string} [expected] */
function part(raw, at, reading, expected = "any") {
  try {
    return typed(raw[at], reading, expected);
  } catch (error) {
    throw error instanceof ProgramError ? error.within(at) : error;
  }
}

/** @param {any[]} raw @param {number} start @param {Reading} reading @param {string} expected */
function parts(raw, start, reading, expected) {
  /** @type {Expr[]} */
  const made = [];
  for (let at = start; at < raw.length; at += 1) made.push(part(raw, at, reading, expected));
  return made;
}

/** @param {boolean | bigint | string} held @returns {Type} */
function typeOf(held) {
  return typeof held === "boolean" ? "boolean" : typeof held === "bigint" ? "number" : "choice";
}

// ---------------------------------------------------------------- records

/** @type {Map<string, readonly Field[]>} */
const FIELDS = new Map();
for (const line of LAYOUTS.trim().split("\n")) {
  const [name, ...fields] = line.split(" ");
  FIELDS.set(name, fields.map(layout));
}

/** @param {string} spelt @returns {Field} */
function layout(spelt) {
  const [, key, type, optional, fallback] = /** @type {string[]} */ (/^(\w+):([\w[\]]+)(\?)?(?:=(.*))?$/.exec(spelt));
  return {
    key,
    name: key.replace(/_(\w)/g, (_, letter) => letter.toUpperCase()),
    required: fallback === undefined && !optional,
    fallback: fallback === undefined ? null : fallbackOf(fallback, type),
    decode: decoder(type, key),
  };
}

/** @param {string} spelt @param {string} type */
function fallbackOf(spelt, type) {
  if (spelt === "FALSE") return FALSE;
  if (spelt === "[]") return Object.freeze([]);
  if (spelt === "{}") return record(type, {}, new Reading(0));
  if (spelt === "null") return null;
  return type === "bool" ? spelt === "true" : type === "plain" ? Number(spelt) : spelt;
}

/** How to read a field, by its declared type. @param {string} type @param {string} key @returns {Decode} */
function decoder(type, key) {
  if (type.endsWith("[]")) {
    const item = decoder(type.slice(0, -2), key);
    return (raw, reading) => {
      if (!Array.isArray(raw)) throw new ProgramError(`${shown(raw)} is not a list`);
      return raw.map((each, number) => inside(number, () => item(each, reading)));
    };
  }
  switch (type) {
    case "str":
      return text;
    case "bool":
      return (raw) => {
        if (typeof raw === "boolean") return raw;
        throw new ProgramError(`${shown(raw)} is not true or false`);
      };
    case "int":
      return scaled;
    case "plain":
      return plain;
    case "slot":
      return (raw, reading) => index(raw, reading.slots.length, "an earlier slot");
    case "step":
      return (raw, reading) => index(raw, reading.steps, "a step");
    case "Value":
      return value;
    case "pair":
    case "power":
      return (raw) => {
        if (!Array.isArray(raw) || raw.length !== 2) throw new ProgramError(`${shown(raw)} is not a pair`);
        return [text(raw[0]), type === "pair" ? text(raw[1]) : plain(raw[1])];
      };
    case "Expr": {
      const expected = key === "status" ? key : key === "expr" ? "any" : CONDITIONS.has(key) ? "boolean" : "number";
      return (raw, reading) => typed(raw, reading, expected);
    }
    case "Slot":
      return slot;
  }
  return (raw, reading) => record(type, raw, reading);
}

/** @param {string} name @param {unknown} raw @param {Reading} reading */
function record(name, raw, reading) {
  if (!isObject(raw)) throw new ProgramError(`${shown(raw)} is not an object`);
  reading.depth += 1;
  if (reading.depth > DEEPEST) throw new ProgramError(`nested deeper than ${DEEPEST}`);
  const fields = /** @type {readonly Field[]} */ (FIELDS.get(name));
  /** @type {Record<string, unknown>} */
  const made = {};
  let found = 0;
  for (const field of fields) {
    if (Object.hasOwn(raw, field.key)) {
      found += 1;
      try {
        made[field.name] = field.decode(raw[field.key], reading);
      } catch (error) {
        throw error instanceof ProgramError ? error.within(field.key) : error;
      }
    } else if (field.required) {
      throw new ProgramError(`\`${field.key}\` is missing`);
    } else {
      made[field.name] = field.fallback;
    }
  }
  const keys = Object.keys(raw);
  if (found !== keys.length) {
    const unknown = keys.find((key) => !fields.some((field) => field.key === key));
    throw new ProgramError(`unknown field ${shown(unknown)}`);
  }
  reading.depth -= 1;
  return made;
}

/** A slot; what it needs must stand before it, and it counts from here on. @type {Decode} */
function slot(raw, reading) {
  const made = /** @type {import("./program.js").Slot} */ (/** @type {unknown} */ (record("Slot", raw, reading)));
  const type = Object.hasOwn(TYPES, made.type) ? TYPES[made.type] : undefined;
  if (type === undefined) throw new ProgramError(`unknown type ${shown(made.type)}`, "type");
  if (!KINDS_OF_SLOT.has(made.kind)) throw new ProgramError(`unknown kind ${shown(made.kind)}`, "kind");
  if ((made.expr !== null) !== (made.kind === "define" || made.kind === "computed")) {
    throw new ProgramError("a define or computed slot has an expression, others have none", "expr");
  }
  if ((made.feature !== null) !== (made.kind === "feature")) {
    throw new ProgramError("a feature slot says which, others have none", "feature");
  }
  if (made.expr !== null && reading.found !== type) {
    throw new ProgramError(`its expression is not a ${made.type}`, "expr");
  }
  reading.slots.push(type);
  return made;
}

/** Every step that `step` can lead to. @param {Step} step */
export function targetsOf(step) {
  const found = [...step.cases.flatMap((each) => each.targets), ...step.with, ...step.then];
  return step.ifUnknown === null ? found : [...found, step.ifUnknown];
}

/**
 * What single records cannot see: names are unique, and every step stands after those that lead to it.
 * @param {Program} program
 */
function checkGraph(program) {
  if (!program.starts.length) throw new ProgramError("there is none", "starts");
  once("slots", program.slots.map((each) => each.name));
  once("steps", program.steps.map((each) => each.id));
  program.steps.forEach((step, number) => {
    const place = `steps[${number}]`;
    const decide = step.kind === "decide";
    const does = step.kind === "do";
    if (!KINDS_OF_STEP.has(step.kind)) throw new ProgramError(`unknown kind ${shown(step.kind)}`, `${place}.kind`);
    if (decide !== step.cases.length > 0 || (!decide && step.ifUnknown !== null)) {
      throw new ProgramError("a decide has cases, others have none", place);
    }
    if (does !== (step.action !== null) || (!does && (step.with.length || step.then.length))) {
      throw new ProgramError("a do has an action, others lead on by cases or not at all", place);
    }
    if (does && step.status.kind === "const" && typeof step.status.value === "boolean") {
      throw new ProgramError("a do has a status", place);
    }
    for (const target of targetsOf(step)) {
      if (target <= number) throw new ProgramError(`leads to steps[${target}], which does not stand after it`, place);
    }
  });
}

/** @param {string} what @param {string[]} names */
function once(what, names) {
  const seen = new Set();
  names.forEach((name, number) => {
    if (seen.has(name)) throw new ProgramError(`${shown(name)} stands twice`, `${what}[${number}]`);
    seen.add(name);
  });
}
