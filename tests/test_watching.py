"""A file has changed if it was saved, and not because time passes."""

from __future__ import annotations

import os
from pathlib import Path

from kb.watching import changed, snapshot


def test_time_alone_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a")
    fresh = snapshot([file])
    assert len(fresh[file]) == 4
    old = {file: fresh[file][:3]}  # as it is seen once the save is some seconds past
    assert changed(fresh, old) == changed(old, fresh) == []


def test_a_save_of_the_same_size_at_the_same_time_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a")
    before, times = snapshot([file]), (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    file.write_text("b")
    os.utime(file, ns=times)
    assert changed(before, snapshot([file])) == [file]


def test_files_that_come_and_go_are_changes(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    before = snapshot([file])
    file.write_text("a")
    assert changed(before, snapshot([file])) == [file]
    assert changed(snapshot([file]), before) == [file]
