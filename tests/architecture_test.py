"""The packages import each other downwards only, and pmap has one home."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent
GROUND = {
    "arguments",
    "files",
    "hosts",
    "loops",
    "losses",
    "memory",
    "parameter_paths",
    "program",
    "randomness",
    "signals",
}
ALLOWED = {
    "train": {"data"},
    "ensembles": {"train"},
    "transfer": {"train"},
    "sharpness": {"curvature"},
    "landscape": {"curvature"},
    "sweeps": {"runs"},
    # A picture of one's own loss is one call, which measures what it draws.
    "report": {"curvature", "landscape"},
}
TOP = {"__main__", "command"}  # which import everything
MODULES = sorted((ROOT / "lec7").rglob("*.py"))


def package_of(path):
    return path.relative_to(ROOT / "lec7").parts[0].removesuffix(".py")


def imports_of(path):
    """Return the dotted names that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def packages_imported(path):
    parts = [name.split(".") for name in imports_of(path)]
    return {name[1] for name in parts if name[0] == "lec7" and len(name) > 1}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_arrows_point_down(path):
    package = package_of(path)
    if package in TOP:
        return
    below = set() if package in GROUND else GROUND | ALLOWED.get(package, set())
    assert packages_imported(path) <= below | {package}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_library_does_not_know_its_experiments(path):
    roots = {name.split(".")[0] for name in imports_of(path)}
    assert not roots & {"experiments", "launch"}


def test_a_file_of_the_library_has_its_name_to_itself():
    names = [path.stem for path in MODULES if path.stem != "__init__"]
    assert sorted(names) == sorted(set(names))


def test_pmap_is_called_in_the_train_step_alone():
    calls = {
        str(path.relative_to(ROOT / "lec7"))
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute | ast.Name)
        and getattr(node, "attr", getattr(node, "id", "")) == "pmap"
    }
    assert calls == {"train/step.py"}
