"""`python -m kb` and the command `kb`."""

from __future__ import annotations

import gc
import importlib.util
import os
import sys


def main() -> None:
    """Run the command line; without its libraries, say what to install."""
    missing = [name for name in ("typer", "rich") if importlib.util.find_spec(name) is None]
    if missing and sys.argv[1:2] == ["doctor"]:
        sys.exit(_doctor(sys.argv[2:]))
    if missing:
        print(
            "kb: the command line needs the authoring extra: pip install 'guideline-kb[authoring]'\n"
            "    (`import kb` needs nothing more than is installed; `kb doctor` tells what is here)",
            file=sys.stderr,
        )
        sys.exit(2)
    if "_KB_COMPLETE" in os.environ:
        from kb.cli import COMMANDS, app
        from kb.cli.completion import answer

        answer(app, COMMANDS, os.environ["_KB_COMPLETE"], os.environ.get("_KB_LINE", ""))
        return
    from kb.cli import run

    gc.set_threshold(50_000, 20, 100)  # a base is many small records that stay: looking through them all costs a fifth
    run()


def _doctor(arguments: list[str]) -> int:
    """`kb doctor` where nothing else is installed: the command line proper needs typer."""
    import argparse
    import json

    from kb.doctor import as_json, as_text, examine, healthy

    parser = argparse.ArgumentParser(prog="kb doctor", description="Tell what is installed and what is missing.")
    parser.add_argument("--format", "-f", choices=["text", "json"], default="text")
    asked = parser.parse_args(arguments)
    rows = examine()
    text = json.dumps(as_json(rows), indent=2) + "\n" if asked.format == "json" else as_text(rows)
    sys.stdout.buffer.write(text.encode(sys.stdout.encoding or "utf-8", "replace"))
    return 0 if healthy(rows) else 1


if __name__ == "__main__":
    main()
