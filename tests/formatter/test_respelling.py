"""However a file is spelled, it is formatted to one form, says the same, and keeps its comments."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kb.base import Base
from kb.formatter import format_text, kind_of
from kb.source import Mapping, Source, read_source
from kb.validator import shape_of
from tests.formatter.respelling import Respelling, pruned
from tests.sampling import sampled

ROOT = Path(__file__).parents[2]
SHIPPED = [*sorted((ROOT / "protocols").rglob("*.yaml")), ROOT / "site" / "examples" / "local.yaml"]
BASE = Base(ROOT)
ASKED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
READ: dict[Path, tuple[Source, str]] = {}


def read(path: Path) -> tuple[Mapping, str]:
    if path not in READ:
        source = read_source(path)
        READ[path] = source, kind_of(source) or ""
    source, kind = READ[path]
    assert source.root is not None
    return source.root, kind


def content(text: str) -> Any:
    """What PyYAML reads, every value as text and nothing resolved; the order of keys plays no part in equality."""
    return yaml.load(text, yaml.CBaseLoader)


def formatted(text: str, kind: str | None = None) -> str:
    result = format_text(text, "any.yaml", kind)
    assert not result.refused, (result.diagnostics, text)
    return result.text


@ASKED
@given(st.sampled_from(SHIPPED), st.integers(0, 2**32))
def test_a_part_of_a_shipped_file_spelled_in_two_ways_gets_one_form(path: Path, seed: int) -> None:
    root, kind = read(path)
    part = pruned(root, shape_of(kind), Random(seed), 3)
    assert isinstance(part, Mapping)
    one, other = (Respelling(Random(seed + each), False).text(part, shape_of(kind)) for each in (1, 2))
    assert content(one) == content(other)
    first, second = formatted(one, kind), formatted(other, kind)
    assert _without_free_order(first) == _without_free_order(second)
    assert first == second
    assert content(first) == content(one)
    assert formatted(first, kind) == first


def _without_free_order(text: str) -> Counter[str]:
    return Counter(text.splitlines())


@ASKED
@given(st.sampled_from(SHIPPED), st.integers(0, 2**32))
def test_every_comment_is_kept_wherever_it_stands(path: Path, seed: int) -> None:
    root, kind = read(path)
    part = pruned(root, shape_of(kind), Random(seed), 3)
    assert isinstance(part, Mapping)
    respelling = Respelling(Random(seed), True)
    text = respelling.text(part, shape_of(kind))
    once = formatted(text, kind)
    assert content(once) == content(text)
    for comment in respelling.comments:
        assert len([line for line in once.splitlines() if line.endswith(comment)]) == 1, comment
    assert once.count("# note") == len(respelling.comments)
    assert "# note" not in str(content(once))
    assert formatted(once, kind) == once
    assert not any(line != line.rstrip() for line in once.splitlines())
    assert once.endswith("\n")
    assert not once.endswith("\n\n")


def place_of(path: Path) -> str:
    """Where files of this kind stand: under a name of their own, or many in a folder."""
    return path.parent.name if path.parent.name in ("scenarios", "reviews") else path.name.lstrip("0123456789.")


@pytest.mark.parametrize(
    ("path", "seed"),
    sampled(
        ((path, seed) for seed in (1, 2) for path in SHIPPED),
        one_in=5,
        kind=lambda row: (place_of(row[0]), row[1]),
    ),
    ids=lambda value: value.relative_to(ROOT).as_posix() if isinstance(value, Path) else str(value),
)
def test_a_whole_shipped_file_spelled_otherwise_comes_back(path: Path, seed: int) -> None:
    root, kind = read(path)
    text = path.read_text("utf-8")
    respelling = Respelling(Random(seed), seed == 2)
    other = respelling.text(root, shape_of(kind))
    back = formatted(other)
    if not respelling.with_comments:
        bare = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")) + "\n"
        assert back == formatted(bare, kind)
    assert content(back) == content(text)
    if kind == "protocol":
        assert BASE.digests(path, back) == BASE.digests(path, text) is not None
