/**
 * What the interpreter answers: the records of schema/advice.schema.json. As kb/advice.py.
 *
 * Fields are named as in the JSON, so a record is its own JSON: numbers are decimal strings, times ISO 8601.
 */

/**
 * One value that made a condition true or false: its name, the value as text, when it was charted. Where the hospital
 * shows it in a unit of its own, `value` has that first and the protocol's in brackets.
 * @typedef {{name: string, value: string, at: string | null}} Fact
 */

/**
 * One condition on the way to a step. `case` is its wording; `holds` true, false or null (not known).
 * @typedef {object} Reason
 * @property {string} step
 * @property {string} question
 * @property {string} case
 * @property {boolean | null} holds
 * @property {readonly Fact[]} facts
 * @property {readonly string[]} cites
 * @property {readonly string[]} interprets
 */

/**
 * A dose: `exact` before and `rounded` after rounding to what can be delivered, both in `unit`.
 *
 * `low` and `high` are the ends of the range to choose from (rounded), `high` null for a single dose. Values are
 * decimal strings; null where not known yet, and then `asks` says what is missing.
 * @typedef {object} DoseAdvice
 * @property {string} drug
 * @property {string} text
 * @property {string} unit
 * @property {string} rule
 * @property {string | null} exact
 * @property {string | null} rounded
 * @property {string | null} low
 * @property {string | null} high
 * @property {string | null} each
 * @property {string | null} volume
 * @property {string | null} pump_rate
 * @property {string | null} working
 * @property {string} route
 * @property {string} salt
 * @property {string} over
 * @property {readonly string[]} asks
 */

/**
 * One option of a `choose`, in rank order.
 * @typedef {object} OptionAdvice
 * @property {string} id
 * @property {string} title
 * @property {DoseAdvice | null} dose
 * @property {boolean | null} eligible
 * @property {readonly string[]} in_favour
 * @property {readonly string[]} against
 * @property {readonly string[]} asks
 * @property {readonly string[]} cautions
 */

/**
 * What another source says on the same matter; nothing of it is executed.
 *
 * `number` says what it is of (`rate 0.01 to 0.07 units/min`) and is empty where there is none. `verdict`: agrees,
 * differs, conflicts, absent here, context, or empty where nobody has judged. `stored` is false for general
 * knowledge that nobody has verified.
 * @typedef {object} SaidElsewhere
 * @property {string} id
 * @property {string} topic
 * @property {string} number
 * @property {string} says
 * @property {readonly string[]} sources
 * @property {readonly string[]} about
 * @property {string} verdict
 * @property {string} because
 * @property {boolean} stored
 * @property {boolean} superseded
 */

/**
 * One reached action or hand-over. `status`: due, overdue, waiting, held, satisfied, declined, withheld, not known.
 * `assumed`: reached only under an assumption.
 * @typedef {object} Item
 * @property {string} step
 * @property {string} kind
 * @property {string} status
 * @property {string} title
 * @property {string} verb
 * @property {DoseAdvice | null} dose
 * @property {string} priority
 * @property {string} strength
 * @property {string} certainty
 * @property {string} decide_by
 * @property {boolean} assumed
 * @property {readonly Reason[]} reasons
 * @property {readonly string[]} cites
 * @property {readonly string[]} interprets
 * @property {string} note
 * @property {readonly string[]} withheld_by
 * @property {readonly string[]} instead
 * @property {readonly string[]} cautions
 * @property {readonly string[]} asks
 * @property {readonly OptionAdvice[]} options
 * @property {string} review
 * @property {string} hand_over
 * @property {readonly SaidElsewhere[]} elsewhere
 */

/**
 * One question. `now`: a reached step needs it; otherwise it may be needed later. `overdue_by`: minutes and so on since
 * a review was due, as text. `cause`: why it is not known.
 * @typedef {object} Ask
 * @property {string} name
 * @property {string} question
 * @property {string} type
 * @property {string} unit
 * @property {readonly string[]} options
 * @property {readonly string[]} decides
 * @property {boolean} now
 * @property {string} cause
 * @property {string} overdue_by
 */

/**
 * Something to be told. `id`: gap, rule, cap, declined, off-ladder, or the id of the protocol's alert.
 * @typedef {object} Alert
 * @property {string} id
 * @property {string} severity
 * @property {string} say
 * @property {string} step
 * @property {readonly string[]} cites
 * @property {readonly string[]} interprets
 */

/**
 * @typedef {object} GoalState
 * @property {string} id
 * @property {string} title
 * @property {"met" | "not met" | "unknown"} state
 * @property {string} text
 * @property {readonly Fact[]} facts
 * @property {readonly string[]} cites
 */

/** @typedef {{step: string, title: string, cites: readonly string[], assumed: boolean}} Outcome */
/** @typedef {{step: string, protocol: string, title: string, assumed: boolean}} HandOverAdvice */

/**
 * A running therapy that nothing advises to change; `pump_rate` in mL/h where it can be told.
 * @typedef {{drug: string, rate: string, at: string | null, pump_rate: string}} Running
 */

/**
 * When to look again after an action, and at what. `overdue_by` is empty until it is due.
 * @typedef {object} ReviewState
 * @property {string} step
 * @property {string} due
 * @property {readonly string[]} measure
 * @property {readonly string[]} missing
 * @property {string} overdue_by
 */

/**
 * A parameter without a value: the source gives none, so each hospital sets it.
 * @typedef {{parameter: string, title: string, unit: string, decides: readonly string[]}} Policy
 */

/** @typedef {{name: string, why: string}} Unavailable */

/**
 * `holds`: true, false, null (not known), or `not asked` because an earlier case had won.
 * @typedef {{text: string, holds: boolean | string | null, targets: readonly string[]}} CaseState
 */

/**
 * `state`: reached, assumed, not known yet, not reached.
 * @typedef {{step: string, state: string, kind: string, cases: readonly CaseState[]}} StepState
 */

/**
 * One setting of a hospital that is in force; see kb/advice.py.
 * @typedef {import("./local.js").LocalSetting} LocalSetting
 */

/**
 * An approval: by whom, in which role, on which day, and whether the signature was verified.
 * @typedef {import("./program.js").Signed} Signed
 */

/**
 * Why a step is in the state it is in: `reasons` in the order of the walk, `text` a line each.
 * @typedef {object} Explanation
 * @property {string} step
 * @property {string} state
 * @property {string} status
 * @property {readonly Reason[]} reasons
 * @property {readonly string[]} text
 * @property {readonly SaidElsewhere[]} elsewhere
 */

/**
 * What `Advice.toJson` gives (schema/advice.schema.json).
 * @typedef {object} AdviceJson
 * @property {string} schema
 * @property {string} protocol
 * @property {string} version
 * @property {string} title
 * @property {string} state
 * @property {string} banner
 * @property {readonly Signed[]} approvals
 * @property {string | null} valid_until
 * @property {string} logic_digest
 * @property {string} text_digest
 * @property {string} local_digest
 * @property {readonly LocalSetting[]} local
 * @property {string | null} now
 * @property {boolean | null} applies
 * @property {boolean | null} entered
 * @property {readonly Item[]} recommended
 * @property {readonly Item[]} actions
 * @property {readonly Ask[]} asks
 * @property {readonly Alert[]} alerts
 * @property {readonly GoalState[]} goals
 * @property {readonly Outcome[]} outcomes
 * @property {readonly HandOverAdvice[]} hand_overs
 * @property {readonly string[]} assumptions
 * @property {readonly Policy[]} needs_policy
 * @property {readonly Unavailable[]} unavailable
 * @property {readonly Running[]} running
 * @property {readonly ReviewState[]} reviews
 * @property {readonly string[]} refused
 * @property {readonly string[]} not_used
 * @property {readonly StepState[]} trace
 */

/**
 * `N02 conflicts: vasopressin dose: rate 0.01 to 0.07 units/min, septic shock (US label); why`.
 * @param {SaidElsewhere} said
 */
export function elsewhereLine(said) {
  const what = `${said.topic}: ${[said.number, said.says].filter(Boolean).join(", ")}`;
  const notes = [said.superseded ? "superseded" : "", said.stored ? "" : "not read, general knowledge"].filter(Boolean);
  const source = ` (${[...said.sources, ...notes].join("; ")})`;
  const because = said.because ? `; ${said.because}` : "";
  return `${said.id} ${said.verdict || "not judged"}: ${what}${source}${because}`;
}
