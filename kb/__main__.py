"""`python -m kb` and the command `kb`."""

from __future__ import annotations

import importlib.util
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
    from kb.cli import run

    run()


if __name__ == "__main__":
    main()
