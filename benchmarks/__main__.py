"""lec7 against its peers, alternating, as ratios in a JSON file and a Markdown table.

Run: python -m benchmarks                                        (about 20 minutes)
     python -m benchmarks --only=convnet,resnet20 --rounds=11
     python -m benchmarks --table               write the table of docs/benchmarks.md

The peers are the extra `bench`: pip install -e '.[bench]'. It asks for the build of
PyTorch for the CPU, which is not on PyPI for Linux: point pip at PyTorch's own index of
such builds, as its installation page says, or at a folder with the wheel.

Everyone starts from the same weights, sees the same data and has the same number of
threads, one for each core of the process; all take turns, and a ratio is of two times
of one round. A row is quoted if two threads do at least 1.8 times the work of one and
others used at most 12 % of the machine in each round that counts. `--any-load` shows in
brackets what may not be quoted; torch's threads spin while they wait for each other, so
that under other load its times grow out of all proportion, less so when the process is
bound to one core. The JSON keeps rows of other runs on the same machine with the same
versions. Out of scope: the minutes of all experiments, and GPUs.
"""

import argparse
import contextlib
import importlib.metadata
import pathlib
import sys
import time
from typing import Any

from benchmarks import case, machine, results, timing

ROOT = pathlib.Path(__file__).parent.parent
PACKAGES = ("jax", "flax", "optax", "torch", "curvlinops-for-pytorch", "pyhessian")
TRIES = 10  # times that the machine is asked whether it can deliver


def main(words: list[str]) -> int:
    """Measure and print, or write the table of the document; return the exit code."""
    given = _arguments(words)
    try:
        found = results.read(given.json)
        if given.table:
            page = ROOT / "docs" / "benchmarks.md"
            told = results.with_table(page.read_text("utf-8"), results.told(found))
            page.write_text(told, "utf-8")
            return 0
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    from benchmarks import rows

    unknown = sorted(set(given.only) - set(rows.ROWS))
    if unknown:
        expected = ", ".join(rows.ROWS)
        print(f"--only has {', '.join(unknown)}; expected {expected}", file=sys.stderr)
        return 2
    for name in given.only or rows.ROWS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            measured = measure(rows.ROWS[name], given.rounds, any_load=given.any_load)
        except ModuleNotFoundError as error:
            print(f"{error}; expected the extra bench, see --help", file=sys.stderr)
            return 2
        about = machine.describe() | _versions()
        found = results.merge(found, name, measured, about, order=list(rows.ROWS))
        results.write(given.json, found)
        print(results.table({name: measured}, any_load=given.any_load), flush=True)
    return 0


def measure(row: case.Row, rounds: int, *, any_load: bool) -> dict[str, Any]:
    """Return the record of one row, empty if the machine cannot deliver."""
    for _ in range(1 if any_load else TRIES):
        refusal = machine.complaint(machine.speedup())
        if refusal is None:
            break
        time.sleep(timing.PAUSE)
    if refusal and not any_load:
        return results.record(row, case.Case({}), timing.NONE, refusal=refusal)
    with contextlib.ExitStack() as stack:
        made = row.build(stack)
        most = None if any_load else machine.MOST_FOREIGN
        measured = timing.alternate(made.runs, rounds=rounds, most_foreign=most)
    return results.record(row, made, measured, wanted=rounds, refusal=refusal)


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=[],
        metavar="NAME,...",
        help="the rows to measure; all unless given",
    )
    parser.add_argument("--rounds", type=_count, default=7, metavar="N")
    parser.add_argument(
        "--json",
        type=pathlib.Path,
        default=pathlib.Path(__file__).parent / "results.json",
        metavar="FILE",
        help="takes the results; benchmarks/results.json unless given",
    )
    parser.add_argument(
        "--any-load", action="store_true", help="show what may not be quoted too"
    )
    parser.add_argument(
        "--table",
        action="store_true",
        help="measure nothing, and write the table of docs/benchmarks.md from the JSON",
    )
    return parser.parse_args(words)


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number from 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
