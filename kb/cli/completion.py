"""`kb completion`: a shell that completes commands, options, protocols, codes and steps.

The script a shell loads asks `kb` itself, with the line so far in `_KB_LINE`: so it is never out of date. Answers come
from names of files and a glance at the text; nothing is compiled.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_type_hints

import typer
from typer.main import get_command

_BASH = r"""# Completion of kb for bash. Load it in ~/.bashrc:  eval "$(kb completion bash)"
_kb_completion() {
    local line="${COMP_LINE:0:COMP_POINT}" reply
    local word="${line##*[[:space:]]}" breaks="${COMP_WORDBREAKS//[[:space:]]/}"
    # bash replaces only what stands after the last of its word breaks, and `@` is one of them
    local before="${word%"${word##*["$breaks"]}"}"
    COMPREPLY=()
    while IFS= read -r reply; do
        COMPREPLY+=("${reply#"$before"}")
    done < <(_KB_COMPLETE=bash _KB_LINE="$line" "$1" 2>/dev/null)
}
complete -o default -F _kb_completion kb
"""
_ZSH = r"""#compdef kb
# Completion of kb for zsh. Load it in ~/.zshrc, after compinit:  eval "$(kb completion zsh)"
_kb() {
    local -a replies
    replies=("${(@f)$(_KB_COMPLETE=zsh _KB_LINE="${(j: :)words[1,CURRENT]}" ${words[1]} 2>/dev/null)}")
    if [[ -n "${replies[1]}" ]]; then
        _describe kb replies
    else
        _files
    fi
}
compdef _kb kb
"""
_FISH = r"""# Completion of kb for fish. Load it in ~/.config/fish/config.fish:  kb completion fish | source
function __kb_complete
    set -l replies (_KB_COMPLETE=fish _KB_LINE=(commandline -cp) kb 2>/dev/null)
    if test (count $replies) -gt 0
        printf '%s\n' $replies
    else
        __fish_complete_path (commandline -ct)
    end
end
complete --command kb --no-files --arguments '(__kb_complete)'
"""


class Shell(StrEnum):
    """Shells that are known."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


_SCRIPTS = {Shell.bash: _BASH, Shell.zsh: _ZSH, Shell.fish: _FISH}


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="bash|zsh|fish", help="The shell to print a script for.")],
) -> None:
    """Print the script that makes a shell complete `kb`; its first line says how to load it."""
    sys.stdout.write(_SCRIPTS[shell])


Commands = Mapping[str, Callable[..., None]]


class Word(NamedTuple):
    """One thing that could stand here, and what it is."""

    text: str
    about: str = ""


def answer(app: typer.Typer, commands: Commands, shell: str, line: str) -> None:
    """Print what could complete `line`, one a line, as `shell` wants it."""
    for word in words_for(app, commands, line):
        about = word.about.split("\n")[0]
        match shell:
            case "zsh":
                text = word.text.replace("\\", "\\\\").replace(":", "\\:")
                print(f"{text}:{about}" if about else text)
            case "fish":
                print(f"{word.text}\t{about}" if about else word.text)
            case _:
                print(word.text)


class _Typed(NamedTuple):
    """What stands on the line before the word to complete; `base` and `protocol` where they were named."""

    base: Path | None = None
    protocol: str = ""


def words_for(app: typer.Typer, commands: Commands, line: str) -> list[Word]:
    """What could complete `line`; empty where a file could stand, or nothing."""
    root: Any = get_command(app)
    try:
        given = shlex.split(line)
    except ValueError:
        given = line.split()
    incomplete = "" if not line or line[-1].isspace() else given.pop()
    command, waiting, typed, place = root, None, _Typed(), 0
    for word in given[1:]:
        if waiting is not None:
            if waiting.name == "base":
                typed = typed._replace(base=Path(word))
            waiting = None
        elif word.startswith("-") and word != "-":
            option = _option(command, word.partition("=")[0])
            takes = option is not None and not option.is_flag and "=" not in word
            waiting = option if takes else None
        elif word in getattr(command, "commands", ()):
            command = command.commands[word]
        else:
            name = _argument(command, place)
            place += 1
            if name in ("protocol", "protocols") and not typed.protocol:
                typed = typed._replace(protocol=word)
    if waiting is not None:
        found = _values(waiting, commands.get(command.name), typed)
    elif incomplete.startswith("-"):
        found = (Word(name, each.help or "") for each in _options(command) for name in each.opts if name[:2] == "--")
    elif hasattr(command, "commands"):
        found = (Word(name, each.get_short_help_str(80)) for name, each in command.commands.items())
    else:
        arguments = [each for each in command.params if each.param_type_name == "argument"]
        now = arguments[min(place, len(arguments) - 1)] if arguments else None
        full = now is None or (place >= len(arguments) and now.nargs != -1)
        found = iter(()) if full else _values(now, commands.get(command.name), typed)
    chosen = [word for word in found if word.text.startswith(incomplete)]
    if "@" not in incomplete:  # versions come once the id is written
        whole = [word for word in chosen if "@" not in word.text]
        chosen = whole if whole and [word.text for word in whole] != [incomplete] else chosen
    return chosen


def _options(command: Any) -> Iterator[Any]:
    return (each for each in command.params if each.param_type_name == "option")


def _option(command: Any, name: str) -> Any:
    return next((each for each in _options(command) if name in each.opts), None)


def _argument(command: Any, place: int) -> str:
    names = [str(each.name) for each in command.params if each.param_type_name == "argument"]
    return names[min(place, len(names) - 1)] if names else ""


def _values(parameter: Any, function: Callable[..., None] | None, typed: _Typed) -> Iterator[Word]:
    kind = get_type_hints(function).get(str(parameter.name)) if function is not None else None
    if isinstance(kind, type) and issubclass(kind, Enum):
        return (Word(str(choice.value)) for choice in kind)
    names = _NAMES.get(str(parameter.name))
    return iter(()) if names is None else names(typed)


def _protocols(typed: _Typed) -> Iterator[Word]:
    from kb.folders import find_base, protocols_in

    for id, versions in protocols_in(find_base(typed.base).path / "protocols").items():
        yield Word(id)
        for version in versions:
            yield Word(f"{id}@{version}")


def _codes(typed: _Typed) -> Iterator[Word]:
    from kb.codes import CODES

    for code, about in CODES.items():
        yield Word(code, about.title)
        yield Word(about.name, about.title)


_STEP = re.compile(r"^  ([A-Za-z0-9][\w-]*):[ ]*(?:#.*)?$", re.MULTILINE)


def _steps(typed: _Typed) -> Iterator[Word]:
    """Ids of steps, read off the indentation: good enough to offer, never used to decide."""
    from kb.folders import find_base, protocols_in

    id, _, version = typed.protocol.partition("@")
    folder = find_base(typed.base).path / "protocols"
    versions = protocols_in(folder).get(id, [])
    file = folder / id / f"{version or versions[-1]}.yaml" if versions else Path(typed.protocol)
    if file.suffix in (".yaml", ".yml") and file.is_file():
        _, _, rest = file.read_text(encoding="utf-8", errors="replace").partition("\nsteps:\n")
        block = re.split(r"^(?=[^\s#])", rest, maxsplit=1, flags=re.MULTILINE)[0]
        yield from (Word(name) for name in _STEP.findall(block))


_NAMES: dict[str, Callable[[_Typed], Iterator[Word]]] = {
    "protocol": _protocols,
    "protocols": _protocols,
    "code": _codes,
    "why": _steps,
}
