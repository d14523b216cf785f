import unittest


class Callers(unittest.TestCase):
    def test_the_server_is_strict(self):
        from app.server import port

        self.assertEqual(port("port=80"), 80)
        with self.assertRaises(ValueError):
            port("port 80")

    def test_the_worker_is_not(self):
        from app.worker import threads

        self.assertEqual([threads("threads=4"), threads("what?")], [4, 2])

    def test_neither_are_reports(self):
        from app.reports import title

        self.assertEqual([title("title = Costs"), title("what?")], ["Costs", "Report"])

    def test_the_old_name_is_gone(self):
        from app import settings

        self.assertFalse(hasattr(settings, "load"))
