"""Builds an actor's component: ``python -m pulsing_guest.build actor.py -o actor.wasm --wit WIT``.

The actor's file is read and not run. What it says decides the world: handlers overlap where a method is ``async``. Its
folder is searched for what it imports, and so is what is installed for the Python that builds, as far as it is pure
Python. What it imports is in the component, and nothing else of those.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Iterator, Optional, Sequence, Union

#: The one that this package was tested with: `_loop` knows how it works inside.
COMPONENTIZE_PY = "0.25.1"
ENTRY = "pulsing_entry"
#: Names of modules that the component has already.
_TAKEN = frozenset(
    {
        ENTRY,
        "componentize_py_async_support",
        "componentize_py_runtime",
        "componentize_py_types",
        "poll_loop",
        "pulsing_guest",
        "wit_world",
    }
)

# The Python of the component runs while it is built, and would leave `__pycache__` beside the sources.
_ENTRY_SOURCE = """\
import sys
sys.dont_write_bytecode = True
from pulsing_guest import _{world}
import {module}
{export} = _{world}.exports({module})
"""
_EXPORTS = {"overlapping": "AsyncActor", "serial": "Actor"}


class BuildError(Exception):
    """What is wrong, on one line."""


def world_of(path: Path) -> str:
    """``overlapping`` or ``serial``, by the source of the actor's class."""
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except OSError as error:
        raise BuildError(f"{path}: {error.strerror}") from None
    except SyntaxError as error:
        raise BuildError(f"{path}:{error.lineno}: {error.msg}") from None
    except ValueError as error:
        raise BuildError(f"{path}: {error}") from None
    classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    actors = [(node, mark) for node in classes.values() if (mark := _mark(node)) is not None]
    if not actors:
        raise BuildError(f"{path}: no class with @actor")
    if len(actors) > 1:
        (first, _), (second, _) = actors[:2]
        raise BuildError(
            f"{path}:{second.lineno}: a second class with @actor, beside `{first.name}` in line {first.lineno}"
        )
    node, mark = actors[0]
    said = _overlapping(mark)
    overlaps = _has_async(node, classes, set()) if said is None else said
    return "overlapping" if overlaps else "serial"


def _mark(node: ast.ClassDef) -> Optional[ast.expr]:
    """The decorator: `actor`, `pulsing_guest.actor`, or either with options."""
    for mark in node.decorator_list:
        name = mark.func if isinstance(mark, ast.Call) else mark
        if isinstance(name, ast.Name) and name.id == "actor":
            return mark
        if isinstance(name, ast.Attribute) and name.attr == "actor":
            return mark
    return None


def _overlapping(mark: ast.expr) -> Optional[bool]:
    for keyword in mark.keywords if isinstance(mark, ast.Call) else []:
        if keyword.arg == "overlapping" and isinstance(keyword.value, ast.Constant):
            value = keyword.value.value
            return value if isinstance(value, bool) else None
    return None


def _has_async(node: ast.ClassDef, classes: dict[str, ast.ClassDef], seen: set[str]) -> bool:
    """Whether a method of the class, or of one that it is made of in the same file, is `async`."""
    if any(isinstance(each, ast.AsyncFunctionDef) for each in node.body):
        return True
    seen.add(node.name)
    bases = (base.id for base in node.bases if isinstance(base, ast.Name))
    return any(_has_async(classes[base], classes, seen) for base in bases if base in classes and base not in seen)


def componentize_py() -> str:
    """The program, beside this Python or on the path."""
    beside = Path(sys.executable).with_name("componentize-py")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("componentize-py")
    install = f"pip install componentize-py=={COMPONENTIZE_PY}"
    if found is None:
        raise BuildError(f"componentize-py is missing: {install}")
    version = _output([found, "--version"]).split()[-1:]
    if version != [COMPONENTIZE_PY]:
        raise BuildError(f"componentize-py is {' '.join(version) or 'broken'}, not {COMPONENTIZE_PY}: {install}")
    return found


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def build(source: Union[str, Path], output: Union[str, Path], wit: Union[str, Path]) -> str:
    """Builds the component, and answers its world.

    Raises `BuildError`.
    """
    source, output, wit = Path(source).resolve(), Path(output).resolve(), Path(wit).resolve()
    world = world_of(source)
    module = source.stem
    if not module.isidentifier() or module in _TAKEN:
        raise BuildError(f"{source}: `{module}` cannot be the name of a module")
    if module in sys.stdlib_module_names:
        raise BuildError(f"{source}: Python has a module `{module}` of its own, which would be hidden: rename the file")
    if output.is_dir():
        raise BuildError(f"{output}: a folder, and not the name of the component (-o)")
    if not (wit / "world.wit").is_file():
        raise BuildError(f"{wit}: no WIT of pulsing:actor here (--wit)")
    program = componentize_py()
    with tempfile.TemporaryDirectory(prefix="pulsing-") as folder:
        entry = Path(folder, f"{ENTRY}.py")
        entry.write_text(_ENTRY_SOURCE.format(world=world, module=module, export=_EXPORTS[world]))
        command = [program, "--quiet", "--wit-path", str(wit), "--world", world, "componentize", ENTRY]
        for place in (folder, str(source.parent), *_site()):
            command += ["--python-path", place]
        # Not in its place, so that a build that fails leaves what was there.
        made = Path(folder, "made.wasm")
        run = subprocess.run([*command, "--output", str(made)], capture_output=True, text=True, check=False)
        if run.returncode != 0 or not made.is_file():
            raise BuildError(f"{source}: {_reason(run.stderr or run.stdout)}")
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, output)
    return world


def _site() -> Iterator[str]:
    """Where this package is, and what is installed for this Python."""
    yield str(Path(__file__).resolve().parent.parent)
    yield sysconfig.get_paths()["purelib"]


def _reason(output: str) -> str:
    """The line that says what went wrong: the last of a traceback, or else the first."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for line in reversed(lines):
        name = line.partition(":")[0].rpartition(".")[2]
        if name.isidentifier() and name.endswith(("Error", "Exception")):
            return line
    return lines[0] if lines else "componentize-py failed and said nothing"


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """The command line. Answers the exit code: 0, or 1 after one line on stderr."""
    parser = argparse.ArgumentParser(prog="python -m pulsing_guest.build", description="Builds an actor's component.")
    parser.add_argument("source", help="the file with the class with @actor")
    parser.add_argument("-o", "--output", help="the component; that of the source with .wasm if it is left out")
    parser.add_argument("--wit", required=True, help="the folder with the WIT of pulsing:actor")
    parser.add_argument("--quiet", action="store_true", help="say nothing of what was built")
    parsed = parser.parse_args(arguments)
    output = parsed.output or Path(parsed.source).with_suffix(".wasm")
    try:
        world = build(parsed.source, output, parsed.wit)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"error: {place}{error.strerror or error}", file=sys.stderr)
        return 1
    if not parsed.quiet:
        print(f"{output} ({world}, {Path(output).stat().st_size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
