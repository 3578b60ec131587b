"""The preview follows every save, also one with a mistake."""

from __future__ import annotations

import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from kb.base import Base
from kb.folders import default_base
from kb.scaffold.bases import new_base
from kb.site.emit import EmitError
from kb.site.preview import Preview, server_of
from kb.site.reports import ReportStore
from tests.scaffold.test_bases import TODAY

PAGES = "protocols/first-protocol/0.1.0"


@pytest.fixture
def preview(tmp_path: Path) -> Preview:
    new_base(tmp_path / "base", TODAY)
    return Preview(Base(tmp_path / "base"), tmp_path / "base" / "out" / "preview")


def protocol_file(preview: Preview) -> Path:
    return preview.base.protocols_path / "first-protocol" / "0.1.0.yaml"


def save(preview: Preview, old: str, new: str) -> None:
    file = protocol_file(preview)
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")
    assert preview.is_stale()
    assert preview.look() == ()
    assert not preview.is_stale()


def page(preview: Preview, name: str) -> str:
    return (preview.folder / PAGES / f"{name}.html").read_text("utf-8")


def test_a_save_is_on_the_page_and_other_pages_stay_as_they_are(preview: Preview) -> None:
    preview.look()
    other = preview.folder / "format.html"
    built = other.stat().st_mtime_ns
    save(preview, "title: First protocol", "title: Another title")
    assert "Another title" in page(preview, "list")
    assert other.stat().st_mtime_ns == built


def test_a_mistake_is_told_at_its_step_above_the_last_good_chart(preview: Preview) -> None:
    preview.look()
    save(preview, "go: first-action", "go: frist-action")
    assert preview.broken
    assert 'class="kb-wrong"' in page(preview, "index")
    shown = page(preview, "list")
    begins = shown.index('id="step-first-question"')
    assert "did you mean" in shown[begins : shown.index('id="step-', begins + 10)]
    assert "kb-stale" in page(preview, "chart")
    assert "<svg" in page(preview, "chart")


def test_a_save_reads_one_version_anew_and_of_what_they_share_all_versions(preview: Preview) -> None:
    file, base = protocol_file(preview), preview.base
    file.with_name("0.2.0.yaml").write_text(file.read_text("utf-8").replace("0.1.0", "0.2.0", 1), "utf-8")

    def anew(changed: str) -> list[str]:
        before = {version: base.program("first-protocol", version)[0] for version in ("0.1.0", "0.2.0")}
        assert None not in before.values()
        base.forget(file.with_name(changed))
        return [version for version in before if base.program("first-protocol", version)[0] is not before[version]]

    assert anew("0.1.0.yaml") == ["0.1.0"]
    assert anew("0.2.0.yaml") == ["0.2.0"]
    assert anew("statements.yaml") == ["0.1.0", "0.2.0"]


def test_what_is_found_of_a_protocol_is_found_anew_when_one_that_it_hands_over_to_changes(tmp_path: Path) -> None:
    shutil.copytree(default_base() / "protocols", tmp_path / "protocols")
    base, folder = Base(tmp_path), tmp_path / "protocols"
    arrest = folder / "adult-cardiac-arrest" / "0.1.0.yaml"
    file = folder / "anaphylaxis" / "0.1.0.yaml"
    before = base.inspect(file)
    assert "KB484" in [item.code for item in before]
    text = arrest.read_text("utf-8")
    arrest.write_text(text.replace("applies: not (known(age) and age < 18 years)\n", ""), "utf-8")
    base.forget(arrest)
    assert base.inspect(file) != before
    assert base.inspect(file) == Base(tmp_path).inspect(file)


def test_what_is_no_yaml_at_all_keeps_the_last_good_pages(preview: Preview) -> None:
    preview.look()
    save(preview, "steps:", "steps: [")
    assert 'class="kb-wrong"' in page(preview, "list")
    save(preview, "steps: [", "steps:")
    assert 'class="kb-wrong"' not in page(preview, "list")


def test_reports_that_are_kept_are_shown_until_a_save_makes_them_untrue(preview: Preview) -> None:
    store = ReportStore(preview.base)
    store.work_out()
    store.keep_check(preview.base.examine())
    preview.look()
    assert 'href="proofs.html"' in page(preview, "index")
    assert (preview.folder / "protocols" / "checks.html").exists()
    proofs = page(preview, "proofs")
    save(preview, "title: First protocol", "title: Another title")
    assert 'href="proofs.html"' not in page(preview, "index")
    assert not (preview.folder / PAGES / "proofs.html").exists()
    assert not (preview.folder / "protocols" / "checks.html").exists()
    save(preview, "title: Another title", "title: First protocol")
    assert page(preview, "proofs") == proofs


def test_what_never_was_good_is_said(preview: Preview) -> None:
    protocol_file(preview).write_text("format: 1\n", "utf-8")
    with pytest.raises(EmitError, match=r"first-protocol@0\.1\.0 has errors") as refused:
        preview.look()
    assert refused.value.diagnostics


@pytest.fixture
def address(preview: Preview) -> Iterator[str]:
    server = server_of(preview, "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_an_open_page_is_told_of_a_save(preview: Preview, address: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(f"{address}/", timeout=5)
    preview.look()
    with urllib.request.urlopen(f"{address}/", timeout=5) as answer:
        assert b'src="/kb-saved.js"' in answer.read()
    with urllib.request.urlopen(f"{address}/kb-saved", timeout=20) as stream:
        saved = threading.Thread(target=save, args=(preview, "title: First protocol", "title: Another"))
        saved.start()
        assert stream.readline() == b"data: saved\n"
        saved.join()
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{address}/../../local.yaml", timeout=5)
