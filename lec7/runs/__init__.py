"""Runs: experiments found and configured, one folder for each, devices, exit codes."""

from lec7.runs import findings
from lec7.runs.attempts import (
    OUTPUTS,
    add_seconds,
    attempt,
    changed,
    changes,
    earlier,
    last_attempt,
    seal,
    seconds,
)
from lec7.runs.catalogue import (
    Headline,
    config_class,
    configured,
    configurer,
    headline,
    load,
    names,
)
from lec7.runs.columns import table, terminal_width
from lec7.runs.command_line import settings
from lec7.runs.compilation_cache import cached_compilation
from lec7.runs.config import canonical_json, configure, restore
from lec7.runs.context import Context
from lec7.runs.devices import select_devices, simulate_devices
from lec7.runs.exits import (
    PIPE_CLOSED,
    FolderInUseError,
    UsageError,
    did_you_mean,
    exit_code,
)
from lec7.runs.field_types import (
    Checked,
    Count,
    Draws,
    Fraction,
    Positive,
    Positives,
    Range,
    Rising,
    Seeds,
    Several,
    Some,
    at_least,
    side,
)
from lec7.runs.folder import (
    default_folder,
    examine,
    flat,
    lock,
    read_run,
    require_no_sweep,
)
from lec7.runs.listing import description, overview
from lec7.runs.phases import Phases, count_phases, earlier_seconds, most_seconds
from lec7.runs.provenance import (
    environment,
    source_state,
    state_text,
    summary,
    told_by,
)
from lec7.runs.schema import Field, described, fields
from lec7.runs.series import Job, plan, run_process

__all__ = [
    "Checked",
    "Context",
    "Count",
    "Draws",
    "Field",
    "FolderInUseError",
    "Fraction",
    "Headline",
    "Job",
    "OUTPUTS",
    "PIPE_CLOSED",
    "Phases",
    "Positive",
    "Positives",
    "Range",
    "Rising",
    "Seeds",
    "Several",
    "Some",
    "UsageError",
    "add_seconds",
    "at_least",
    "attempt",
    "cached_compilation",
    "canonical_json",
    "changed",
    "changes",
    "config_class",
    "configure",
    "configured",
    "configurer",
    "count_phases",
    "default_folder",
    "described",
    "description",
    "did_you_mean",
    "earlier",
    "earlier_seconds",
    "environment",
    "examine",
    "exit_code",
    "fields",
    "findings",
    "flat",
    "headline",
    "last_attempt",
    "load",
    "lock",
    "most_seconds",
    "names",
    "overview",
    "plan",
    "read_run",
    "require_no_sweep",
    "restore",
    "run_process",
    "seal",
    "seconds",
    "select_devices",
    "settings",
    "side",
    "simulate_devices",
    "source_state",
    "state_text",
    "summary",
    "table",
    "terminal_width",
    "told_by",
]
