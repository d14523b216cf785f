"""Runs the queries of the folder queries."""

import sqlite3
from pathlib import Path

HERE = Path(__file__).parent


def database():
    """Return an empty database with our tables."""
    connection = sqlite3.connect(":memory:")
    connection.executescript((HERE / "schema.sql").read_text())
    return connection


def top_customers(connection):
    """Return (name, ordered, open) of each customer, in cents."""
    return connection.execute((HERE / "queries" / "top_customers.sql").read_text()).fetchall()
