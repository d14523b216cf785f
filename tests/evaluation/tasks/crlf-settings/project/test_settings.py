import configparser
import unittest
from pathlib import Path

FILE = Path(__file__).parent / "settings.ini"


class Settings(unittest.TestCase):
    def test_values(self):
        settings = configparser.ConfigParser()
        settings.read(FILE)
        self.assertEqual(settings["server"]["port"], "8443")
        self.assertFalse(settings["logging"].getboolean("debug"))
        self.assertEqual(settings["logging"]["level"], "info")

    def test_every_line_ends_as_before(self):
        data = FILE.read_bytes()
        self.assertEqual(data.count(b"\r\n"), 7)
        self.assertEqual(data.count(b"\n"), 7)
