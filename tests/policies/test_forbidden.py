"""Ways of writing that let somebody in: not in this repository, but for the places that say why."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for folder in ("edge_agent", "scripts", "certs", "components")
    for path in (ROOT / folder).rglob("*.py")
    if "greengrass-build" not in path.parts
)

# Bytes that become code, or objects, when they are read.
MODULES = {"pickle", "cPickle", "dill", "shelve", "marshal", "jsonpickle", "xml", "telnetlib", "ftplib"}
# Text that becomes code.
BUILTINS = {"eval", "exec", "compile", "__import__"}
CALLS = {
    "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "yaml.load",
    "yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "ssl._create_unverified_context",
    "tempfile.mktemp",
}  # fmt: skip
# A peer whose name or certificate nobody looks at.
UNVERIFIED = {("check_hostname", False), ("verify_peer", False), ("verify", False)}

# A listener that the whole network reaches.
EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104  looked for, not bound to

# file: what is found there, and why it is right there.
ALLOWED = {
    ("edge_agent/credentials/device.py", "check_hostname=False"): "a handshake with itself, in memory",
    ("edge_agent/credentials/device.py", "ssl.CERT_NONE"): "a handshake with itself, in memory",
}


def found(tree: ast.AST) -> Iterator[str]:
    """Every forbidden thing in a module."""
    for node in ast.walk(tree):
        yield from imported(node)
        yield from called(node)
        yield from switched(node)


def imported(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            modules = [one.name for one in names]
        case ast.ImportFrom(module=str(module)):
            modules = [module]
        case _:
            return
    yield from (f"import {module}" for module in modules if module.split(".")[0] in MODULES)


def called(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in BUILTINS:
            yield f"{name}()"
        case ast.Call(func=ast.Attribute() as function) if ast.unparse(function) in CALLS:
            yield f"{ast.unparse(function)}()"
        case ast.keyword(arg="shell", value=ast.Constant(value=False)):
            return
        case ast.keyword(arg="shell"):
            yield "shell=True"


def switched(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Attribute(value=ast.Name(id="ssl"), attr="CERT_NONE"):
            yield "ssl.CERT_NONE"
        case ast.Constant(value=str(text)) if text in EVERYWHERE:
            yield "every address"
        case ast.keyword(arg=str(name), value=ast.Constant(value=value)):
            yield from [f"{name}={value!r}"] if (name, value) in UNVERIFIED else []
        case ast.Assign(targets=[ast.Attribute(attr=name)], value=ast.Constant(value=value)):
            yield from [f"{name}={value!r}"] if (name, value) in UNVERIFIED else []


def test_none_of_it_is_written_but_where_it_is_right() -> None:
    everything = {
        (str(path.relative_to(ROOT)), thing)
        for path in SOURCES
        for thing in found(ast.parse(path.read_text(encoding="utf-8")))
    }

    assert everything == ALLOWED.keys()


@pytest.mark.parametrize(
    ("line", "thing"),
    [
        ("import pickle", "import pickle"),
        ("from xml.etree import ElementTree", "import xml.etree"),
        ("eval(text)", "eval()"),
        ("exec(text)", "exec()"),
        ("os.system('ls')", "os.system()"),
        ("subprocess.run('ls', shell=True)", "shell=True"),
        ("subprocess.run('ls', shell=wanted)", "shell=True"),
        ("yaml.load(text)", "yaml.load()"),
        ("yaml.unsafe_load(text)", "yaml.unsafe_load()"),
        ("context.check_hostname = False", "check_hostname=False"),
        ("context.verify_mode = ssl.CERT_NONE", "ssl.CERT_NONE"),
        ("options.verify_peer = False", "verify_peer=False"),
        ("get(url, verify=False)", "verify=False"),
        ("ssl._create_unverified_context()", "ssl._create_unverified_context()"),
        (f"socket.bind({(min(EVERYWHERE), 80)})", "every address"),
    ],
)
def test_each_of_it_would_be_found(line: str, thing: str) -> None:
    assert list(found(ast.parse(line))) == [thing]


@pytest.mark.parametrize(
    "line",
    [
        "subprocess.run(['ls'], shell=False)",
        "yaml.safe_load(text)",
        "re.compile(text)",
        "context.check_hostname = True",
        "socket.bind(('127.0.0.1', 80))",
    ],
)
def test_what_is_right_is_left_alone(line: str) -> None:
    assert not list(found(ast.parse(line)))
