"""Numbers and units: exact decimals, scaled integers, and conversions between the units editors may write.

A number at rest is an integer, the value in some unit times `SCALE`; on its way it is a `Fraction`.
Nothing here rounds but `scale` and the functions of `compute`, and those round half to even, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from math import gcd, isqrt

from kb.program import SCALE
from kb.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from decimal import Context, Decimal
    from typing import Protocol

    class UnitLike(Protocol):
        """What a table needs to know of a unit: `program.Unit`, or the library's own record."""

        @property
        def spelling(self) -> str: ...
        @property
        def ucum(self) -> str: ...
        @property
        def factor(self) -> str: ...
        @property
        def dimension(self) -> tuple[tuple[str, int], ...]: ...
        @property
        def offset(self) -> str: ...


MAX_DIGITS = 60
MAX_EXPONENT = 40
MAX_UNIT_LENGTH = 60
LARGEST = 10**30 * SCALE  # results of exp and power beyond it count as outside the domain


class BadValue(ValueError):  # noqa: N818 - it is a refusal of input, not a fault of ours
    """A number, unit or quantity that is refused. `code` is stable, `message` is for the person who wrote it."""

    def __init__(self, code: str, message: str, help: str | None = None) -> None:
        super().__init__(message if help is None else f"{message}; {help}")
        self.code = code
        self.message = message
        self.help = help


# ---------------------------------------------------------------- decimals


def shorten(text: str, most: int = 40) -> str:
    """`text`, cut where it is too long for a message."""
    return text if len(text) <= most else text[: most - 1] + "…"


def parse_decimal(text: str) -> Fraction:
    """The exact value of a decimal such as `-0.25` or `1e-05`.

    Raises:
        BadValue: KB309, where it is not a finite decimal of at most 60 digits.

    """
    bare = text.strip()
    if not bare or len(bare) > MAX_DIGITS + 10:
        raise _bad_number(bare)
    mantissa, exponent_mark, exponent = bare.lower().partition("e")
    sign = 1
    if mantissa[:1] in "+-":
        sign = -1 if mantissa[:1] == "-" else 1
        mantissa = mantissa[1:]
    whole, point, part = mantissa.partition(".")
    digits = whole + part
    if not _is_digits(whole) or (point and not _is_digits(part)) or len(digits.lstrip("0")) > MAX_DIGITS:
        raise _bad_number(bare)
    power = 0
    if exponent_mark:
        unsigned = exponent[1:] if exponent[:1] in ("+", "-") else exponent
        if not _is_digits(unsigned) or len(unsigned) > 3 or int(unsigned) > MAX_EXPONENT:
            raise _bad_number(bare)
        power = -int(unsigned) if exponent[:1] == "-" else int(unsigned)
    power -= len(part)
    value = sign * int(digits)
    return Fraction(value * 10**power) if power >= 0 else Fraction(value, 10**-power)


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _bad_number(text: str) -> BadValue:
    low = text.lower().lstrip("+-")
    if not text:
        return BadValue("KB309", "a number is missing")
    if low in ("nan", "inf", "infinity", "snan"):
        return BadValue("KB309", f"`{shorten(text)}` is not a number", "leave out what is not known")
    if "," in text and _is_digits(text.replace(",", "").replace(".", "").lstrip("+-")):
        return BadValue("KB306", f"`{shorten(text)}` has a comma", "write a decimal point, and no thousands separator")
    if low[:1].isdigit() and _is_digits(low.replace(".", "").replace("e", "").replace("-", "").replace("+", "")):
        return BadValue("KB309", f"`{shorten(text)}` is out of range", f"at most {MAX_DIGITS} digits are read")
    return BadValue("KB309", f"`{shorten(text)}` is not a number", "write digits and at most one point, such as 0.25")


def round_half_even(numerator: int, denominator: int) -> int:
    """The integer nearest to a quotient, ties to the even one; `denominator` is not zero."""
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    if twice > denominator or (twice == denominator and quotient & 1):
        quotient += 1
    return quotient


ONE = Fraction(1)


def scale(value: Fraction, factor_from: Fraction = ONE, factor_to: Fraction = ONE) -> int:
    """The scaled integer of `value`, given in a unit of `factor_from`, in a unit of `factor_to`: rounded once."""
    exact = value if factor_from is factor_to else value * factor_from / factor_to
    return round_half_even(exact.numerator * SCALE, exact.denominator)


def unscale(value: int) -> Fraction:
    """The exact number a scaled integer stands for."""
    return Fraction(value, SCALE)


def format_decimal(value: int) -> str:
    """The shortest exact decimal of a scaled integer: 3000000 is `0.03`."""
    sign, size = ("-", -value) if value < 0 else ("", value)
    whole, part = divmod(size, SCALE)
    fraction = f"{part:08d}".rstrip("0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def format_scaled(value: int, unit: str = "") -> str:
    """A scaled integer with its unit, as a person writes it: `0.03 units/min`, `92 %`, `4`."""
    number = format_decimal(value)
    return number if unit in ("", "1") else f"{number} {unit}"


def format_fraction(value: Fraction) -> str:
    """The shortest exact decimal of a fraction, or eight places of it."""
    return format_decimal(round_half_even(value.numerator * SCALE, value.denominator))


def format_duration(seconds: int | Fraction) -> str:
    """Plain seconds (not scaled) as a person says them: `40 min`, `2 h 5 min`, `3 days`, `0.5 s`."""
    if seconds < 0:
        return "-" + format_duration(-seconds)
    if seconds < 60:
        return f"{format_fraction(Fraction(seconds))} s"
    whole = int(seconds)
    if whole >= 2 * 86400 and whole % 86400 == 0:
        return f"{whole // 86400} days"
    if whole >= 3 * 86400:
        days, rest = divmod(whole, 86400)
        return f"{days} days {rest // 3600} h" if rest >= 3600 else f"{days} days"
    hours, rest = divmod(whole, 3600)
    minutes, odd = divmod(rest, 60)
    parts = [f"{hours} h"] if hours else []
    parts += [f"{minutes} min"] if minutes else []
    parts += [f"{odd} s"] if odd and not hours else []
    return " ".join(parts)


# ---------------------------------------------------------------- functions of scaled numbers


def compute(name: str, arguments: tuple[int, ...]) -> int | None:
    """`round`, `ln`, `exp`, `sqrt` or `power` of scaled integers, as a scaled integer rounded half-even.

    None where the function has no value, or one beyond 10^30.
    """
    if name == "round":
        value, step = arguments
        return None if step <= 0 else round_half_even(value, step) * step
    if name == "sqrt":
        return _square_root(arguments[0])
    if name == "ln":
        return _natural_logarithm(arguments[0])
    if name == "exp":
        return _exponential(arguments[0])
    if name == "power":
        return _power(arguments[0], arguments[1])
    raise ValueError(f"no function `{name}`")


def _square_root(value: int) -> int | None:
    if value < 0:
        return None
    square = value * SCALE
    root = isqrt(square)
    # INVARIANT: a tie would need square = root^2 + root + 1/4, which is no integer.
    return root + 1 if square - root * root > root else root


def _natural_logarithm(value: int) -> int | None:
    if value <= 0:
        return None
    if value == SCALE:
        return 0

    def attempt(context: Context) -> Decimal:
        from decimal import Decimal

        return context.ln(context.divide(Decimal(value), Decimal(SCALE)))

    return _settle(attempt, len(str(value)) + 12)


def _exponential(value: int) -> int | None:
    if value == 0:
        return SCALE
    if value > 70 * SCALE:
        return None
    if value < -50 * SCALE:
        return 0

    def attempt(context: Context) -> Decimal:
        from decimal import Decimal

        return context.exp(context.divide(Decimal(value), Decimal(SCALE)))

    result = _settle(attempt, 60)
    return None if result > LARGEST else result


def _power(base: int, exponent: int) -> int | None:
    if exponent == 0:
        return SCALE
    if base == 0:
        return 0 if exponent > 0 else None
    share = Fraction(exponent, SCALE)
    if base < 0 and share.denominator != 1:
        return None
    root = _exact_root(Fraction(abs(base), SCALE), share.denominator)
    negative = base < 0 and share.numerator % 2 == 1
    # A longer result is neither a tie nor a number of eight places, so it can be rounded as an irrational one is.
    if root is not None and _length(root) * abs(share.numerator) <= 20_000:
        exact = root**share.numerator
        result = round_half_even(exact.numerator * SCALE, exact.denominator)
        return _in_range(result, negative)

    def attempt(context: Context) -> Decimal:
        from decimal import Decimal

        logarithm = context.ln(context.divide(Decimal(abs(base)), Decimal(SCALE)))
        return context.exp(context.multiply(logarithm, context.divide(Decimal(exponent), Decimal(SCALE))))

    from decimal import Context, Decimal

    rough = Context(prec=12)
    size_of_result = rough.multiply(
        rough.ln(rough.divide(Decimal(abs(base)), Decimal(SCALE))), rough.divide(Decimal(exponent), Decimal(SCALE))
    )
    if size_of_result > 70:
        return None
    if size_of_result < -50:
        return 0
    return _in_range(_settle(attempt, 60), negative)


def _length(value: Fraction) -> int:
    """Bits of the longer side of a positive fraction, less 1: nothing for 1."""
    return max(value.numerator.bit_length(), value.denominator.bit_length()) - 1


def _in_range(size: int, negative: bool) -> int | None:
    return None if size > LARGEST else -size if negative else size


def _exact_root(value: Fraction, degree: int) -> Fraction | None:
    """The `degree`-th root of a positive fraction, where it is rational."""
    if degree == 1 or value == 1:
        return value
    if degree > 256:  # INVARIANT: no number of a row but 1 is a rational to so high a power
        return None
    top, bottom = _integer_root(value.numerator, degree), _integer_root(value.denominator, degree)
    return None if top is None or bottom is None else Fraction(top, bottom)


def _integer_root(value: int, degree: int) -> int | None:
    low, high = 0, 1 << (value.bit_length() // degree + 1)
    while low < high:
        middle = (low + high + 1) // 2
        if middle**degree <= value:
            low = middle
        else:
            high = middle - 1
    return low if low**degree == value else None


def _settle(attempt: object, precision: int) -> int:
    """Round an irrational number half-even: more digits until both ends of its error round alike (Ziv)."""
    from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal

    assert callable(attempt)
    while True:
        context = Context(prec=precision, rounding=ROUND_HALF_EVEN, Emax=MAX_EMAX, Emin=MIN_EMIN)
        value = attempt(context)
        slack = context.multiply(abs(value), Decimal(10) ** (6 - precision))
        wide = Context(prec=precision + 20, rounding=ROUND_HALF_EVEN, Emax=MAX_EMAX, Emin=MIN_EMIN)
        ends = {
            int(wide.to_integral_value(wide.multiply(end, Decimal(SCALE))))
            for end in (wide.subtract(value, slack), wide.add(value, slack))
        }
        if len(ends) == 1:
            return ends.pop()
        precision *= 2


# ---------------------------------------------------------------- units


class Measure(NamedTuple):
    """What a unit measures: value × `factor` + `offset` is in base units of `dimension` (base to power, none zero)."""

    factor: Fraction
    dimension: Mapping[str, int]
    offset: Fraction = Fraction(0)


BASES: dict[str, str] = {
    "mass": "mass",
    "body_mass": "body weight",
    "volume": "volume",
    "time": "time",
    "length": "length",
    "pressure": "pressure",
    "temperature": "temperature",
    "temperature_difference": "temperature difference",
    "amount": "amount of substance",
    "charge": "equivalents",
    "arbitrary": "units",
    "energy": "energy",
}

# What editors write, and what to write instead. UCUM reads a bare U as an enzyme unit (1 umol/min), and hand-written
# U, IU and µg are on the do-not-use lists of ISMP and the Joint Commission: U is read as 0, IU as IV, µg as mg.
_UNITS = "`{0}` can be misread (U as 0, IU as IV), and in UCUM a bare U is an enzyme unit"
_MICRO = "`{0}` can be misread as mg"
REFUSED: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("U", "u", "IU", "iu", "I.U", "Units", "unit", "Unit", "UNITS"), ("units", _UNITS)),
    **dict.fromkeys(("mU", "mIU", "milliunit"), ("milliunits", _UNITS)),
    **dict.fromkeys(("µg", "μg", "ug", "mcgs", "microgram", "micrograms", "gamma"), ("mcg", _MICRO)),
    **dict.fromkeys(("cc", "ml", "ML", "mls", "ccm"), ("mL", "`{0}` can be misread")),
    **dict.fromkeys(("l", "litre", "liter", "litres", "liters"), ("L", "`{0}` can be misread as 1")),
    **dict.fromkeys(("dl", "dL."), ("dL", "`{0}` is not a spelling of ours")),
    **dict.fromkeys(("µL", "μL", "uL", "ul"), ("mcL", "`{0}` can be misread as mL")),
    **dict.fromkeys(("hr", "hrs", "hour", "hours", "H"), ("h", "`{0}` is not a spelling of ours")),
    **dict.fromkeys(("minute", "minutes", "mins", "Min", "m/n"), ("min", "`{0}` is not a spelling of ours")),
    **dict.fromkeys(("sec", "secs", "second", "seconds"), ("s", "`{0}` is not a spelling of ours")),
    **dict.fromkeys(("d", "D", "Days", "Day"), ("days", "`{0}` is not a spelling of ours")),
    **dict.fromkeys(("week", "wk", "wks"), ("weeks", "`{0}` is not a spelling of ours")),
    **dict.fromkeys(("month", "mo", "mos"), ("months", "`{0}` is not a spelling of ours")),
    **dict.fromkeys(("year", "yr", "yrs", "y", "a"), ("years", "`{0}` is not a spelling of ours")),
    **dict.fromkeys(("°C", "C", "degC", "celsius", "Celsius"), ("Cel", "`{0}` is not a spelling of ours")),
    **dict.fromkeys(("°F", "F", "fahrenheit", "Fahrenheit"), ("degF", "`{0}` is not a spelling of ours")),
    **dict.fromkeys(("mmhg", "mmHG", "MMHG", "torr", "Torr"), ("mmHg", "`{0}` is not a spelling of ours")),
    **dict.fromkeys(("kpa", "KPa", "kPA"), ("kPa", "`{0}` is not a spelling of ours")),
    **dict.fromkeys(("cmh2o", "cmH20", "cmh20"), ("cmH2O", "`{0}` is not a spelling of ours")),
    **dict.fromkeys(("meq", "mEQ", "mval"), ("mEq", "`{0}` is not a spelling of ours")),
    **dict.fromkeys(("µmol", "μmol", "umol"), ("micromol", "`{0}` can be misread as mmol")),
    **dict.fromkeys(("gm", "gms", "gram", "grams", "G"), ("g", "`{0}` is not a spelling of ours")),
    **dict.fromkeys(("mgs", "MG", "Mg", "milligram", "milligrams"), ("mg", "`{0}` is not a spelling of ours")),
    **dict.fromkeys(("Kg", "KG", "kgs", "kilogram", "kilograms"), ("kg", "`{0}` is not a spelling of ours")),
    **dict.fromkeys(("bpm", "BPM", "rpm"), ("/min", "`{0}` does not say of what")),
    **dict.fromkeys(("percent", "pct", "vol%"), ("%", "`{0}` is not a spelling of ours")),
    **dict.fromkeys(("m²", "sqm", "m^2"), ("m2", "`{0}` is not a spelling of ours")),
    **dict.fromkeys(("joule", "joules", "Joule", "Joules", "Ws"), ("J", "`{0}` is not a spelling of ours")),
}


def parse_factor(text: str) -> Fraction | None:
    """The fraction in `133.322` or `1/1000`; None for anything else."""
    top, _, bottom = text.strip().partition("/")
    try:
        numerator, denominator = parse_decimal(top), parse_decimal(bottom or "1")
    except BadValue:
        return None
    return numerator / denominator if denominator else None


class UnitTable:
    """The units a knowledge base knows, and every compound of them (`mcg/kg/min`, `mmol/L`, `/min`)."""

    def __init__(self, units: Iterable[UnitLike]) -> None:
        self._simple: dict[str, Measure] = {}
        self._ucum: dict[str, str] = {}
        for unit in units:
            factor, offset = parse_factor(unit.factor), parse_factor(unit.offset)
            if factor is None or factor <= 0 or offset is None:
                continue  # said where the file is read
            dimension = {base: power for base, power in sorted(unit.dimension) if power and base != "count"}
            self._simple[unit.spelling] = Measure(factor, dimension, offset)
            self._ucum[unit.spelling] = unit.ucum
        self._known: dict[str, Measure] = {"": Measure(Fraction(1), {}), "1": Measure(Fraction(1), {})}

    def __contains__(self, unit: str) -> bool:
        try:
            self.parse(unit)
        except BadValue:
            return False
        return True

    def parse(self, unit: str) -> Measure:
        """What `unit` measures; the empty text and `1` are dimensionless.

        Raises:
            BadValue: KB316 for a unit nobody knows, KB317 for one that is refused because it is misread.

        """
        known = self._known.get(unit)
        if known is None:
            known = self._compound(unit)
            if len(self._known) < 4096:  # texts come from untrusted charts too
                self._known[unit] = known
        return known

    def _compound(self, unit: str) -> Measure:
        parts = self.parts(unit)
        if len(parts) == 1 and parts[0][1] == 1:
            return self._one(parts[0][0], unit)
        factor = Fraction(1)
        dimension: dict[str, int] = {}
        for spelling, power in parts:
            measure = self._one(spelling, unit)
            if measure.offset:
                raise BadValue("KB316", f"`{spelling}` cannot be part of `{unit}`", "a temperature stands alone")
            factor *= measure.factor**power
            for base, exponent in measure.dimension.items():
                dimension[base] = dimension.get(base, 0) + exponent * power
        return Measure(factor, {base: power for base, power in sorted(dimension.items()) if power})

    def parts(self, unit: str) -> tuple[tuple[str, int], ...]:
        """The simple units of a compound and their powers, in the order written.

        Raises:
            BadValue: where the text has not the form of a unit.

        """
        if len(unit) > MAX_UNIT_LENGTH or unit != unit.strip():
            raise BadValue("KB316", f"unknown unit `{shorten(unit)}`")
        whole = REFUSED.get(unit)
        if whole is not None:
            raise self._refuse(unit, unit)
        found: list[tuple[str, int]] = []
        for index, group in enumerate(unit.split("/")):
            power = 1 if index == 0 else -1
            if index == 0 and group in ("", "1") and "/" in unit:
                continue
            for spelling in group.split("."):
                if not spelling:
                    raise BadValue("KB316", f"`{unit}` is not a unit", "write units as `mcg/kg/min`, without spaces")
                found.append((spelling, power))
        return tuple(found)

    def _one(self, spelling: str, unit: str) -> Measure:
        measure = self._simple.get(spelling)
        if measure is None or (spelling in REFUSED and spelling not in self._simple):
            raise self._refuse(spelling, unit)
        return measure

    def _refuse(self, spelling: str, unit: str) -> BadValue:
        within = f"`{spelling}`" if spelling == unit else f"`{spelling}` in `{shorten(unit)}`"
        refused = REFUSED.get(spelling)
        if refused is not None and spelling not in self._simple:
            instead, why = refused
            whole = instead if spelling == unit else unit.replace(spelling, instead, 1)
            return BadValue("KB317", f"unit {within} is not accepted", f"write `{whole}`: " + why.format(spelling))
        from difflib import get_close_matches

        close = get_close_matches(spelling, list(self._simple), 1, 0.6)
        lower = [known for known in self._simple if known.lower() == spelling.lower()]
        near = lower or close
        if near:
            whole = near[0] if spelling == unit else unit.replace(spelling, near[0], 1)
            return BadValue("KB316", f"unknown unit {within}", f"did you mean `{whole}`?")
        return BadValue("KB316", f"unknown unit {within}", "the units that may be written are in library/units.yaml")

    def ucum(self, unit: str) -> str:
        """The UCUM code of a unit or compound: `ug/kg/min` for `mcg/kg/min`."""
        self.parse(unit)
        text = ""
        for spelling, power in self.parts(unit) if unit not in ("", "1") else ():
            text += ("/" if power < 0 else "." if text else "") + self._ucum[spelling]
        return text or "1"

    def spelled(self, dimension: Mapping[str, int]) -> tuple[str, ...]:
        """The simple units of a dimension, as they are written."""
        wanted = {base.partition("[")[0]: power for base, power in dimension.items()}
        return tuple(name for name, measure in self._simple.items() if dict(measure.dimension) == wanted)

    def convert(
        self, value: Fraction, unit: str, to: str, molar_mass: Fraction | None = None, valence: int = 0
    ) -> Fraction:
        """`value` of `unit` in the unit `to`, exactly.

        With `molar_mass` (g/mol) mass and amount convert, with `valence` amount and equivalents.

        Raises:
            BadValue: KB314 where the two measure different things; KB315 where a unit is missing.

        """
        source, target = self.parse(unit), self.parse(to)
        ratio = Fraction(1)
        if source.dimension != target.dimension:
            converted = chemistry(source.dimension, target.dimension, molar_mass, valence)
            if converted is None:
                raise _mismatch(value, unit, source, to, target)
            ratio = converted
        return (value * source.factor * ratio + source.offset - target.offset) / target.factor

    def to_scaled(
        self, value: Fraction, unit: str, to: str, molar_mass: Fraction | None = None, valence: int = 0
    ) -> int:
        """As `convert`, and then the scaled integer, rounded half-even once."""
        return scale(self.convert(value, unit, to, molar_mass, valence))


def chemistry(
    source: Mapping[str, int], target: Mapping[str, int], molar_mass: Fraction | None, valence: int
) -> Fraction | None:
    """The number that takes base units of `source` to those of `target` for one substance, or None.

    Mass (g), amount (mol) and equivalents of a substance are one thing once molar mass (g/mol) and valence are known.
    """

    def in_moles(dimension: Mapping[str, int]) -> tuple[dict[str, int], Fraction] | None:
        rest = dict(dimension)
        factor, moles = Fraction(1), rest.pop("amount", 0)
        mass, charge = rest.pop("mass", 0), rest.pop("charge", 0)
        if (mass and not molar_mass) or (charge and not valence):
            return None
        if mass and molar_mass:
            factor /= molar_mass**mass
        if charge:
            factor /= Fraction(abs(valence)) ** charge
        if moles + mass + charge:
            rest["amount"] = moles + mass + charge
        return rest, factor

    left, right = in_moles(source), in_moles(target)
    if left is None or right is None or left[0] != right[0]:
        return None
    return left[1] / right[1]


def describe_dimension(dimension: Mapping[str, int]) -> str:
    """A dimension in words: `mass per body weight per time`, `pressure`, `a plain number`."""

    def word(base: str, power: int) -> str:
        kind, _, of = base.rstrip("]").partition("[")
        name = BASES.get(kind, kind)
        text = f"{name} of {of}" if of and kind == "arbitrary" else f"{of} {name}" if of else name
        return text if power == 1 else f"{text}^{power}"

    order = list(BASES)
    items = sorted(dimension.items(), key=lambda item: order.index(item[0].partition("[")[0]))
    above = [word(base, power) for base, power in items if power > 0]
    below = ["per " + word(base, -power) for base, power in items if power < 0]
    if not above and not below:
        return "a plain number"
    return " ".join([" × ".join(above) or "number", *below])


def _mismatch(value: Fraction, unit: str, source: Measure, to: str, target: Measure) -> BadValue:
    number = format_fraction(value)
    if not source.dimension and unit in ("", "1"):
        return BadValue("KB315", f"`{number}` has no unit", f"write `{number} {to}`")
    have, want = set(source.dimension), set(target.dimension)
    help = f"write it in `{to or '1'}`"
    if {"mass", "amount"} <= have ^ want:
        help = f"write it in `{to}`: no molar mass is known that would convert it"
    elif {"charge", "amount"} <= have ^ want:
        help = f"write it in `{to}`: no valence is known that would convert it"
    elif have ^ want == {"body_mass"}:
        per = "is not" if "body_mass" in have else "is"
        help = f"write it in `{to}`, which {per} per kg of body weight"
    return BadValue(
        "KB314",
        f"`{number} {unit}` is {describe_dimension(source.dimension)}, not {describe_dimension(target.dimension)}",
        help,
    )


@lru_cache(maxsize=2048)  # charts say the same few values again and again, and a Fraction takes long to make
def parse_quantity(text: str) -> tuple[Fraction, str]:
    """The number and the unit text of `58 mmHg`, `130 /min`, `4`; the unit is empty where there is none.

    Raises:
        BadValue: KB309 for the number, KB304 where the space before the unit is missing.

    """
    bare = text.strip()
    if len(bare) > MAX_DIGITS + MAX_UNIT_LENGTH + 20:
        raise BadValue("KB309", f"`{shorten(bare)}` is too long for a quantity")
    number, _, unit = bare.replace("\u00a0", " ").replace("\u202f", " ").partition(" ")
    unit = unit.strip()
    if number and number[-1:] not in "0123456789." and number[:1] in "+-0123456789.":
        end = next((i for i, letter in enumerate(number) if letter not in "+-0123456789."), len(number))
        if end and number[end:].lower() not in ("e",) and not _exponent_form(number):
            raise BadValue("KB304", f"`{shorten(bare)}` needs a space", f"write `{number[:end]} {number[end:]}`")
    return parse_decimal(number), unit


def _exponent_form(number: str) -> bool:
    mantissa, mark, exponent = number.lower().partition("e")
    return bool(mark) and exponent.lstrip("+-").isdigit() and mantissa[-1:].isdigit()


def parse_molar_mass(text: str) -> Fraction | None:
    """Molar mass in g/mol from `180.16 g/mol`; None for the empty text.

    Raises:
        BadValue: where it is not a positive number of g/mol.

    """
    if not text:
        return None
    value, unit = parse_quantity(text)
    if unit != "g/mol" or value <= 0:
        raise BadValue("KB316", f"`{shorten(text)}` is not a molar mass", "write it in g/mol, such as `180.16 g/mol`")
    return value


def common_measure(left: Fraction, right: Fraction) -> Fraction:
    """The largest fraction both are whole multiples of."""
    return Fraction(
        gcd(left.numerator * right.denominator, right.numerator * left.denominator),
        left.denominator * right.denominator,
    )
