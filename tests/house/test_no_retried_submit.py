"""A submit leaves once. Nothing that tries again stands anywhere on its way: shown in the source, and on the wire.

tenacity wraps three things: a query and a certificate download (`adapters.ask_again`), and connecting to the database.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import adapters
import gateway
import routing
from adapters.http import HttpxFactory
from tests.support import bank, wechat, wire
from tests.support.wire import peer, saying

ROOT = Path(adapters.__file__).parent.parent
PACKAGES = (adapters, gateway, routing)

MAY_IMPORT = {
    "tenacity": {"adapters/ask_again.py", "gateway/store/engine.py"},
    "httpx": {
        "adapters/http/over_httpx.py",
        "gateway/world.py",
        "gateway/simulation/transport.py",  # a network without sockets, under that client
        "gateway/simulation/trip.py",
    },
    "pybreaker": {"routing/breaker.py"},
}
"""Who imports what can send, repeat or refuse behind our back. Nobody else."""

SHARED = (
    "adapters/http/port.py",
    "adapters/http/over_httpx.py",
    "adapters/http/over_aiohttp.py",
    "adapters/channel.py",
)
"""What every adapter's submit goes through."""

RETRY, DOOR = "ask_again", "refresh"
"""Answering a submit may need a certificate we do not know yet: fetching it (`refresh`) is a question of its own."""

CONTAINERS = (ast.Dict, ast.DictComp, ast.List, ast.ListComp, ast.Set, ast.SetComp, ast.Tuple)
CONTAINER_NAMES = frozenset({"dict", "list", "set", "tuple", "frozenset", "Mapping", "Sequence", "deque", "Counter"})
PLAIN_METHODS = frozenset(name for kind in (dict, list, set, str, bytes) for name in dir(kind))
"""Methods of plain values: followed only on `self` and on those of its parts that are not plain themselves."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def sources() -> dict[str, ast.Module]:
    """Every module of ours, by its path."""
    folders = [Path(package.__file__).parent for package in PACKAGES if package.__file__]
    files = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    assert len(files) > 100
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8")) for path in files}


def imported(module: ast.Module) -> Iterator[str]:
    """The top-level packages a module imports anywhere in it, by statement or by name."""
    for node in ast.walk(module):
        match node:
            case ast.Import(names=names):
                yield from (alias.name.split(".")[0] for alias in names)
            case ast.ImportFrom(module=str(name), level=0):
                yield name.split(".")[0]
            case ast.Call(func=ast.Name(id="__import__" | "import_module"), args=[ast.Constant(value=str(name)), *_]):
                yield name.split(".")[0]
            case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(name)), *_]):
                yield name.split(".")[0]


@pytest.mark.parametrize("library", sorted(MAY_IMPORT))
def test_a_dangerous_library_has_one_home(library: str) -> None:
    """Exactly the modules in the table import it."""
    assert {path for path, module in sources().items() if library in imported(module)} == MAY_IMPORT[library]


def test_the_world_names_httpx_only_as_a_type() -> None:
    """It hands a transport on; it sends nothing."""
    module = sources()["gateway/world.py"]
    annotations = [node.annotation for node in ast.walk(module) if isinstance(node, ast.AnnAssign | ast.arg)]
    named = {id(name) for note in annotations if note for name in ast.walk(note) if isinstance(name, ast.Name)}
    used = [node for node in ast.walk(module) if isinstance(node, ast.Name) and node.id == "httpx"]
    assert used
    assert all(id(node) in named for node in used)


@dataclass(frozen=True)
class Calls:
    """Which functions of a package may call which: nodes are `path:function` and `path:Class.method`."""

    of: Mapping[str, frozenset[str]]

    def named(self, *names: str) -> set[str]:
        """The functions and methods of these names."""
        return {node for node in self.of if node.split(":")[1].split(".")[-1] in names}

    def reachable(self, *roots: str, but: str = "") -> set[str]:
        """Everything called from functions named so, directly or not, without going through any named `but`."""
        found: set[str] = set()
        closed, waiting = self.named(but), list(self.named(*roots))
        while waiting:
            node = waiting.pop()
            if node not in found and node not in closed:
                found.add(node)
                waiting += self.of.get(node, ())
        return found


def calls_of(modules: Mapping[str, ast.Module]) -> Calls:
    """The call graph of one adapter. A method of unknown owner is taken for every method of that name in the package:
    so too much may be found, and nothing is missed."""
    functions = {path: dict(_functions(module)) for path, module in modules.items()}
    methods: dict[str, set[str]] = {}
    for path, found in functions.items():
        for name in found:
            if "." in name:
                methods.setdefault(name.split(".")[1], set()).add(f"{path}:{name}")
    of = {}
    for path, found in functions.items():
        scope = _Scope(path, _imports(modules[path], modules), frozenset(found), methods)
        plain = _plain_parts(modules[path])
        for name, function in found.items():
            of[f"{path}:{name}"] = frozenset(scope.called_by(function, plain))
    return Calls(of)


def _functions(module: ast.Module) -> Iterator[tuple[str, Function]]:
    """Functions and methods by name; what is defined inside a function belongs to it."""
    for node in module.body:
        if isinstance(node, Function):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{inner.name}", inner) for inner in node.body if isinstance(inner, Function))


def _imports(module: ast.Module, package: Mapping[str, ast.Module]) -> dict[str, str]:
    """Local name -> what it stands for: `RETRY`, a module of the package (its path), or `path:function`."""
    found: dict[str, str] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module:
            path = node.module.replace(".", "/")
            for alias in node.names:
                name, inside = alias.asname or alias.name, f"{path}/{alias.name}.py"
                found[name] = (
                    RETRY if alias.name == RETRY else inside if inside in package else f"{path}.py:{alias.name}"
                )
    return found


def _plain_parts(module: ast.Module) -> frozenset[str]:
    """Attributes that hold a plain container."""
    found = set()
    for node in ast.walk(module):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name) | ast.Attribute(attr=name), annotation=annotation):
                kind = annotation.value if isinstance(annotation, ast.Subscript) else annotation
                if isinstance(kind, ast.Name) and kind.id in CONTAINER_NAMES:
                    found.add(name)
            case ast.Assign(targets=[ast.Attribute(attr=name)], value=value) if isinstance(value, CONTAINERS):
                found.add(name)
    return frozenset(found)


@dataclass(frozen=True)
class _Scope:
    """What names mean in one module."""

    path: str
    imports: Mapping[str, str]
    functions: frozenset[str]
    methods: Mapping[str, set[str]]

    def called_by(self, function: Function, plain: frozenset[str]) -> Iterator[str]:
        """What it calls, and what it hands to a call: a function given to another may be called by it."""
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
            given = [*call.args, *(keyword.value for keyword in call.keywords)]
            for one in (call.func, *given):
                yield from self._meant(one, plain)

    def _meant(self, named: ast.expr, plain: frozenset[str]) -> Iterator[str]:
        match named:
            case ast.Name(id=name) if name in self.imports:
                yield self.imports[name]
            case ast.Name(id=name) if name in self.functions:
                yield f"{self.path}:{name}"
            case ast.Attribute(attr=name) if name == RETRY:
                yield RETRY
            case ast.Attribute(value=ast.Name(id=module), attr=name) if module in self.imports:
                yield f"{self.imports[module]}:{name}"
            case ast.Attribute(value=value, attr=name) if name not in PLAIN_METHODS or _is_part(value, plain):
                yield from self.methods.get(name, ())


def _is_part(value: ast.expr, plain: frozenset[str]) -> bool:
    """`self`, or a part of it that is no plain container."""
    match value:
        case ast.Name(id="self"):
            return True
        case ast.Attribute(value=ast.Name(id="self"), attr=part):
            return part not in plain
        case _:
            return False


def adapters_found() -> dict[str, dict[str, ast.Module]]:
    """Each adapter package (one with a channel.py) and its modules, without its sandbox, which is the other side."""
    every = sources()
    names = {path.split("/")[1] for path in every if path.startswith("adapters/") and path.count("/") == 2}
    found = {
        name: {path: tree for path, tree in every.items() if path.startswith(f"adapters/{name}/")} for name in names
    }
    channels = {name: modules for name, modules in found.items() if f"adapters/{name}/channel.py" in modules}
    assert {"mock", "wechat", "bank"} <= set(channels)
    return {
        name: {path: tree for path, tree in modules.items() if "/sandbox/" not in path}
        for name, modules in channels.items()
    }


ADAPTERS = adapters_found()


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_no_submit_can_reach_what_tries_again(name: str) -> None:
    """Followed through every function of the package, from `submit` on."""
    graph = calls_of(ADAPTERS[name])
    assert graph.named("submit")
    reached = graph.reachable("submit", but=DOOR)
    assert len(reached) >= 10, "it was followed"
    assert RETRY not in reached


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_only_questions_try_again(name: str) -> None:
    """Whatever calls `ask_again` is on the way of a query or of a certificate download, and is no submit or cancel."""
    graph = calls_of(ADAPTERS[name])
    callers = {function for function, called in graph.of.items() if RETRY in called}
    assert callers <= graph.reachable("query", DOOR)
    assert not callers & graph.named("submit", "cancel", "prepare", "sign", "send")


def test_the_networked_adapters_do_ask_again() -> None:
    """So that the two above find what they look for."""
    with_retry = {name for name, modules in ADAPTERS.items() if RETRY in calls_of(modules).reachable("query")}
    assert {"wechat", "bank"} <= with_retry


@pytest.mark.parametrize("path", SHARED)
def test_the_common_way_out_has_no_loop_and_no_retry(path: str) -> None:
    """One request, one answer: the client names nothing that repeats, and loops over nothing but an answer's bytes."""
    module = sources()[path]
    assert RETRY not in {node.id for node in ast.walk(module) if isinstance(node, ast.Name)}
    assert RETRY not in {
        alias.name for node in ast.walk(module) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert not [node for node in ast.walk(module) if isinstance(node, ast.While | ast.For)]
    loops = [node for node in ast.walk(module) if isinstance(node, ast.AsyncFor)]
    assert [ast.unparse(loop.iter) for loop in loops] in ([], ["response.aiter_raw()"], ["response.content.iter_any()"])


GUILTY = {
    "itself": "async def submit(s):\n    return await ask_again(lambda: send(s), sleep)",
    "by a helper": "async def submit(s):\n    return await post(s)\nasync def post(s):\n    return await ask_again(s)",
    "by a method": "class C:\n    async def submit(self, s):\n        return await self._c.get(s)\n"
    "class D:\n    async def get(self, s):\n        return await ask_again(s)",
    "by somebody's method": "async def submit(s):\n    return await s.twice()\n"
    "class D:\n    async def twice(self):\n        return await ask_again(self)",
    "under another name": "from adapters.ask_again import ask_again as go\n"
    "async def submit(s):\n    return await go(s)",
    "by its module": "from adapters import ask_again as m\nasync def submit(s):\n    return await m.ask_again(s)",
    "handed on": "async def submit(s):\n    return await twice(ask_again, s)\nasync def twice(f, s):\n    return f(s)",
    "inside": "async def submit(s):\n    async def once():\n        return await ask_again(s)\n    return await once()",
}
RETRIED = "from adapters.ask_again import ask_again\n"


@pytest.mark.parametrize("source", GUILTY.values(), ids=GUILTY.keys())
def test_the_search_finds_the_guilty(source: str) -> None:
    """A submit that tries again is found, however it hides."""
    graph = calls_of({"guilty.py": ast.parse(RETRIED + source)})
    assert RETRY in graph.reachable("submit", but=DOOR)


# --- on the wire


ANSWERS = {
    "500": saying(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"),
    "503": saying(b"HTTP/1.1 503 Later\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"),
    "429": saying(b"HTTP/1.1 429 Slow\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"),
    "308": saying(b"HTTP/1.1 308 There\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"),
    "drop": wire.dropping,
    "reset": wire.dropping_hard,
    "hang up": wire.hanging_up,
}


@pytest.mark.parametrize("play", ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.parametrize("name", ["bank", "wechat"])
async def test_a_submit_makes_one_connection(name: str, play: wire.Play) -> None:
    """Errors, drops and invitations to come again: the peer sees one connection and one order."""
    async with peer(play) as made:
        if name == "bank":
            channel = bank.channel(bank.settings(base_url=made.base))
            sent = bank.sent(channel)
        else:
            channel = wechat.make_channel(wechat.context(), base_url=made.base)
            sent = wechat.sent(channel)
        await channel.submit(channel.sign(sent))
        await channel.close()
        await made.quiet()
        assert len(made.lines) == 1
        assert sum(bytes(line.heard).count(b"POST /") for line in made.lines) <= 1


async def test_a_refused_connection_is_not_tried_again() -> None:
    """httpx can retry connecting; ours does not: the gateway decides what comes next."""
    http = HttpxFactory(5, 5, 5)(wire.TLS)
    transport = http._client._transport
    assert transport._pool._retries == 0  # type: ignore[attr-defined] - it has no public name
    await http.close()
