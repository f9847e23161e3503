"""Writes a named report as CSV to standard output.

    python report.py could-and-did > report.csv

Cells that a spreadsheet would take for a formula get an apostrophe.
"""

import csv
import sys

from assent import Client


def cell(value: object) -> str:
    text = "" if value is None else str(value)
    return "'" + text if text[:1] in "=+-@\t\r\n" and text else text


report = Client().report_view(sys.argv[1])
rows = csv.writer(sys.stdout)
rows.writerow(report["columns"])
for row in report["rows"]:
    rows.writerow([cell(value) for value in row])
