# SPDX-License-Identifier: Apache-2.0
"""semiseg: the program, and a reader of its run folders.

`semiseg` on the command line, or `python -m semiseg`, is the program. `read_runs` needs nothing but Python:

    import pandas, semiseg
    table = pandas.DataFrame(semiseg.read_runs("runs"))
    table.groupby(["method", "labelled"]).dice.agg(["mean", "std"])
"""

import json
import os

_COLUMNS = (
    "method", "backbone", "dataset", "labelled", "seed", "split", "selection_split", "definition", "unit",
    "settings_hash", "iterations", "wall_seconds", "cases",
)


def _row(folder, summary, metrics, name):
    row = {"run": folder, "class": name}
    row.update((column, summary.get(column)) for column in _COLUMNS)
    for metric, value in metrics.items():
        if isinstance(value, dict):
            row[metric] = value["mean"]
        elif metric != "class":
            row[metric] = value
    return row


def read_runs(folder):
    """Returns a list of dicts, one for each class of each finished run in or below a folder, and one with class "all"
    for the mean over classes. Metrics are means over cases, as fractions or in `unit`; None where there is no value.
    Runs that are not done are left out. Raises FileNotFoundError when there is no such folder."""
    if not os.path.isdir(folder):
        raise FileNotFoundError(folder)
    rows = []
    for place, folders, files in os.walk(folder):
        folders.sort()
        if "config.toml" in files:
            folders.clear()  # runs do not hold runs
        if not {"config.toml", "summary.json", "state.json"} <= set(files):
            continue
        with open(os.path.join(place, "state.json"), encoding="utf-8") as file:
            if json.load(file)["status"] != "done":
                continue
        with open(os.path.join(place, "summary.json"), encoding="utf-8") as file:
            summary = json.load(file)
        rows.append(_row(place, summary, summary["overall"], "all"))
        rows.extend(_row(place, summary, metrics, metrics["class"]) for metrics in summary["classes"])
    return rows


def main():
    """Becomes the program, with the arguments of this process."""
    import sys

    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin", "semiseg")
    os.execv(program, [program] + sys.argv[1:])
