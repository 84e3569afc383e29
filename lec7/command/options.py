"""What a command line asks for."""

import math
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from absl import flags

from lec7 import program, runs
from lec7.command import sweep_flags
from lec7.runs import distributed

DRY_RUN = ("dry_run", "hosts", "bandwidth", "latency")
MODES: Mapping[str, tuple[str, ...]] = {
    "help": (),
    "version": (),
    "list": (),
    "describe": (),
    "render": ("open",),
    "verify": (),
    "compare": ("workdir",),
    "export": ("format",),
    "serve": ("port",),
    "open": (),
    "all": ("datasets", "workdir", "devices", "open"),
    "sweep": ("experiment", "workdir", "devices", *sweep_flags.FLAGS),
    "experiment": (
        *("workdir", "devices", "profile", "open"),
        *distributed.FLAGS,
        *DRY_RUN,
    ),
}
"""What the program does -> the flags that go together with that."""
TOGETHER = ("together", "experiment", "workdir", "devices")
"""The flags of `lec7.command.together`, which is no mode for users."""
BARE = "true"  # what absl makes of a flag without a value


class Asked(NamedTuple):
    """A command line."""

    mode: str
    """One of `MODES`."""
    flags: flags.FlagValues
    settings: Mapping[str, Sequence[str]]
    """Field of the configuration -> the words of its value."""
    folders: Sequence[pathlib.Path]
    """The runs to be compared."""
    words: Sequence[str]
    """As they were given, without the program's name."""
    experiments: pathlib.Path
    """The folder of the experiments."""

    def folder(self) -> pathlib.Path:
        """Return the folder that the mode is about."""
        # Which shells do not expand behind `--render=`.
        return pathlib.Path(self.flags[self.mode].value).expanduser()


def read(arguments: Sequence[str], experiments: pathlib.Path) -> Asked:
    """Read a command line.

    Args:
      arguments: without the program's name.
      experiments: the folder of the experiments.

    Returns:
      What it asks for.

    Raises:
      UsageError: a flag is unknown, or does not go together with another.
    """
    found = _defined()
    try:
        words = found(["", *arguments], known_only=True)[1:]
    except flags.IllegalFlagValueError as error:
        given = str(error).removeprefix("flag ").partition(": ")[0]
        name = given.removeprefix("--").partition("=")[0]
        parser = found[name].parser
        choices = " or ".join(getattr(parser, "enum_values", ()))
        expected = parser.syntactic_help or choices or "no value"
        raise runs.UsageError(f"{given}: expected {expected}") from error
    except (flags.Error, ValueError) as error:
        raise runs.UsageError(f"{error} ({program.command()} --help)") from error
    _require_once(found)
    folders = _compared(found, words) if found["compare"].present else []
    settings = runs.settings(
        [word for word in words if word not in folders],
        [name for name in found if len(name) > 1],
        runs.names(experiments),
    )
    _require_finite(found)
    mode = _require_one_mode(found, settings)
    paths = [pathlib.Path(folder).expanduser() for folder in folders]
    return Asked(mode, found, settings, paths, arguments, experiments)


def known(asked: Asked) -> str:
    """Return the experiment that is asked for.

    Raises:
      UsageError: there is none of that name.
    """
    return require_known(asked.mode, asked.flags[asked.mode].value, asked.experiments)


def require_known(flag: str, name: str, experiments: pathlib.Path) -> str:
    """Return the name of an experiment.

    Raises:
      UsageError: there is none of that name.
    """
    names = runs.names(experiments)
    if name not in names:
        nearest = runs.did_you_mean(name, {known: known for known in names})
        raise runs.UsageError(
            f"--{flag}={name}: no such experiment; expected one that "
            f"{program.command()} --list shows{nearest}"
        )
    return name


def _defined() -> flags.FlagValues:
    found = flags.FlagValues()
    of = {"flag_values": found}
    flags.DEFINE_bool("help", False, "show how to use it", short_name="h", **of)
    for name in ("version", "list", "all", "profile", "dry_run"):
        flags.DEFINE_bool(name, False, "see --help", **of)
    for name in ("describe", "experiment", "render", "verify", "export", "serve"):
        flags.DEFINE_string(name, None, "see --help", **of)
    for name in ("open", "compare"):  # with or without a value
        flags.DEFINE_string(name, None, "see --help", **of)
        found[name].boolean = True
    flags.DEFINE_list("datasets", None, "names", **of)
    flags.DEFINE_string("together", None, "no flag for users", **of)
    flags.DEFINE_string("workdir", None, "where to run it", **of)
    flags.DEFINE_integer("devices", None, "on how many", 1, **of)
    flags.DEFINE_integer("port", None, "where to serve", 1, 65535, **of)
    flags.DEFINE_enum("format", None, ["csv", "parquet"], "of the tables", **of)
    flags.DEFINE_integer("hosts", None, "that share a batch", 1, 2**31 - 1, **of)
    flags.DEFINE_float("bandwidth", None, "between them, Gb/s", 1e-3, **of)
    flags.DEFINE_float("latency", 50.0, "of a message, microseconds", 0.0, **of)
    distributed.define_flags(found)
    sweep_flags.define_flags(found)
    found.set_gnu_getopt()
    return found


def _require_finite(found: flags.FlagValues) -> None:
    for name in found:
        value = found[name].value
        if isinstance(value, float) and not math.isfinite(value):
            raise runs.UsageError(f"--{name}={value}: expected a finite number")


def _require_once(found: flags.FlagValues) -> None:
    """Refuse a flag given twice, of which the last would count, or without its value.

    Raises:
      UsageError: there is one.
    """
    for name in found:
        value = found[name].value
        if found[name].present > 1:
            raise runs.UsageError(f"--{name} is given twice; expected it once")
        if isinstance(value, str) and value.startswith("--"):
            raise runs.UsageError(
                f"--{name} has no value, since {value.partition('=')[0]} follows it; "
                f"expected --{name}=VALUE"
            )


def _require_own_flags(found: flags.FlagValues) -> None:
    """Refuse flags beside `--together` that it does not look at.

    Raises:
      UsageError: there is one.
    """
    for name in found:
        if len(name) > 1 and found[name].present and name not in TOGETHER:
            raise runs.UsageError(
                f"--together and --{name} do not go together; expected one of them"
            )


def _compared(found: flags.FlagValues, words: Sequence[str]) -> list[str]:
    first = found["compare"].value
    rest = [word for word in words if not word.startswith("-")]
    return rest if first == BARE else [first, *rest]


def _require_one_mode(found: flags.FlagValues, settings: Iterable[str]) -> str:
    if found["together"].present:
        _require_own_flags(found)
    modes = [name for name in MODES if _is_asked(found, name)]
    if not modes:
        open_ = "--open: expected --open=RUN, or " if found["open"].present else ""
        raise runs.UsageError(
            f"{open_}--experiment is missing; expected --experiment=NAME, "
            "--describe=NAME, --list or --help"
        )
    mode = modes[0]
    others = [f"--{name}" for name in modes[1:] if name not in MODES[mode]]
    if mode in ("help", "version"):
        return mode
    for name in dict.fromkeys(name for names in MODES.values() for name in names):
        if found[name].present and name not in (*MODES[mode], mode):
            others.append(f"--{name}")
    if not found["experiment"].present:
        others += [f"--config.{name}" for name in settings]
    if others:
        raise runs.UsageError(
            f"--{mode} and {others[0]} do not go together; expected one of them"
        )
    return mode


def _is_asked(found: flags.FlagValues, mode: str) -> bool:
    if mode == "sweep":  # also of nothing, which has a message of its own
        return found[mode].present > 0
    return bool(found[mode].value) and (mode != "open" or found[mode].value != BARE)
