"""The mistakes people make when they edit a protocol: each is told once, at its place, with what to do."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from kb.base import Base
from kb.linter import lint_protocol
from kb.loader.protocol import load_protocol_text
from tests.sampling import sampled

ROOT = Path(__file__).parents[2]
ID = "refractory-hypotension"
FILES = {"protocol": "1.0.0.yaml", "statements": "statements.yaml", "vignettes": "scenarios/vignettes.yaml"} | {
    "local": "../../local.yaml"
}
SETTLED = """\
format: 1
name: St Example
approved_by: Dr A. Example
approved_on: 2026-01-01
limits:
  vasopressin:
    - of: rate
      hard: up to 0.04 units/min
      because: as the protocol has it
"""
MISTAKES = yaml.safe_load((Path(__file__).parent / "mistakes.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """What no mistake is made in, read once: the library, and what the first protocol hands over to."""
    folder = tmp_path_factory.mktemp("base")
    (folder / "protocols").mkdir()
    for name in ("library", "adult-cardiac-arrest"):
        (folder / "protocols" / name).symlink_to(ROOT / "protocols" / name)
    return Base(folder)


def edit(mistake: dict[str, Any], base: Base) -> int:
    """Make the mistake in the first protocol of the base, or in the one that is named; the line it begins on."""
    id: str = mistake.get("id", ID)
    home = base.protocols_path / id
    (base.path / "local.yaml").unlink(missing_ok=True)
    for made in (ID, id):
        shutil.rmtree(base.protocols_path / made, ignore_errors=True)
    version = FILES["protocol"] if id == ID else next((ROOT / "protocols" / id).glob("[0-9]*.yaml")).name
    names = {**FILES, "protocol": version}
    file = home / names[mistake["file"]]
    for name in {version, "statements.yaml", names[mistake["file"]]}:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        if name == names["local"]:
            file.write_text(SETTLED, encoding="utf-8")
        else:
            shutil.copy(ROOT / "protocols" / id / name, home / name)
    text = file.read_text(encoding="utf-8")
    assert mistake["old"] in text, "the protocol has changed: choose another place for this mistake"
    file.write_text(text.replace(mistake["old"], mistake["new"], 1), encoding="utf-8")
    for name in names.values():
        base.forget(home / name)
    return text[: text.index(mistake["old"])].count("\n") + 1


@pytest.mark.parametrize(
    "mistake",
    sampled(MISTAKES, one_in=6, kind=lambda mistake: (*mistake["told"], mistake["file"])),
    ids=lambda mistake: mistake["mistake"],
)
def test_a_mistake_is_told_where_it_stands_with_what_to_do(mistake: dict[str, Any], base: Base) -> None:
    line = edit(mistake, base)
    found, _ = base.check([mistake.get("id", ID)])
    assert [item.code for item in found] == mistake["told"]
    if found and mistake.get("anywhere") is None:
        last = line + mistake["new"].count("\n") + mistake["old"].count("\n")
        assert line <= found[0].span.line <= last, "told in another place"
    if found:
        assert found[0].help, "nothing says what to do"
        assert mistake["help"] in found[0].help


MOVED = [
    pytest.param(file, number, width, id=f"{file.parent.name}-{number + 1}{width:+}")
    for name in ("hyperkalaemia/0.1.0.yaml", "diabetic-ketoacidosis/0.1.0.yaml")
    for file in [ROOT / "protocols" / name]
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"))
    if number % 83 == 24 and line.startswith("    ") and ":" in line
    for width in (2, -2)
]


def follows_folded_prose(lines: list[str], number: int) -> bool:
    """Whether the lines above are the text of a `>-`, so that a line moved to the right goes on with it."""
    own = len(lines[number]) - len(lines[number].lstrip())
    above = number - 1
    while lines[above].startswith(" " * (own + 2)):
        above -= 1
    return above < number - 1 and lines[above].rstrip().endswith(">-")


@pytest.mark.parametrize(("file", "number", "width"), MOVED)
def test_a_line_moved_by_two_spaces_is_told_there_or_at_its_neighbour(file: Path, number: int, width: int) -> None:
    """A key and its first line may have changed places alike: then the one below is named."""
    lines = file.read_text(encoding="utf-8").split("\n")
    key, into_prose = lines[number].strip().partition(":")[0], width > 0 and follows_folded_prose(lines, number)
    lines[number] = "  " + lines[number] if width > 0 else lines[number][2:]
    protocol, found = load_protocol_text("\n".join(lines), "moved.yaml")
    assert protocol is None
    if into_prose:  # the line is prose now, as YAML has it: what is told is that the key is missing
        assert [item.code for item in found] == ["KB202"]
        assert f"`{key}`" in found[0].message
        return
    assert [item.code for item in found] == ["KB121"]
    assert found[0].span.line - 1 in (number, number + 1)
    assert "2 spaces" in found[0].message
    assert found[0].help


@pytest.mark.parametrize("name", ["units", "data", "drugs"])
def test_a_library_without_one_of_its_files_says_which_and_what_it_is_for(name: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "protocols" / "library", tmp_path / "protocols" / "library")
    shutil.copytree(ROOT / "protocols" / "anaphylaxis", tmp_path / "protocols" / "anaphylaxis")
    (tmp_path / "protocols" / "library" / f"{name}.yaml").unlink()
    found, _ = Base(tmp_path).check()
    assert [item.code for item in found] == ["KB101"]
    assert f"the library has no `{name}.yaml`" in found[0].message
    assert "`kb init DIR` writes all three" in (found[0].help or "")


def test_a_protocol_without_its_statements_is_told_so_once(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "protocols" / "library", tmp_path / "protocols" / "library")
    shutil.copytree(ROOT / "protocols" / "early-warning", tmp_path / "protocols" / "early-warning")
    (tmp_path / "protocols" / "early-warning" / "statements.yaml").unlink()
    found, _ = Base(tmp_path).check()
    about = [item for item in found if item.code == "KB502"]
    assert len(about) == 1
    assert "there is no `statements.yaml` beside it" in about[0].message


def test_what_is_not_guarded_is_told_once_and_not_in_every_case() -> None:
    file = ROOT / "protocols" / "adult-bradycardia" / "0.1.0.yaml"
    text = file.read_text(encoding="utf-8")
    old = "      - when: total(atropine in the episode) >= 3 mg\n"
    assert old in text
    more = "".join(
        f"      - when: since(atropine) > {minutes} min\n        go: second-line\n" for minutes in (30, 20, 10)
    )
    base = Base(ROOT)
    protocol, found = load_protocol_text(text.replace(old, more + old, 1), str(file), base.library)
    assert protocol is not None, found
    told = [item for item in lint_protocol(protocol, base.library) if item.code == "KB327"]
    assert len(told) == 1
