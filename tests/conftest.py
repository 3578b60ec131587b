"""Settings every test shares: Hypothesis without deadlines, and `long` tests only where they are asked for."""

from __future__ import annotations

import gc

import pytest
from hypothesis import HealthCheck, settings

from tests.chromium import browser, site
from tests.sampling import ask_for

__all__ = ["browser", "site"]  # fixtures of every test: one browser, one built site

settings.register_profile(
    "kb", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
settings.load_profile("kb")


def pytest_configure(config: pytest.Config) -> None:
    ask_for(config.getoption("markexpr") or "")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is marked `long` unless `-m` names it."""
    if "long" in (config.getoption("markexpr") or ""):
        return
    skip = pytest.mark.skip(reason="a complete run; ask for it with `-m long`")
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(skip)


def pytest_collection_finish() -> None:
    """As in `kb.__main__`, garbage is looked for less often; and never in the tests, which stay to the end."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
