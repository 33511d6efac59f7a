"""Files of each kind are shown as what they are, whoever wrote them."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bokeh.plotting
import nbformat.v4
import numpy as np
import plotly.graph_objects as graphs
import pyarrow
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess
from support.web_content import Content

Preview = Callable[[str], Locator]

ROWS = 300_000

notebooks: Any = nbformat.v4  # its functions have no types


@pytest.fixture(scope="module")
def run(filled: tuple[ServerProcess, Content], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run that has a file of each kind, written by the libraries that people use."""
    folder = tmp_path_factory.mktemp("kinds")
    _write_tables(folder)
    _write_arrays(folder)
    _write_models(folder)
    _write_texts(folder)
    with TrackingClient(filled[0].uri) as client:
        run = client.create_run("0").info.run_id
        client.log_artifacts(run, folder)
        client.log_figure(run, graphs.Figure(graphs.Scatter(y=[1, 3, 2])), "own.html")
        figure = bokeh.plotting.figure()
        figure.line([1, 2, 3], [1, 3, 2])
        client.log_figure(run, figure, "bokeh.html")
        client.set_terminated(run)
    return str(run)


@pytest.fixture
def preview(filled: tuple[ServerProcess, Content], run: str, page: Page) -> Preview:
    def preview(path: str) -> Locator:
        page.goto(f"{filled[0].http}/#/runs/{run}?tab=artifacts&artifact={path}")
        found = page.get_by_role("region", name="Preview of")
        expect(found.get_by_role("heading", level=2)).to_have_text(path)
        expect(found.locator("[aria-busy=true]")).to_have_count(0)
        return found

    return preview


def _write_tables(folder: Path) -> None:
    table = pyarrow.table(
        {
            "id": np.arange(ROWS),
            "loss": np.abs(np.arange(ROWS) - 7.5),
            "name": [f"sample {i % 10}" for i in range(ROWS)],
        }
    )
    pyarrow.parquet.write_table(table, folder / "snappy.parquet", row_group_size=50_000)
    short = table.slice(0, 50)
    for codec in ("zstd", "gzip", "lz4", "brotli"):
        pyarrow.parquet.write_table(short, folder / f"{codec}.parquet", compression=codec)
    for codec in ("lz4", "zstd", "uncompressed"):
        pyarrow.feather.write_feather(short, folder / f"{codec}.feather", compression=codec)
    with pyarrow.ipc.new_stream(folder / "stream.arrow", short.schema) as stream:
        stream.write_table(short)
    rows = short.to_pylist()
    (folder / "list.json").write_text(json.dumps(rows))
    (folder / "lines.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    split = {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}
    (folder / "split.json").write_text(json.dumps(split))
    lines = ["\t".join(rows[0]), *("\t".join(map(str, row.values())) for row in rows)]
    (folder / "tabs.tsv").write_text("\n".join(lines))
    (folder / "long.json").write_text(json.dumps([[7]] * 1_000_001))


TABLES = [
    *("zstd.parquet", "gzip.parquet", "lz4.parquet", "brotli.parquet"),
    *("lz4.feather", "zstd.feather"),
    *("uncompressed.feather", "stream.arrow", "list.json", "lines.jsonl", "split.json", "tabs.tsv"),
]


def test_tables_of_each_format_are_shown_sorted_and_filtered(preview: Preview) -> None:
    for name in TABLES:
        found = preview(name)
        expect(found).to_contain_text("50 rows, 3 columns")
        expect(found.get_by_role("columnheader")).to_have_text(["id", "loss", "name"])
        expect(found.get_by_role("row").nth(2).get_by_role("cell").first).to_have_text("1")
        expect(found.get_by_role("row").nth(2)).to_contain_text("6.5sample 1")
    found.get_by_role("button", name="loss").click()
    expect(found.get_by_role("columnheader", name="loss")).to_have_attribute(
        "aria-sort", "ascending"
    )
    expect(found.get_by_role("row").nth(1)).to_contain_text("70.5")
    found.get_by_role("button", name="loss").click()
    expect(found.get_by_role("row").nth(1)).to_contain_text("4941.5")
    found.get_by_label("Filter rows").fill("sample 3")
    expect(found).to_contain_text("5 of 50 rows")
    expect(found.get_by_role("row").nth(1)).to_contain_text("43")
    found.get_by_label("Filter by").select_option("loss")
    found.get_by_label("Filter rows").fill(">= 40.5")
    expect(found).to_contain_text("2 of 50 rows")


def test_a_table_of_which_only_a_part_is_read_says_so(preview: Preview) -> None:
    found = preview("long.json")
    expect(found).to_contain_text("1,000,000 rows, 1 column. These are the first rows of the file")


def test_a_large_table_is_read_in_the_parts_that_are_in_sight(preview: Preview, page: Page) -> None:
    ranges: list[str] = []
    page.on("request", lambda asked: ranges.append(asked.headers.get("range", "")))
    found = preview("snappy.parquet")
    expect(found).to_contain_text("300,000 rows")
    expect(found.get_by_role("row").nth(2)).to_contain_text("16.5sample 1")
    assert any(asked.startswith("bytes=") for asked in ranges)
    assert found.get_by_role("row").count() < 100
    table = found.get_by_role("region", name="Table snappy.parquet")
    table.evaluate("e => { e.scrollTop = e.scrollHeight; }")
    expect(found.get_by_role("row").last).to_contain_text("299999299991.5sample 9")
    assert found.get_by_role("row").count() < 100
    found.get_by_role("button", name="loss").click()
    expect(found.get_by_role("row").nth(1)).to_contain_text("70.5sample 7", timeout=60_000)
    head = table.locator("thead").bounding_box()
    body = table.bounding_box()
    assert head
    assert body
    assert abs(head["y"] - body["y"]) < 3


def _write_arrays(folder: Path) -> None:
    matrix = np.arange(12, dtype=np.float32).reshape(3, 4)
    matrix[0, 0] = np.nan
    np.save(folder / "matrix.npy", matrix)
    np.save(folder / "columns.npy", np.asfortranarray(matrix))
    arrays: Any = {"ids": np.arange(5), "layer/0": np.random.default_rng(0).normal(size=(50, 40))}
    np.savez(folder / "plain.npz", **arrays)
    np.savez_compressed(folder / "packed.npz", **arrays)
    (folder / "cut.npz").write_bytes((folder / "packed.npz").read_bytes()[:500])
    with zipfile.ZipFile(folder / "other.npz", "w") as other:
        other.writestr("damaged.npy", b"nothing")
        other.writestr("read me.txt", "text")
    np.save(folder / "big.npy", np.array([[1, 2], [3, 4]], dtype=">i8"))
    np.save(folder / "texts.npy", np.array(["a", "bc"]))
    np.save(folder / "colours.npy", np.full((4, 5, 3), (255, 0, 16), np.uint8))
    Image.new("RGB", (6, 4), (31, 119, 180)).save(folder / "picture.png")


def test_arrays_tell_shape_type_and_values_and_show_a_picture(preview: Preview, page: Page) -> None:
    found = preview("matrix.npy")
    for text in ("3 × 4", "float32", "1, 11", "6, 3.1623", "NaN or infinite1"):
        expect(found.locator(".facts")).to_contain_text(text)
    frame = found.get_by_role("region", name="matrix.npy: arrows")
    for name in ("matrix.npy", "columns.npy"):
        found = preview(name)
        frame = found.get_by_role("region", name=f"{name}: arrows")
        frame.focus()
        for key in ("ArrowLeft", "ArrowLeft", "ArrowDown"):
            page.keyboard.press(key)
        expect(found.locator("output")).to_have_text("x 0, y 2: 8")
    found = preview("big.npy")
    expect(found.locator(".facts")).to_contain_text("int64, big-endian")
    expect(found.locator(".values code")).to_have_text(["1", "2", "3", "4"])
    expect(preview("texts.npy").locator(".values code")).to_have_text(["a", "bc"])
    preview("colours.npy").get_by_role("region", name="colours.npy: arrows").focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator("output")).to_contain_text("255, 0, 16, 255")


def test_arrays_that_are_stored_together_are_listed_and_shown_one_by_one(preview: Preview) -> None:
    for name in ("plain.npz", "packed.npz"):
        found = preview(name)
        expect(found.get_by_role("row")).to_have_text(
            ["ArrayShapeType", "ids5int64", "layer/050 × 40float64"]
        )
        values = found.get_by_role("region", name="ids").locator(".values code")
        expect(values).to_have_text(["0", "1", "2", "3", "4"])
        found.get_by_role("button", name="layer/0").click()
        expect(found.get_by_role("region", name="layer/0", exact=True)).to_contain_text("2,000")
        expect(found.get_by_role("region", name="layer/0: arrows")).to_be_visible()
        expect(values).to_have_count(0)
    expect(preview("cut.npz")).to_contain_text("This is no file of NumPy.")
    expect(preview("other.npz").get_by_role("row")).to_have_text(
        ["ArrayShapeType", "damagednot readable", "read me.txtnot readable"]
    )


def test_an_image_is_zoomed_and_tells_its_pixels(preview: Preview, page: Page) -> None:
    found = preview("picture.png")
    expect(found).to_contain_text("6 × 4, 800 %")
    found.get_by_role("button", name="1:1").click()
    expect(found).to_contain_text("6 × 4, 100 %")
    frame = found.get_by_role("region", name="picture.png: arrows")
    frame.focus()
    page.keyboard.press("+")
    expect(found).to_contain_text("150 %")
    page.keyboard.press("ArrowRight")
    expect(found.locator("output")).to_have_text("x 4, y 2: #1f77b4 (31, 119, 180)")
    expect(found.get_by_role("img").locator("..")).to_have_css("width", "9px")


def _write_models(folder: Path) -> None:
    tensors = {
        "__metadata__": {"format": "pt"},
        "encoder.layer.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "head.bias": {"dtype": "BF16", "shape": [4], "data_offsets": [24, 32]},
    }
    header = json.dumps(tensors).encode()
    content = len(header).to_bytes(8, "little") + header + bytes(32)
    (folder / "model.safetensors").write_bytes(content)
    (folder / "model.onnx").write_bytes(_onnx())
    (folder / "sk").mkdir()
    (folder / "sk" / "MLmodel").write_text(MLMODEL)
    (folder / "sk" / "requirements.txt").write_text("scikit-learn==1.5.0\n")


def _field(number: int, content: bytes | int) -> bytes:
    """Return a field of a message of Protobuf."""
    if isinstance(content, int):
        return bytes([number << 3, content])
    length, size = b"", len(content)
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def _onnx() -> bytes:
    shape = _field(1, _field(2, b"batch")) + _field(1, _field(1, 3))
    entry = _field(1, b"x") + _field(2, _field(1, _field(1, 1) + _field(2, shape)))
    node = _field(1, b"x") + _field(1, b"w") + _field(2, b"y") + _field(4, b"MatMul")
    weight = _field(1, 3) + _field(1, 4) + _field(2, 1) + _field(8, b"dense/w")
    weight += _field(9, bytes(1_000_000))
    graph = _field(1, node) + _field(5, weight) + _field(11, entry)
    return _field(1, 9) + _field(2, b"a test") + _field(7, graph) + _field(8, _field(2, 21))


MLMODEL = """\
artifact_path: model
flavors:
  python_function:
    env:
      conda: conda.yaml
    loader_module: mlflow.sklearn
  sklearn:
    code: null
    sklearn_version: 1.5.0
mlflow_version: 2.14.0
signature:
  inputs: '[{"type": "double", "name": "width of it", "required": true}, {"type": "long",
    "name": "n", "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
"""


def test_headers_of_weights_are_trees(preview: Preview) -> None:
    found = preview("model.safetensors")
    expect(found.locator(".facts")).to_contain_text("Tensors2Values10formatpt")
    expect(found.get_by_text("weight F32 [2, 3]")).to_be_visible()
    found.get_by_text("encoder", exact=False).first.click()
    expect(found.get_by_text("weight F32 [2, 3]")).to_have_count(0)
    found = preview("model.onnx")
    expect(found.locator(".facts")).to_contain_text("IR version9Made bya testOperators 21Nodes1")
    for text in ("x float32 [batch, 3]", "MatMul x, w → y", "w float32 [3, 4]"):
        expect(found.get_by_text(text)).to_be_visible()


def test_a_model_of_mlflow_has_a_card(preview: Preview) -> None:
    found = preview("sk/MLmodel")
    for text in ("width of itdouble", "nlong, optional", "valueint64 [-1]"):
        expect(found.locator(".model-card")).to_contain_text(text)
    expect(found.get_by_role("heading", name="Flavour sklearn")).to_be_visible()
    expect(found.locator(".model-card")).to_contain_text("env.condaconda.yaml")
    expect(found.locator("pre.source").first).to_contain_text("scikit-learn==1.5.0")


def _write_texts(folder: Path) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (3, 2)).save(picture, "PNG")
    html = "<table><tr><td onclick='document.title=1'>five<script>document.title=1</script></table>"
    image = base64.b64encode(picture.getvalue()).decode()
    outputs = [
        notebooks.new_output("stream", text="hello\n"),
        notebooks.new_output("display_data", {"text/html": html, "text/plain": "no"}),
        notebooks.new_output("display_data", {"image/png": image}),
        notebooks.new_output("error", ename="E", evalue="v", traceback=["\x1b[31mboom\x1b[0m"]),
    ]
    cells = [
        notebooks.new_markdown_cell("# Title\n\n*text*"),
        notebooks.new_code_cell("print('hello')", execution_count=3, outputs=outputs),
    ]
    (folder / "book.ipynb").write_text(json.dumps(notebooks.new_notebook(cells=cells)))
    (folder / "notes.md").write_text("# Heading\n\n**bold** <script>document.title=1</script>")
    (folder / "train.log").write_text("".join(f"step {i}\n" for i in range(50_000)))
    (folder / "page.pdf").write_bytes(b"%PDF-1.4\n")
    graphs.Figure(graphs.Scatter(y=[1])).write_html(folder / "cdn.html", include_plotlyjs="cdn")


def test_a_notebook_shows_cells_and_outputs_and_runs_nothing(preview: Preview, page: Page) -> None:
    found = preview("book.ipynb")
    expect(found.get_by_role("heading", name="Title")).to_be_visible()
    expect(found.locator(".hljs-string")).to_have_text("'hello'")
    expect(found.locator(".prompt").nth(1)).to_have_text("[3]")
    expect(found.get_by_role("cell")).to_have_text("five")
    expect(found.get_by_role("img")).to_have_js_property("naturalWidth", 3)
    expect(found.locator(".failed")).to_have_text("boom")
    assert found.locator("script, [onclick]").count() == 0
    assert page.title() != "1"


def test_markdown_is_shown_as_it_is_meant_or_written(preview: Preview) -> None:
    found = preview("notes.md")
    expect(found.get_by_role("heading", name="Heading")).to_be_visible()
    assert found.locator("script").count() == 0
    found.get_by_label("As text").check()
    expect(found.locator("pre.source")).to_contain_text("**bold**")


def test_the_end_of_a_log_is_shown_and_of_others_if_asked(preview: Preview) -> None:
    found = preview("train.log")
    end = found.get_by_role("region", name="End of train.log")
    expect(end).to_contain_text("step 49999")
    expect(end).not_to_contain_text("step 10000\n")
    expect(found).to_contain_text("The last 262 kB of 539 kB")
    assert end.evaluate("e => e.scrollTop + e.clientHeight >= e.scrollHeight - 2")
    found.get_by_label("Beginning").check()
    expect(found.locator("pre.source")).to_contain_text("step 10000\n")


def test_a_log_is_followed_while_its_run_goes_on(server: ServerProcess, page: Page) -> None:
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        client.log_text(run, "first\n", "train.log")
        page.goto(f"{server.http}/#/runs/{run}?tab=artifacts&artifact=train.log")
        end = page.get_by_role("region", name="End of train.log")
        expect(end).to_have_text("first")
        client.log_text(run, "first\nsecond\n", "train.log")
        expect(end).to_contain_text("second")


def test_a_pdf_is_shown_by_the_browser_and_scripts_from_elsewhere_are_named(
    filled: tuple[ServerProcess, Content], run: str, browser: Browser
) -> None:
    """In a window that checks nothing: the viewer is an extension, and the scripts are refused."""
    page = browser.new_page()
    address = f"{filled[0].http}/#/runs/{run}?tab=artifacts&artifact="
    page.goto(f"{address}page.pdf")
    expect(page.get_by_title("page.pdf").or_(page.get_by_text("shows no PDF"))).to_be_visible()
    page.goto(f"{address}cdn.html")
    expect(page.get_by_role("note")).to_contain_text("loads scripts from cdn.plot.ly")
    page.close()


def test_a_figure_that_was_logged_has_its_scripts(preview: Preview, page: Page) -> None:
    preview("own.html")
    frame = page.frame_locator("iframe[title='own.html']")
    expect(frame.locator(".main-svg").first).to_be_visible()
    expect(page.get_by_role("note")).to_have_count(0)
    preview("bokeh.html")
    frame = page.frame_locator("iframe[title='bokeh.html']")
    expect(frame.locator("canvas").first).to_be_visible()
    expect(page.get_by_role("note")).to_have_count(0)
