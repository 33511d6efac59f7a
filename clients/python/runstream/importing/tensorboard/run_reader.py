"""A run of TensorBoard: a folder of event files, read as far as they go."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from runstream.importing.source import Note
from runstream.importing.tensorboard.media import MediaFiles
from runstream.importing.tensorboard.messages import message_class
from runstream.importing.tensorboard.names import make_key
from runstream.importing.tensorboard.points import PointSpool
from runstream.importing.tensorboard.records import EventFile
from runstream.importing.tensorboard.run_facts import RunFacts
from runstream.importing.tensorboard.scalar_shapes import ScalarShapes
from runstream.importing.tensorboard.values import read_value

_SESSION_START = 1  # SessionLog.START

# From this version of files on, a restart is told by a START; before, by a step that goes back.
_VERSION_OF_STARTS = 2
_VERSION_PREFIX = b"brain.Event:"

_MAX_NAME_BYTES = 100

_LEFT_OUT = {
    "graph_def": "graphs of models",
    "meta_graph_def": "graphs of models",
    "tagged_run_metadata": "profiles of steps",
    "log_message": "messages of TensorFlow's log",
}


class _ReadFile(EventFile):
    """An event file, and what was seen in it."""

    def __init__(self, path: Path, is_first: bool) -> None:
        super().__init__(path)
        self.is_first = is_first
        self.shapes = ScalarShapes()
        self.tags: set[bytes] = set()


class RunReader:
    """Reads the event files of a folder, in the order of their names.

    What a restart writes again takes the place of what was written before it, as far as that was
    not passed on (docs/decisions/0069).

    Attributes:
        points, media, facts: what was read and not yet passed on.
    """

    def __init__(self) -> None:
        self.points = PointSpool()
        self.media = MediaFiles()
        self.facts = RunFacts()
        self._left_out: Counter[str] = Counter()
        self._files: dict[Path, _ReadFile] = {}
        self._plugins: dict[bytes, bytes] = {}
        self._tags: set[bytes] = set()
        self._version = 0
        self._has_started = False
        self._last_step = -1

    def read(self, files: Mapping[Path, os.stat_result], note: Note) -> None:
        """Read what files have that was not read yet."""
        for path in sorted(files):
            file = self._files.get(path)
            if file is None:
                file = self._files[path] = _ReadFile(path, is_first=not self._files)
            if not file.has_more(files[path]):
                continue
            try:
                for records in file.read_records(note):
                    self._take_records(records, file, note)
                    self.points.write_full_part()
            except OSError as error:
                note(str(path), str(error))

    def count_left_out(self) -> Counter[str]:
        """Return what was read and is left out, and why, and how often."""
        found = Counter(self._left_out)
        found["points that a restart wrote again"] = self.points.removed
        found["files that a restart wrote again"] = self.media.removed
        found["records that are cut off at the end of a file"] = sum(
            file.is_cut_off for file in self._files.values()
        )
        return +found

    def close(self) -> None:
        """Forget what was read."""
        self.points.close()
        self.media.close()

    def _take_records(self, records: list[bytes], file: _ReadFile, note: Note) -> None:
        parse = message_class("Event").FromString
        i = 0
        while (i := file.shapes.read(records, i)) < len(records):
            try:
                event = parse(records[i])
            except DecodeError as error:
                note(f"{file.path}, before byte {file.position}", f"a malformed event ({error})")
            else:
                self.facts.see(event.wall_time)
                self._take_event(event, file, note)
            i += 1
        with suppress(DecodeError):  # which is noted above
            self.facts.see(parse(records[-1]).wall_time)

    def _take_event(self, event: Any, file: _ReadFile, note: Note) -> None:
        version = event.file_version.removeprefix(_VERSION_PREFIX)
        if event.file_version and version.isdigit():
            self._version = int(version[:9])
        if event.session_log.status == _SESSION_START:
            # The first one of a run is where it began, and not a restart.
            if self._has_started or not file.is_first:
                self._remove_from(event.step)
            self._has_started = True
        self._left_out.update(what for field, what in _LEFT_OUT.items() if event.HasField(field))
        is_back = self._version < _VERSION_OF_STARTS and event.step < self._last_step
        for value in event.summary.value:
            tag = value.tag or value.node_name
            if is_back or (tag not in file.tags and tag in self._tags):
                self._remove_from(event.step, make_key(tag))
            file.tags.add(tag)
            self._tags.add(tag)
            try:
                self._take_value(value, tag, event, file)
            except ValueError as error:
                name = tag.decode(errors="replace")
                note(f"{name!a} at step {event.step} of {file.path}", str(error))
        if event.summary.value:
            self._last_step = event.step

    def _take_value(self, value: Any, tag: bytes, event: Any, file: _ReadFile) -> None:
        plugin_data = value.metadata.plugin_data
        # Only the first event of a tag need say which plugin it belongs to.
        plugin = self._plugins.setdefault(tag, plugin_data.plugin_name) or plugin_data.plugin_name
        if plugin == b"hparams":
            self.facts.add(plugin_data.content)
            return
        found = read_value(value, plugin)
        if found is None:
            self._left_out[_describe_values(plugin)] += 1
        elif isinstance(found, float):
            series = self.points.series(make_key(tag))
            series.append(event.step, event.wall_time, found)
            if self._version >= _VERSION_OF_STARTS:
                file.shapes.learn(event, series)
        else:
            self.media.write(*found[:2], make_key(tag), event.step, event.wall_time, found.contents)

    def _remove_from(self, step: int, key: str | None = None) -> None:
        self.points.remove_from(step, key)
        self.media.remove_from(step, key)


def _describe_values(plugin: bytes) -> str:
    """Return what values are that have no place here."""
    if not plugin:
        return "values of no plugin of TensorBoard"
    name = plugin[:_MAX_NAME_BYTES].decode(errors="replace")
    return f"values of TensorBoard's plugin {name!a}"
