"""Documents say what the code says, and their links lead somewhere."""

import ast
import pathlib
import re
import subprocess
import sys
import tomllib

import pytest
import yaml

import lec7
from lec7 import runs
from lec7.command import entry

ROOT = pathlib.Path(__file__).parent.parent
DOCS, EXPERIMENTS = ROOT / "docs", ROOT / "experiments"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
NAMES = runs.names(EXPERIMENTS)
ID = re.compile(r"([LGD]\d\d)(?![0-9A-Za-z])")
CLAIMS = [
    *(f"L{number:02}" for number in range(1, 72)),
    *(f"G{number:02}" for number in range(1, 6)),
    *(f"D{number:02}" for number in range(1, 6)),
]


def rows_of(page):
    """Return the cells of the only table of a document, without its header."""
    lines = re.findall(r"^\|(.*)\|$", (DOCS / page).read_text("utf-8"), re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")] for line in lines[2:]]


def quoted(cell):
    return re.findall(r"`([^`]+)`", cell)


def constants(file):
    """Return the words of a file, the changing parts of one written as `.+`."""
    tree = ast.parse((EXPERIMENTS / f"{file}.py").read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                re.escape(part.value) if isinstance(part, ast.Constant) else ".+"
                for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.escape(node.value)


def files_of(experiment):
    return [
        path.stem
        for path in sorted(EXPERIMENTS.glob("*.py"))
        if max(
            (n for n in NAMES if f"{path.stem}_".startswith(f"{n}_")),
            key=len,
            default="",
        )
        == experiment
    ]


def test_the_readme_is_short_and_begins_with_a_picture_and_code():
    lines = README.splitlines()
    assert len(lines) <= 150
    (picture,) = re.findall(r"^!\[.+\]\((.+)\)$", "\n".join(lines[:5]), re.MULTILINE)
    assert (ROOT / picture).stat().st_size < 300_000
    assert lines.index("```sh") < 20


def test_the_gate_runs_two_commands():
    blocks = re.findall(r"^```sh\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    setup, tests = (block.strip() for block in blocks)
    assert setup.endswith("launch.py --experiment=sharp_vs_flat")
    assert tests == ".venv/bin/python -m pytest"


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_to_files(path):
    text = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.DOTALL | re.M)
    for link in re.findall(r"\]\(([^)#\s]+)", text):
        assert (path.parent / link).exists(), link


def test_every_claim_has_a_row_in_order():
    assert [row[0] for row in rows_of("lecture.md") if row[0]] == CLAIMS


def test_the_files_of_a_claim_are_those_that_name_it():
    expected = {}
    for experiment in NAMES:
        for file in files_of(experiment):
            for word in constants(file):
                if found := ID.match(word):
                    parts = expected.setdefault(found[1], {})
                    parts.setdefault(experiment, {experiment}).add(file)
    told, last = {}, ""
    for id, _, _, files, _ in rows_of("lecture.md"):
        last = id or last
        experiment, *parts = quoted(files)
        if last in expected:
            told.setdefault(last, {})[experiment] = {experiment, *parts}
    assert told == expected


def test_the_figures_of_a_claim_are_drawn_by_its_experiment():
    for id, _, _, files, figures in rows_of("lecture.md"):
        experiment, names = quoted(files)[0], quoted(figures)
        if experiment.startswith("tests/"):
            continue
        words = {word for file in files_of(experiment) for word in constants(file)}
        drawn = [word for word in words if re.search("[a-z]", word)]
        for name in names:
            # The name of a data set is put after that of the figure.
            either = name.replace("DATA", "digits"), name.removesuffix("_DATA")
            assert any(re.fullmatch(word, one) for word in drawn for one in either), (
                f"{id}: {name}"
            )


def test_a_definition_names_its_test():
    for _, _, _, file, sentence in rows_of("lecture.md"):
        if file.startswith("`tests/"):
            source = (ROOT / file.strip("`")).read_text("utf-8")
            assert f"def test_{sentence.replace(' ', '_')}(" in source


def test_the_table_of_experiments_is_that_of_their_docstrings():
    found = [runs.headline(EXPERIMENTS, name) for name in NAMES]
    assert rows_of("experiments.md") == [
        [
            f"`{line.name}`",
            line.question,
            line.minutes + (", on a GPU" if line.gpu else ""),
            line.data,
        ]
        for line in found
    ]


def test_the_page_of_the_command_line_has_its_help():
    usage = entry.__doc__.partition("\n\n")[2].partition("\n\nExit codes")[0]
    assert f"```text\n{usage}\n```" in (DOCS / "command_line.md").read_text("utf-8")


def test_every_package_has_a_page_of_reference_that_is_in_the_contents():
    contents = (ROOT / "mkdocs.yml").read_text("utf-8")
    packages = sorted(
        path.parent.name
        for path in pathlib.Path(lec7.__path__[0]).glob("*/__init__.py")
        if path.parent.name != "command"  # which has a page of its own
    )
    for name in packages:
        page = f"reference/{name}.md"
        assert f"::: lec7.{name}\n" in (DOCS / page).read_text("utf-8")
        assert f"- {page}\n" in contents
    for path in DOCS.rglob("*.md"):
        assert str(path.relative_to(DOCS)) in contents


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert f"\n## {project['version']}\n" in changes


@pytest.mark.slow
def test_the_site_is_built_and_asks_no_other_host_for_anything(tmp_path):
    pytest.importorskip("mkdocs")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path)]
    built = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    loaded = re.compile(
        r"<(?:script|img|link|iframe)[^>]*(?:src|href)=.?(?:https?:)?//"
    )
    for page in tmp_path.rglob("*.html"):
        assert not loaded.search(page.read_text("utf-8")), page
