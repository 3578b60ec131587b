"""Clinical protocols as data: checked, run on a patient's chart, explained.

    import kb
    guideline = kb.load("refractory-hypotension")
    advice = guideline.advise({"pulse": "present", "map": "58 mmHg", ...})

Importing `kb` and running a compiled Program need the standard library only.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # see `kb.records`
if TYPE_CHECKING:
    from typing import Any

    from kb.advice import Explanation, OrderVerdict
    from kb.chart import Chart, ChartError
    from kb.codec import ProgramError
    from kb.interpreter import Advice, Guideline, NotApprovedError, WithdrawnError
    from kb.program import Program
    from kb.session import Session
    from kb.store import LoadError, TamperedError, load, load_program

__version__ = "0.1.0"

_HOMES = {
    "Advice": "interpreter",
    "Chart": "chart",
    "ChartError": "chart",
    "Explanation": "advice",
    "Guideline": "interpreter",
    "LoadError": "store",
    "NotApprovedError": "interpreter",
    "OrderVerdict": "advice",
    "Program": "program",
    "ProgramError": "codec",
    "Session": "session",
    "TamperedError": "store",
    "WithdrawnError": "interpreter",
    "load": "store",
    "load_program": "store",
}

__all__ = [
    "Advice",
    "Chart",
    "ChartError",
    "Explanation",
    "Guideline",
    "LoadError",
    "NotApprovedError",
    "OrderVerdict",
    "Program",
    "ProgramError",
    "Session",
    "TamperedError",
    "WithdrawnError",
    "load",
    "load_program",
]


def __getattr__(name: str) -> Any:
    """Names are loaded when first used, so that `import kb` costs next to nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module `kb` has no name `{name}`")
    value = getattr(import_module(f"kb.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
