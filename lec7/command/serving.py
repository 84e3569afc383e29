"""A folder of runs, served to the browsers of this machine alone."""

import functools
import http.server
import os
import sys
from http import HTTPStatus

from lec7 import runs, signals
from lec7.command import browser, options

_HOST = "127.0.0.1"


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
    page = next((name for name in browser.PAGES if (folder / name).is_file()), "")
    with server:
        host, port = server.server_address
        print(f"{folder} is at http://{host}:{port}/{page} until Ctrl-C", flush=True)
        try:
            server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:  # how it is meant to end
            return


class _Server(http.server.ThreadingHTTPServer):
    """A server that a noted signal ends."""

    def service_actions(self):
        signals.check()

    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), ConnectionError):  # a tab was closed
            super().handle_error(request, client_address)


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Files of one folder, to this machine's own pages, in silence."""

    def send_head(self):
        host = self.headers.get("Host", "").partition(":")[0]
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
