"""`python -m kb` and the command `kb`."""

from __future__ import annotations

import importlib.util
import os
import sys


def main() -> None:
    """Run the command line; without its libraries, say what to install."""
    missing = [name for name in ("typer", "rich") if importlib.util.find_spec(name) is None]
    if missing:
        print(
            "kb: the command line needs the authoring extra: pip install 'guideline-kb[authoring]'\n"
            "    (`import kb` needs nothing more than is installed)",
            file=sys.stderr,
        )
        sys.exit(2)
    if "_KB_COMPLETE" in os.environ:
        from kb.cli import COMMANDS, app
        from kb.cli.completion import answer

        answer(app, COMMANDS, os.environ["_KB_COMPLETE"], os.environ.get("_KB_LINE", ""))
        return
    from kb.cli import run

    run()


if __name__ == "__main__":
    main()
