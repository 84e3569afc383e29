"""Pages of runs in the browser."""

import pathlib

from lec7 import program, runs
from lec7.command import options

PAGES = ("index.html", runs.OUTPUTS[1])
"""Of a folder of runs, and of a run."""


def open_run(asked: options.Asked) -> None:
    """Show the report of a run, or the page of a folder of runs.

    Raises:
      UsageError: there is none.
    """
    folder = asked.folder()
    for name in PAGES:
        if (folder / name).is_file():
            return show(folder / name)
    runs.require_no_sweep(folder, "open")
    raise runs.UsageError(
        f"--open={folder}: no {' or '.join(PAGES)} in it; expected the folder of a "
        "finished run, or that of --all"
    )


def show(page: pathlib.Path) -> None:
    """Show a page in the browser; where there is none, say what serves the page."""
    import webbrowser

    if not webbrowser.open(page.resolve().as_uri()):
        print(f"no browser opens; {program.command()} --serve={page.parent} serves it")
