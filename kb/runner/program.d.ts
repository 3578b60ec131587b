/**
 * The compiled form of a protocol, as kb/program.py has it: plain, typed data.
 *
 * Types only; nothing of this file is loaded where a Program runs. Names are those of Python in camelCase. `null` is
 * Python's None: not known, or not there. A number is a BigInt, the quantity in the slot's unit times `SCALE`; a
 * date-time is seconds since 1970-01-01 UTC times `SCALE`; a choice is its option's name. Indexes and plain counts are
 * numbers.
 */

export const SCALE: bigint;
export const SCHEMA: string;
export const TRUE: Expr;
export const FALSE: Expr;
/** Whether `expr` is the constant `value`. */
export function isConstant(expr: Expr, value: boolean): boolean;

export type Value = boolean | bigint | string | null;
/** One value per slot of a Program. */
export type Row = Value[];

// ---------------------------------------------------------------- expressions over a row

/** A truth value, a scaled integer, or the name of an option. */
export interface Const { readonly kind: "const"; readonly value: boolean | bigint | string }
/** The value in a slot. */
export interface Get { readonly kind: "get"; readonly slot: number }
/**
 * `known`: whether `item` has a value. `sure`: true where it is true, false where it is false or unknown. Neither is
 * ever unknown itself. `not` and `absolute` are unknown where `item` is.
 */
export interface One { readonly kind: "known" | "sure" | "not" | "absolute"; readonly item: Expr }
/** Kleene `and` and `or`; `least` and `greatest` of numbers. */
export interface Several { readonly kind: "and" | "or" | "least" | "greatest"; readonly items: readonly Expr[] }
/** True when `count` items are true, false when so many cannot become true. */
export interface AtLeast { readonly kind: "at_least"; readonly count: number; readonly items: readonly Expr[] }
/** On numbers, truth values or option names (the last two: `=` and `!=` only). */
export interface Compare {
  readonly kind: "compare";
  readonly op: "=" | "!=" | "<" | "<=" | ">" | ">=";
  readonly left: Expr;
  readonly right: Expr;
}
/** Whether `item` is one of `options`. */
export interface Member {
  readonly kind: "member";
  readonly item: Expr;
  readonly options: readonly (boolean | bigint | string)[];
}
/** The value of the possible cases where they agree (design rule 4); the last `when` is true. */
export interface Cases { readonly kind: "cases"; readonly cases: readonly (readonly [when: Expr, value: Expr])[] }
/** `divide` rounds half-even to an integer, and is unknown where the divisor is zero. */
export interface Pair {
  readonly kind: "add" | "subtract" | "multiply" | "divide";
  readonly left: Expr;
  readonly right: Expr;
}
/** round, ln, exp, sqrt or power of scaled numbers, correctly rounded; unknown outside the domain. */
export interface Function_ { readonly kind: "function"; readonly name: string; readonly arguments: readonly Expr[] }

export type Expr = Const | Get | One | Several | AtLeast | Compare | Member | Cases | Pair | Function_;

// ---------------------------------------------------------------- records

/** Something charted: `kind` is drug, class, element, step, or given (a drug given as an amount). */
export interface Event {
  readonly kind: string;
  readonly id: string;
}

/** `kind` is episode, since or last. `duration` is an expression in scaled seconds. */
export interface Window {
  readonly kind: string;
  readonly event: Event | null;
  readonly duration: Expr | null;
}

/**
 * One fold over the chart (design rule 8).
 *
 * `function` is since, count, total, previous, change, done, declined, persists, latch or
 * decline_stands. `condition` is that of persists, or `set` of a latch; `clear` its other half.
 * `duration` and `after` are those of persists.
 */
export interface Feature {
  readonly function: string;
  readonly of: Event | null;
  readonly window: Window | null;
  readonly condition: Expr | null;
  readonly clear: Expr | null;
  readonly duration: Expr | null;
  readonly after: Event | null;
}

/**
 * One place in the row.
 *
 * `kind`: element (value of data), unobtainable (whether the reading of data is `unobtainable`),
 * rate (running rate of a drug), parameter, feature, now, computed (filled when the row is built,
 * from earlier slots), define (worked out by the Program, from earlier slots), order (an attribute of
 * an order that is being checked; unknown outside `check_orders`).
 * `type`: boolean, number, choice or date-time. `of`: the element, drug, parameter or definition.
 * `name` is the key of a one-moment chart and the name in every message.
 */
export interface Slot {
  readonly name: string;
  readonly kind: string;
  readonly type: string;
  readonly of: string;
  readonly unit: string;
  readonly title: string;
  readonly feature: Feature | null;
  readonly expr: Expr | null;
  readonly options: readonly string[];
  readonly cites: readonly string[];
  readonly interprets: readonly string[];
}

/**
 * A spelling and its meaning: `factor` (a fraction as `n/d`) base units; `dimension` maps base to power.
 *
 * `offset` is added after the factor (temperatures only).
 */
export interface Unit {
  readonly spelling: string;
  readonly ucum: string;
  readonly factor: string;
  readonly dimension: readonly (readonly [string, number])[];
  readonly offset: string;
}

/** An entry of the data dictionary. Range ends are scaled; `valid_for` is scaled seconds, None: for good. */
export interface Element {
  readonly id: string;
  readonly label: string;
  readonly type: string;
  readonly unit: string;
  readonly options: readonly string[];
  readonly low: bigint | null;
  readonly high: bigint | null;
  readonly validFor: bigint | null;
  readonly question: string;
  readonly canBeUnobtainable: boolean;
  readonly molarMass: string;
  readonly valence: number;
  readonly basis: string;
  readonly codes: readonly (readonly [string, string])[];
  readonly source: string;
  readonly confirm: string;
}

/** Limits of a rate or an amount, scaled in the drug's rate or amount unit; None where there is none. */
export interface Limit {
  readonly of: string;
  readonly route: string;
  readonly softLow: bigint | null;
  readonly softHigh: bigint | null;
  readonly hardLow: bigint | null;
  readonly hardHigh: bigint | null;
  readonly source: string;
  readonly confirm: string;
}

/** The smallest step that can be delivered of a rate or amount, scaled, and the safer side: down, up, nearest. */
export interface Delivery {
  readonly of: string;
  readonly step: bigint;
  readonly towards: string;
  readonly source: string;
  readonly confirm: string;
}

/** An entry of the drug library. `salts` maps a salt form to the fraction of base in it, `n/d`. */
export interface Drug {
  readonly id: string;
  readonly label: string;
  readonly synonyms: readonly string[];
  readonly classes: readonly string[];
  readonly rateUnit: string;
  readonly amountUnit: string;
  readonly salts: readonly (readonly [string, string])[];
  readonly validFor: bigint | null;
  readonly absentIsZero: boolean;
  readonly limits: readonly Limit[];
  readonly delivery: readonly Delivery[];
  readonly largestStep: string;
  readonly routes: readonly string[];
  readonly codes: readonly (readonly [string, string])[];
  readonly source: string;
  readonly confirm: string;
}

/** A number or choice that is settled once, not at the bedside. `default` None: needs local policy. */
export interface Parameter {
  readonly id: string;
  readonly title: string;
  readonly type: string;
  readonly unit: string;
  readonly options: readonly string[];
  readonly low: bigint | null;
  readonly high: bigint | null;
  readonly default: Value;
  readonly cites: readonly string[];
  readonly interprets: readonly string[];
}

/** `text` is the condition as the editor wrote it; `targets` are indexes of steps. */
export interface Case {
  readonly when: Expr;
  readonly targets: readonly number[];
  readonly text: string;
  readonly title: string;
  readonly cites: readonly string[];
  readonly interprets: readonly string[];
}

/**
 * A dose in `unit`: from `low` to `high` (None: exactly `low`), never above `most`.
 *
 * Values are scaled in `unit`, the drug's rate or amount unit, after any multiplication by weight.
 * `text` is the rule as written; `weight` is the slot it was multiplied by, or None.
 * `factor` is the weight basis of a rate `per kg`, for the working.
 */
export interface Dose {
  readonly low: Expr;
  readonly high: Expr | null;
  readonly most: Expr | null;
  readonly unit: string;
  readonly text: string;
  readonly weight: number | null;
}

/** A reason to withhold, and the step that shows the alternative. */
export interface Avoid {
  readonly when: Expr;
  readonly text: string;
  readonly because: string;
  readonly instead: string;
  readonly cites: readonly string[];
  readonly interprets: readonly string[];
}

/** Look again `after` (scaled seconds) at `measure` (element ids). */
export interface Review {
  readonly after: Expr;
  readonly measure: readonly string[];
  readonly text: string;
}

/** Again after `earliest` to `latest` (scaled seconds), `at_most` times in `window` (scaled count). */
export interface Repeat {
  readonly earliest: Expr;
  readonly latest: Expr;
  readonly atMost: Expr | null;
  readonly window: Window;
  readonly since: number;
  readonly count: number;
  readonly text: string;
}

/**
 * What a `do` step does. `verb`: give infuse change stop perform measure exclude call choose
 * keep wait hold ceiling (the last four are made by `titrate`).
 */
export interface Action {
  readonly verb: string;
  readonly drug: string;
  readonly of: string;
  readonly dose: Dose | null;
  readonly each: Expr | null;
  readonly eachText: string;
  readonly over: string;
  readonly route: string;
  readonly salt: string;
  readonly concentration: string;
  readonly intent: string;
  readonly line: string;
  readonly subject: readonly string[];
  readonly options: readonly Option[];
  readonly ladder: readonly bigint[];
}

/** One of the ranked options of a `choose`. */
export interface Option {
  readonly id: string;
  readonly title: string;
  readonly action: Action;
  readonly satisfied: Expr;
  readonly for: readonly Avoid[];
  readonly against: readonly Avoid[];
  readonly cites: readonly string[];
  readonly interprets: readonly string[];
}

/**
 * One step. `kind`: decide, do, hand_over or end.
 *
 * A decide has `cases` and perhaps `if_unknown`. A do has `action`, `satisfied` and `status`, an
 * expression whose value is due, overdue, waiting, held, satisfied, declined or withheld; it leads on
 * at once to `with_`, and to `then` once satisfied. `part_of` names the `titrate` that made it.
 */
export interface Step {
  readonly id: string;
  readonly kind: string;
  readonly title: string;
  readonly cases: readonly Case[];
  readonly ifUnknown: number | null;
  readonly with: readonly number[];
  readonly then: readonly number[];
  readonly satisfied: Expr;
  readonly status: Expr;
  readonly action: Action | null;
  readonly avoid: readonly Avoid[];
  readonly review: Review | null;
  readonly repeat: Repeat | null;
  readonly priority: string;
  readonly strength: string;
  readonly certainty: string;
  readonly decideBy: string;
  readonly note: string;
  readonly handOver: string;
  readonly partOf: string;
  readonly cites: readonly string[];
  readonly interprets: readonly string[];
}

/** A `never`: an order of one of `drugs` is refused where `when` is true. */
export interface Rule {
  readonly id: string;
  readonly drugs: readonly string[];
  readonly when: Expr;
  readonly text: string;
  readonly because: string;
  readonly instead: string;
  readonly madeBy: string;
  readonly cites: readonly string[];
  readonly interprets: readonly string[];
}

/** All of `drugs` together never more than `amount` (scaled `unit`) in `window`; slot `total` holds the sum. */
export interface Cap {
  readonly id: string;
  readonly drugs: readonly string[];
  readonly amount: Expr;
  readonly unit: string;
  readonly total: number;
  readonly window: Window;
  readonly text: string;
  readonly cites: readonly string[];
  readonly interprets: readonly string[];
}

export interface Goal {
  readonly id: string;
  readonly title: string;
  readonly target: Expr;
  readonly text: string;
  readonly cites: readonly string[];
  readonly interprets: readonly string[];
}

/** Something to be told whenever `when` is true. `severity`: information, warning or critical. */
export interface AlertRule {
  readonly id: string;
  readonly severity: string;
  readonly when: Expr;
  readonly text: string;
  readonly say: string;
  readonly cites: readonly string[];
  readonly interprets: readonly string[];
}

/** A reading an editor chose. `status`: chosen or disputed (carried as text, not executed). */
export interface Interpretation {
  readonly id: string;
  readonly about: readonly string[];
  readonly reading: string;
  readonly rejected: readonly string[];
  readonly because: string;
  readonly confirm: string;
  readonly status: string;
}

export interface Statement {
  readonly id: string;
  readonly says: string;
  readonly kind: string;
  readonly cites: readonly string[];
  readonly support: string;
  readonly wording: string;
  readonly grade: string;
}

/**
 * What another source says on the same matter; shown beside ours, never executed.
 *
 * `verdict`: agrees, differs, conflicts, absent here, context, or empty. `steps`, `rules` and `goals` are those it
 * concerns. `stored` is false for general knowledge that nobody has verified.
 */
export interface Elsewhere {
  readonly id: string;
  readonly cites: readonly string[];
  readonly topic: string;
  readonly of: string;
  readonly what: string;
  readonly value: string;
  readonly says: string;
  readonly about: readonly string[];
  readonly verdict: string;
  readonly because: string;
  readonly stored: boolean;
  readonly superseded: boolean;
  readonly steps: readonly string[];
  readonly rules: readonly string[];
  readonly goals: readonly string[];
}

export interface Reference {
  readonly key: string;
  readonly title: string;
  readonly kind: string;
  readonly publisher: string;
  readonly year: string;
  readonly tier: string;
  readonly identifier: string;
  readonly checked: string;
  readonly supersededBy: string;
}

/** The document the statements come from, and what it says of itself. */
export interface Source {
  readonly title: string;
  readonly publisher: string;
  readonly updated: string;
  readonly banner: string;
  readonly claims: readonly string[];
  readonly disclaimer: string;
}

/** An approval: by whom, in which role, on which day. `signature`: verified, unsigned, or not checked. */
export interface Signed {
  readonly who: string;
  readonly name: string;
  readonly role: string;
  readonly date: string;
  readonly signature: string;
}

/** What is behind a review state: who approved, the roles that have not, the last day, and why there is no more. */
export interface Standing {
  readonly signed: readonly Signed[];
  readonly missing: readonly string[];
  readonly validUntil: string;
  readonly reason: string;
}

/**
 * A protocol ready to run: everything it needs is inside, resolved.
 *
 * `steps` are in an order in which every step stands after all that lead to it; `starts` index it.
 * `applies` and `enter` are conditions (design rule 12). `logic_digest` and `text_digest` are SHA-256
 * over the content that decides, and over the wording (see `kb.digest`). `state` and `standing` are worked out
 * from review records (see `kb.review`); no file of a Program can claim them.
 */
export interface Program {
  readonly schema: string;
  readonly id: string;
  readonly version: string;
  readonly title: string;
  readonly question: string;
  readonly purpose: string;
  readonly updated: string;
  readonly population: string;
  readonly state: string;
  readonly withdrawn: string;
  readonly logicDigest: string;
  readonly textDigest: string;
  readonly slots: readonly Slot[];
  readonly steps: readonly Step[];
  readonly starts: readonly number[];
  readonly applies: Expr;
  readonly appliesText: string;
  readonly enter: Expr;
  readonly enterText: string;
  readonly weight: number | null;
  readonly rules: readonly Rule[];
  readonly caps: readonly Cap[];
  readonly goals: readonly Goal[];
  readonly alerts: readonly AlertRule[];
  readonly elements: readonly Element[];
  readonly drugs: readonly Drug[];
  readonly units: readonly Unit[];
  readonly parameters: readonly Parameter[];
  readonly interpretations: readonly Interpretation[];
  readonly statements: readonly Statement[];
  readonly notEncoded: readonly (readonly [string, string])[];
  readonly references: readonly Reference[];
  readonly source: Source;
  readonly standing: Standing;
  readonly elsewhere: readonly Elsewhere[];
}
