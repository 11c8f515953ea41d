"""Constants of device code, written where they are used: a device's heap and flash then hold numbers and no names for them.

A module's public constants (a capital letter first, bound once at the top, a small whole number or a short text) are replaced by their
values in every device source before it is compiled, and their definitions and the imports that nobody needs any more disappear. Lines
stay where they are, so a fault's place is the source's own. Kept is what code that comes over the cable (`firmware/technician`) asks for
by name, and all of a module that is handed around as a value, as a board is.
"""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache

Value = int | str
_NAME = re.compile(r"[A-Z][A-Za-z0-9_]*")
_SMALL = 1 << 30  # MicroPython's small integers on 32 bits
_SHORT = 20
_OPERATIONS: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: lambda one, other: one + other,
    ast.Sub: lambda one, other: one - other,
    ast.Mult: lambda one, other: one * other,
    ast.LShift: lambda one, other: one << other,
    ast.BitOr: lambda one, other: one | other,
    ast.FloorDiv: lambda one, other: one // other,
}


class Constants:
    """The constants of these sources, by the names of their modules.

    visitors: sources that ask for constants by name on the device; whole: modules by their first words, of which all is kept.
    """

    def __init__(self, sources: Mapping[str, str], visitors: Iterable[str] = (), whole: str = "firmware.boards.") -> None:
        self._trees = {name: ast.parse(text) for name, text in sources.items()}
        self._texts = dict(sources)
        self._known: dict[str, dict[str, Value]] = {}
        self._kept: set[tuple[str, str]] = set()
        for name in self._trees:
            self._of(name)
        for name, found in self._known.items():
            if name.startswith(whole):
                found.clear()
        for tree in self._trees.values():
            self._kept |= {(module, key) for module in self._values(tree) for key in self._known[module]}
        for tree in [ast.parse(text) for text in visitors]:
            self._kept |= {(module, attribute) for module, attribute, _ in self._uses(tree)}
        for tree in self._trees.values():
            in_text = {id(node) for text in _nodes(tree) if isinstance(text, ast.JoinedStr) for node in ast.walk(text)}
            self._kept |= {(module, attribute) for module, attribute, node in self._uses(tree) if id(node) in in_text}
        for name, tree in self._trees.items():
            in_text = {id(node) for text in _nodes(tree) if isinstance(text, ast.JoinedStr) for node in ast.walk(text)}
            self._kept |= {
                (name, node.id)
                for node in _nodes(tree)
                if isinstance(node, ast.Name) and id(node) in in_text and node.id in self._known[name]
            }

    def inlined(self, name: str) -> str:
        """Return the source of a module with values in place of constants."""
        tree = self._trees[name]
        changes: list[tuple[ast.AST, str]] = []
        gone: set[int] = set()
        for module, attribute, node in self._uses(tree):
            if (module, attribute) not in self._kept:
                changes.append((node, _literal(self._known[module][attribute])))
                gone |= {id(inner) for inner in ast.walk(node)}
        own = {key: value for key, value in self._known[name].items() if (name, key) not in self._kept}
        changes += [
            (node, _literal(own[node.id]))
            for node in _nodes(tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in own
        ]
        defined = [statement for statement in tree.body if set(_targets(statement)) and set(_targets(statement)) <= own.keys()]
        inside = {id(node) for statement in defined for node in ast.walk(statement)}
        changes = [change for change in changes if id(change[0]) not in inside] + [(statement, "pass") for statement in defined]
        wanted = {node.id for node in _nodes(tree) if isinstance(node, ast.Name) and id(node) not in gone and id(node) not in inside}
        changes += self._imports(tree, wanted)
        return _replaced(self._texts[name], changes)

    def _of(self, name: str) -> dict[str, Value]:
        if name not in self._known:
            found: dict[str, Value] = {}
            self._known[name] = found
            tree = self._trees[name]
            private: dict[str, Value] = {}
            bound = _bindings(tree)
            modules = _modules(tree, self._trees)
            for statement in tree.body:
                for key, expression in _pairs(statement):
                    value = self._value(expression, {**private, **found}, modules)
                    small = len(value) <= _SHORT if isinstance(value, str) else value is not None and abs(value) < _SMALL
                    if value is not None and small and bound.count(key) == 1:
                        (found if _NAME.fullmatch(key) else private)[key] = value
        return self._known[name]

    def _value(self, node: ast.expr, names: Mapping[str, Value], modules: Mapping[str, str]) -> Value | None:
        match node:
            case ast.Constant(value=str() | int() as value) if not isinstance(value, bool):
                return value
            case ast.Name(id=key):
                return names.get(key)
            case ast.Attribute(value=ast.Name(id=alias), attr=key) if alias in modules:
                return self._of(modules[alias]).get(key)
            case ast.Call(func=ast.Name(id="const"), args=[inner]):
                return self._value(inner, names, modules)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                positive = self._value(inner, names, modules)
                return -positive if isinstance(positive, int) else None
            case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _OPERATIONS:
                one, other = self._value(left, names, modules), self._value(right, names, modules)
                return _OPERATIONS[type(operation)](one, other) if isinstance(one, int) and isinstance(other, int) else None
        return None

    def _uses(self, tree: ast.AST) -> Iterator[tuple[str, str, ast.expr]]:
        """Yield (module, constant, node) wherever a constant of another module is read, through the module's name or by its own."""
        modules = _modules(tree, self._trees)
        taken = self._taken(tree)
        for node in _nodes(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in taken:
                yield *taken[node.id], node
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and isinstance(node.ctx, ast.Load):
                module = modules.get(node.value.id)
                if module is not None and node.attr in self._known.get(module, {}):
                    yield module, node.attr, node

    def _taken(self, tree: ast.AST) -> dict[str, tuple[str, str]]:
        """Return the constants that are imported by their own names."""
        bound = _bindings(tree)
        return {
            name: (module, key)
            for name, (module, key) in _imported(tree).items()
            if module in self._known and key in self._known[module] and name not in bound
        }

    def _needless(self, module: str, name: str) -> bool:
        """Return whether an import of this name is for reading only: a module of ours, or a constant."""
        return f"{module}.{name}" in self._trees or name in self._known.get(module, {})

    def _values(self, tree: ast.AST) -> set[str]:
        """Return the modules that this source hands around as values, or under a name that means something else there, too."""
        modules = _modules(tree, self._trees)
        several = {f"{package}.{name}" for meant in _imports_of(tree).values() if len(meant) > 1 for package, name in meant}
        asked = {id(node.value) for node in _nodes(tree) if isinstance(node, ast.Attribute)}
        handed = {modules[node.id] for node in _nodes(tree) if isinstance(node, ast.Name) and node.id in modules and id(node) not in asked}
        return handed | (several & self._trees.keys())

    def _imports(self, tree: ast.AST, wanted: set[str]) -> Iterator[tuple[ast.AST, str]]:
        """Yield what becomes of imports of modules of which nothing is asked any more."""
        for node in _nodes(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                left = [each for each in node.names if not self._needless(node.module, each.name) or (each.asname or each.name) in wanted]
                if len(left) < len(node.names):
                    names = ", ".join(each.name + (f" as {each.asname}" if each.asname else "") for each in left)
                    yield node, f"from {node.module} import {names}" if left else "pass"


@lru_cache(maxsize=1024)
def _nodes(tree: ast.AST) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree))


def _modules(tree: ast.AST, known: Mapping[str, object]) -> dict[str, str]:
    """Return the modules that names of this source stand for, wherever they mean nothing else in it."""
    bound = _bindings(tree)
    found = {alias: f"{package}.{name}" for alias, (package, name) in _imported(tree).items()}
    return {alias: module for alias, module in found.items() if module in known and alias not in bound}


def _imported(tree: ast.AST) -> dict[str, tuple[str, str]]:
    """Return what each name is imported as, (module, its name there), wherever it is; a name that is imported as two things is neither."""
    return {name: next(iter(meant)) for name, meant in _imports_of(tree).items() if len(meant) == 1}


@lru_cache(maxsize=1024)
def _imports_of(tree: ast.AST) -> dict[str, set[tuple[str, str]]]:
    found: dict[str, set[tuple[str, str]]] = {}
    for node in _nodes(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for each in node.names:
                found.setdefault(each.asname or each.name, set()).add((node.module, each.name))
        elif isinstance(node, ast.Import):
            for each in node.names:
                found.setdefault((each.asname or each.name).partition(".")[0], set()).add((each.name, ""))
    return found


@lru_cache(maxsize=1024)
def _bindings(tree: ast.AST) -> list[str]:
    """Return every name that is bound in a source other than by an import, as often as it is."""
    out = [node.id for node in _nodes(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)]
    out += [node.arg for node in _nodes(tree) if isinstance(node, ast.arg)]
    out += [node.name for node in _nodes(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    return out + [node.name for node in _nodes(tree) if isinstance(node, ast.ExceptHandler) and node.name]


def _pairs(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    match statement:
        case ast.Assign(targets=[ast.Name(id=key)], value=value):
            yield key, value
        case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)) if len(names) == len(values):
            for name, value in zip(names, values, strict=True):
                if isinstance(name, ast.Name):
                    yield name.id, value


def _targets(statement: ast.stmt) -> list[str]:
    """Return what a statement defines, if it is nothing but definitions."""
    pairs = [key for key, _ in _pairs(statement)]
    whole = isinstance(statement, ast.Assign) and len(pairs) == sum(isinstance(node, ast.Name) for node in ast.walk(statement.targets[0]))
    return pairs if whole else []


def _literal(value: Value) -> str:
    return repr(value) if isinstance(value, str) or value >= 0 else f"({value})"


def _replaced(text: str, changes: list[tuple[ast.AST, str]]) -> str:
    """Return the text with nodes replaced, as many lines as before."""
    lines = [line.encode() for line in text.split("\n")]
    for node, new in sorted(changes, key=lambda change: (change[0].lineno, change[0].col_offset), reverse=True):  # type: ignore[attr-defined]
        first, last = node.lineno - 1, node.end_lineno - 1  # type: ignore[attr-defined]
        rest = lines[last][node.end_col_offset :]  # type: ignore[attr-defined]
        lines[first] = lines[first][: node.col_offset] + new.encode() + rest  # type: ignore[attr-defined]
        lines[first + 1 : last + 1] = [b""] * (last - first)
    return b"\n".join(lines).decode()
