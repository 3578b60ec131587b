"""Named tuples that cost next to nothing to define.

`typing.NamedTuple` compiles every annotation, and a constructor, of every class that it makes. A process
that embeds `kb` would pay for a hundred classes at each start, and most of them it hardly calls: Programs
are decoded without constructors. Here annotations stay text, and a constructor is compiled once it has been
called a few times. Type checkers see `typing.NamedTuple` itself.
"""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False  # what `typing` would say; importing it takes longer than the rest of this file
if TYPE_CHECKING:
    from typing import Any, NamedTuple

    __all__ = ["NamedTuple"]
else:
    _MOST = 48
    _PLACES = namedtuple("_PLACES", [f"place_{index}" for index in range(_MOST)])
    # The standard library's read-only attributes for the first, second, … item of any tuple.
    _GETTERS = tuple(vars(_PLACES)[name] for name in _PLACES._fields)

    # Compiling a constructor takes as long as some hundred calls of the general one.
    _OFTEN = 32
    _CALLS: dict[type, int] = {}

    class _Record(tuple):
        """What all records share; the same names as those of `collections.namedtuple`."""

        __slots__ = ()

        def __new__(cls, *values: Any, **named: Any) -> Any:
            calls = _CALLS[cls] = _CALLS.get(cls, 0) + 1
            if calls < _OFTEN:
                found = {**cls._field_defaults, **named}
                rest = cls._fields[len(values) :]
                if len(values) <= len(cls._fields) and found.keys() >= set(rest) >= named.keys():
                    return tuple.__new__(cls, (*values, *[found[name] for name in rest]))
            cls.__new__ = staticmethod(_constructor(cls))  # from now on this one, which also says what is amiss
            return cls.__new__(cls, *values, **named)

        @classmethod
        def _make(cls, values: Any) -> Any:
            made = tuple.__new__(cls, values)
            if len(made) != len(cls._fields):
                raise TypeError(f"{cls.__name__} has {len(cls._fields)} fields, not {len(made)}")
            return made

        def _replace(self, /, **changes: Any) -> Any:
            made = tuple.__new__(type(self), map(changes.pop, self._fields, self))
            if changes:
                raise ValueError(f"{type(self).__name__} has no {', '.join(changes)}")
            return made

        def _asdict(self) -> dict[str, Any]:
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self) -> str:
            parts = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
            return f"{type(self).__name__}({parts})"

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)

    def _constructor(record: type) -> Any:
        """The function that takes the fields of `record`, by place or by name, as the standard library makes it."""
        names, defaults = record._fields, record._field_defaults
        space = {"__builtins__": {}, "_new": tuple.__new__, "_defaults": defaults}
        taken = "".join(f", {name}=_defaults[{name!r}]" if name in defaults else f", {name}" for name in names)
        made = eval(f"lambda _cls{taken}: _new(_cls, ({''.join(name + ', ' for name in names)}))", space)
        made.__name__ = made.__qualname__ = record.__name__
        return made

    class _Maker(type):
        def __new__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> type:
            if not bases:
                return super().__new__(cls, name, bases, space)
            fields = tuple(space.get("__annotations__", ()))
            space["_field_defaults"] = {field: space[field] for field in fields if field in space}
            space.update(zip(fields, _GETTERS[: len(fields)], strict=True))
            space["_fields"] = space["__match_args__"] = fields
            space["__slots__"] = ()
            return type(name, (_Record,), space)

    class NamedTuple(metaclass=_Maker):
        """The base of a record, as `typing.NamedTuple`."""
