"""For whom two versions of a protocol give other advice: regions in words, complete or said not to be, with a patient
each; or the proof that there is nobody.

What is compared, for every row that both versions can read: whether the protocol applies and is to be opened, which
actions, hand-overs and outcomes advice speaks of, each with its status, dose, options and all that stands beside it,
alarms and goals, and what is still asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from kb import program as ir
from kb.chart import ChartError
from kb.comparison.conditions import NEAR, Condition, Literal, Vocabulary, literals_of
from kb.comparison.pairing import Names, Pair, StepPair
from kb.interpreter import Advice, Guideline, WithdrawnError
from kb.prover.patient import Patient, Patients
from kb.prover.solver import Model, Term, Undecided, all_of, and_, any_of, equal, iff, is_open, not_, or_
from kb.prover.symbolic import Dose, Number, Truth

MAJOR, MINOR, PATCH = "major", "minor", "patch"
LEVELS = (PATCH, MINOR, MAJOR)

REGIONS, REGIONS_OF_ONE, EXAMPLES = 60, 12, 16
"""How many regions are told in all and for one difference, and how many get an example patient."""

FEW, FEW_WORDS, PAIRED = 2, 6, 4
"""More regions than `FEW` are told as one; where one step gives way to another it is told so in up to `FEW_WORDS`
conditions, of the first `PAIRED` steps on each side."""

_DONE_WITH = ("satisfied", "declined", "withheld")


class Difference(NamedTuple):
    """One thing that is told otherwise. `kind`: new, gone, status, dose, options, form, gap new, gap gone, scope new,
    scope gone, enter, goal, alert, asked. `step` names the step, goal or alert, by its newer id.
    """

    kind: str
    step: str
    before: str = ""
    after: str = ""


class Example(NamedTuple):
    """One patient, with the advice of both versions in short, a line for each thing that is advised."""

    told: str
    chart: dict[str, Any]
    local: dict[str, Any]
    now: datetime
    before: tuple[str, ...]
    after: tuple[str, ...]


class Region(NamedTuple):
    """Patients who are all told otherwise in the same ways. `where`: all that makes a patient one of them, in words."""

    where: tuple[str, ...]
    changes: tuple[Difference, ...]
    level: str
    example: Example | None = None


class Behaviour(NamedTuple):
    """`same`: nobody is told otherwise. `complete`: nobody outside the regions is (but for what is asked).

    `undecided`: what the solver gave up on. `untold`: what differs for somebody and has no region of its own.
    """

    regions: tuple[Region, ...]
    same: bool
    complete: bool
    undecided: tuple[str, ...]
    untold: tuple[Difference, ...]
    level: str


class _Item(NamedTuple):
    """A difference, whom it concerns, and what must hold for it to be told of at all."""

    difference: Difference
    term: Term
    base: Term
    level: str
    otherwise: str = ""
    refine: Callable[[Model], tuple[Difference, Term, Term]] | None = None


class _Found(NamedTuple):
    literals: tuple[Literal, ...]
    term: Term
    otherwise: str
    changes: list[tuple[Difference, str]]


def behaviour(before: Guideline, after: Guideline, names: Names) -> Behaviour:
    """How the advice of two versions differs, over all patients.

    Raises:
        SolverMissingError: the solver is not installed.

    """
    return SideBySide(before, after, names).made()


class SideBySide:
    """The work of `behaviour`; `found` keeps the regions as terms."""

    def __init__(self, before: Guideline, after: Guideline, names: Names) -> None:
        self.names = names
        self.pair = Pair(before, after, names)
        self.undecided: list[str] = []
        self.found: list[_Found] = []

    def made(self, examples: int = EXAMPLES) -> Behaviour:
        """The comparison, with a patient for the first `examples` regions."""
        items = [item for item in self._items() if self._somebody(item)]
        if not items:
            sure = not self.undecided
            return Behaviour((), sure, sure, tuple(self.undecided), (), PATCH if sure else MAJOR)
        self.found, untold = self._regions(items)
        regions = tuple(self._region(each, number < examples) for number, each in enumerate(self.found))
        level = max((item.level for item in items), key=LEVELS.index)
        return Behaviour(
            regions=regions,
            same=False,
            complete=not untold and not self.undecided,
            undecided=tuple(self.undecided),
            untold=tuple(untold),
            level=MAJOR if self.undecided else level,
        )

    # ------------------------------------------------------------ what may differ

    def _items(self) -> Iterator[_Item]:
        pair = self.pair
        yield from self._scope()
        old_told = pair.told_anything(0)
        for step in self.names.steps:
            for item in self._of_step(step):
                yield self._with_level(item, step, old_told)
        yield from self._beside()
        asked = any_of(self._asked(step) for step in self.names.steps)
        yield _Item(Difference("asked", ""), asked, True, MINOR)

    def _with_level(self, item: _Item, step: StepPair, old_told: Term) -> _Item:
        """A step that the older version had is told to somebody new: an addition only for whom it told nothing."""
        if item.difference.kind != "new" or step.before is None:
            return item
        try:
            added = self.pair.find(item.term, old_told) is None
        except Undecided:
            added = False
        return item._replace(level=MINOR if added else MAJOR)

    def _both_apply(self) -> Term:
        return and_(self.pair.applies(0).true, self.pair.applies(1).true)

    def _scope(self) -> Iterator[_Item]:
        old, new = self.pair.applies(0), self.pair.applies(1)
        for kind, term, level in (
            ("scope gone", _but(old.true, new.true), MAJOR),
            ("scope new", _but(new.true, old.true), MINOR),
        ):
            yield _Item(Difference(kind, ""), term, True, level)
        truths = [walk.truth(walk.program.enter) for walk in self.pair.walks]
        yield from self._truth_differs("enter", "", truths[0], truths[1], MINOR)

    def _truth_differs(self, kind: str, name: str, old: Truth, new: Truth, gained: str) -> Iterator[_Item]:
        words = {True: "yes", False: "no", None: "not known"}
        for was in (True, False, None):
            for now in (True, False, None):
                if was is not now:
                    term = and_(_is(old, was), _is(new, now)) if not _same_truth(old, new) else False
                    level = MAJOR if was is True else gained
                    yield _Item(Difference(kind, name, words[was], words[now]), term, _is(old, was), level)

    def _of_step(self, step: StepPair) -> Iterator[_Item]:
        pair, old, new = self.pair, step.before, step.after
        both = self._both_apply()
        told = [False if index is None else pair.told(side, index) for side, index in enumerate((old, new))]
        kinds = [
            "" if index is None else walk.program.steps[index].kind
            for walk, index in zip(pair.walks, (old, new), strict=True)
        ]
        gaps = [
            and_(told[side], pair.walks[side].gap(index)) if index is not None and kinds[side] == "decide" else False
            for side, index in enumerate((old, new))
        ]
        here = [told[side] if kinds[side] not in ("", "decide") else False for side in (0, 1)]
        for kind, first, then, level in (
            ("gone", here[0], here[1], MAJOR),
            ("new", here[1], here[0], MINOR),
            ("gap new", gaps[1], gaps[0], MAJOR),
            ("gap gone", gaps[0], gaps[1], MINOR),
        ):
            other = {"gone": "where no other way leads there now", "new": "where no other way led there before"}.get(
                kind, ""
            )
            yield _Item(Difference(kind, step.id), and_(both, _but(first, then)), and_(both, first), level, other)
        if old is not None and new is not None and "decide" not in kinds:
            yield from self._told_otherwise(step.id, old, new, and_(both, here[0], here[1]))

    def _told_otherwise(self, id: str, old: int, new: int, both: Term) -> Iterator[_Item]:
        steps = self.names.before.steps[old], self.names.after.steps[new]
        forms = form_of(steps[0], self.names), form_of(steps[1], None)
        for name in forms[1]:
            if forms[0].get(name, "") != forms[1][name]:
                difference = Difference(
                    "form", id, f"{name} {forms[0].get(name, '') or 'none'}", forms[1][name] or "none"
                )
                yield _Item(difference, both, both, MAJOR)
        kinds = {step.kind for step in steps}
        yield self._assumed(id, old, new, both) if "end" in kinds else self._status(id, old, new, both)
        if kinds != {"do"}:
            return
        before, after = steps[0].action, steps[1].action
        walks = self.pair.walks
        if before is None or after is None:
            return
        actions = before, after
        shown = and_(
            both, *(not_(walk.status(index, *_DONE_WITH)) for walk, index in zip(walks, (old, new), strict=True))
        )
        doses = walks[0].dose(old), walks[1].dose(new)
        rules = tuple("" if action.dose is None else action.dose.text for action in actions)
        yield _Item(
            Difference("dose", id, *(rules if rules[0] != rules[1] else ("", ""))),
            and_(shown, not_(_same_dose(*doses))), shown, MAJOR, "where the dose comes out differently",
        )  # fmt: skip
        for what, exprs in self._times(steps, actions):
            same = self._same_number(*exprs)
            told = Difference("form", id, f"{what} {_text_of(steps[0], what)}", _text_of(steps[1], what))
            yield _Item(told, and_(shown, not_(same)), shown, MAJOR, f"where the {what} comes out differently")
        if actions[0].options or actions[1].options:
            same = self._same_options(old, new, actions[0], actions[1])
            yield _Item(Difference("options", id), and_(shown, not_(same)), shown, MAJOR, "where the options differ")

    def _times(
        self, steps: tuple[ir.Step, ir.Step], actions: tuple[ir.Action, ir.Action]
    ) -> Iterator[tuple[str, tuple[ir.Expr | None, ir.Expr | None]]]:
        yield "size of one dose", (actions[0].each, actions[1].each)
        yield "review", tuple(None if step.review is None else step.review.after for step in steps)  # type: ignore[misc]

    def _same_number(self, old: ir.Expr | None, new: ir.Expr | None) -> Term:
        if old is None or new is None:
            return old is new
        a, b = self.pair.before.number(old), self.pair.after.number(new)
        return _same_value(a, b)

    def _same_options(self, old: int, new: int, before: ir.Action, after: ir.Action) -> Term:
        if [option.id for option in before.options] != [option.id for option in after.options]:
            return False
        walks = self.pair.walks
        same: list[Term] = []
        for number, (one, other) in enumerate(zip(before.options, after.options, strict=True)):
            eligible = walks[0].eligible(old, number), walks[1].eligible(new, number)
            favours = [
                any_of(walk.truth(reason.when).true for reason in option.for_)
                for walk, option in zip(walks, (one, other), strict=True)
            ]
            doses = walks[0].dose_of(one.action), walks[1].dose_of(other.action)
            same += [_same(*eligible), _same(*favours), _same_dose(*doses)]
            if action_form(one.action) != action_form(other.action):
                same.append(False)
        return and_(*same)

    def _assumed(self, id: str, old: int, new: int, both: Term) -> _Item:
        """An outcome has no status: it is reached, or reached only if what is not known is as assumed."""
        taken = self.pair.walks[0].assumed(old), self.pair.walks[1].assumed(new)

        def refine(model: Model) -> tuple[Difference, Term, Term]:
            guessed = [model.truth(each) for each in taken]
            words = ["reached" + (", under an assumption" if each else "") for each in guessed]
            terms = [each if so else not_(each) for each, so in zip(taken, guessed, strict=True)]
            return Difference("status", id, *words), and_(both, *terms), both

        told = "where it is reached otherwise"
        return _Item(Difference("status", id), and_(both, not_(_same(*taken))), both, MAJOR, told, refine)

    def _status(self, id: str, old: int, new: int, both: Term) -> _Item:
        walks = self.pair.walks
        held = walks[0].final_status(old), walks[1].final_status(new)
        assumed = walks[0].assumed(old), walks[1].assumed(new)
        same = and_(_same_value(*held), _same(*assumed))

        def refine(model: Model) -> tuple[Difference, Term, Term]:
            words, terms = [], [both]
            names = {code: name for name, code in walks[0].variables.options.items()}
            for status, taken in zip(held, assumed, strict=True):
                known, guessed = model.truth(status.known), model.truth(taken)
                value = model.number(status.value) if known else 0
                is_so = and_(status.known, equal(status.value, value)) if known else not_(status.known)
                terms.append(and_(is_so, taken if guessed else not_(taken)))
                word = names.get(value, "not known") if known else "not known whether done"
                words.append(word + (", under an assumption" if guessed else ""))
            return Difference("status", id, *words), and_(*terms), and_(*terms[:2])

        return _Item(
            Difference("status", id),
            and_(both, not_(same)),
            both,
            MAJOR,
            "where the status comes out differently",
            refine,
        )

    def _beside(self) -> Iterator[_Item]:
        """Goals and alerts."""
        old, new = self.names.before, self.names.after
        both = self._both_apply()
        goals = {goal.id: goal for goal in old.goals}
        for goal in new.goals:
            if goal.id in goals:
                truths = self.pair.before.truth(goals[goal.id].target), self.pair.after.truth(goal.target)
                for item in self._truth_differs("goal", goal.id, *truths, MAJOR):
                    yield item._replace(term=and_(both, item.term), base=and_(both, item.base))
        alerts = {alert.id: alert for alert in old.alerts}
        for alert in new.alerts:
            if alert.id in alerts:
                whens = self.pair.before.truth(alerts[alert.id].when).true, self.pair.after.truth(alert.when).true
                for was, now, terms in (("yes", "no", whens), ("no", "yes", whens[::-1])):
                    term = and_(both, _but(*terms))
                    yield _Item(Difference("alert", alert.id, was, now), term, and_(both, terms[0]), MAJOR)

    def _asked(self, step: StepPair) -> Term:
        """Whether one version may still come to a step, and the other has ruled it out."""
        if step.before is None or step.after is None:
            index, side = (step.after, 1) if step.after is not None else (step.before, 0)
            return self.pair.open(side, index) if self._program(side).steps[index].kind != "decide" else False  # type: ignore[index,arg-type]
        if self.names.after.steps[step.after].kind == "decide":
            return False
        opens = self.pair.open(0, step.before), self.pair.open(1, step.after)
        told = or_(self.pair.told(0, step.before), self.pair.told(1, step.after))
        return and_(not_(told), not_(_same(*opens)))

    def _program(self, side: int) -> ir.Program:
        return self.pair.walks[side].program

    # ------------------------------------------------------------ for whom

    def _somebody(self, item: _Item) -> bool:
        if item.term is False:
            return False
        try:
            return self.pair.find(item.term) is not None
        except Undecided as stopped:
            self.undecided.append(f"{phrase(item.difference)}: {stopped.reason}")
            return False

    def _regions(self, items: list[_Item]) -> tuple[list[_Found], list[Difference]]:
        vocabulary = self.vocabulary = Vocabulary(self.pair, self._same_steps())
        found: list[_Found] = []
        untold: list[Difference] = []
        covered: dict[int, list[Term]] = {number: [] for number in range(len(items))}
        for gone, new, made in self._becomes(items):
            found.append(made)
            covered[gone].append(not_(made.term))
            covered[new].append(not_(made.term))
        for number, item in enumerate(items):
            if len(found) >= REGIONS:
                untold.append(item.difference)
                continue
            try:
                made_of_one, left = self._of_one(item, vocabulary.conditions, covered[number])
            except Undecided as stopped:
                self.undecided.append(f"{phrase(item.difference)}: {stopped.reason}")
                continue
            found += made_of_one
            if left:
                untold.append(item.difference)
        order = {step.id: number for number, step in enumerate(self.names.steps)}
        found.sort(key=lambda each: min(order.get(item.step, len(order)) for item, _ in each.changes))
        return found, untold

    def _of_one(self, item: _Item, conditions: Iterable[Condition], covered: list[Term]) -> tuple[list[_Found], bool]:
        """Regions that hold all whom one difference concerns, and whether somebody is left.

        Where it takes more than a few, one region is told that is as exact and says less: all whom it concerns.
        """
        found: list[_Found] = []
        outside = list(covered)
        refined: set[Difference] = set()
        while (model := self.pair.find(item.term, *outside)) is not None:
            made = self._around(item, model, conditions)
            if item.refine is None and (len(found) == FEW or made is None):
                return [self._whole(item, model, conditions, covered)], False
            if made is None or (len(found) >= FEW and made.changes[0][0] in refined):
                made = self._whole(item, model, conditions, outside)
            if len(found) >= REGIONS_OF_ONE:
                return found, True
            refined.add(made.changes[0][0])
            found.append(made)
            outside.append(not_(made.term))
            if item.difference.kind == "asked":  # that there is somebody is what matters
                break
        return found, False

    def _whole(self, item: _Item, model: Model, conditions: Iterable[Condition], outside: list[Term]) -> _Found:
        """All whom a difference concerns and no other region holds, with what they have in common."""
        difference, term, _ = (item.difference, item.term, item.base) if item.refine is None else item.refine(model)
        inside = and_(term, *outside)
        kept: list[Literal] = []
        self._make_plainer(inside, literals_of(conditions, model), kept)
        return _Found(tuple(kept), inside, item.otherwise or "where nothing else decides", [(difference, item.level)])

    def _becomes(self, items: list[_Item]) -> Iterator[tuple[int, int, _Found]]:
        """Patients for whom one step gives way to another, where one region holds all of them."""
        both = self._both_apply()
        of_kind = {
            kind: [(number, item) for number, item in enumerate(items) if item.difference.kind == kind][:PAIRED]
            for kind in ("gone", "new")
        }
        for gone, old in of_kind["gone"]:
            for new, fresh in of_kind["new"]:
                item = _Item(old.difference, and_(old.term, fresh.term), both, MAJOR)
                try:
                    model = self.pair.find(item.term)
                    made = None if model is None else self._around(item, model, self.vocabulary.conditions, FEW_WORDS)
                    if made is None or self.pair.find(item.term, not_(made.term)) is not None:
                        continue
                except Undecided:
                    continue
                made.changes.append((fresh.difference, fresh.level))
                yield gone, new, made

    def _implied(self, term: Term, literals: list[Literal]) -> list[Literal]:
        """Those of `literals` that hold wherever `term` does: those that a patient does not show are out, and so on."""
        left = literals
        while left:
            try:
                model = self.pair.find(term, not_(all_of(literal.term for literal in left)))
            except Undecided:
                return [literal for literal in left if self._implies(term, literal.term)]
            if model is None:
                break
            left = [literal for literal in left if model.truth(literal.term)]
        return left

    def _implies(self, term: Term, other: Term) -> bool:
        try:
            return self.pair.find(term, not_(other)) is None
        except Undecided:
            return False

    def _around(
        self, item: _Item, model: Model, conditions: Iterable[Condition], most: int | None = None
    ) -> _Found | None:
        """The largest region around a patient, as far as it can be told, in which all whom the difference can concern
        are told otherwise like this; None where no conditions make it so, or more than `most`.
        """
        difference, term, base = (item.difference, item.term, item.base) if item.refine is None else item.refine(model)
        literals = literals_of(conditions, model)
        kept = self._fewest(and_(base, not_(term)), literals)
        if kept is None or (most is not None and len(kept) > most):
            return None
        inside = and_(base, *(literal.term for literal in kept))
        self._make_plainer(inside, literals, kept)
        return _Found(tuple(kept), inside, "", [(difference, item.level)])

    def _make_plainer(self, inside: Term, literals: Iterable[Literal], kept: list[Literal]) -> None:
        """Add what holds for all inside anyway, of conditions that changed or stand beside those that did."""
        slots = {literal.condition.test.slot for literal in kept if literal.condition.test is not None}
        wanted = []
        for literal in literals:
            test = literal.condition.test
            near = literal.condition.wanted == NEAR or (literal.condition.wanted > NEAR and test is not None)
            beside = near or (test is not None and test.slot in slots)
            if beside and literal not in kept:
                wanted.append(literal)
        kept += self._implied(inside, wanted)

    def _fewest(self, unwanted: Term, literals: list[Literal]) -> list[Literal] | None:
        """The first-wanted few of `literals` beside which `unwanted` cannot be; None where all of them allow it.

        The way is that of Junker's QuickXplain.
        """

        def follows(chosen: Sequence[Literal]) -> bool:
            return self.pair.find(unwanted, *(literal.term for literal in chosen)) is None

        def search(given: list[Literal], fresh: bool, choice: list[Literal]) -> list[Literal]:
            if fresh and follows(given):
                return []
            if len(choice) == 1:
                return choice
            half = len(choice) // 2
            wanted, rest = choice[:half], choice[half:]
            second = search([*given, *wanted], bool(wanted), rest)
            first = search([*given, *second], bool(second), wanted)
            return [*first, *second]

        if follows([]):
            return []
        return search([], False, literals) if literals and follows(literals) else None

    def _same_steps(self) -> Iterator[tuple[int, int]]:
        """Steps of both versions that the same patients come to."""
        for step in self.names.steps:
            if step.before is None or step.after is None:
                continue
            old, new = self.pair.before, self.pair.after
            differs = not_(
                and_(
                    _same(old.reached(step.before), new.reached(step.after)),
                    _same(old.may(step.before), new.may(step.after)),
                    _same(old.assumed(step.before), new.assumed(step.after)),
                )
            )
            try:
                if differs is False or self.pair.find(differs) is None:
                    yield step.before, step.after
            except Undecided:
                continue

    # ------------------------------------------------------------ told

    def _region(self, found: _Found, with_example: bool) -> Region:
        where = self.vocabulary.told(found.literals)
        if found.otherwise:
            where = (*where, found.otherwise)
        where = where or (self._all_of(found),)
        changes = tuple(difference for difference, _ in found.changes)
        level = max((level for _, level in found.changes), key=LEVELS.index)
        example = self._example(found) if with_example else None
        return Region(where, changes, level, example)

    def _all_of(self, found: _Found) -> str:
        """Whom a region holds that no condition sets apart: everybody, or all who come to what is told otherwise."""
        if self._implies(self._both_apply(), found.term):
            return "all patients"
        kinds = {difference.kind for difference, _ in found.changes}
        return "all of whom this was told" if kinds & {"status", "gone", "goal", "alert"} else "all who come to it"

    def _example(self, found: _Found) -> Example | None:
        """A patient of a region, replayed on both versions: one to whom the step is recommended, if there is one."""
        wishes = []
        for difference, _ in found.changes:
            step = next((each for each in self.names.steps if each.id == difference.step), None)
            if step is not None and difference.kind in ("new", "gone", "dose", "form"):
                sides = enumerate((step.before, step.after))
                wishes.append(
                    any_of(self.pair.walks[side].recommended(index) for side, index in sides if index is not None)
                )
        try:
            return self._patient([found.term, and_(*wishes)], found) or self._patient([found.term], found)
        except Undecided:
            return None

    def _patient(self, terms: list[Term], found: _Found) -> Example | None:
        sides = [
            Patients(guideline, walk=walk)
            for guideline, walk in zip(self.pair.guidelines, self.pair.walks, strict=True)
        ]
        terms = [term for term in (*terms, *sides[0].as_charted(), *sides[1].as_charted()) if term is not True]
        for _ in range(3):
            model = self.pair.find(*terms)
            if model is None:
                return None
            kept = sides[0].simplest(model, terms)
            model = self.pair.find(*terms, *kept)
            assert model is not None
            kept += sides[1].simplest(model, [*terms, *kept], frozenset(self.names.slots))
            model = self.pair.find(*terms, *kept)
            assert model is not None
            made = self._replayed(sides, model)
            if made is not None and all(self._confirmed(made, difference) for difference, _ in found.changes):
                return _example_of(made)
            terms.append(not_(and_(*kept)))
        return None

    def _replayed(self, sides: list[Patients], model: Model) -> tuple[Patient, Patient] | None:
        """The patient as each version reads the chart: names that one of them does not know are left out there."""
        made = []
        for side in sides:
            chart, local, now = side.chart_of(side.walk.row_of(model), model)
            try:
                made.append(Patient(chart, local, now, side.guideline.advise(chart, now, local=local)))
            except (ChartError, WithdrawnError):
                return None
        return made[0], made[1]

    def _confirmed(self, made: tuple[Patient, Patient], difference: Difference) -> bool:
        """Whether the interpreter tells the two apart in this way."""
        told = [_told_steps(patient.advice) for patient in made]
        step = difference.step
        old = next((old for old, new in self.names.renamed.items() if new == step), step)
        before, after = told[0].get(old), told[1].get(step)
        match difference.kind:
            case "new":
                return before is None and after is not None
            case "gone":
                return before is not None and after is None
            case "status" | "dose" | "options" | "form":
                return before is not None and after is not None
        return True


def _told_steps(advice: Advice) -> dict[str, str]:
    made = {item.step: item.status for item in advice.actions}
    return made | {outcome.step: "outcome" for outcome in advice.outcomes}


def _example_of(made: tuple[Patient, Patient]) -> Example:
    from kb.comparison.trial import advice_lines

    old, new = made
    chart = {**old.chart, **new.chart}
    settled = {**old.local.get("parameters", {}), **new.local.get("parameters", {})}
    whole = new._replace(chart=chart, local={"parameters": settled} if settled else {})
    return Example(
        whole.told(), chart, whole.local, new.now, tuple(advice_lines(old.advice)), tuple(advice_lines(new.advice))
    )


# ---------------------------------------------------------------- what stands beside a step


def form_of(step: ir.Step, names: Names | None) -> dict[str, str]:
    """What advice says of a step that is the same for every patient, by what it is called; evidence left out."""
    action = step.action
    instead = [avoid.instead for avoid in step.avoid if avoid.instead]
    made = {
        "kind": step.kind,
        "priority": step.priority,
        "who decides": step.decide_by,
        "handed over to": step.hand_over,
        "alternative": ", ".join(names.now_called(id) if names else id for id in instead),
        "measured at the review": "" if step.review is None else ", ".join(step.review.measure),
    }
    return made | (action_form(action) if action is not None else {})


def action_form(action: ir.Action) -> dict[str, str]:
    """What an action is, but for its dose."""
    return {
        "verb": action.verb,
        "drug": action.drug,
        "route": action.route,
        "salt form": action.salt,
        "time it runs over": action.over,
        "concentration": action.concentration,
        "intent": action.intent,
        "line": action.line,
        "what": ", ".join(action.subject),
        "unit": "" if action.dose is None else action.dose.unit,
        "options": ", ".join(option.id for option in action.options),
    }


def _text_of(step: ir.Step, what: str) -> str:
    if what == "review":
        return "none" if step.review is None else step.review.text
    return (step.action.each_text if step.action is not None else "") or "none"


# ---------------------------------------------------------------- words


def phrase(item: Difference) -> str:
    """One difference in words."""
    name = f"`{item.step}`"
    match item.kind:
        case "new":
            return f"now {name}"
        case "gone":
            return f"no longer {name}"
        case "status":
            return f"{name}: {item.before} becomes {item.after}" if item.after else f"the status of {name}"
        case "dose":
            return f"{name}: another dose" + (f", {item.before} becomes {item.after}" if item.after else "")
        case "options":
            return f"{name}: other options"
        case "form":
            return f"{name}: {item.before} becomes {item.after}"
        case "gap new":
            return f"no case of {name} fits any more: a gap"
        case "gap gone":
            return f"the gap of {name} is closed"
        case "scope new":
            return "the protocol now applies"
        case "scope gone":
            return "the protocol no longer applies"
        case "enter":
            return f"whether to open the protocol: {item.before} becomes {item.after}"
        case "goal":
            return f"goal {name}: met {item.before} becomes {item.after}"
        case "alert":
            return f"alert {name}: {'is no longer told' if item.before == 'yes' else 'is now told'}"
    return "something else is asked for"


def told_changes(changes: Sequence[Difference]) -> str:
    """The differences of one region: a step that gives way to another is told as that."""
    gone = [item for item in changes if item.kind == "gone"]
    new = [item for item in changes if item.kind == "new"]
    rest = [item for item in changes if item.kind not in ("gone", "new")]
    told = []
    if gone and new:
        names = [" and ".join(f"`{item.step}`" for item in items) for items in (gone, new)]
        told.append(f"{names[0]} becomes {names[1]}" if len(gone) == 1 else f"{names[0]} become {names[1]}")
    else:
        told += [phrase(item) for item in (*gone, *new)]
    return "; ".join([*told, *(phrase(item) for item in rest)])


# ---------------------------------------------------------------- terms


def _same(one: Term, other: Term) -> Term:
    if is_open(one) and is_open(other) and one.eq(other):
        return True
    return iff(one, other)


def _same_truth(one: Truth, other: Truth) -> bool:
    return _same(one.true, other.true) is True and _same(one.false, other.false) is True


def _but(first: Term, then: Term) -> Term:
    return False if _same(first, then) is True else and_(first, not_(then))


def _is(truth: Truth, value: bool | None) -> Term:
    return not_(truth.known) if value is None else truth.true if value else truth.false


def _same_value(one: Number, other: Number) -> Term:
    if is_open(one.value) and is_open(other.value) and one.value.eq(other.value):
        return _same(one.known, other.known)
    return and_(_same(one.known, other.known), or_(not_(one.known), equal(one.value, other.value)))


def _same_dose(one: Dose, other: Dose) -> Term:
    parts = ((one.exact, other.exact), (one.rounded, other.rounded), (one.high, other.high))
    known = _same(one.known, other.known)
    equals = [True if is_open(a) and is_open(b) and a.eq(b) else equal(a, b) for a, b in parts]
    return and_(known, or_(not_(one.known), and_(*equals)))
