"""`kb schema`: the schemas of this installation, listed, printed and copied."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

import pytest

from kb import cli
from kb.editor.schemas import FILES, modeline, settings
from kb.validator import schema_folder

ROOT = Path(__file__).parents[2]


def kb(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.run(["schema", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_schema_is_printed_as_it_is_shipped(capsys: pytest.CaptureFixture[str]) -> None:
    assert kb("protocol") == 0
    assert json.loads(capsys.readouterr().out)["title"] == "protocol"


def test_its_path_names_a_file_that_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert kb("scenario", "--path") == 0
    assert Path(capsys.readouterr().out.strip()).is_file()


def test_the_list_names_every_schema_and_what_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert kb("--list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == {
        path.name.removesuffix(".schema.json") for path in schema_folder().glob("*.json")
    }
    assert any("protocols/library/drugs.yaml" in line for line in lines)


def test_all_schemas_are_copied_into_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kb("--write", str(tmp_path / "base" / "schema")) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(list(schema_folder().glob("*.json")))
    for path in schema_folder().glob("*.json"):
        assert (tmp_path / "base" / "schema" / path.name).read_bytes() == path.read_bytes()


def test_where_the_folder_is_a_file_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "schema").write_text("", encoding="utf-8")
    assert kb("--write", str(tmp_path / "schema")) == 2
    assert "cannot write" in capsys.readouterr().err


def test_a_misspelt_kind_gets_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert kb("protocl") == 2
    assert "did you mean `protocol`?" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [(), ("protocol", "--list"), ("--path",)])
def test_one_thing_is_asked_for_at_a_time(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert kb(*arguments) == 2
    assert "name one schema" in capsys.readouterr().out


def test_the_settings_give_every_file_that_people_write_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert kb("--settings") == 0
    assert json.loads(capsys.readouterr().out) == settings()
    written = [path.relative_to(ROOT).as_posix() for path in (ROOT / "protocols").rglob("*.yaml")]
    for file in written:
        kinds = [kind for kind, pattern in FILES.items() if PurePosixPath(file).match(pattern)]
        assert len(kinds) == 1, file


def test_the_modeline_is_the_one_the_shipped_files_have() -> None:
    for kind, pattern in FILES.items():
        for path in ROOT.glob(pattern):
            depth = len(path.relative_to(ROOT).parts) - 1
            assert path.read_text(encoding="utf-8").splitlines()[0] == modeline(kind, depth), path
