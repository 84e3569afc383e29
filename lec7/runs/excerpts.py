"""A configuration made from its source, without what the experiment imports.

Importing an experiment takes seconds, most of them JAX's. Its class `Config` needs
little of that. Here a name of a module is bound when it is first needed; modules of
lec7 and the experiments beside are read in the same way, and only light ones are
imported. Where a table has functions that need JAX as its values, its keys are read
alone. What needs more raises `UnreadableError`, and is to be imported.
"""

import ast
import builtins
import importlib
import pathlib
import sys
import types
from collections.abc import Iterator
from typing import Any

_OURS = {"lec7.arguments", "lec7.files", "lec7.runs"}
_LIGHT = {"numpy", *sys.stdlib_module_names}


class UnreadableError(Exception):
    """A name needs a module that takes long to import."""


def read(folder: pathlib.Path, module: str, name: str) -> Any:
    """Return what a module of the experiments binds to a name.

    Args:
      folder: the folder of the experiments.
      module: the name of a file in it, without its ending.
      name: such as `Config`.

    Raises:
      UnreadableError: it cannot be made without the module's imports.
    """
    roots = {"experiments": folder, "lec7": pathlib.Path(__file__).parent.parent}
    try:
        return _Reader(roots).module(f"experiments.{module}")[name]
    except UnreadableError:
        raise
    except Exception as error:  # whatever code comes to whose names are placeholders
        raise UnreadableError(f"{module}.{name}: {error}") from error


class _Reader:
    """The modules that have been read, by name."""

    def __init__(self, roots: dict[str, pathlib.Path]):
        self._roots = roots
        self._modules: dict[str, _Globals] = {}

    def module(self, name: str) -> "_Globals":
        if name not in self._modules:
            self._modules[name] = _Globals(self, name, self._file(name))
        return self._modules[name]

    def bind(self, name: str, member: str | None = None) -> Any:
        """Return what `import name`, or `from name import member`, binds.

        Raises:
          UnreadableError: it is neither ours nor light.
        """
        if member is not None and self._exists(f"{name}.{member}"):
            return self.bind(f"{name}.{member}")
        if name in _OURS or name.partition(".")[0] in _LIGHT:
            module = importlib.import_module(name)
            return module if member is None else getattr(module, member)
        if not self._exists(name):
            raise UnreadableError(f"{name} is not read")
        return _View(self.module(name)) if member is None else self.module(name)[member]

    def _exists(self, name: str) -> bool:
        return name.partition(".")[0] in self._roots and self._file(name).is_file()

    def _file(self, name: str) -> pathlib.Path:
        root, *inside = name.split(".")
        path = self._roots[root].joinpath(*inside)
        return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


class _View:
    """A module whose names are read when they are asked for."""

    def __init__(self, names: "_Globals"):
        self._names = names

    def __getattr__(self, name: str) -> Any:
        try:
            return self._names[name]
        except KeyError as error:
            raise AttributeError(name) from error


class _Globals(dict):
    """The names of a module, each bound when it is first asked for."""

    def __init__(self, reader: _Reader, name: str, path: pathlib.Path):
        # Where `inspect` looks for the source of a class, and finds no other module.
        shell = types.ModuleType(f"{__name__}:{name}")
        shell.__file__ = str(path)
        sys.modules[shell.__name__] = shell
        super().__init__(__name__=shell.__name__, __builtins__=builtins)
        self._reader, self._path = reader, path
        body = ast.parse(path.read_text(encoding="utf-8")).body
        self._statements = {name: node for node in body for name in _bound(node)}

    def __missing__(self, name: str) -> Any:
        statement = self._statements[name]
        if isinstance(statement, ast.ImportFrom):
            (member,) = (a.name for a in statement.names if _alias(a) == name)
            self[name] = self._reader.bind(statement.module, member)
        elif isinstance(statement, ast.Import):
            (module,) = (a.name for a in statement.names if _alias(a) == name)
            self[name] = self._reader.bind(module)
        else:
            self._execute(statement)
        return self[name]

    def _execute(self, statement: ast.stmt) -> None:
        statement = _WithoutTypes().visit(statement)
        try:
            self._run(statement)
        except UnreadableError:
            self._run(_KeysAlone().visit(statement))

    def _run(self, statement: ast.stmt) -> None:
        for name in _needed(statement):
            if name in self._statements:
                self[name]  # since a class looks its names up without `__missing__`
        tree = ast.fix_missing_locations(ast.Module([statement], []))
        exec(compile(tree, str(self._path), "exec"), self)


class _WithoutTypes(ast.NodeTransformer):
    """Takes types away where they say nothing of a field, since many are JAX's."""

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        for child in node.body:
            if isinstance(child, ast.FunctionDef):
                self.visit(child)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        node.annotation = ast.Constant(None)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.returns = None
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
        return node


class _KeysAlone(ast.NodeTransformer):
    """Puts None into the place of a table's values."""

    def visit_Dict(self, node: ast.Dict) -> ast.Dict:
        node.values = [
            value if key is None else ast.Constant(None)
            for key, value in zip(node.keys, node.values, strict=True)
        ]
        return node


def _alias(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement of a module binds."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        yield from map(_alias, statement.names)
    elif isinstance(statement, ast.ClassDef | ast.FunctionDef):
        yield statement.name
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        whole = isinstance(statement, ast.Assign)
        for target in statement.targets if whole else [statement.target]:
            yield from (node.id for node in ast.walk(target) if _is_name(node))


def _is_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _needed(node: ast.AST) -> Iterator[str]:
    """Yield the names that are looked up when a statement is executed."""
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Load):
            yield node.id
    elif isinstance(node, ast.FunctionDef):
        for part in (*node.decorator_list, node.args):
            yield from _needed(part)
    elif not isinstance(node, ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _needed(child)
