"""What hosts that see no folder of each other's come to share."""

from lec7 import hosts, report
from lec7.runs import context


def on_host(index, folder, monkeypatch, said):
    """Return the context of a host of two, which hears what the first has said."""

    def from_first(make):
        if index == 0:
            said.append(make())
        return said[-1]

    monkeypatch.setattr(hosts, "count", lambda: 2)
    monkeypatch.setattr(hosts, "is_first", lambda: index == 0)
    monkeypatch.setattr(hosts, "from_first", from_first)
    return context.Context(folder, (), report.Progress())


def test_a_shared_folder_is_the_first_hosts_on_every_host(tmp_path, monkeypatch):
    said, held = [], tmp_path / "first" / "checkpoints" / "one" / "00000001"
    held.mkdir(parents=True)
    (held / "state").write_bytes(b"weights")
    for index, name in enumerate(("first", "second")):
        of = on_host(index, tmp_path / name, monkeypatch, said)
        place = of.shared("checkpoints/one")
        assert place == tmp_path / name / "checkpoints" / "one"
        assert (place / "00000001" / "state").read_bytes() == b"weights"


def test_one_host_shares_with_nobody(tmp_path):
    of = context.Context(tmp_path, (), report.Progress())
    assert of.shared("nothing") == tmp_path / "nothing"
    assert not (tmp_path / "nothing").exists()
