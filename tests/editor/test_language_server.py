"""`kb lsp` over standard input and output, as an editor runs it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kb.base import Base
from kb.diagnostics import Diagnostic
from kb.formatter import format_text
from tests.editor.bases import ROOT, copied
from tests.editor.client import Client
from tests.sampling import sampled
from tests.test_explain import EXAMPLES, base_with

HYPOTENSION = "refractory-hypotension"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(
        tmp_path_factory.mktemp("bäse with space"), HYPOTENSION, "adult-cardiac-arrest", "local-anaesthetic-toxicity"
    )


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Client]:
    with Client([sys.executable, "-m", "kb", "lsp"], cwd=ROOT) as client:
        capabilities = client.initialize(folder)["capabilities"]
        assert capabilities.keys() >= {
            "completionProvider", "hoverProvider", "definitionProvider", "referencesProvider", "renameProvider",
            "codeLensProvider", "codeActionProvider", "documentSymbolProvider",
            "documentFormattingProvider",
        }  # fmt: skip
        yield client
    assert client.process.returncode == 0
    assert b"Traceback" not in client.errors, client.errors.decode()


@pytest.fixture
def protocol(server: Client, folder: Path) -> Iterator[tuple[str, str]]:
    """URI and text of the first protocol, open in the editor."""
    yield from opened(server, folder / "protocols" / HYPOTENSION / "1.1.0.yaml")


@pytest.fixture
def short(server: Client, folder: Path) -> Iterator[tuple[str, str]]:
    """URI and text of a short protocol, open in the editor: sooner checked."""
    yield from opened(server, folder / "protocols" / "local-anaesthetic-toxicity" / "0.1.0.yaml")


def opened(server: Client, path: Path) -> Iterator[tuple[str, str]]:
    uri = server.open(path)
    server.diagnostics(uri)
    yield uri, path.read_text(encoding="utf-8")
    server.published.clear()
    server.notify("textDocument/didClose", {"textDocument": {"uri": uri}})


def place(text: str, line: str, word: str) -> tuple[int, int]:
    """Line and UTF-16 character of `word` in the first line of `text` that contains `line`."""
    lines = text.split("\n")
    row = next(number for number, content in enumerate(lines) if line in content)
    return row, len(lines[row][: lines[row].index(word)].encode("utf-16-le")) // 2


def as_told(found: list[Diagnostic]) -> list[tuple[Any, ...]]:
    """Code, severity, message and first line of what `kb check` found."""
    return [
        (
            one.code,
            {"error": 1, "warning": 2, "note": 3}[one.severity.value],
            "\n".join(filter(None, [one.message, one.help, one.why])),
            one.span.line - 1,
            [related.message for related in one.related],
        )
        for one in found
    ]


def as_published(found: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        (
            one["code"],
            one["severity"],
            one["message"],
            one["range"]["start"]["line"],
            [related["message"] for related in one.get("relatedInformation") or []],
        )
        for one in found
    ]


# ---------------------------------------------------------------- diagnostics


@pytest.mark.parametrize(
    ("page", "kind", "text"), sampled([one for one in EXAMPLES if one.values[1] == "bad"], one_in=12)
)
def test_what_is_typed_is_told_what_kb_check_says(
    server: Client, page: str, kind: str, text: str, tmp_path: Path
) -> None:
    base, own = base_with(text, tmp_path)
    expected = as_told([one for one in base.check()[0] if one.span.file == str(own)])
    own.write_text("format: 1\n", encoding="utf-8")
    uri = server.open(own)
    server.diagnostics(uri)
    server.change(uri, text)
    published = server.diagnostics(uri)
    assert as_published(published) == expected
    assert server.versions[uri] == 2
    for one in published:
        assert one["source"] == "kb"
        assert one["codeDescription"]["href"].endswith(f"/explain/{one['code']}.md")
    server.notify("textDocument/didClose", {"textDocument": {"uri": uri}})


def test_a_change_in_the_library_is_told_in_the_protocols_that_use_it(
    server: Client, folder: Path, protocol: tuple[str, str]
) -> None:
    uri, _ = protocol
    path = folder / "protocols" / "library" / "drugs.yaml"
    text = path.read_text(encoding="utf-8")
    library = server.open(path)
    server.change(library, text.replace("  vasopressin:\n", "  vasopresin:\n"))
    found = server.diagnostics(uri, until=bool)
    assert any("`vasopressin`" in one["message"] for one in found)
    server.change(library, text, 3)
    assert server.diagnostics(uri, until=lambda told: not told) == []
    server.notify("textDocument/didClose", {"textDocument": {"uri": library}})


def test_a_fault_is_repaired_by_its_quick_fix(server: Client, protocol: tuple[str, str]) -> None:
    uri, text = protocol
    server.change(uri, text.replace("        go: arrest\n", "        go: arest\n"))
    found, *_ = [one for one in server.diagnostics(uri, until=bool) if one["code"] == "KB401"]
    asked = {"textDocument": {"uri": uri}, "range": found["range"], "context": {"diagnostics": [found]}}
    (action,) = server.request("textDocument/codeAction", asked)
    assert action["title"] == "Change to arrest"
    (edit,) = action["edit"]["changes"][uri]
    assert (edit["newText"], edit["range"]) == ("arrest", found["range"])


# ---------------------------------------------------------------- names


def test_completion_and_what_it_says(server: Client, protocol: tuple[str, str]) -> None:
    uri, text = protocol
    row, column = place(text, "        go: arrest", "arrest")
    items = {item["label"]: item for item in server.at("completion", uri, row, column + 3)["items"]}
    assert "dobutamine" in items
    assert items["dobutamine"]["textEdit"]["range"]["start"]["character"] == column
    full = server.request("completionItem/resolve", items["dobutamine"])
    assert "titrate" in full["documentation"]["value"]


def test_definition_references_and_hover(server: Client, folder: Path, protocol: tuple[str, str]) -> None:
    uri, text = protocol
    where = place(text, "        go: arrest", "arrest")
    defined = server.at("definition", uri, *where)
    assert (defined["uri"], defined["range"]["start"]["line"]) == (uri, text.split("\n").index("  arrest:"))
    used = server.at("references", uri, *where, context={"includeDeclaration": True})
    assert {one["uri"].rpartition("/")[2] for one in used} >= {"1.1.0.yaml", "vignettes.yaml"}
    assert len(used) == len(server.at("references", uri, *where, context={"includeDeclaration": False})) + 1
    row, column = place(text, "  - map is unobtainable", "map")
    assert "plausible: 10 to 250" in server.at("hover", uri, row, column + 1)["contents"]["value"]
    library = server.at("definition", uri, row, column + 1)
    assert library["uri"] == (folder / "protocols" / "library" / "data.yaml").as_uri()


def test_behind_a_line_with_letters_of_two_units_places_are_right(server: Client, protocol: tuple[str, str]) -> None:
    uri, text = protocol
    line = '  zz: {decide: "𝛼𝛽?", cases: [{when: map < 50 mmHg, go: arest}, {else: arrest}]}\n'
    changed = text.replace("  arrest:\n", f"{line}  arrest:\n")
    server.change(uri, changed)
    found = [one for one in server.diagnostics(uri, until=bool) if one["code"] == "KB401"]
    row, column = place(changed, "  zz: ", "arest")
    assert [one["range"]["start"] for one in found] == [{"line": row, "character": column}]
    row, column = place(changed, "  zz: ", "map")
    assert "Mean arterial" in server.at("hover", uri, row, column)["contents"]["value"]


def test_rename_changes_the_protocol_and_its_scenarios(
    server: Client, folder: Path, protocol: tuple[str, str], tmp_path: Path
) -> None:
    uri, text = protocol
    where = place(text, "salvage-decision, methylene-blue]", "methylene-blue")
    assert server.at("prepareRename", uri, *where)["placeholder"] == "methylene-blue"
    edit = server.at("rename", uri, *where, newName="methylthioninium")
    assert all(one["newText"] == "methylthioninium" for edits in edit["changes"].values() for one in edits)
    assert {name.rpartition("/")[2] for name in edit["changes"]} == {
        "1.1.0.yaml",
        "additions.yaml",
        "age-of-values.yaml",
        "additions-declined.yaml",
    }
    shared = {
        "textDocument": {"uri": uri},
        "position": dict(zip(("line", "character"), place(text, "        go: arrest", "arrest"), strict=True)),
        "newName": "no-pulse",
    }
    refused = server.try_request("textDocument/rename", shared)
    assert "version 1.0.0 runs the scenario" in refused["error"]["message"]
    refused = server.try_request(
        "textDocument/rename",
        {
            "textDocument": {"uri": uri},
            "position": {"line": where[0], "character": where[1]},
            "newName": "Not kebab",
        },
    )
    assert "lower-case words joined with `-`" in refused["error"]["message"]
    assert (folder / "protocols" / HYPOTENSION / "1.1.0.yaml").read_text(encoding="utf-8") == text


def with_edits(text: str, edits: list[dict[str, Any]]) -> str:
    """`text` after edits that do not overlap, as an editor makes them."""

    def offset(place: dict[str, int]) -> int:
        lines = text.splitlines(keepends=True)
        before = "".join(lines[: place["line"]])
        line = lines[place["line"]] if place["line"] < len(lines) else ""
        return len(before) + len(line.encode("utf-16-le")[: 2 * place["character"]].decode("utf-16-le"))

    for edit in sorted(edits, key=lambda one: offset(one["range"]["start"]), reverse=True):
        start, end = offset(edit["range"]["start"]), offset(edit["range"]["end"])
        text = text[:start] + edit["newText"] + text[end:]
    return text


def test_a_text_is_formatted_as_kb_fmt_writes_it(server: Client, folder: Path, protocol: tuple[str, str]) -> None:
    uri, text = protocol
    asked = {"textDocument": {"uri": uri}, "options": {"tabSize": 8, "insertSpaces": False}}
    assert server.request("textDocument/formatting", asked) == []
    untidy = text.replace("    cites: [", "    cites:   [").replace("\n\n", "\n").rstrip("\n") + "  # 𝛼 é"
    windows = untidy.replace("\n", "\r\n")
    for version, typed in enumerate((untidy, windows), start=2):
        server.change(uri, typed, version)
        edits = server.request("textDocument/formatting", asked)
        assert len(edits) > 1, "only the lines that change"
        wanted = format_text(typed, uri)
        assert wanted.changed
        assert with_edits(typed, edits) == wanted.text


def test_a_text_that_cannot_be_formatted_is_left_alone_with_the_reason(
    server: Client, protocol: tuple[str, str]
) -> None:
    uri, text = protocol
    asked = {"textDocument": {"uri": uri}, "options": {"tabSize": 2, "insertSpaces": True}}
    server.change(uri, text.replace("start: ", "start: [", 1))
    refused = server.try_request("textDocument/formatting", asked)
    line = [row.startswith("start: ") for row in text.split("\n")].index(True) + 1
    assert refused["error"]["message"].startswith(f"not formatted; line {line}: ")


def test_lenses_and_outline(server: Client, protocol: tuple[str, str]) -> None:
    uri, text = protocol
    document = {"textDocument": {"uri": uri}}
    row = text.split("\n").index("  arrest:")

    def above_arrest() -> str:
        found = server.request("textDocument/codeLens", document)
        return str({lens["range"]["start"]["line"]: lens["command"]["title"] for lens in found}[row])

    told = above_arrest()
    for _ in range(600):  # the scenarios are run meanwhile, and counted once all have been
        if "scenario" in told:
            break
        assert told == "used by 2 steps, 1 property"
        time.sleep(0.1)
        told = above_arrest()
    assert told == "used by 2 steps, 1 property, 2 scenarios"
    names = {symbol["name"] for symbol in server.request("textDocument/documentSymbol", document)}
    assert names >= {"arrest", "hypotensive", "reassess_after", "A01", "dopamine-first-line"}


# ---------------------------------------------------------------- what must not happen


@pytest.mark.parametrize("text", ["", "\u0000", "[" * 5000, "a: &a [*a]\n", "- " * 3000, '"' * 99, "steps: {a: {b: [¦"])
def test_hostile_text_is_told_so_and_the_server_goes_on(server: Client, short: tuple[str, str], text: str) -> None:
    uri, good = short
    server.change(uri, text)
    assert server.diagnostics(uri, until=bool)
    for method in ("hover", "completion", "definition"):
        server.at(method, uri, 0, 4)
    server.request("textDocument/codeLens", {"textDocument": {"uri": uri}})
    server.change(uri, good, 3)
    assert server.diagnostics(uri, until=lambda told: not told) == []


def test_places_outside_the_text_have_no_answer(server: Client, short: tuple[str, str]) -> None:
    uri, _ = short
    for line, character in ((99_999, 0), (0, 99_999)):
        assert server.at("hover", uri, line, character) is None
        assert server.at("completion", uri, line, character)["items"] == []


def test_a_file_of_no_knowledge_base_is_left_alone(server: Client, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("a: 1\n", encoding="utf-8")
    uri = server.open(tmp_path / "other.yaml")
    assert server.at("hover", uri, 0, 0) is None
    assert server.at("completion", uri, 0, 3)["items"] == []
    untitled = {"uri": "untitled:Untitled-1", "languageId": "yaml", "version": 1, "text": "a"}
    server.notify("textDocument/didOpen", {"textDocument": untitled})
    assert server.at("hover", "untitled:Untitled-1", 0, 0) is None
    refused = server.try_request(
        "textDocument/rename",
        {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 0}, "newName": "b"},
    )
    assert "not part of a knowledge base" in refused["error"]["message"]


def test_nothing_is_written(server: Client, folder: Path) -> None:
    """The last test of this file: what the others did left the base as it was copied."""
    for path in sorted((folder / "protocols").rglob("*.yaml")):
        assert path.read_bytes() == (ROOT / path.relative_to(folder)).read_bytes()
    assert Base(folder).check()[0] == ()
