"""`--serve` and `--open`."""

import http.client
import re
import signal
import subprocess
import sys
import webbrowser

import pytest


@pytest.fixture
def served(place):
    """A folder that is served: (connection, process)."""
    (place / "run").mkdir()
    (place / "run" / "report.html").write_text("the report")
    (place / "secret.txt").write_text("a secret")
    (place / "run" / "link").symlink_to(place / "secret.txt")
    process = subprocess.Popen(
        [sys.executable, "launch.py", "--serve=run"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    port = re.search(
        r"run is at http://127\.0\.0\.1:(\d+)/report.html", process.stdout.readline()
    )[1]
    yield http.client.HTTPConnection("127.0.0.1", int(port)), process
    process.kill()
    process.communicate()


def get(connection, path, **headers):
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_a_folder_is_served_and_nothing_beside_it(served):
    connection, process = served
    assert get(connection, "/report.html") == (200, "the report")
    for path in ("/../secret.txt", "/%2e%2e/secret.txt", "//../secret.txt", "/link"):
        status, text = get(connection, path)
        assert (status, "a secret" in text) == (404, False), path
    assert get(connection, "/report.html", Host="evil.example")[0] == 403
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20)[1] == ""
    assert process.returncode == 130


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--serve=nowhere", "--serve=nowhere: expected a folder"),
        ("--serve=. --port=0", "--port=0: expected"),
        ("--open", "--open: expected --open=RUN"),
        ("--open=experiments", "--open=experiments: no index.html or report.html"),
        ("--list --open", "--list and --open do not go together"),
        ("--open=a --port=8000", "--open and --port do not go together"),
    ],
)
def test_what_cannot_be_shown_is_one_message(launch, capsys, words, message):
    assert launch(*words.split()) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_a_port_that_is_taken_is_one_message(launch, served, capsys):
    port = served[0].port
    assert launch("--serve=run", f"--port={port}") == 2
    assert f"--port={port}: Address already in use; expected" in capsys.readouterr().err


@pytest.mark.parametrize("opens", [True, False])
def test_a_report_is_opened_after_a_run_and_later(launch, monkeypatch, capsys, opens):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda page: opened.append(page) or opens)
    assert launch("--experiment=fake", "--workdir=run", "--open") == 0
    assert launch("--render=run", "--open") == 0
    assert launch("--open=run") == 0
    assert len(opened) == 3 and len(set(opened)) == 1
    assert opened[0].startswith("file:///") and opened[0].endswith("/run/report.html")
    hint = "python launch.py --serve=run serves it"
    assert (hint in capsys.readouterr().out) != opens


@pytest.mark.parametrize("mode", ["open", "verify", "render", "compare", "export"])
def test_of_a_sweep_its_trials_are_named(launch, place, capfd, mode):
    (place / "many" / "trials" / "00003").mkdir(parents=True)
    (place / "many" / "sweep.json").write_text("{}")
    assert launch(f"--{mode}=many", *["many"] * (mode == "compare")) == 2
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert f"--{mode}=many: it holds a sweep; expected one of its runs" in err
    assert f"--{mode}=many/trials/00003" in err
