"""Projects: the file MLproject, its parameters, and the environment that it asks for."""

from __future__ import annotations

import json
import platform
import re
import shlex
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from runstream.errors import FailedPrecondition, InvalidArgument, NotFound
from runstream.launching.environment import find_differences
from runstream.launching.parameters import build_command
from runstream.launching.project import EntryPoint, read_project
from runstream.launching.source import find_tags
from runstream.launching.target import find_project, find_target

# A list of 2**29 items in a kilobyte.
ALIASES = "".join(
    f"a{depth}: &a{depth} [*a{depth - 1}, *a{depth - 1}]\n" if depth else "a0: &a0 [x]\n"
    for depth in range(30)
)


def write_project(folder: Path, content: str) -> str:
    (folder / "MLproject").write_text(content)
    return str(folder)


def main(folder: Path, parameters: str, command: str) -> EntryPoint:
    text = (
        f"entry_points: {{main: {{parameters: {{{parameters}}}, command: {json.dumps(command)}}}}}"
    )
    return read_project(write_project(folder, text)).find_entry_point("main")


def test_values_and_defaults_are_quoted_in_the_command_and_others_follow(tmp_path: Path) -> None:
    point = main(
        tmp_path,
        "lr: float, name: {default: it's; rm -rf .}, depth: {type: int, default: 3}",
        "train --lr {lr} {name} {depth} {{}} $HOME",
    )
    line, values = build_command(point, {"lr": "1e-3", "b x": "$(id)"}, str(tmp_path))
    name = "'it'\"'\"'s; rm -rf .'"
    assert line == f"train --lr 1e-3 {name} 3 {{}} $HOME '--b x' '$(id)'"
    assert values == {"lr": "1e-3", "name": "it's; rm -rf .", "depth": "3", "b x": "$(id)"}


def test_a_path_is_absolute_and_a_default_lies_in_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, here = tmp_path / "project", tmp_path / "here"
    for folder in (project, here):
        folder.mkdir()
        (folder / "a b").touch()
    monkeypatch.chdir(here)
    point = main(project, "data: {type: path, default: a b}", "cat {data}")
    for given, expected in (
        ({}, project / "a b"),
        ({"data": "a b"}, here / "a b"),
        ({"data": f"file://{here}/a%20b"}, here / "a b"),
    ):
        line, values = build_command(point, given, str(project))
        assert shlex.split(line) == ["cat", str(expected)]
        assert values == {"data": given.get("data", "a b")}


@pytest.mark.parametrize(
    ("parameters", "given", "words"),
    [
        ("lr: float", {}, "needs a value of lr"),
        ("lr: float", {"lr": "high"}, "'lr' of the type float: it must be a number"),
        ("at: uri", {"at": "here"}, "'here' for the parameter 'at'"),
        ("at: path", {"at": "nowhere"}, "that is there"),
        ("at: path", {"at": "s3://bucket/key"}, "download it first"),
    ],
)
def test_a_value_that_is_missing_or_of_another_type_is_refused(
    tmp_path: Path, parameters: str, given: dict[str, str], words: str
) -> None:
    with pytest.raises(InvalidArgument, match=words):
        build_command(main(tmp_path, parameters, "true"), given, str(tmp_path))


@pytest.mark.parametrize(
    "command",
    [
        *("{other}", "{lr.real}", "{lr[0]}", "{}", "{lr", "{0}"),
        *("{lr!r}", "{lr:.2f}", "{lr:>99999999999}", "{lr:{lr}}", "{lr:{x}}", "true\0"),
    ],
)
def test_a_command_may_name_its_parameters_alone(tmp_path: Path, command: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        build_command(main(tmp_path, "lr: {default: 1}", command), {}, str(tmp_path))
    assert refused.value.metadata["field"] == "entry_points.main.command"


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ("[1, 2]", "MLproject"),
        ("a: [", "MLproject"),
        ("entry_points: [main]", "entry_points"),
        ("entry_points: {main: {}}", "entry_points.main.command"),
        ("entry_points: {main: {command: a, parameters: 3}}", "entry_points.main.parameters"),
        (
            "entry_points: {main: {command: a, parameters: {b: {default: [1]}}}}",
            "entry_points.main.parameters.b.default",
        ),
        ("conda_env: none.yaml", "conda_env"),
        ("conda_env: [a]", "conda_env"),
        ("docker_env: {image: [a]}", "docker_env.image"),
        ("[" * 5000, "MLproject"),
        ("a: " + "1" * 5000, "MLproject"),
        (ALIASES + "entry_points: *a29", "entry_points"),
        (
            ALIASES + "entry_points: {main: {command: a, parameters: {b: {type: *a29}}}}",
            "entry_points.main.parameters.b.type",
        ),
    ],
)
def test_a_malformed_project_is_refused_by_its_field(
    tmp_path: Path, content: str, field: str
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        read_project(write_project(tmp_path, content))
    assert refused.value.metadata["field"] == field
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize(
    "command",
    [
        'echo "{x}"',
        "echo '{x}'",
        "echo $'\\'{x}'",
        "echo `echo {x}`",
        'echo "$(echo "{x}")"',
        'echo "${HOME:-"{x}"}"',
        "echo \\{x}",
        "echo a # {x}",
        "cat <<EOF\n{x}\nEOF",
        "a=(); (( a == {x} ))",
        "[[ {x} -eq 1 ]]",
        "a[{x}]=1",
        "let {x}",
        "bash -c 'echo {x}'",
    ],
)
def test_no_value_is_run_wherever_a_command_has_it(tmp_path: Path, command: str) -> None:
    """L4: what needs quotes is refused where quotes of ours would not hold."""
    escaped = re.sub(r"([{}])", r"\1\1", command).replace("{{x}}", "{x}")
    point = main(tmp_path, "x: string", escaped)
    line, _ = build_command(point, {"x": "a-1.5"}, str(tmp_path))
    assert line == command.replace("{x}", "a-1.5")
    for value in ("$(touch made)", "`touch made`", "a[$(touch made)]", "a\ntouch made", "'"):
        with pytest.raises(InvalidArgument, match="as values are quoted") as refused:
            build_command(point, {"x": value}, str(tmp_path))
        assert refused.value.reason == "PARAMETER_MALFORMED"


@pytest.mark.parametrize("command", ["echo {x}", 'echo "a b" {x}', "echo a'b'\\ {x};echo {x}"])
def test_a_plain_place_takes_any_value(tmp_path: Path, command: str) -> None:
    for value in ("$(touch made)", "a\n`touch made`'\"\\", "", "it's"):
        line, _ = build_command(main(tmp_path, "x: string", command), {"x": value}, str(tmp_path))
        told = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True)
        assert value in told.stdout
    assert not (tmp_path / "made").exists()


def test_a_script_of_the_folder_is_an_entry_point(tmp_path: Path) -> None:
    (tmp_path / "a {b}.py").touch()
    project = read_project(str(tmp_path))
    line, _ = build_command(project.find_entry_point("a {b}.py"), {"lr": "1"}, str(tmp_path))
    assert line == "python 'a {b}.py' --lr 1"
    (tmp_path.parent / "outside.py").touch()
    for name in ("main", "none.py", "../outside.py", f"{tmp_path.parent}/outside.py"):
        with pytest.raises(NotFound, match="its entry points are: none"):
            project.find_entry_point(name)


def test_a_project_for_a_container_is_refused_unless_it_is_meant(tmp_path: Path) -> None:
    text = "{docker_env: {image: torch}, entry_points: {main: {command: id}}}"
    folder = write_project(tmp_path, text)
    with pytest.raises(FailedPrecondition, match="'torch', and runstream starts none"):
        find_project(folder, (), {}, "main", allows_container=False)
    assert find_project(folder, (), {}, "main", allows_container=True).command[1:] == ["-c", "id"]


def differences(folder: Path, name: str, content: str) -> list[str]:
    (folder / name).write_text(content)
    found = find_differences(read_project(str(folder)))
    return [text.removeprefix(f"{name} asks for ") for text in found]


def test_what_differs_from_a_python_env_is_told(tmp_path: Path) -> None:
    here, click = platform.python_version(), version("click")
    (tmp_path / "requirements.txt").write_text(
        "# comment\nclick>=1  # another\nclick==0.1 \\\n  --hash=sha256:0\n"
        "-r requirements.txt\n-r none.txt\n"
        "nothing-of-this-name; python_version > '3'\nneeds-none; python_version < '3'\n"
    )
    found = differences(
        tmp_path,
        "python_env.yaml",
        f'{{python: "{here}", build_dependencies: [pip==1], dependencies: [-r requirements.txt]}}',
    )
    assert found == [
        f"click==0.1, and {click} is installed",
        "'-r none.txt', which cannot be checked",
        "nothing-of-this-name; python_version > '3', which is not installed",
    ]
    minor = ".".join(here.split(".")[:2])
    for python, is_met in ((minor, True), ("3", True), (">=3.10", True), ("2.7", False)):
        found = differences(tmp_path, "python_env.yaml", f'python: "{python}"')
        assert found == ([] if is_met else [f"Python 2.7, and this is {here}"])


def test_what_differs_from_a_conda_env_is_told(tmp_path: Path) -> None:
    click = version("click")
    found = differences(
        tmp_path,
        "conda.yaml",
        "channels: [conda-forge]\ndependencies:\n"
        f"- python>=3.10\n- conda-forge::click={click}\n- click >=1, <2\n- cudatoolkit=11.8=h1\n"
        "- pip:\n  - click!=" + click,
    )
    assert found == [
        f"click >=1,<2, and {click} is installed",
        "cudatoolkit ==11.8.*, which is not installed",
        f"click!={click}, and {click} is installed",
    ]


def test_the_example_asks_for_what_is_here(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(Path(__file__).parents[3] / "examples/project", folder)
    target = find_project(str(folder), ("--dry run",), {"watts": "2000"}, "main", False)
    assert target.warnings == []
    assert target.command[1:] == [
        "-c",
        "python boil.py --watts 2000 --litres 1.5 --kettle 'stainless steel' '--dry run'",
    ]


def test_a_launched_program_has_the_tags_of_its_own_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNSTREAM_SOURCE", raising=False)
    git = tmp_path / ".git"
    (git / "refs/heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "refs/heads/main").write_text("0" * 39 + "1\n")
    (git / "config").write_text('[remote "origin"]\n\turl = https://ada:secret@host/kettles.git\n')
    (tmp_path / "below").mkdir()
    (tmp_path / "below/train.py").touch()
    target = find_target(str(tmp_path / "below/train.py"), (), {})
    tags = find_tags(target, "1" * 32)
    assert tags["mlflow.source.git.commit"] == "0" * 39 + "1"
    assert tags["mlflow.source.git.branch"] == "main"
    assert "secret" not in tags["mlflow.source.git.repoURL"]
    assert tags["mlflow.source.git.repoURL"].endswith("host/kettles.git")
    assert tags["mlflow.parentRunId"] == "1" * 32
