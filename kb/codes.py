"""Every diagnostic code: its name, severity and one-line title. Codes never change meaning and are never reused.

KB1xx reading a file · KB2xx structure (schema, loader) · KB3xx expressions, names, types, units · KB4xx graph
and step shape · KB5xx evidence and prose · KB6xx charts, orders, scenarios · KB7xx base and running · KB80x to
KB81x properties and proofs · KB84x and KB85x reviews and approval.
Each code has a page, `kb/explain/<code>.md`.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from kb.diagnostics import Diagnostic, Related, Severity, Span

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


class Code(NamedTuple):
    """`name` reads well after "allow"; `title` says the rule as a sentence."""

    name: str
    severity: Severity
    title: str


# ---------------------------------------------------------------- KB1xx reading a file
READING: dict[str, Code] = {
    "KB101": Code("unreadable-file", ERROR, "The file exists and can be read."),
    "KB102": Code("too-large", ERROR, "A file has a size a person can review."),
    "KB103": Code("not-utf-8", ERROR, "A file is UTF-8 text without a byte-order mark."),
    "KB104": Code("hidden-character", ERROR, "No character is invisible or changes the direction of text."),
    "KB105": Code("tab", ERROR, "Lines are indented and words separated with spaces, never tabs."),
    "KB106": Code("too-deep", ERROR, "Lists and keys are nested no deeper than a person can follow."),
    "KB107": Code("not-yaml", ERROR, "The file can be read as YAML."),
    "KB108": Code("duplicate-key", ERROR, "A key stands once in its place."),
    "KB109": Code("yaml-machinery", ERROR, "Tags, anchors, aliases, merge keys and directives are not used."),
    "KB110": Code("several-documents", ERROR, "A file holds one document."),
    "KB111": Code("empty-file", ERROR, "A file is not empty."),
    "KB112": Code("not-keys", ERROR, "A file is made of keys and values."),
    "KB113": Code("strange-key", ERROR, "A key is a plain word."),
    "KB114": Code("comment-cuts-text", ERROR, "A `#` inside unquoted text does not cut the text off."),
    "KB115": Code("comparison-read-as-block", ERROR, "A value does not begin with `>` or `|` by accident."),
    "KB116": Code("comma-cuts-value", ERROR, "A comma inside `{…}` or `[…]` does not cut a value off."),
    "KB117": Code(
        "look-alike-character", ERROR, "Quotes, dashes and spaces in names and conditions are the plain ones."
    ),
    "KB118": Code("reserved-start", ERROR, "Unquoted text does not begin with a character YAML reserves."),
    "KB119": Code("colon-in-text", ERROR, "Text with a colon followed by a space is quoted."),
    "KB120": Code("not-closed", ERROR, "Quotes and brackets are closed where they should be."),
    "KB121": Code("indentation", ERROR, "Keys of one group are indented alike, each followed by a colon and a space."),
    "KB122": Code("missing-heading", ERROR, "A group of keys or a list stands below the key it belongs to."),
    "KB123": Code("merge-conflict", ERROR, "Two versions of a file that were put together have been settled."),
}

# ---------------------------------------------------------------- KB13x formatting a file
FORMATTING: dict[str, Code] = {
    "KB130": Code("unknown-kind-of-file", ERROR, "Only a file that a knowledge base has is formatted."),
    "KB131": Code("form-not-kept", ERROR, "A file is formatted only where that changes nothing but its form."),
}

# ---------------------------------------------------------------- KB135 names
NAMES: dict[str, Code] = {
    "KB135": Code("reserved-word", ERROR, "A name is no word of conditions."),
}

# ---------------------------------------------------------------- KB2xx structure: schema and loader
STRUCTURE: dict[str, Code] = {
    "KB201": Code("unknown-key", ERROR, "Every key is one the format knows in that place."),
    "KB202": Code("missing-key", ERROR, "A required key is there."),
    "KB203": Code("wrong-shape", ERROR, "Text, a list or a group of keys stands where it is expected."),
    "KB204": Code("bad-number", ERROR, "A number is written out plainly and within its limits."),
    "KB205": Code("bad-boolean", ERROR, "Yes-or-no keys say `true` or `false`."),
    "KB206": Code("not-an-option", ERROR, "A value is one of the words the format offers."),
    "KB207": Code("bad-name", ERROR, "An id, version or citation is written in its form."),
    "KB208": Code("step-kind", ERROR, "A step is exactly one of `decide`, `do`, `hand_over`, `end`."),
    "KB209": Code("step-verb", ERROR, "A `do` step, or an option, has exactly one verb."),
    "KB210": Code("empty-value", ERROR, "A key has a value."),
    "KB211": Code("id-is-folder", ERROR, "The id of a protocol is the name of its folder."),
    "KB212": Code("version-is-file", ERROR, "The version of a protocol is the name of its file."),
    "KB213": Code("format-version", ERROR, "The format is one this version reads."),
    "KB214": Code("condition-shape", ERROR, "A condition is a sentence or exactly one list of sentences."),
    "KB215": Code("case-order", ERROR, "Only the last case does without `when`."),
    "KB216": Code("define-shape", ERROR, "A definition says one thing in one way."),
    "KB217": Code("bad-date", ERROR, "A date exists and is written year-month-day."),
    "KB218": Code("not-this-protocol", ERROR, "A file names the protocol of its folder."),
    "KB219": Code("name-taken", ERROR, "A name means one thing."),
    "KB220": Code("bad-range", ERROR, "A range runs from low to high, in one unit."),
    "KB221": Code("unknown-class", ERROR, "A drug class is declared under `classes`."),
    "KB222": Code("missing-origin", ERROR, "Numbers in the library say where they come from."),
    "KB223": Code("entry-does-not-fit", ERROR, "The keys of a library entry or parameter fit its type."),
    "KB224": Code("repeated-item", ERROR, "An item stands once in its list."),
}

# ---------------------------------------------------------------- KB3xx expressions, names, types, units
EXPRESSIONS: dict[str, Code] = {
    "KB301": Code("not-understood", ERROR, "A condition or value follows the grammar of expressions."),
    "KB302": Code("and-with-or", ERROR, "Brackets say how `and`, `or`, `implies` and `is … or …` belong together."),
    "KB303": Code("foreign-sign", ERROR, "Comparisons and connectives are written with the signs of this language."),
    "KB304": Code("missing-space", ERROR, "A space stands between a number and its unit, and around a minus."),
    "KB305": Code(
        "typographic-character", ERROR, "Dashes, quotation marks and invisible characters do not stand in expressions."
    ),
    "KB306": Code("comma-in-number", ERROR, "A number is written with a decimal point and no thousands separator."),
    "KB307": Code("empty-expression", ERROR, "An expression says something."),
    "KB308": Code("expression-too-large", ERROR, "An expression is short enough to be reviewed."),
    "KB309": Code("bad-decimal", ERROR, "A number is a plain decimal of at most 60 digits."),
    "KB310": Code("unknown-name", ERROR, "Every name is defined in the protocol or the library."),
    "KB311": Code("synonym", ERROR, "A drug is called by the name it has in the drug library."),
    "KB312": Code("wrong-kind-of-name", ERROR, "A name stands where something of its kind is expected."),
    "KB313": Code("wrong-type", ERROR, "Truth values, numbers, choices, date-times and texts are not confused."),
    "KB314": Code("wrong-dimension", ERROR, "Only quantities of the same kind are compared, added and assigned."),
    "KB315": Code("missing-unit", ERROR, "A number with a dimension has a unit."),
    "KB316": Code("unknown-unit", ERROR, "A unit is one that the library knows."),
    "KB317": Code("refused-unit", ERROR, "A spelling of a unit that is misread at the bedside is not used."),
    "KB318": Code("unknown-option", ERROR, "An option is one that the choice has."),
    "KB319": Code("choice-comparison", ERROR, "A choice is tested with `is`."),
    "KB320": Code("text-compared", ERROR, "Free text is shown, never compared."),
    "KB321": Code(
        "truth-comparison", ERROR, "A truth value stands by itself, or is tested with `is true` or `is false`."
    ),
    "KB322": Code("never-unobtainable", ERROR, "`is unobtainable` asks about data that can be charted so."),
    "KB323": Code("weight-bases-mixed", ERROR, "Quantities per kg of different body weights are not mixed."),
    "KB324": Code("substances-mixed", ERROR, "Units of one substance are not compared with those of another."),
    "KB325": Code("window-missing", ERROR, "A count, total, change, or a step done names its window of time."),
    "KB326": Code("time-feature-misused", ERROR, "A time feature is asked of something that has such a history."),
    "KB327": Code("not-guarded", ERROR, "What is unknown before the first time is guarded by a test that it happened."),
    "KB328": Code(
        "function-outside-define", ERROR, "`ln`, `exp`, `sqrt`, `power` and `round` stand in definitions only."
    ),
    "KB329": Code("order-outside-never", ERROR, "`order.…` and `ordered(…)` stand in `never` rules only."),
    "KB330": Code("history-in-history", ERROR, "The condition of `persists` and of a latch speaks of the present."),
    "KB331": Code("circular-define", ERROR, "A definition does not depend on itself."),
    "KB332": Code("define-unit", ERROR, "The unit of a definition or parameter fits its values."),
    "KB333": Code("division-by-zero", ERROR, "Nothing is divided by zero."),
    "KB334": Code("outside-range", ERROR, "A default lies inside the range of its parameter."),
    "KB335": Code("wrong-function", ERROR, "A function exists and has the arguments it takes."),
    "KB336": Code(
        "misplaced-range", ERROR, "A range stands where a dose or an interval has two ends, the lower one first."
    ),
    "KB337": Code("dose-dimension", ERROR, "A dose has the dimension in which its drug is given."),
    "KB338": Code("define-too-large", ERROR, "A definition stays small when the definitions it uses are written out."),
    "KB339": Code("cases-disagree", ERROR, "All cases of a definition give values of one kind."),
    "KB340": Code("bad-library-unit", ERROR, "Units and quantities of the library fit their entries."),
}

# ---------------------------------------------------------------- KB4xx graph and step shape
GRAPH: dict[str, Code] = {
    "KB401": Code("unknown-step", ERROR, "Every step that is named exists."),
    "KB402": Code("unreachable-step", ERROR, "Every step can be reached from the start."),
    "KB403": Code("circular-way", ERROR, "No step leads back to itself."),
    "KB404": Code("unknown-drug", ERROR, "Every drug that is named stands in the drug library."),
    "KB405": Code("unknown-data", ERROR, "Data to measure, exclude or review stand in the data dictionary."),
    "KB406": Code("unknown-parameter", ERROR, "A parameter that is named is declared."),
    "KB407": Code("unused-name", WARNING, "Definitions, data and parameters are used."),
    "KB408": Code("drug-form", ERROR, "A drug is given in a form the drug library knows."),
    "KB409": Code("nobody-decides", ERROR, "Where there is no dose, somebody is named who decides it."),
    "KB410": Code("backwards-ladder", ERROR, "A titration goes up from its start to its ceiling."),
    "KB411": Code("unknown-weight", ERROR, "The weight that `per kg` means is in the data dictionary."),
    "KB412": Code("no-interval", ERROR, "An interval is longer than nothing."),
    "KB413": Code("worked-out-time", ERROR, "How fast a dose goes in is written out."),
    "KB414": Code("uncounted-repeat", ERROR, "A repeat counts what it repeats."),
    "KB415": Code("shared-data", ERROR, "A definition of the library reads the library's data."),
    "KB416": Code("part-missing", ERROR, "What a file names stands in it."),
    "KB430": Code("dose-beyond-limit", ERROR, "A dose lies within the hard limits of its drug."),
    "KB431": Code("unusual-dose", WARNING, "A dose lies within the usual range of its drug."),
}

# ---------------------------------------------------------------- KB46x, KB47x doses
DOSES: dict[str, Code] = {
    "KB460": Code("suspicious-magnitude", WARNING, "A number is not its source's by a factor of ten or a unit."),
    "KB461": Code("dose-beyond-limit-for-some", WARNING, "A dose per patient stays within limits for all of them."),
    "KB462": Code("drug-without-limits", WARNING, "A drug that is recommended has limits in the library."),
    "KB463": Code("off-the-ladder", WARNING, "A titration stays on its ladder."),
    "KB464": Code("rise-without-ceiling", WARNING, "A rise of a rate has a ceiling."),
    "KB465": Code("own-rule-refuses", WARNING, "A dose passes the protocol's own rules."),
    "KB466": Code("rounding-beyond-limit", WARNING, "Rounding makes neither nothing nor too much of a dose."),
    "KB467": Code("repeat-without-end", WARNING, "A repeated dose has an end."),
    "KB468": Code("more-than-the-cap", WARNING, "Doses that are repeated stay within the cap of their drug."),
    "KB469": Code("ceiling-not-used", WARNING, "A ceiling that the source names stands in the protocol."),
    "KB470": Code("two-orders-for-one-drug", WARNING, "Steps reached together do not order one drug twice."),
    "KB471": Code("no-dead-band", WARNING, "Raising and lowering a drug leave a band between them."),
    "KB472": Code("ceiling-not-held", WARNING, "A ceiling that the source names is held against doses."),
    "KB473": Code("rate-past-its-cap", WARNING, "A rate stays within the caps of its drug."),
    "KB474": Code("held-elsewhere", WARNING, "A ceiling on one dose of a drug holds each that the patient decides."),
}

# ---------------------------------------------------------------- KB475 to KB489 time, data and forms
TIMES: dict[str, Code] = {
    "KB475": Code("escalation-too-soon", WARNING, "The next drug waits until the one before it has had its time."),
    "KB476": Code("again-on-old-values", WARNING, "What is done again is decided on newer values."),
    "KB477": Code("review-on-old-values", WARNING, "A review measures again what the decision before it read."),
    "KB478": Code("never-stale", WARNING, "A value that changes goes stale."),
    "KB479": Code("nobody-is-asked", WARNING, "What decides can be asked for."),
    "KB480": Code("unobtainable-forgotten", WARNING, "An unobtainable value has a way on."),
    "KB481": Code("never-done", ERROR, "What follows a repeat can be reached."),
    "KB482": Code("ended-by-the-cap", WARNING, "What follows a repeat can be reached when its cap is used up."),
    "KB485": Code("another-speed", WARNING, "A dose goes in over the time that its source gives."),
    "KB487": Code("salt-not-said", WARNING, "A dose of a drug with salt forms says in which it is counted."),
    "KB488": Code("dose-left-out", WARNING, "A dose that a cited statement gives stands where it is cited."),
    "KB489": Code("done-above-its-most", WARNING, "An infusion that runs above its own most is not taken for done."),
}

# ---------------------------------------------------------------- KB440 to KB459: all patients of a Program
PATIENTS: dict[str, Code] = {
    "KB440": Code("gap", ERROR, "For every patient some case holds."),
    "KB441": Code("narrow-hole", WARNING, "No number falls between two bands that meet."),
    "KB442": Code("overlap", WARNING, "Cases that claim to exclude each other do."),
    "KB443": Code("shadowed-case", WARNING, "Every case is the first that holds for somebody."),
    "KB444": Code("constant-condition", WARNING, "Every condition can hold, and can fail to."),
    "KB445": Code("idle-input", WARNING, "Everything that is asked can change something."),
    "KB446": Code("nobody-comes", WARNING, "Some patient comes to every step."),
    "KB447": Code("never-recommended", WARNING, "Every action is recommended to somebody."),
    "KB448": Code("falling-severity", WARNING, "Points do not fall as the patient gets sicker."),
    "KB449": Code("not-decided", NOTE, "What could not be decided for all patients is said."),
    "KB483": Code("range-upside-down", ERROR, "A range of doses has its lower end first, for every patient."),
    "KB484": Code("handed-to-nobody", WARNING, "Whoever is handed over is one whom the other protocol is for."),
}

OF_PROGRAMS = frozenset(PATIENTS)
"""Codes of `kb.inspector`: found in what a protocol compiles to, after the linter has said all it has to say."""

# ---------------------------------------------------------------- KB5xx evidence and prose
EVIDENCE: dict[str, Code] = {
    "KB420": Code("superseded-alone", ERROR, "What is carried out does not rest on superseded references alone."),
    "KB501": Code("uncited-recommendation", ERROR, "Every recommendation says what it rests on."),
    "KB502": Code("unknown-statement", ERROR, "A cited statement exists."),
    "KB503": Code("unknown-interpretation", ERROR, "An interpretation that is named exists."),
    "KB504": Code("homeless-statement", ERROR, "Every statement of the source has a home in the protocol."),
    "KB505": Code("number-in-prose", ERROR, "A number with a unit in prose is one of the step's own numbers."),
    "KB506": Code("unknown-reference", ERROR, "A cited reference exists."),
    "KB507": Code("incomplete-recommendation", ERROR, "A recommendation says how urgent and how strong it is."),
    "KB508": Code("disputed-in-use", ERROR, "A disputed reading is carried as text and not executed."),
    "KB509": Code("number-elsewhere", ERROR, "A number given elsewhere can be held against ours."),
    "KB510": Code("number-without-source", WARNING, "A number that is carried out stands in what is cited for it."),
    "KB511": Code("another-drugs-statement", WARNING, "A dose cites a statement about its drug."),
    "KB512": Code("strength-and-wording", WARNING, "A recommendation is as strong as its source words and grades it."),
    "KB513": Code("nobody-confirms", WARNING, "Somebody is named who must confirm a reading."),
    "KB514": Code("other-side", WARNING, "A threshold is on the side of its number that its source has."),
    "KB515": Code("another-row", WARNING, "A row of a table has the value that its source gives for it."),
    "KB520": Code("review-overdue", WARNING, "A source is looked at again when its publisher was to review it."),
    "KB522": Code("one-code-two-meanings", WARNING, "One code has one meaning."),
    "KB523": Code("one-drug-two-entries", WARNING, "One drug has one entry, whatever it is called."),
    "KB516": Code("half-elsewhere", ERROR, "What another source says is a whole number or words with a heading."),
    "KB517": Code("elsewhere-unseen", WARNING, "What another source says is held against something in use."),
}

# ---------------------------------------------------------------- KB6xx charts, orders, scenarios
CHARTS: dict[str, Code] = {
    "KB601": Code("not-a-chart", ERROR, "A chart is an object with entries, or a mapping of what is known now."),
    "KB602": Code("unknown-chart-name", ERROR, "A name in a mapping is one the protocol knows."),
    "KB603": Code("unknown-option", ERROR, "A charted choice is one of its options."),
    "KB604": Code("number-without-unit", ERROR, "A charted number that measures something has its unit."),
    "KB605": Code("unfit-unit", ERROR, "The unit of a charted value measures what the value is."),
    "KB606": Code("unreadable-value", ERROR, "A charted value can be read."),
    "KB607": Code("implausible-value", ERROR, "A charted value lies in its plausible range."),
    "KB608": Code("unreadable-time", ERROR, "A charted time is a date and time with its offset."),
    "KB609": Code("no-now", ERROR, "Where a chart has times, the time of the advice is given."),
    "KB610": Code("entry-id-taken", ERROR, "Every entry of a chart has an id of its own."),
    "KB611": Code("unknown-entry", ERROR, "What an entry corrects or retracts is in the chart."),
    "KB612": Code("unknown-salt", ERROR, "A charted salt form is one the drug library knows."),
    "KB613": Code("unknown-kind-of-entry", ERROR, "An entry is of a known kind and has the keys of an entry."),
    "KB614": Code("named-twice", ERROR, "A mapping gives a thing once, under one of its names."),
    "KB615": Code("always-obtainable", ERROR, "Only what can be unobtainable is charted so."),
    "KB616": Code("incomplete-entry", ERROR, "An entry has all that its kind needs."),
    "KB617": Code("not-given-this-way", ERROR, "A drug is charted by rate or amount as the drug library gives it."),
    "KB618": Code("unreadable-concentration", ERROR, "A concentration is an amount of the drug per volume."),
    "KB619": Code("worked-out-by-the-protocol", ERROR, "What the protocol or local policy settles is not charted."),
    "KB620": Code("unknown-local-name", ERROR, "Local settings name parameters the protocol has."),
    "KB621": Code("unfit-local-value", ERROR, "A local setting lies within the range of its parameter."),
    "KB630": Code("unknown-ordered-drug", ERROR, "An order names a drug the protocol knows."),
    "KB631": Code("unfit-part-of-an-order", ERROR, "An order has the parts of an order, and they fit the drug."),
    "KB632": Code("order-without-dose", ERROR, "An order states a rate or an amount."),
    "KB640": Code("session-locked", ERROR, "A session has one writer at a time."),
    "KB641": Code("damaged-journal", ERROR, "Every line of a journal but the last can be read."),
    "KB642": Code("journal-of-another-protocol", ERROR, "A session is opened with the Program it was made for."),
    "KB643": Code("not-a-journal", ERROR, "A session is opened on a journal."),
    "KB644": Code("journal-exists", ERROR, "A new session does not write over another one."),
    "KB645": Code("session-closed", ERROR, "A closed session takes no entries."),
    "KB646": Code("unknown-local-setting", ERROR, "Local settings have known keys, drugs and care areas."),
    "KB647": Code("unfit-local-limit", ERROR, "A local limit can be held against a dose, and says why it is wider."),
    "KB648": Code("unfit-binding", ERROR, "A binding takes a name of the hospital's to one of ours."),
    "KB649": Code("unfit-display-unit", ERROR, "A value can be shown in the unit that the hospital has chosen."),
}

# ---------------------------------------------------------------- KB7xx base and running
BASE: dict[str, Code] = {
    "KB701": Code("unreadable-program", ERROR, "A compiled Program can be read."),
    "KB702": Code("not-a-program", ERROR, "A compiled Program is what its schema says."),
    "KB703": Code("no-such-protocol", ERROR, "A protocol that is asked for exists."),
    "KB704": Code("authoring-missing", ERROR, "The tools that read YAML are installed where YAML is read."),
    "KB705": Code("has-errors", ERROR, "Only a protocol without errors is run."),
    "KB706": Code("nothing-checked", ERROR, "A run checks something."),
    "KB707": Code("no-hand-over-target", ERROR, "A protocol that is handed over to is in the base."),
    "KB708": Code("withdrawn", ERROR, "A withdrawn protocol gives no advice."),
    "KB709": Code("changed-program", ERROR, "A compiled Program is the one that was compiled."),
    "KB720": Code("journal-cut", ERROR, "A journal has the beginning that it was made with."),
    "KB732": Code("no-range-for-local", NOTE, "A local number that nothing can be held against is read twice."),
    "KB733": Code("implausible-in-local", WARNING, "A local number is one that a patient could be given."),
    "KB734": Code("signed-later", NOTE, "A setting is signed in a year that this base knows."),
    "KB730": Code("unknown-expectation", ERROR, "What a scenario expects is of something the protocol has."),
    "KB735": Code("scenario-named-twice", ERROR, "Every scenario of a protocol has an id of its own."),
    "KB731": Code("unreadable-scenario", ERROR, "The chart of a scenario can be put together."),
    "KB710": Code(
        "unknown-name-in-local", ERROR, "`local.yaml` names parameters, data, drugs and protocols of the base."
    ),
    "KB711": Code("unfit-parameter-in-local", ERROR, "A local value fits its parameter and lies in its range."),
    "KB712": Code("unfit-unit-in-local", ERROR, "A display unit measures what is shown in it."),
    "KB713": Code("unfit-concentration-in-local", ERROR, "A local concentration is one of its drug."),
    "KB714": Code(
        "unfit-limit-in-local", ERROR, "A local limit fits its drug, and its soft end lies within the hard one."
    ),
    "KB715": Code("wider-without-reason", ERROR, "A limit wider than the library's says why."),
    "KB716": Code("unsigned-setting", NOTE, "A local setting says why it is so, who signed it and when."),
    "KB717": Code("unfit-binding-in-local", ERROR, "A binding leads from one name of the hospital's to one of ours."),
    "KB718": Code("unfit-setting-in-local", ERROR, "A local setting has the keys of its kind."),
    "KB719": Code("concentration-without-salt", WARNING, "A concentration says which salt form it counts."),
}

# ---------------------------------------------------------------- KB53x allowances
ALLOWANCES: dict[str, Code] = {
    "KB530": Code("expired-allowance", WARNING, "What is allowed in place is looked at again by its day."),
    "KB531": Code("unused-allowance", WARNING, "What is allowed in place is found there."),
    "KB532": Code("error-allowed", ERROR, "Only warnings are allowed in place."),
    "KB533": Code("unknown-code-allowed", ERROR, "What is allowed in place is a code of the check."),
}

# ---------------------------------------------------------------- KB84x reviews and approval
REVIEWS: dict[str, Code] = {
    "KB840": Code("not-approved", ERROR, "Where approval is required, only what people have approved gives advice."),
    "KB841": Code("no-policy", ERROR, "An approval counts only under a policy of the base."),
    "KB842": Code("not-theirs-to-decide", ERROR, "A record is by somebody the policy knows, in a role of theirs."),
    "KB843": Code("unfit-policy", ERROR, "A policy can be met: every role is held, every person and key stands once."),
    "KB844": Code("record-out-of-order", ERROR, "Records follow each other as they were made."),
    "KB845": Code(
        "edited-record", ERROR, "A record says what it said when it was made, of the version it was made for."
    ),
    "KB846": Code(
        "bad-signature", ERROR, "A signature is by the person, over the record; an approval has one if it must."
    ),
    "KB847": Code("changed-since-review", WARNING, "The files are what was reviewed."),
    "KB848": Code("tampered-approval", ERROR, "A stored Program and the lock are what was approved."),
    "KB849": Code("stale-lock", ERROR, "The lock says what the policy and the review records say."),
    "KB850": Code("signature-not-checked", WARNING, "Signatures are checked."),
    "KB851": Code("four-eyes", ERROR, "Nobody approves their own work, or in two roles, unless the policy says so."),
    "KB852": Code("records-without-version", ERROR, "Review records are about a version that is there."),
}

# ---------------------------------------------------------------- KB80x and KB81x properties and proofs
PROOFS: dict[str, Code] = {
    "KB800": Code("advice-outside-prove", ERROR, "Only a property under `prove:` speaks of the advice."),
    "KB801": Code("unfit-step-in-property", ERROR, "A property names a step of which it can be asked."),
    "KB802": Code("no-such-dose", ERROR, "A property asks for a dose that a step recommends."),
    "KB803": Code("unknown-safety-property", ERROR, "What is not proved is a property of the safety pack."),
    "KB804": Code("property-name-taken", ERROR, "A property has a name of its own."),
    "KB805": Code("empty-property", ERROR, "A property says something about a patient."),
    "KB810": Code("refuted", ERROR, "A property holds for every patient."),
    "KB811": Code("undecided", WARNING, "A property is proved or refuted."),
    "KB812": Code("vacuous", WARNING, "A property is about patients that there can be."),
    "KB819": Code("solver-missing", ERROR, "The solver is installed where something is proved."),
}

# ---------------------------------------------------------------- KB82x comparing versions
COMPARISON: dict[str, Code] = {
    "KB820": Code("two-protocols", ERROR, "Only versions of one protocol are compared."),
    "KB821": Code("version-step-too-small", ERROR, "The version number goes up as far as the change demands."),
    "KB822": Code("undecided-difference", WARNING, "For whom two versions differ is decided."),
    "KB823": Code("no-such-rename", ERROR, "A step that is said to be renamed is in both versions."),
    "KB824": Code("no-such-revision", ERROR, "A git revision that is compared with has the file."),
}

# ---------------------------------------------------------------- KB83x how strong the tests of a protocol are
STRENGTH: dict[str, Code] = {
    "KB830": Code("broken-scenario", ERROR, "All scenarios pass before faults are put into a protocol."),
}

CODES: dict[str, Code] = {
    **READING,
    **FORMATTING,
    **NAMES,
    **STRUCTURE,
    **EXPRESSIONS,
    **GRAPH,
    **DOSES,
    **TIMES,
    **PATIENTS,
    **EVIDENCE,
    **ALLOWANCES,
    **CHARTS,
    **BASE,
    **COMPARISON,
    **STRENGTH,
    **REVIEWS,
    **PROOFS,
}


def found(
    code: str,
    span: Span,
    message: str,
    help: str | None = None,
    why: str | None = None,
    related: tuple[Related, ...] = (),
) -> Diagnostic:
    """A diagnostic with the severity its code has in the table."""
    return Diagnostic(code, CODES[code].severity, span, message, help, why, related)


def explain_page(code: str) -> Path:
    """Where the page of a code stands in this installation."""
    return Path(__file__).parent / "explain" / f"{code}.md"


def explanation(code: str) -> str:
    """The page of a code as Markdown; empty where there is none."""
    page = explain_page(code)
    return page.read_text(encoding="utf-8") if code in CODES and page.is_file() else ""
