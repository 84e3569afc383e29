"""Pages of runs in the browser: from the disk, or served on this machine alone."""

import functools
import http.server
import os
import pathlib
import urllib.parse
import webbrowser
from http import HTTPStatus

from lec7 import program, runs, signals
from lec7.command import options

_HOST = "127.0.0.1"
_PAGES = ("index.html", "report.html")


def open_run(asked: options.Asked) -> None:
    """Show the report of a run, or the page of a folder of runs.

    Raises:
      UsageError: there is none.
    """
    show(_page(asked))


def show(page: pathlib.Path) -> None:
    """Show a page in the browser; without one, its path is for another machine's."""
    opened = webbrowser.open(page.resolve().as_uri())
    if not opened:
        print(f"there is no browser; {program.command()} --serve={page.parent} serves")


def serve(asked: options.Asked) -> None:
    """Serve a folder to the browsers of this machine until a signal comes.

    Raises:
      UsageError: it is no folder, or the port is taken.
    """
    folder = asked.folder()
    if not folder.is_dir():
        raise runs.UsageError(f"--serve={folder}: expected a folder, such as a run's")
    handler = functools.partial(_Handler, directory=str(folder.resolve()))
    try:
        server = _Server((_HOST, asked.flags.port or 0), handler)
    except OSError as error:
        raise runs.UsageError(
            f"--port={asked.flags.port}: {error.strerror}; expected a port that is free"
        ) from error
    page = next((name for name in _PAGES if (folder / name).is_file()), "")
    with server:
        host, port = server.server_address
        print(f"{folder} is at http://{host}:{port}/{page} until Ctrl-C", flush=True)
        try:
            server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:  # how it is meant to end
            return


def _page(asked: options.Asked) -> pathlib.Path:
    folder = asked.folder()
    for name in _PAGES:
        if (folder / name).is_file():
            return folder / name
    raise runs.UsageError(
        f"--open={folder}: no {' or '.join(_PAGES)} in it; expected the folder of a "
        "finished run, or that of --all"
    )


class _Server(http.server.ThreadingHTTPServer):
    """A server that a noted signal ends."""

    def service_actions(self):
        signals.check()


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Files of one folder, to this machine's own pages, in silence."""

    def send_head(self):
        host = urllib.parse.urlsplit(f"//{self.headers.get('Host', '')}").hostname
        if host not in (_HOST, "localhost"):  # a foreign page that asks by a name
            self.send_error(HTTPStatus.FORBIDDEN)
            return None
        return super().send_head()

    def translate_path(self, path):
        """Return the file of an address, or one that is missing if it leads out."""
        path = os.path.realpath(super().translate_path(path))
        inside = os.path.commonpath([path, self.directory]) == self.directory
        return path if inside else os.path.join(self.directory, ".nothing", "here")

    def log_message(self, format, *args):
        pass
