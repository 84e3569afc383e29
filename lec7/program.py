"""How this program was called: messages say so, and suggest what can be typed."""

import pathlib
import shlex

_called = ["lec7"]


def called_as(word: str) -> None:
    """Take the first word of the command line, which Python puts into `sys.argv`."""
    _called[0] = word


def name() -> str:
    """Return the name that begins a message.

    Example:
      >>> called_as("/usr/lib/python3/lec7/__main__.py")
      >>> name(), command()
      ('lec7', 'python -m lec7')
      >>> called_as("/usr/bin/lec7")
      >>> name(), command()
      ('lec7', 'lec7')
    """
    path = pathlib.PurePath(_called[0])
    return path.parent.name if path.name == "__main__.py" else path.name


def command() -> str:
    """Return what to type before the flags."""
    if pathlib.PurePath(_called[0]).suffix == ".py":
        return shlex.join(["python", *words()])
    return name()


def words() -> list[str]:
    """Return what to give to Python so that it runs this program."""
    if name().endswith(".py"):
        return [_called[0]]
    is_module = pathlib.PurePath(_called[0]).name == "__main__.py"
    # A console script does not look for lec7 in the current folder.
    return ["-m", "lec7"] if is_module else ["-P", "-m", "lec7"]
