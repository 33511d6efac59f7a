"""The file `MLproject` of a folder: its entry points, and the environment that it asks for."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NoReturn

from runstream.errors import FailedPrecondition, InvalidArgument, NotFound, shorten
from runstream.files.optional_libraries import import_optional

_FILE = "mlproject"  # in any case

# Files that describe an environment: by key of MLproject the name which is looked for without one.
_ENVIRONMENT_FILES = {"python_env": "python_env.yaml", "conda_env": "conda.yaml"}

# What runs a script that is no entry point, by its ending.
_INTERPRETERS = {".py": "python", ".sh": os.environ.get("SHELL", "bash")}


@dataclass(frozen=True)
class Parameter:
    """A parameter of an entry point.

    Attributes:
        name: its name.
        type: `string`, `float`, `path` or `uri`; any other is a string, as for MLflow.
        default: the value that it has if none is given; None if one must be given.
    """

    name: str
    type: str
    default: str | None


@dataclass(frozen=True)
class EntryPoint:
    """A command of a project.

    Attributes:
        name: its name.
        command: a command line of the shell, in which `{NAME}` stands for a parameter.
        parameters: the parameters, by their names.
    """

    name: str
    command: str
    parameters: Mapping[str, Parameter]


@dataclass(frozen=True)
class Project:
    """A folder with a file MLproject, or with none.

    Attributes:
        folder: the folder.
        entry_points: the entry points, by their names.
        environment_file: the path of its `python_env` or `conda_env`; None if it has neither.
        image: the image of the container that it asks for; None if it asks for none.
    """

    folder: str
    entry_points: Mapping[str, EntryPoint]
    environment_file: str | None
    image: str | None

    def check_needs_no_container(self) -> None:
        """Raise FailedPrecondition if the project asks for a container."""
        if self.image is not None:
            raise FailedPrecondition(
                f"the project asks for a container of the image {self.image!r}, and runstream "
                "starts none: run `runstream run --env-manager local` inside of one, or give "
                "--env-manager local to run it here",
                reason="CONTAINER_NEEDED",
                field="docker_env",
            )

    def find_entry_point(self, name: str) -> EntryPoint:
        """Return an entry point, or a script of the folder as one; raises NotFound."""
        if name in self.entry_points:
            return self.entry_points[name]
        interpreter = _INTERPRETERS.get(os.path.splitext(name)[1])
        path = os.path.normpath(os.path.join(self.folder, name))
        is_inside = path.startswith(os.path.join(self.folder, ""))
        if interpreter is None or not is_inside or not os.path.isfile(path):
            raise NotFound(
                f"{self.folder} has neither an entry point nor a script {name!r}; "
                f"its entry points are: {', '.join(self.entry_points) or 'none'}",
                reason="ENTRY_POINT_NOT_FOUND",
                field="entry_point",
                value=name,
            )
        script = shlex.quote(name).replace("{", "{{").replace("}", "}}")
        return EntryPoint(name, f"{interpreter} {script}", {})


def read_project(folder: str) -> Project:
    """Return the project of a folder.

    Raises:
        InvalidArgument: its file MLproject is malformed.
        ModuleNotFoundError: it has one, and PyYAML is not installed.
    """
    names = sorted(name for name in os.listdir(folder) if name.lower() == _FILE)
    content = read_yaml(os.path.join(folder, names[0])) if names else {}
    points = {
        str(name): _read_entry_point(str(name), point)
        for name, point in _mapping("entry_points", content.get("entry_points")).items()
    }
    image = content.get("docker_env")
    if image is not None:
        image = read_text("docker_env.image", _mapping("docker_env", image).get("image"))
    return Project(folder, points, _find_environment_file(folder, content), image)


def read_yaml(path: str) -> Mapping[str, Any]:
    """Return what a file of YAML has, which must be a mapping.

    Raises:
        InvalidArgument: it is no YAML, or no mapping.
        ModuleNotFoundError: PyYAML is not installed.
    """
    name = os.path.basename(path)
    yaml = import_optional("yaml", f"the file {name}", extra="projects")
    with open(path, encoding="utf-8") as file:
        try:
            content = yaml.safe_load(file)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            _refuse(name, f"it is no YAML ({shorten(str(error))})", path)
    return _mapping(name, content)


def _read_entry_point(name: str, content: object) -> EntryPoint:
    field = f"entry_points.{name}"
    point = _mapping(field, content)
    command = point.get("command")
    if not isinstance(command, str):
        _refuse(f"{field}.command", "it must be a command line", command)
    parameters = _mapping(f"{field}.parameters", point.get("parameters"))
    return EntryPoint(
        name,
        command,
        {
            str(key): _read_parameter(f"{field}.parameters.{key}", str(key), parameter)
            for key, parameter in parameters.items()
        },
    )


def _read_parameter(field: str, name: str, content: object) -> Parameter:
    if isinstance(content, str):
        return Parameter(name, content, None)
    parameter = _mapping(field, content)
    kind, default = parameter.get("type", "string"), parameter.get("default")
    return Parameter(
        name,
        read_text(f"{field}.type", kind),
        None if default is None else read_text(f"{field}.default", default),
    )


def _find_environment_file(folder: str, content: Mapping[str, Any]) -> str | None:
    for key in _ENVIRONMENT_FILES:
        if key in content:
            path = os.path.join(folder, read_text(key, content[key]))
            if not os.path.isfile(path):
                _refuse(key, "there is no such file", content[key])
            return path
    if "docker_env" in content:
        return None
    paths = [os.path.join(folder, name) for name in _ENVIRONMENT_FILES.values()]
    return next(filter(os.path.isfile, paths), None)


def read_text(field: str, value: object) -> str:
    """Return the text of a value of YAML; raises InvalidArgument for a list and the like."""
    if not isinstance(value, (str, int, float, date)):
        _refuse(field, "it must be a text or a number", value)
    return str(value)


def _mapping(field: str, content: object) -> Mapping[str, Any]:
    if content is None:
        return {}
    if not isinstance(content, dict):
        _refuse(field, "it must be a mapping", content)
    return content


def _refuse(field: str, why: str, value: object) -> NoReturn:
    # A few lines of aliases make a list whose text is endless.
    is_short = isinstance(value, (str, int, float, date, type(None)))
    shown = shorten(repr(value)) if is_short else f"of type {type(value).__name__}"
    raise InvalidArgument(
        f"Invalid value {shown} for {field} of the project: {why}",
        reason="PROJECT_MALFORMED",
        field=field,
        value=shown,
        limit=why,
    )
