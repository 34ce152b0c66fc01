import contextlib
import io
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from pulsing_guest.build import BuildError, build, main, world_of


class World(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name, "app.py")

    def world(self, source):
        self.path.write_text(source)
        return world_of(self.path)

    def test_an_async_method_makes_an_actor_overlapping(self):
        self.assertEqual(self.world("@actor\nclass A:\n  def m(self): ..."), "serial")
        self.assertEqual(self.world("@actor\nclass A:\n  async def m(self): ..."), "overlapping")
        self.assertEqual(self.world("@sdk.actor\nclass A:\n  async def m(self): yield 1"), "overlapping")
        base = "class B:\n  async def m(self): ...\n"
        self.assertEqual(self.world(base + "@actor\nclass A(B): ..."), "overlapping")
        self.assertEqual(self.world(base + "@actor\nclass A: ..."), "serial")

    def test_what_is_said_goes_before_what_is_seen(self):
        self.assertEqual(self.world("@actor(overlapping=True)\nclass A: ..."), "overlapping")
        self.assertEqual(self.world("@actor(overlapping=False)\nclass A:\n  async def m(self): ..."), "serial")
        self.assertEqual(self.world("@actor(may_passivate=True)\nclass A:\n  def m(self): ..."), "serial")

    def test_what_is_wrong_is_said_on_one_line(self):
        for source, message in [
            ("x = 1", "app.py: no class with @actor"),
            ("class A: ...", "app.py: no class with @actor"),
            ("@actor\nclass A: ...\n@actor\nclass B: ...", "app.py:4: a second class with @actor, beside `A`"),
            ("x = 1\nclass A\n", "app.py:2: expected ':'"),
        ]:
            with self.assertRaises(BuildError) as raised:
                self.world(source)
            self.assertIn(message, str(raised.exception))
            self.assertNotIn("\n", str(raised.exception))

    def test_a_folder_without_wit_is_no_wit(self):
        self.path.write_text("@actor\nclass A: ...")
        with self.assertRaisesRegex(BuildError, "no WIT"):
            build(self.path, self.path.with_suffix(".wasm"), self.path.parent)

    def test_a_file_cannot_hide_a_module(self):
        for name, message in [("argparse", "Python has a module `argparse`"), ("a-b", "cannot be the name"),
                              ("poll_loop", "cannot be the name")]:
            path = self.path.with_name(f"{name}.py")
            path.write_text("@actor\nclass A: ...")
            with self.assertRaisesRegex(BuildError, message):
                build(path, path.with_suffix(".wasm"), path.parent)

    def test_a_folder_is_no_output(self):
        self.path.write_text("@actor\nclass A: ...")
        with self.assertRaisesRegex(BuildError, "a folder"):
            build(self.path, self.path.parent, self.path.parent)

    def test_what_the_system_refuses_is_one_line(self):
        refused = PermissionError(13, "Permission denied", "there")
        refuses = mock.patch("pulsing_guest.build.build", side_effect=refused)
        with contextlib.redirect_stderr(io.StringIO()) as said, refuses:
            self.assertEqual(main([str(self.path), "--wit", "."]), 1)
        self.assertEqual(said.getvalue(), "error: there: Permission denied\n")

    def test_a_file_that_is_not_there_is_an_exit_code(self):
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(main([str(self.path), "--wit", "."]), 1)
        self.assertEqual(said.getvalue(), f"error: {self.path}: No such file or directory\n")


if __name__ == "__main__":
    unittest.main()
