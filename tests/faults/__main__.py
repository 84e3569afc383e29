"""Kill, signal and damage a small run, and print what came of it.

python -m tests.faults --kills=50 --signals=60 --damage=all
"""

import argparse
import collections
import pathlib
import sys
import tempfile

from tests.faults import harness


def main(argv):
    """Return 1 if anything was wrong, and 0 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--kills", type=int, default=0, help="SIGKILLs")
    parser.add_argument("--signals", type=int, default=0, help="SIGTERMs and SIGINTs")
    parser.add_argument("--damage", default="0", help="cases drawn, or all")
    parser.add_argument("--jobs", type=int, default=1, help="cases at the same time")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args(argv)
    counts = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        bench = harness.Bench(pathlib.Path(folder), seed=options.seed)
        print(f"an uninterrupted run takes {bench.seconds:.1f} s", flush=True)
        damage = None if options.damage == "all" else int(options.damage)
        rows = bench.rows(
            options.kills, options.signals, damage=damage, jobs=options.jobs
        )
        for row in rows:
            counts[row.kind, row.outcome] += 1
            print(f"{row.kind:8} {row.case:58} {row.outcome:9} {row.told}", flush=True)
    for (kind, outcome), count in sorted(counts.items()):
        print(f"{count:4} {kind} {outcome}")
    return int(any(outcome == harness.WRONG for _, outcome in counts))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
