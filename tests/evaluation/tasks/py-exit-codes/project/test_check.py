import subprocess
import sys
import tempfile
import unittest
from pathlib import Path


def check(*words):
    return subprocess.run([sys.executable, "-B", "check.py", *words], capture_output=True, text=True)


class Check(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.good, self.bad = Path(folder.name) / "good.txt", Path(folder.name) / "bad.txt"
        self.good.write_text("fine\n")
        self.bad.write_text("fine\nnot so fine \n")

    def test_what_is_well_exits_0(self):
        self.assertEqual(check(str(self.good)).returncode, 0)

    def test_problems_exit_1_and_name_their_line(self):
        done = check(str(self.good), str(self.bad))
        self.assertEqual((done.returncode, done.stdout), (1, f"{self.bad}:2: ends in a space\n"))

    def test_the_length_is_a_number(self):
        done = check("--longest", "3", str(self.good))
        self.assertEqual((done.returncode, done.stdout), (1, f"{self.good}:1: longer than 3\n"))
        self.assertEqual(check("--longest", "many", str(self.good)).returncode, 2)

    def test_no_file_is_misuse_and_said_on_standard_error(self):
        done = check()
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("usage", done.stderr)

    def test_a_file_that_is_not_there_is_named_without_a_traceback(self):
        done = check("nowhere.txt")
        self.assertEqual(done.returncode, 2)
        self.assertIn("nowhere.txt", done.stderr)
        self.assertNotIn("Traceback", done.stderr)
