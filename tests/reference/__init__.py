"""A second, naive evaluator straight from the rules: slow, obvious, independent of the engine; for tests only.

It reads the *authoring* records (`kb.model`, `kb.expression.tree`) and raw chart JSON, calculates with
fractions, and shares no code with the compiler, the folds, the generated deciders or the interpreter.
"""

from tests.reference.evaluator import reference_advice, reference_orders

__all__ = ["reference_advice", "reference_orders"]
