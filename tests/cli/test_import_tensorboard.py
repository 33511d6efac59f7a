"""`runstream import tensorboard` of files that tensorboardX and TensorBoard wrote."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_BFLOAT16, DT_FLOAT, DT_HALF
from tensorboard.summary import Writer
from tensorboardX import SummaryWriter

from runstream import TrackingClient
from support.event_files import (
    NAME,
    START,
    EventFileWriter,
    find_runs,
    import_folder,
    only_run_id,
    shown_scalars,
    stored_scalars,
)
from support.shell import Shell


def test_scalars_are_those_that_tensorboard_reads(
    shell: Shell, client: TrackingClient, folder: Path
) -> None:
    with SummaryWriter(str(folder)) as root:
        root.add_scalar("loss", 0.5, 1)
    for name in ("a/train", "a/eval"):
        with SummaryWriter(str(folder / name)) as old:
            for step in range(300):
                old.add_scalar("loss", 1 / (step + 1), step)
                old.add_scalar("train/acc", step / 300, step, walltime=START + step / 7)
            for step, value in enumerate((float("nan"), float("inf"), -float("inf"))):
                old.add_scalar("odd", value, step)
            old.add_scalars("both", {"x": 1.0, "y": 2.0}, 3)
    new = Writer(str(folder / "new"))
    for step in range(300):
        new.add_scalar("loss", 1 / (step + 1), step)
    new.close()
    report = import_folder(shell, folder)
    runs = find_runs(client, folder)
    # tensorboardX has runs of its own for `add_scalars`, as TensorBoard shows them.
    assert set(runs) >= {".", "a/train", "a/eval", "new"}
    shown = {name: shown_scalars(folder / name) for name in runs}
    assert report["points"] == sum(len(p) for run in shown.values() for p in run.values())
    for name, run in runs.items():
        stored = stored_scalars(client, run.info.run_id)
        assert repr(stored) == repr(shown[name])  # NaN is not equal to itself
        assert run.info.status == "FINISHED"
        assert run.data.tags["runstream.import.tracker"] == "tensorboard"


def test_tensors_of_all_types_of_numbers_are_scalars(
    shell: Shell, client: TrackingClient, folder: Path
) -> None:
    file = EventFileWriter(folder / NAME.format(1))
    types = "float32 float64 float16 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool"
    for name in types.split():
        for step in range(3):  # only the first event of a tag says its plugin
            file.tensor(name, numpy.array(step, name), step, "" if step else "scalars")
    bits = numpy.array([1.5], numpy.float32).view(numpy.uint32)[0] >> 16
    odd = {
        "bfloat16": TensorProto(dtype=DT_BFLOAT16, half_val=[int(bits)]),
        "half": TensorProto(dtype=DT_HALF, half_val=[0x3E00]),
        "content": TensorProto(
            dtype=DT_FLOAT, tensor_content=numpy.array(1.5, numpy.float32).tobytes()
        ),
    }
    for name, tensor in odd.items():
        file.tensor(name, tensor, 0, "scalars")
    file.tensor("each says it", numpy.float32(1), 0, "scalars")
    file.tensor("each says it", numpy.float32(2), 1, "scalars")
    import_folder(shell, folder)
    stored = stored_scalars(client, only_run_id(client, folder))
    for name in types.split():
        assert [value for _, _, value in stored[name]] == [0, 1, min(2, 1 if name == "bool" else 2)]
    assert [stored[name][0][2] for name in odd] == [1.5, 1.5, 1.5]
    assert [value for _, _, value in stored["each says it"]] == [1, 2]


def test_media_become_series_of_files(shell: Shell, client: TrackingClient, folder: Path) -> None:
    picture = numpy.zeros((3, 8, 8), numpy.uint8)
    with SummaryWriter(str(folder)) as writer:
        for step in (0, 5):
            writer.add_image("samples/input", picture + step, step)
            writer.add_histogram("weights", numpy.arange(100.0) + step, step)
            writer.add_text("notes", f"**step** {step}", step)
        writer.add_histogram("empty", numpy.array([0.0]), 0)
    file = EventFileWriter(folder / NAME.format(9))
    png = b"\x89PNG\r\n\x1a\n" + bytes(40)
    file.tensor("grid", [b"8", b"8", png, png + b"2", png + b"3"], 1, "images")
    wav = b"RIFF\x24\0\0\0WAVEfmt "
    file.tensor("voice", [[wav, b"label"], [wav + b"2", b"label"]], 1, "audio")
    file.values(1, Summary.Value(tag="old voice", audio=Summary.Audio(encoded_audio_string=wav)))
    file.tensor("new", numpy.array([[0, 1, 5], [1, 2, 7.5]]), 1, "histograms", numpy.float64)
    file.tensor("latin", ["größer".encode("latin-1")], 1, "text")
    file.tensor("words", ["a", "b"], 1, "text")
    report = import_folder(shell, folder)
    run_id = only_run_id(client, folder)

    def series(kind: str) -> list[tuple[str, int]]:
        return [(file.key, file.step) for file in client.list_series(run_id, kind)]

    images = [("grid", 1)] * 3 + [("samples/input", 0), ("samples/input", 5)]
    assert series("images") == images
    assert series("audio") == [("old voice", 1), ("voice", 1), ("voice", 1)]
    assert series("histograms") == [("empty", 0), ("new", 1), ("weights", 0), ("weights", 5)]
    assert client.get_run(run_id).data.tags["mlflow.loggedImages"] == "True"
    grid = [file.path for file in client.list_series(run_id, "images", "grid")]
    assert all(path.endswith(".png") for path in grid)
    new = client.load_dict(run_id, client.list_series(run_id, "histograms", "new")[0].path)
    assert new == {"edges": [0, 1, 2], "counts": [5, 7.5], "not_finite": 0}
    weights = client.load_dict(run_id, client.list_series(run_id, "histograms", "weights")[1].path)
    assert (weights["edges"][0], weights["edges"][-1], sum(weights["counts"])) == (5, 104, 100)
    texts = {file.path for file in client.list_artifacts(run_id, "texts")}
    found = sorted(client.load_text(run_id, path) for path in texts)
    assert found == [
        "**step** 0",
        "**step** 5",
        "a\n\nb",
        "gr\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}er",
    ]
    assert report["artifacts"] == 5 + 3 + 4 + 4


def test_histograms_whose_limits_are_odd_are_kept_and_those_without_sense_told_of(
    shell: Shell, client: TrackingClient, folder: Path
) -> None:
    file = EventFileWriter(folder / NAME.format(1))
    for tag, low, high, limits, counts in (
        ("one value", 3.0, 3.0, [2.9, 3.1], [0, 5]),
        ("rounded", 1.05, 2.0, [1.0, 2.1], [1, 2]),
        ("open", -5.0, 7.0, [0.0, 1.7e308], [2, 3]),
        ("endless", -float("inf"), 1.0, [0.0, 1.0], [2, 3]),
    ):
        histogram = HistogramProto(min=low, max=high, bucket_limit=limits, bucket=counts)
        file.values(1, Summary.Value(tag=tag, histo=histogram))
    report = import_folder(shell, folder, status=1)
    run_id = only_run_id(client, folder)
    files = client.list_series(run_id, "histograms")
    edges = {file.key: client.load_dict(run_id, file.path)["edges"] for file in files}
    assert edges == {"one value": [3, 3], "rounded": [1, 1, 2], "open": [-5, 0, 7]}
    (problem,) = report["problems"]
    assert "'endless' at step 1" in problem


def test_hyperparameters_are_params(shell: Shell, client: TrackingClient, folder: Path) -> None:
    with SummaryWriter(str(folder)) as writer:
        hparams = {"lr": 0.1, "layers": 3, "name": "größer", "flag": True}
        writer.add_hparams(hparams, {"hparam/accuracy": 0.9}, name="one")
    import_folder(shell, folder)
    run = find_runs(client, folder)["one"]
    assert run.data.params == {"lr": "0.1", "layers": "3", "name": "größer", "flag": "True"}
    assert run.data.metrics["hparam/accuracy"] == pytest.approx(0.9)
    assert run.info.status == "FINISHED"


def test_a_restart_takes_the_place_of_what_it_writes_again(
    shell: Shell, client: TrackingClient, folder: Path
) -> None:
    first = SummaryWriter(str(folder / "purged"))
    for step in range(10):
        first.add_scalar("loss", step, step)
        first.add_scalar("other", step, step)
    first.close()
    second = EventFileWriter(folder / "purged" / NAME.format("9999999999"))
    second.start(5)  # as SummaryWriter(purge_step=5) does it
    second.scalar("loss", 50, 5)
    again = EventFileWriter(folder / "sessions" / NAME.format(1))
    for number, start in enumerate((0, 4)):
        again.start(start)
        for step in range(start, 8):
            again.scalar("loss", step + 100 * number, step)
    for number in range(2):
        untold = EventFileWriter(folder / "untold" / NAME.format(number))
        for step in range(3 * number, 6):
            untold.scalar("loss", step + 100 * number, step)
        untold.scalar(f"only {number}", 1, 0)
    report = import_folder(shell, folder)
    runs = find_runs(client, folder)
    stored = {name: stored_scalars(client, run.info.run_id) for name, run in runs.items()}
    values = {
        f"{name} {tag}": [value for _, _, value in points]
        for name, run in stored.items()
        for tag, points in run.items()
    }
    assert stored["sessions"] == shown_scalars(folder / "sessions")
    assert values == {
        "purged loss": [0, 1, 2, 3, 4, 50],
        "purged other": [0, 1, 2, 3, 4],
        "sessions loss": [0, 1, 2, 3, 104, 105, 106, 107],
        "untold loss": [0, 1, 2, 103, 104, 105],
        "untold only 0": [1],
        "untold only 1": [1],
    }
    assert report["left_out"] == {"points that a restart wrote again": 10 + 4 + 3}


def test_files_of_the_first_version_are_purged_by_steps_that_go_back(
    shell: Shell, client: TrackingClient, folder: Path
) -> None:
    file = EventFileWriter(folder / NAME.format(1), version=0)
    for step in (0, 1, 2, 3, 1, 2):
        file.scalar("loss", step, step)
    import_folder(shell, folder)
    stored = stored_scalars(client, only_run_id(client, folder))
    assert stored == shown_scalars(folder)


def test_what_is_damaged_costs_itself(shell: Shell, client: TrackingClient, folder: Path) -> None:
    for name in ("record", "length", "tail"):
        file = EventFileWriter(folder / name / NAME.format(1))
        for step in range(100):
            file.scalar("loss", step, step)
        file.write_record(b"\xff\xff no event")
        file.scalar("loss", 100, 100)
        content = bytearray(file.path.read_bytes())
        frame = len(content) // 102
        if name == "record":
            content[50 * frame + 30] ^= 1
        elif name == "length":
            content = content.replace(content[len(content) - 49 : len(content) - 41], b"\0" * 8)
        else:
            del content[-5:]
        file.path.write_bytes(content)
    report = import_folder(shell, folder, status=1)
    runs = find_runs(client, folder)
    found = {
        name: len(stored_scalars(client, run.info.run_id)["loss"]) for name, run in runs.items()
    }
    assert found["record"] == 100
    assert found["tail"] == 100
    assert report["left_out"] == {"records that are cut off at the end of a file": 1}
    assert found["length"] < 101
    told = "\n".join(report["problems"])
    assert "the checksum of a record is wrong" in told
    assert "the checksum of a length is wrong" in told
    assert "a malformed event" in told


def test_names_steps_and_times_that_are_odd(
    shell: Shell, client: TrackingClient, folder: Path
) -> None:
    file = EventFileWriter(folder / NAME.format(1))
    for step in (-(2**63), -1, 0, 2**31, 2**63 - 1):
        file.scalar("steps", 1, step)
    for time in (float("nan"), float("inf"), -5.0, 1e300):
        file.values(int(time == time), Summary.Value(tag="times", simple_value=1), wall_time=time)
    odd = [b"latin-gr\xf6\xdfer", b"/absolute//path/", b"a/../b", b"tab\there", b"x" * 300, b""]
    for tag in odd:
        event = Event(wall_time=START, step=1, summary=Summary(value=[Summary.Value(tag="TAG")]))
        event.summary.value[0].simple_value = 3
        content = event.summary.value[0].SerializeToString()
        assert content.startswith(b"\x0a\x03TAG")
        value = b"\x0a" + _varint(len(tag)) + tag + content[5:]
        summary = b"\x0a" + _varint(len(value)) + value
        event.ClearField("summary")
        record = event.SerializeToString() + b"\x2a" + _varint(len(summary)) + summary
        file.write_record(record)
        file.write_record(record.replace(b"\x10\x01", b"\x10\x02"))
    import_folder(shell, folder)
    stored = stored_scalars(client, only_run_id(client, folder))
    assert [step for step, _, _ in stored.pop("steps")] == [-(2**63), -1, 0, 2**31, 2**63 - 1]
    assert {time for _, time, _ in stored.pop("times")} == {0, 2**62}
    assert len(stored) == len(odd)
    assert all(len(points) == 2 for points in stored.values())
    assert sum(key.startswith("absolute/path-") for key in stored) == 1


def _varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128, number >> 7])


def test_what_has_no_place_here_is_counted(
    shell: Shell, client: TrackingClient, folder: Path
) -> None:
    file = EventFileWriter(folder / NAME.format(1))
    file.tensor("curve", numpy.zeros((6, 3), numpy.float32), 0, "pr_curves")
    file.tensor("unknown", numpy.zeros(2, numpy.float32), 0)
    file.write(Event(wall_time=START, graph_def=b"graph"))
    file.tensor("vector", numpy.zeros(2, numpy.float32), 0, "scalars")
    file.scalar("loss", 1, 1)
    report = import_folder(shell, folder, status=1)
    assert report["left_out"] == {
        "values of TensorBoard's plugin 'pr_curves'": 1,
        "values of no plugin of TensorBoard": 1,
        "graphs of models": 1,
    }
    (problem,) = report["problems"]
    assert "'vector' at step 0" in problem
    assert set(stored_scalars(client, only_run_id(client, folder))) == {"loss"}


def test_an_import_is_repeated_and_goes_on_where_the_folder_grew(
    shell: Shell, client: TrackingClient, folder: Path, tmp_path: Path
) -> None:
    file = EventFileWriter(folder / "a" / NAME.format(1))
    file.scalar("loss", 1, 1)
    file.tensor("grid", [b"8", b"8", b"\x89PNG\r\n\x1a\n"], 1, "images")
    dry = import_folder(shell, folder, "--dry-run")
    assert client.get_experiment_by_name(folder.name) is None
    assert import_folder(shell, folder) == dry
    again = import_folder(shell, folder)
    assert (again["runs"], again["runs_already_there"]) == (0, 1)
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    again = import_folder(shell, moved, "--experiment", folder.name)
    assert (again["runs"], again["runs_already_there"]) == (0, 1)
    file.scalar("loss", 2, 2)
    again = import_folder(shell, folder)
    assert (again["runs"], again["runs_already_there"]) == (1, 0)
    run_id = only_run_id(client, folder)
    points = stored_scalars(client, run_id)["loss"]
    assert [(step, value) for step, _, value in points] == [(1, 1), (2, 2)]
    assert len(client.list_series(run_id, "images")) == 1


def test_links_lead_to_no_file_outside_of_the_folder(
    shell: Shell, client: TrackingClient, folder: Path, tmp_path: Path
) -> None:
    outside = EventFileWriter(tmp_path / "secret" / NAME.format(1))
    outside.scalar("secret", 1, 1)
    inside = EventFileWriter(folder / NAME.format(1))
    inside.scalar("loss", 1, 1)
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / NAME.format(2)).symlink_to(outside.path)
    report = import_folder(shell, folder)
    assert report["left_out"] == {"links, which are not followed": 2}
    assert set(stored_scalars(client, only_run_id(client, folder))) == {"loss"}
