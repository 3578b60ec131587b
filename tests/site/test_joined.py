"""Modules joined into one do what they do apart; what cannot be joined is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kb.site.joined import JoinError, joined
from tests.runner.node import RUNNER, node

# Each module has names that another has too, and what is easily taken for something else where comments are removed.
APART = {
    "main.js": """
import { Bag as Sack, count } from "./bag.js";
import {
  count as words,
  STRANGE,
} from "./words.js";

/** @typedef {import("./bag.js").Bag} Bag */

const size = 3n ** 40n; // bigger than a number holds
/** @param {string} text */
export function told(text) {
  const sack = new Sack(text);
  return [sack.size(), count, words(text), STRANGE, `${size} // no comment ${`${size / 2n}`} /* nor this */`];
}
export async function later() {
  return told("a b");
}
console.log(told("one, two / three").join("|"));
""",
    "bag.js": """
import { count as words } from "./words.js";
const size = 7;
export const count = -0.5e-3;
export class Bag {
  #text;
  constructor(text) {
    this.#text = text;
  }
  size() {
    return size + words(this.#text) / 2 / 1;
  }
}
""",
    "words.js": """
const size = /[/*"'`]+|\\/\\/|,/g; // a slash, a quote …
function count(text) {
  return text.split(" ").filter((each) => !each.match(size)).length;
}
function* letters() {
  yield* "ab";
}
const STRANGE = "import \\"x\\" export /* \\u0061 */ // \\\\" + [...letters()].join("") + (1_000 + 0x10);
export { count, STRANGE };
""",
}
FAULTS = {
    "an import of all": ('import * as bag from "./bag.js";', "is of no kind that can be joined"),
    "an import of the default": ('import bag from "./bag.js";', "is of no kind that can be joined"),
    "an import for its effect": ('import "./bag.js";', "is of no kind that can be joined"),
    "an import from elsewhere": ('import { Bag } from "bag";', "is of no kind that can be joined"),
    "another quote": ("import { Bag } from './bag.js';", "is of no kind that can be joined"),
    "an export of the default": ("export default 1;", "is of no kind that can be joined"),
    "what is exported again": ('export { Bag } from "./bag.js";', "is of no kind that can be joined"),
    "an export that changes": ("export let changing = 1;", "is of no kind that can be joined"),
    "an export of a pattern": ("export const { one } = { one: 1 };", "is of no kind that can be joined"),
    "an export by another name": ("const one = 1;\nexport { one as two };", "exports `one as two`"),
    "what is not exported": ('import { size } from "./bag.js";', "imports size, which bag.js does not export"),
    "a circle": ('import { a } from "./main.js";\nexport const a = 1;', "in a circle"),
    "an import at run time": ('const bag = import("./" + location.hash);\nbag.then(console.log);', "at run time"),
    "what is no JavaScript": ("export const one = ;", "are no JavaScript"),
    "a name of the joined module": ("const $_bag = 1;", "`$_`"),
    "a name that is no word": ('import { a } from "./a-b.js";', "must be a word"),
}


def written(folder: Path, modules: dict[str, str]) -> Path:
    for name, text in modules.items():
        (folder / name).write_text(text, "utf-8")
    return folder


def printed(file: Path) -> str:
    return subprocess.run([node(), str(file)], capture_output=True, text=True, check=True, timeout=60).stdout


def test_modules_do_joined_what_they_do_apart(tmp_path: Path) -> None:
    written(tmp_path, {**APART, "package.json": '{"type": "module"}'})
    apart = printed(tmp_path / "main.js")
    assert apart.startswith("8|-0.0005|2|")
    script = joined(tmp_path, ["main.js"], "where it is from")
    assert script.startswith("/* where it is from */\n")
    assert "bigger than" not in script
    (tmp_path / "joined.mjs").write_text(script, "utf-8")
    use = 'import { main, words } from "./joined.mjs";\nconsole.log(main.told("x")[2], words.count("y z"));\n'
    (tmp_path / "use.mjs").write_text(use, "utf-8")
    assert printed(tmp_path / "use.mjs") == apart + "1 2\n"


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_joined_is_refused(fault: str, tmp_path: Path) -> None:
    text, told = FAULTS[fault]
    written(tmp_path, {**APART, "main.js": f"{text}\n"})
    with pytest.raises(JoinError) as refused:
        joined(tmp_path, ["main.js"])
    assert told in str(refused.value)


def test_every_module_of_the_runner_is_in_the_page() -> None:
    first = joined(RUNNER, ["page.js"]).partition("}")[0]
    assert set(first.partition("{")[2].split(",")) == {file.stem for file in RUNNER.glob("*.js")}
