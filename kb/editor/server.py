"""`kb lsp`: the features of this package over the Language Server Protocol, on standard input and output.

Only texts that an editor holds and files of the knowledge base are read; nothing is ever written. What changes a
text (a rename, a fix, its form) goes back to the editor as an edit.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

import kb
from kb.diagnostics import Diagnostic, Severity
from kb.editor import places
from kb.editor.completion import Completion, complete
from kb.editor.fixes import fix_of
from kb.editor.formatting import FormatError, format_edits
from kb.editor.hover import brief, hover
from kb.editor.index import Definition
from kb.editor.lens import Reach, lenses, reached
from kb.editor.rename import RenameError, rename, renameable
from kb.editor.workspace import Workspace, base_of
from kb.interpreter import Guideline
from kb.scenarios import Scenario

PAUSE: Final = 0.15  # seconds without typing before the text is checked
_REFUSED: Final = -32803  # RequestFailed: the request was valid, and the answer is no
_log = logging.getLogger(__name__)

_SYMBOLS: Final = {
    "step": types.SymbolKind.Function, "define": types.SymbolKind.Variable, "parameter": types.SymbolKind.Constant,
    "data": types.SymbolKind.Field, "drug": types.SymbolKind.Class, "class": types.SymbolKind.Namespace,
    "statement": types.SymbolKind.String, "interpretation": types.SymbolKind.Interface,
    "scenario": types.SymbolKind.Event,
}  # fmt: skip
_ITEMS: Final = {
    "step": types.CompletionItemKind.Function, "define": types.CompletionItemKind.Variable,
    "parameter": types.CompletionItemKind.Constant, "data": types.CompletionItemKind.Field,
    "drug": types.CompletionItemKind.Class, "class": types.CompletionItemKind.Module,
    "statement": types.CompletionItemKind.Reference, "interpretation": types.CompletionItemKind.Interface,
    "option": types.CompletionItemKind.EnumMember, "unit": types.CompletionItemKind.Unit,
    "function": types.CompletionItemKind.Method, "protocol": types.CompletionItemKind.File,
}  # fmt: skip
_SEVERITIES: Final = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.NOTE: types.DiagnosticSeverity.Information,
}


class Server(LanguageServer):
    """The knowledge bases an editor has open, and what was last told about each file."""

    def __init__(self) -> None:
        super().__init__("kb", kb.__version__)
        self.bases: dict[Path, Workspace] = {}
        self.uris: dict[Path, str] = {}  # of open files, as the editor spells them
        self.waiting: dict[Path, asyncio.TimerHandle] = {}
        self.told: dict[Path, list[Diagnostic]] = {}
        self.reach: dict[Path, Reach] = {}
        self.ran: dict[Path, tuple[str, str, list[Scenario]]] = {}  # the digests and scenarios that `reach` is of
        self.task: asyncio.Task[None] | None = None

    def report_server_error(self, error: Exception, source: Any) -> None:
        """A fault of ours is logged; an editor is not interrupted by it, and a refusal is no fault."""
        if not _is_refusal(error):
            _log.error("%s", error, exc_info=error)

    # -- places

    def of(self, uri: str) -> tuple[Path, Workspace] | None:
        """The path of a document and the knowledge base it belongs to; None for any other document."""
        name = to_fs_path(uri)
        if not name:
            return None
        path = Path(name)
        root = base_of(path)
        if root is None:
            return None
        return path, self.bases.setdefault(root, Workspace(root))

    def uri(self, path: Path) -> str:
        return self.uris.get(path) or path.as_uri()

    # -- checking

    def check_soon(self, path: Path, pause: float = PAUSE) -> None:
        """Check `path` once it has not changed for a while."""
        self.idle()
        earlier = self.waiting.pop(path, None)
        if earlier is not None:
            earlier.cancel()
        self.waiting[path] = asyncio.get_running_loop().call_later(pause, self.check_now, path)

    def check_now(self, path: Path) -> None:
        self.waiting.pop(path, None)
        place = self.of(self.uri(path))
        if place is None:
            return
        _, workspace = place
        try:
            found = workspace.check(path)
        except Exception as fault:  # a fault in one text must not end the others
            _log.error("%s cannot be checked", path, exc_info=fault)
            return
        for file, diagnostics in found.items():
            if diagnostics or self.told.get(file) or file in self.uris:
                self.tell(workspace, file, diagnostics)
        self.prepare(workspace, path)

    def tell(self, workspace: Workspace, file: Path, diagnostics: list[Diagnostic]) -> None:
        self.told[file] = diagnostics
        document = self.workspace.text_documents.get(self.uris.get(file, ""))
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(
                uri=self.uri(file),
                diagnostics=[self.diagnostic(workspace, one) for one in diagnostics],
                version=None if document is None else document.version,
            )
        )

    def diagnostic(self, workspace: Workspace, one: Diagnostic) -> types.Diagnostic:
        page = Path(kb.__file__).parent / "explain" / f"{one.code}.md"
        related = [
            types.DiagnosticRelatedInformation(
                location=self.location(workspace, Path(other.span.file), other.span), message=other.message
            )
            for other in one.related
        ]
        return types.Diagnostic(
            range=_range(places.range_of(one.span, workspace.lines(Path(one.span.file)))),
            message="\n".join(filter(None, [one.message, one.help, one.why])),
            severity=_SEVERITIES[one.severity],
            code=one.code,
            code_description=types.CodeDescription(href=page.as_uri()) if page.is_file() else None,
            source="kb",
            related_information=related or None,
        )

    def location(self, workspace: Workspace, path: Path, span: Any) -> types.Location:
        return types.Location(self.uri(path), _range(places.range_of(span, workspace.lines(path))))

    # -- what takes longer than anybody waits: done in small pieces, and given up as soon as somebody types

    def prepare(self, workspace: Workspace, path: Path) -> None:
        """Index the base, find out which scenarios reach each step, and have the lenses drawn again."""
        self.idle()
        self.task = asyncio.get_running_loop().create_task(self._prepare(workspace, path))

    def idle(self) -> None:
        if self.task is not None:
            self.task.cancel()
            self.task = None

    async def _prepare(self, workspace: Workspace, path: Path) -> None:
        try:
            for each in workspace.paths():
                workspace.index(each)
                await asyncio.sleep(0)
            workspace.usage()
            folder = workspace.folder_of(path)
            file = workspace.base.file(folder) if folder is not None else None
            program = None if file is None else workspace.base.compile(file)[0]
            if folder is None or file is None or program is None:
                return
            scenarios: list[Scenario] = []
            for each in workspace.base.scenario_files(folder):
                scenarios += workspace.base.scenarios(each)[0]
                await asyncio.sleep(0)
            ran = program.logic_digest, program.text_digest, scenarios
            if self.ran.get(file) != ran:  # the same where it was opened anew, or a remark was written
                guideline, counted = Guideline(program), Counter[str]()
                for scenario in scenarios:
                    if scenario.version in ("", program.version):
                        counted.update(reached(guideline, scenario))
                        await asyncio.sleep(0)
                self.reach[file], self.ran[file] = counted, ran
            lens = self.client_capabilities.workspace and self.client_capabilities.workspace.code_lens
            if lens and lens.refresh_support:
                await self.workspace_code_lens_refresh_async(None)
        except Exception as fault:
            _log.error("the scenarios of %s cannot be run", path, exc_info=fault)


def _range(range: places.Range) -> types.Range:
    return types.Range(types.Position(*range.start), types.Position(*range.end))


def _is_refusal(error: object) -> bool:
    return isinstance(error, JsonRpcException) and error.code == _REFUSED


def _not_a_refusal(record: logging.LogRecord) -> bool:
    return not (record.exc_info and _is_refusal(record.exc_info[1]))


def make_server() -> Server:
    """A server with all its features; `start_io` runs it."""
    logging.getLogger("pygls.protocol.json_rpc").addFilter(_not_a_refusal)
    server = Server()
    for add in (_documents, _names, _hints, _edits):
        add(server)
    return server


# ---------------------------------------------------------------- documents


def _documents(server: Server) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        place = server.of(params.text_document.uri)
        if place is not None:
            path, workspace = place
            server.uris[path] = params.text_document.uri
            workspace.hold(path, params.text_document.text)
            server.check_soon(path, 0)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        place = server.of(params.text_document.uri)
        if place is not None:
            path, workspace = place
            workspace.hold(path, server.workspace.get_text_document(params.text_document.uri).source)
            server.check_soon(path)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        place = server.of(params.text_document.uri)
        if place is not None:
            server.check_soon(place[0], 0)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        place = server.of(params.text_document.uri)
        if place is not None:
            path, workspace = place
            server.uris.pop(path, None)
            workspace.release(path)
            server.check_soon(path, 0)

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def moved(params: types.DidChangeWatchedFilesParams) -> None:
        for change in params.changes:
            place = server.of(change.uri)
            if place is not None and not place[1].is_held(place[0]):
                place[1].base.forget(place[0])
                server.check_soon(place[0])


# ---------------------------------------------------------------- names


def _names(server: Server) -> None:
    def at(uri: str, position: types.Position) -> tuple[Path, Workspace, Definition] | None:
        place = server.of(uri)
        if place is None:
            return None
        path, workspace = place
        found = workspace.at(path, position.line, position.character)
        return None if found is None or found.definition is None else (path, workspace, found.definition)

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    def definition(params: types.DefinitionParams) -> types.Location | None:
        found = at(params.text_document.uri, params.position)
        if found is None:
            return None
        _, workspace, named = found
        return server.location(workspace, Path(named.span.file), named.span)

    @server.feature(types.TEXT_DOCUMENT_REFERENCES)
    def references(params: types.ReferenceParams) -> list[types.Location]:
        found = at(params.text_document.uri, params.position)
        if found is None:
            return []
        _, workspace, named = found
        spans = [(mention.file.path, mention.use.span) for mention in workspace.uses_of(named)]
        if params.context.include_declaration:
            spans.insert(0, (Path(named.span.file), named.span))
        return [server.location(workspace, path, span) for path, span in spans]

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hovered(params: types.HoverParams) -> types.Hover | None:
        found = at(params.text_document.uri, params.position)
        if found is None:
            return None
        path, workspace, named = found
        file = workspace.index(path)
        assert file is not None
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, hover(workspace, named, file)))

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def symbols(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        place = server.of(params.text_document.uri)
        file = place[1].index(place[0]) if place is not None else None
        if place is None or file is None:
            return []
        lines = place[1].lines(place[0])
        found = []
        for one in file.definitions:
            key, whole = places.range_of(one.span, lines), places.range_of(one.whole, lines)
            found.append(
                types.DocumentSymbol(
                    name=one.name,
                    kind=_SYMBOLS.get(one.kind, types.SymbolKind.Key),
                    range=_range(places.Range(key.start, max(key.end, whole.end))),
                    selection_range=_range(key),
                    detail=brief(one)[:120],
                )
            )
        return found


# ---------------------------------------------------------------- hints


def _hints(server: Server) -> None:
    @server.feature(
        types.TEXT_DOCUMENT_COMPLETION,
        types.CompletionOptions(trigger_characters=[" ", "[", "("], resolve_provider=True),
    )
    def completed(params: types.CompletionParams) -> types.CompletionList:
        place = server.of(params.text_document.uri)
        if place is None:
            return types.CompletionList(False, [])
        path, workspace = place
        found = complete(workspace, path, params.position.line, params.position.character)
        return types.CompletionList(False, [item(one, number, path) for number, one in enumerate(found)])

    def item(one: Completion, number: int, path: Path) -> types.CompletionItem:
        named = None if one.definition is None else [server.uri(path), one.kind, one.definition.name]
        return types.CompletionItem(
            label=one.label,
            kind=_ITEMS.get(one.kind, types.CompletionItemKind.Value),
            detail=one.detail[:160],
            sort_text=f"{number:04}",
            filter_text=one.label,
            text_edit=types.TextEdit(_range(one.range), one.label),
            data=named,
        )

    @server.feature(types.COMPLETION_ITEM_RESOLVE)
    def resolved(params: types.CompletionItem) -> types.CompletionItem:
        match params.data:
            case [str(uri), str(kind), str(name)]:
                place = server.of(uri)
                file = place[1].index(place[0]) if place is not None else None
                if place is not None and file is not None:
                    found = place[1].look_up((kind,), name, file)
                    if found is not None:
                        text = hover(place[1], found, file)
                        params.documentation = types.MarkupContent(types.MarkupKind.Markdown, text)
        return params

    @server.feature(types.TEXT_DOCUMENT_CODE_LENS)
    def lens(params: types.CodeLensParams) -> list[types.CodeLens]:
        place = server.of(params.text_document.uri)
        if place is None:
            return []
        path, workspace = place
        found = lenses(workspace, path, server.reach.get(path))
        return [types.CodeLens(_range(one.range), types.Command(one.text, "")) for one in found]


# ---------------------------------------------------------------- edits


def _edits(server: Server) -> None:
    def answered(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (RenameError, FormatError) as refused:
            raise JsonRpcException(message=str(refused), code=_REFUSED) from refused

    def place_of(uri: str) -> tuple[Path, Workspace]:
        place = server.of(uri)
        if place is None:
            raise JsonRpcException(message="this file is not part of a knowledge base", code=_REFUSED)
        return place

    @server.feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
    def prepared(params: types.PrepareRenameParams) -> types.PrepareRenamePlaceholder:
        path, workspace = place_of(params.text_document.uri)
        range, definition = answered(
            lambda: renameable(workspace, path, params.position.line, params.position.character)
        )
        return types.PrepareRenamePlaceholder(_range(range), definition.name)

    @server.feature(types.TEXT_DOCUMENT_RENAME, types.RenameOptions(prepare_provider=True))
    def renamed(params: types.RenameParams) -> types.WorkspaceEdit:
        path, workspace = place_of(params.text_document.uri)
        edits = answered(
            lambda: rename(workspace, path, params.position.line, params.position.character, params.new_name.strip())
        )
        changes: dict[str, list[types.TextEdit]] = {}
        for edit in edits:
            changes.setdefault(server.uri(edit.path), []).append(types.TextEdit(_range(edit.range), edit.text))
        return types.WorkspaceEdit(changes=changes)

    @server.feature(types.TEXT_DOCUMENT_FORMATTING)
    def formatted(params: types.DocumentFormattingParams) -> list[types.TextEdit]:
        path, workspace = place_of(params.text_document.uri)
        edits = answered(lambda: format_edits(workspace, path))
        return [types.TextEdit(_range(edit.range), edit.text) for edit in edits]

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix])
    )
    def actions(params: types.CodeActionParams) -> list[types.CodeAction]:
        place = server.of(params.text_document.uri)
        if place is None:
            return []
        path, workspace = place
        lines = workspace.lines(path)
        found = []
        for one in server.told.get(path, ()):
            fix = fix_of(one, lines)
            whole = places.range_of(one.span, lines)
            if fix is None or whole.start.line > params.range.end.line or whole.end.line < params.range.start.line:
                continue
            edit = types.TextEdit(_range(fix.range), fix.text)
            found.append(
                types.CodeAction(
                    title=fix.title,
                    kind=types.CodeActionKind.QuickFix,
                    diagnostics=[server.diagnostic(workspace, one)],
                    edit=types.WorkspaceEdit(changes={server.uri(path): [edit]}),
                    is_preferred=True,
                )
            )
        return found
