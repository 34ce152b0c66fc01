"""Compiles the C in the README, in one piece: `python3 tests/readme.py`.

The compiler is that of the package `ziglang`, or else `cc`.
"""

import importlib.util
import pathlib
import re
import subprocess
import sys
import tempfile

SDK = pathlib.Path(__file__).resolve().parent.parent
# A stream of the README is in no table of methods.
FLAGS = ["-std=gnu11", "-Wall", "-Werror", "-Wno-unused-function", "-I", str(SDK), "-x", "c", "-c", "-"]


def compiler() -> list[str]:
    return [sys.executable, "-m", "ziglang", "cc"] if importlib.util.find_spec("ziglang") else ["cc"]


blocks = re.findall(r"^```c\n(.*?)^```$", (SDK / "README.md").read_text(), re.MULTILINE | re.DOTALL)
assert len(blocks) == 2, "the README shows an actor and a stream"
with tempfile.TemporaryDirectory() as scratch:
    # Not `-fsyntax-only`: zig's compiler knows none.
    command = [*compiler(), *FLAGS, "-o", str(pathlib.Path(scratch, "readme.o"))]
    sys.exit(subprocess.run(command, input="\n".join(blocks), text=True).returncode)
