"""Whether the present environment is the one that a project asks for.

A project runs in the environment of `runstream` itself. Nothing is installed and nothing is
refused: what differs is told to whoever starts it.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from runstream.errors import InvalidArgument
from runstream.files.optional_libraries import import_optional
from runstream.launching.project import Project, read_text, read_yaml

_INCLUDED = re.compile(r"(?:-r|--requirement)[ =]?\s*(\S+)")
_CONDA = re.compile(r"(?:\S+::)?([A-Za-z0-9._-]+)\s*(.*)")


def find_differences(project: Project) -> list[str]:
    """Return a sentence for each way in which the present environment is not the project's.

    Raises:
        InvalidArgument: its environment file is malformed.
        ModuleNotFoundError: `packaging` is not installed.
    """
    if project.environment_file is None:
        return []
    name = os.path.basename(project.environment_file)
    content = read_yaml(project.environment_file)
    python = content.get("python")
    lines = [] if python is None else [f"python {read_text('python', python)}"]
    dependencies = content.get("dependencies") or []
    if not isinstance(dependencies, list):
        raise InvalidArgument(
            f"the dependencies of {name} must be a list",
            reason="PROJECT_MALFORMED",
            field="dependencies",
            value=type(dependencies).__name__,
        )
    is_conda = any(isinstance(each, dict) for each in dependencies) or "channels" in content
    for each in dependencies:
        if isinstance(each, dict):  # those that conda leaves to pip
            given = each.get("pip")
            given = given if isinstance(given, list) else []
            lines += _list_requirements([_text(one) for one in given], project.folder)
        elif is_conda:
            lines.append(_convert_conda(_text(each)))
        else:
            lines += _list_requirements([_text(each)], project.folder)
    found = (_find_difference(line) for line in lines)
    return [f"{name} asks for {difference}" for difference in found if difference]


def _text(dependency: object) -> str:
    return read_text("dependencies", dependency)


def _list_requirements(lines: Iterable[str], folder: str) -> Iterator[str]:
    """Yield requirements, those of files that `-r` names, too; other options are left out."""
    read: set[str] = set()  # files, which may include each other
    waiting = [(line, folder) for line in lines]
    while waiting:
        line, folder = waiting.pop(0)
        text = re.sub(r"(^|\s)#.*", "", line).strip()
        if found := _INCLUDED.match(text):
            path = os.path.realpath(os.path.join(folder, found[1]))
            if not os.path.isfile(path):
                yield text
            elif path not in read:
                read.add(path)
                with open(path, encoding="utf-8") as file:
                    joined = file.read().replace("\\\n", "").splitlines()
                waiting[:0] = [(line, os.path.dirname(path)) for line in joined]
        elif text and not text.startswith("-"):
            yield re.split(r"\s--", text)[0].rstrip()


def _convert_conda(text: str) -> str:
    """Return a requirement of conda, such as `numpy=1.26`, as pip writes it."""
    found = _CONDA.fullmatch(text.strip())
    if found is None:
        return text
    name, rest = found.groups()
    if single := re.fullmatch(r"=?\s*([\w.]+)(?:=[\w.]+)?", rest.strip()):  # perhaps with a build
        return f"{name} =={single[1]}.*"
    return f"{name} {rest.replace(' ', '')}".rstrip()


def _find_difference(line: str) -> str | None:
    """Return a requirement and what is there in its place; None if it is met."""
    name, _, rest = line.partition(" ")
    if name == "python":
        return _find_python_difference(rest.strip())
    packaging: Any = import_optional(
        "packaging.requirements", "the check of an environment file", extra="projects"
    )
    try:
        requirement = packaging.Requirement(line)
    except packaging.InvalidRequirement:
        return f"{line!r}, which cannot be checked"
    if requirement.marker is not None and not requirement.marker.evaluate():
        return None
    try:
        installed = version(requirement.name)
    except PackageNotFoundError:
        return f"{line}, which is not installed"
    if requirement.specifier.contains(installed, prereleases=True):
        return None
    return f"{line}, and {installed} is installed"


def _find_python_difference(wanted: str) -> str | None:
    packaging: Any = import_optional(
        "packaging.specifiers", "the check of an environment file", extra="projects"
    )
    exact = re.fullmatch(r"[\d.]+", wanted)
    parts = wanted.count(".") + 1
    specifier = (f"=={wanted}" if parts > 2 else f"=={wanted}.*") if exact else wanted
    try:
        is_met = packaging.SpecifierSet(specifier).contains(platform.python_version(), True)
    except packaging.InvalidSpecifier:
        return f"Python {wanted!r}, which cannot be checked"
    return None if is_met else f"Python {wanted}, and this is {platform.python_version()}"
