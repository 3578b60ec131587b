"""A YAML file becomes a tree of nodes with places, or says why not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb import source
from kb.source import Mapping, Scalar, Sequence, read_source, read_text


def codes(text: str) -> list[str]:
    return [one.code for one in read_text(text, "x.yaml").diagnostics]


def value(text: str, key: str = "a") -> Scalar:
    read = read_text(text, "x.yaml")
    assert read.root is not None, read.diagnostics
    node = read.root.get(key)
    assert isinstance(node, Scalar)
    return node


@pytest.mark.parametrize(
    "word", ["no", "yes", "010", "12:30", "1.0.0", "2026-01-27", "0x1F", "1_000", "off", ".5", "1e3"]
)
def test_a_scalar_stays_the_text_it_is(word: str) -> None:
    assert value(f"a: {word}\n").text == word


TRAPS = [
    ("a tab", "a:\tb\n", "KB105"),
    ("a tab in the indentation", "a:\n\tb: c\n", "KB105"),
    ("a NUL", "a: b\x00\n", "KB104"),
    ("text that turns direction", "a: b\u202ec\n", "KB104"),
    ("a zero-width space in a comment", "a: b  # c\u200bd\n", "KB104"),
    ("a byte-order mark in the middle", "a: b\ufeff\n", "KB104"),
    ("a lone carriage return", "a: b\rc: d\n", "KB104"),
    ("a line separator", "a: b\u2028c: d\n", "KB104"),
    ("a duplicate key", "a: b\na: c\n", "KB108"),
    ("a duplicate key in quotes", "a: b\n'a': c\n", "KB108"),
    ("a tag", "a: !!int b\n", "KB109"),
    ("a local tag", "a: !b c\n", "KB109"),
    ("a lone exclamation mark", "a: ! c\n", "KB109"),
    ("a tag on a list", "a: !!set [b]\n", "KB109"),
    ("an anchor", "a: &b c\n", "KB109"),
    ("an anchor on a mapping", "a: &b\n  c: d\n", "KB109"),
    ("an alias", "a: *b\n", "KB109"),
    ("an asterisk before text", "a: * b\n", "KB109"),
    ("an alias as a key", "*b : c\n", "KB109"),
    ("a merge key", "<<: {a: b}\n", "KB109"),
    ("a directive", "%YAML 1.2\n---\na: b\n", "KB109"),
    ("two documents", "a: b\n---\nc: d\n", "KB110"),
    ("a second document that is empty", "a: b\n---\n", "KB110"),
    ("nothing", "", "KB111"),
    ("blanks", "  \n\n", "KB111"),
    ("comments only", "# a\n# b\n", "KB111"),
    ("a document that is empty", "---\n", "KB111"),
    ("null", "null\n", "KB111"),
    ("a list at the top", "- a\n", "KB112"),
    ("text at the top", "hello\n", "KB112"),
    ("a list as a key", "? [a, b]\n: c\n", "KB113"),
    ("keys as a key", "{a: b}: c\n", "KB113"),
    ("a number as a key", "1: a\n", "KB113"),
    ("a truth value as a key", "true: a\n", "KB113"),
    ("nothing as a key", "? \n: a\n", "KB113"),
    ("not-a-number as a key", ".nan: a\n", "KB113"),
    ("a number sign in text", "a: pump #2 first\n", "KB114"),
    ("a number sign in text of two lines", "a: pump #2\n  first\n", "KB114"),
    ("a comparison at the start", "a: > 5\n", "KB115"),
    ("a comparison without space", "a: >5\n", "KB115"),
    ("a comparison at-least", "a: >= 5 mmHg\n", "KB115"),
    ("a comparison in a list", "a:\n  - > 5\n", "KB115"),
    ("a bar at the start", "a: | b\n", "KB115"),
    ("a comma in a call inside braces", "a: {when: least(b, c) > 3, go: d}\n", "KB116"),
    ("a comma in a call inside brackets", "a: [least(b, c)]\n", "KB116"),
    ("a comma in prose inside braces", "a: {say: Stop, then wait}\n", "KB116"),
    ("a curly quote in a key", "“a”: b\n", "KB117"),
    ("a no-break space in a key", "a\u00a0b: c\n", "KB117"),
    ("an at sign at the start", "a: @b\n", "KB118"),
    ("a backtick at the start", "a: `b`\n", "KB118"),
    ("a per cent sign at the start", "a: %b\n", "KB118"),
    ("a colon in text", "a: Dose: 5 mg\n", "KB119"),
    ("a quote never closed", "a: 'b\nc: d\n", "KB120"),
    ("text behind a quote", 'a: "b" c\nd: e\n', "KB120"),
    ("an apostrophe inside quotes", "a: 'the patient's pulse'\nb: c\n", "KB120"),
    ("a backslash inside quotes", 'a: "50\\% of"\n', "KB120"),
    ("a bracket never closed", "a: [b, c\nd: e\n", "KB120"),
    ("a brace never closed", "a: {b: c\nd: e\n", "KB120"),
    ("a missing space after a colon", "a:b\nc: d\n", "KB121"),
    ("a key too deep", "a: b\n  c: d\n", "KB121"),
    ("a key too shallow", "a:\n   b: c\n  d: e\n", "KB121"),
    ("a line without key", "a: b\nc\nd: e\n", "KB121"),
]


@pytest.mark.parametrize(("text", "code"), [pytest.param(text, code, id=name) for name, text, code in TRAPS])
def test_a_trap_of_yaml_gets_its_own_diagnostic_and_only_that(text: str, code: str) -> None:
    assert codes(text) == [code]


FINE = [
    "a: b # c\n",
    "a: b c  # d\n",
    "a: b#c\n",
    "a: >-\n  b\n  c\n",
    "a: |\n  b: > 5\n",
    "a: 'b: c # d'\n",
    "a: [b, c]\n",
    "a: {b: '(', c: ')'}\n",
    "a: b > 5\n",
    "a: 30–40 of “them”\n",
    "---\na: b\n",
    "a: b\r\nc: d\r\n",
    "a: 5 µg\u00a0per kg\n",
]


@pytest.mark.parametrize("text", FINE)
def test_text_that_only_resembles_a_trap_is_read(text: str) -> None:
    assert codes(text) == []


@pytest.mark.parametrize(
    ("text", "inner", "line", "column"),
    [
        ("a: map < 65 mmHg\n", "65", 1, 10),
        ("a: 'it''s map < 65'\n", "65", 1, 17),
        ('a: "tab\\t and \\u00b5 65"\n', "65", 1, 22),
        ("a: map\n  < 65 mmHg\n", "65", 2, 5),
        ("a: >-\n  map\n  < 65\n", "65", 3, 5),
        ("a: |\n  map\n\n  < 65\n", "65", 4, 5),
        ("b: c\na:   'x\n\n   65'\n", "65", 4, 4),
    ],
)
def test_a_place_inside_a_scalar_is_its_place_in_the_file(text: str, inner: str, line: int, column: int) -> None:
    scalar = value(text)
    start = scalar.text.index(inner)
    place = scalar.place(start, start + len(inner))
    assert (place.line, place.column) == (line, column)
    assert text.split("\n")[place.line - 1][place.column - 1 : place.end_column - 1] == inner


def test_every_node_lies_where_its_span_says() -> None:
    text = "a:\n  b: [c, 'd e']\n  f:\n    - g h\n    - i: j\n"
    read = read_text(text, "x.yaml")
    lines = text.split("\n")
    seen = []

    def visit(node: source.Node) -> None:
        if isinstance(node, Mapping):
            for entry in node.entries.values():
                visit(entry.key)
                visit(entry.value)
        elif isinstance(node, Sequence):
            for item in node.items:
                visit(item)
        else:
            span = node.span
            assert lines[span.line - 1][span.column - 1 : span.end_column - 1] == (node.raw or node.text)
            seen.append(node.text)

    assert read.root is not None
    visit(read.root)
    assert seen == ["a", "b", "c", "d e", "f", "g h", "i", "j"]


def test_the_parser_without_c_extension_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import yaml

    quick = [codes(text) for _, text, _ in TRAPS] + [codes(text) for text in FINE]
    monkeypatch.setattr(source, "_Loader", yaml.Loader)
    slow = [codes(text) for _, text, _ in TRAPS] + [codes(text) for text in FINE]
    differing = [(text, one, two) for (_, text, _), one, two in zip(TRAPS, quick, slow, strict=False) if one != two]
    assert all(one and two for _, one, two in differing), "both refuse what either refuses"
    assert len(differing) <= 6, differing


@given(st.text(alphabet="ab:-#>|'\"{}[]&*!%@`,?() \n\t~.0", max_size=60))
@settings(max_examples=400, deadline=None)
def test_no_text_raises(text: str) -> None:
    read = read_text(text, "x.yaml")
    assert read.root is not None or read.diagnostics


@given(st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_no_bytes_raise(content: bytes) -> None:
    read = source.read_bytes(content, "x.yaml")
    assert read.root is not None or read.diagnostics


def test_a_missing_file_a_folder_and_a_path_that_is_none_are_told(tmp_path: object) -> None:
    for path in (f"{tmp_path}/none.yaml", str(tmp_path), "a\x00b", "/dev/zero", f"{tmp_path}/" + "x" * 5000):
        read = read_source(path)
        assert [one.code for one in read.diagnostics] == ["KB101"], path


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{\\rtf1\\ansi format: 1}", "a document in Rich Text Format"),
        (b"PK\x03\x04format: 1", "a document of a text processor"),
        (b"\n<!DOCTYPE html>\n", "a page of the web"),
    ],
)
def test_what_is_no_plain_text_is_told_as_what_it_is(content: bytes, told: str) -> None:
    (found,) = source.read_bytes(content, "protocol.yaml").diagnostics
    assert found.code == "KB103"
    assert told in found.message
    assert "plain text" in (found.help or "")
