"""The files of examples/deployment, against real servers: what they run, ask and name is there.

`make lint` checks their form. No engine of containers, systemd or Kubernetes runs them here.
"""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest
import requests
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc
from moto.server import ThreadedMotoServer
from prometheus_client.parser import text_string_to_metric_families
from psycopg.sql import SQL

from runstream import Metric, RunstreamError, TrackingClient
from runstream_service.cli.server import server as server_command
from runstream_service.engine import readiness
from runstream_service.engine.served_files import FILES_GONE
from runstream_service.engine.writer import Writer
from runstream_service.grpc_server import CALLS
from runstream_service.points.backlog import MAX_WAITING_POINTS
from runstream_service.server import GRACE
from runstream_service.workers import STOP_SECONDS
from support.ports import reserve_port
from support.postgres import Postgres
from support.server_process import ENVIRONMENT, ServerProcess

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples/deployment"
CONTAINERFILE = (FOLDER / "Containerfile").read_text()
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
KUBERNETES = [
    document
    for path in sorted((FOLDER / "kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]
DASHBOARD = json.loads((FOLDER / "grafana-dashboard.json").read_text())
ALERTS = yaml.safe_load((FOLDER / "prometheus-alerts.yaml").read_text())["groups"][0]["rules"]
OPERATIONS = (ROOT / "docs/operations.md").read_text()

OPTIONS = {option.name: option for option in server_command.params}
VARIABLES = {str(option.envvar) for option in OPTIONS.values() if option.envvar}
PORTS = {"grpc": OPTIONS["port"].default, "http": OPTIONS["http_port"].default}


def read_unit(*parts: str) -> dict[str, list[str]]:
    """Return the settings of a unit of systemd, of which some stand there several times."""
    settings: dict[str, list[str]] = {}
    for line in FOLDER.joinpath("systemd", *parts).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            settings.setdefault(name, []).append(value)
    return settings


UNIT = read_unit("runstream.service")
POSTGRESQL_UNIT = read_unit("runstream.service.d", "postgresql.conf")


def unit_environment(unit: dict[str, list[str]]) -> dict[str, str]:
    return dict(text.split("=", 1) for text in unit["Environment"])


def read_instruction(name: str) -> Any:
    """Return the last instruction of this name, as JSON if it is in that form."""
    text = re.findall(rf"^{name} ((?:.*\\\n)*.*)$", CONTAINERFILE, re.M)[-1]
    return json.loads(text) if text.startswith("[") else text.replace("\\\n", " ")


IMAGE_ENVIRONMENT = dict(word.split("=", 1) for word in shlex.split(read_instruction("ENV")))


def kubernetes(kind: str, name: str = "runstream") -> Any:
    (found,) = [d for d in KUBERNETES if (d["kind"], d["metadata"]["name"]) == (kind, name)]
    return found


POD = kubernetes("Deployment")["spec"]["template"]
(CONTAINER,) = POD["spec"]["containers"]


@contextmanager
def served(
    command: list[str], folder: Path, environment: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[str], dict[str, int]]]:
    """Run a server of the deployment on free ports; yield its process and its ports by name."""
    ports = {"grpc": reserve_port(), "http": reserve_port()}
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name(command[0])), *command[1:]],
        cwd=folder,
        env=ENVIRONMENT
        | environment
        | {"RUNSTREAM_PORT": str(ports["grpc"]), "RUNSTREAM_HTTP_PORT": str(ports["http"])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        greeting = process.stdout.readline()
        assert "listening on grpc://" in greeting, process.communicate()[1]
        yield process, ports
    finally:
        process.kill()
        process.communicate()


def stop(process: subprocess.Popen[str], seconds: float) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(seconds)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that has been asked for a bit of everything."""
    folder = tmp_path_factory.mktemp("server")
    server = ServerProcess(folder / "runs.db", {"RUNSTREAM_HTTP_PORT": "0"})
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        client.log_batch(run_id, [Metric("loss", 0.5, 1, 1)])
        with pytest.raises(RunstreamError):
            client.get_run("0" * 32)
        client.set_terminated(run_id)
    yield server
    server.stop()


# systemd


def test_the_command_of_the_unit_serves_and_ends_within_its_time(tmp_path: Path) -> None:
    command = shlex.split(UNIT["ExecStart"][0])
    assert command[0] == "/opt/runstream/bin/runstream"
    environment = {
        name: value.replace("/var/lib/runstream", str(tmp_path))
        for name, value in unit_environment(UNIT).items()
    }
    with served(["runstream", *command[1:]], tmp_path, environment) as (process, ports):
        assert requests.get(f"http://127.0.0.1:{ports['http']}/ready", timeout=60).ok
        assert stop(process, float(UNIT["TimeoutStopSec"][0])) == 0
    assert (tmp_path / "runstream.db").exists()


def test_the_units_know_the_statuses_the_time_and_the_folder_of_the_server() -> None:
    assert UNIT["RestartPreventExitStatus"] == [str(FILES_GONE)]
    assert float(UNIT["TimeoutStopSec"][0]) > STOP_SECONDS + GRACE
    state = f"/var/lib/{UNIT['StateDirectory'][0]}"
    assert UNIT["WorkingDirectory"] == [state]
    assert all(state in value for value in unit_environment(UNIT).values())
    named = unit_environment(UNIT) | unit_environment(POSTGRESQL_UNIT)
    assert named.keys() - VARIABLES == {"PGPASSFILE"}
    credential = POSTGRESQL_UNIT["LoadCredential"][0].split(":")[0]
    assert named["PGPASSFILE"] == f"%d/{credential}"


# The image


def test_the_command_of_the_image_serves_and_its_health_check_finds_out(tmp_path: Path) -> None:
    environment = {
        name: value.replace("/data", str(tmp_path)) for name, value in IMAGE_ENVIRONMENT.items()
    }
    environment["RUNSTREAM_INSECURE"] = "1"  # there is no token yet
    check = read_instruction("HEALTHCHECK").split("CMD ")[1]
    program, *arguments = json.loads(check)
    assert program == "python"
    command = [*read_instruction("ENTRYPOINT"), *read_instruction("CMD")]
    with served(command, tmp_path, environment) as (process, ports):
        code = [sys.executable, *(word.replace("5000", str(ports["http"])) for word in arguments)]
        assert subprocess.run(code).returncode == 0
        assert stop(process, 30) == 0
        assert subprocess.run(code, capture_output=True).returncode != 0
    assert (tmp_path / "runstream.db").exists()


def test_the_image_has_the_ports_and_the_variables_of_the_server() -> None:
    assert read_instruction("EXPOSE").split() == [str(port) for port in PORTS.values()]
    assert f"'127.0.0.1', {PORTS['http']}" in read_instruction("HEALTHCHECK")
    assert IMAGE_ENVIRONMENT.keys() - VARIABLES == {"TMPDIR"}
    assert IMAGE_ENVIRONMENT["TMPDIR"] == read_instruction("WORKDIR")  # all else is read only
    assert IMAGE_ENVIRONMENT["RUNSTREAM_HOST"] == "0.0.0.0"


def test_the_image_is_built_of_what_is_there_and_runs_as_nobody_in_particular() -> None:
    for sources in re.findall(r"^COPY (.*) \S+$", CONTAINERFILE, re.M):
        assert [name for name in sources.split() if not (ROOT / name).exists()] == []
    extras = re.search(r"pip wheel .*'\.\[(.*)\]'", CONTAINERFILE)
    assert extras
    assert f"'runstream[{extras[1]}]'" in CONTAINERFILE
    user = read_instruction("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    assert POD["spec"]["securityContext"]["runAsUser"] == int(user.split(":")[0])
    owner = user.split(":")[0]
    assert f"--owner={owner} --group={owner} --mode=0700 {read_instruction('WORKDIR')}" in (
        CONTAINERFILE
    )


# compose


def test_the_services_of_compose_name_each_other_and_options_of_the_server() -> None:
    services = COMPOSE["services"]
    servers = [name for name, service in services.items() if service["image"] == "runstream"]
    assert len(servers) == 2
    published = set()
    for name in servers:
        service = services[name]
        named = {key for key in service["environment"] if key.startswith("RUNSTREAM_")}
        assert named <= VARIABLES
        assert set(service["depends_on"]) <= services.keys()
        assert service["read_only"]
        assert int(service["stop_grace_period"].rstrip("s")) > STOP_SECONDS + GRACE
        (ports,) = service["ports"]
        address, _, inner = ports.rpartition(":")
        assert int(inner) == PORTS["grpc"]
        published.add(address)
        (build,) = {(s["build"]["context"], s["build"]["dockerfile"]) for s in [service]}
        assert (FOLDER / build[0] / build[1]).resolve() == FOLDER / "Containerfile"
    assert len(published) == len(servers)
    upstreams = re.findall(r"^\s*server (\S+):(\d+) ", (FOLDER / "nginx.conf").read_text(), re.M)
    assert upstreams == [(name, str(PORTS["http"])) for name in servers]


def test_the_servers_of_compose_store_in_postgresql_and_in_the_bucket(
    tmp_path: Path, postgres: Postgres
) -> None:
    environment: dict[str, str] = COMPOSE["services"]["server-1"]["environment"]
    user = SQL(urlsplit(environment["RUNSTREAM_DATABASE"]).username or "")
    url = postgres.create_database()
    postgres.execute(SQL("CREATE ROLE {} LOGIN").format(user))
    postgres.execute(SQL("ALTER DATABASE {} OWNER TO {}").format(SQL(url.rpartition("/")[2]), user))
    bucket = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    bucket.start()
    endpoint = "http://{}:{}".format(*bucket.get_host_and_port())
    name = urlsplit(environment["RUNSTREAM_ARTIFACT_ROOT"]).netloc
    assert COMPOSE["services"]["bucket"]["command"][-1] == f"minio/{name}"
    requests.put(f"{endpoint}/{name}", timeout=60).raise_for_status()
    places = {
        environment["RUNSTREAM_DATABASE"]: url.replace("postgres@", f"{user.as_string()}@"),
        environment["AWS_ENDPOINT_URL"]: endpoint,
        "${RUNSTREAM_ALLOWED_HOSTS:-}": "",
        "${POSTGRES_PASSWORD:?}": "word",
        "${MINIO_ROOT_PASSWORD:?}": "word",
    }
    here = {name: places.get(value, value) for name, value in environment.items()}
    command = [*read_instruction("ENTRYPOINT"), *read_instruction("CMD")]
    try:
        with (
            served(command, tmp_path, here) as (_, ports),
            TrackingClient(f"grpc://127.0.0.1:{ports['grpc']}") as client,
        ):
            run_id = client.create_run().info.run_id
            client.log_text(run_id, "in the bucket", "note.txt")
            assert client.load_text(run_id, "note.txt") == "in the bucket"
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    finally:
        bucket.stop()


def test_the_proxy_in_the_document_and_that_of_compose_pass_on_the_same() -> None:
    (snippet,) = re.findall(r"```nginx\n(location .*?)```", OPERATIONS, re.S)
    found = [
        set(re.findall(r"\b(?:proxy_(?!pass)|client_)[^;]*;", text))
        for text in (snippet, (FOLDER / "nginx.conf").read_text())
    ]
    assert len(found[0]) > 8
    assert found[0] <= found[1]


# Kubernetes


def test_the_pods_have_the_ports_the_variables_and_the_time_of_the_server() -> None:
    assert {port["name"]: port["containerPort"] for port in CONTAINER["ports"]} == PORTS
    secret = kubernetes("Secret", CONTAINER["envFrom"][0]["secretRef"]["name"])
    named = {variable["name"] for variable in CONTAINER["env"]} | secret["stringData"].keys()
    assert {name for name in named if name.startswith("RUNSTREAM_")} <= VARIABLES
    assert CONTAINER["args"] == read_instruction("CMD")
    waited = float(CONTAINER["lifecycle"]["preStop"]["exec"]["command"][1])
    assert POD["spec"]["terminationGracePeriodSeconds"] > waited + STOP_SECONDS + GRACE
    # A service `runstream-http` sets RUNSTREAM_HTTP_PORT to `tcp://...` in every pod otherwise.
    assert POD["spec"]["enableServiceLinks"] is False


def test_the_probes_ask_what_the_server_answers(server: ServerProcess) -> None:
    for name in ("livenessProbe", "readinessProbe"):
        asked = CONTAINER[name]["httpGet"]
        assert asked["port"] == "http"
        assert requests.get(server.http + asked["path"], timeout=60).status_code == 200
    assert CONTAINER["readinessProbe"]["timeoutSeconds"] > readiness.COMMIT_SECONDS
    assert CONTAINER["startupProbe"]["grpc"] == {"port": PORTS["grpc"]}
    with grpc.insecure_channel(server.address) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)  # its stub has no types
        answer = health.Check(health_pb2.HealthCheckRequest(), timeout=60)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    annotations = POD["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(PORTS["http"])
    assert requests.get(server.http + annotations["prometheus.io/path"], timeout=60).ok


def test_the_objects_of_kubernetes_select_the_pods_and_name_each_other() -> None:
    labels = POD["metadata"]["labels"]
    assert kubernetes("Deployment")["spec"]["selector"]["matchLabels"] == labels
    assert kubernetes("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    for kind in ("grpc", "http"):
        service = kubernetes("Service", f"runstream-{kind}")["spec"]
        assert service["selector"] == labels
        assert service["ports"] == [{"name": kind, "port": PORTS[kind], "targetPort": kind}]
    assert kubernetes("Service", "runstream-grpc")["spec"]["clusterIP"] == "None"
    (rule,) = kubernetes("Ingress")["spec"]["rules"]
    variables = {v["name"]: v["value"] for v in CONTAINER["env"]}
    for path in rule["http"]["paths"]:
        assert path["path"] == variables["RUNSTREAM_ROOT_PATH"]
        target = path["backend"]["service"]
        assert (target["name"], target["port"]) == ("runstream-http", {"name": "http"})
    allowed = set(variables["RUNSTREAM_ALLOWED_HOSTS"].split(","))
    assert {rule["host"], "runstream-http"} <= allowed


# Grafana and Prometheus


def dashboard_queries() -> list[str]:
    panels = [target["expr"] for p in DASHBOARD["panels"] for target in p.get("targets", ())]
    variables = [v["query"]["query"] for v in DASHBOARD["templating"]["list"][1:]]
    return [*panels, *variables, *(a["expr"] for a in DASHBOARD["annotations"]["list"])]


def names_in(query: str) -> set[str]:
    return set(re.findall(r"\b(?:runstream|process)_\w+", query))


def labels_in(query: str) -> set[str]:
    grouped = re.findall(r"\bby \(([^)]*)\)", query)
    matched = [name for found in re.findall(r"{([^}]*)}", query) for name in found.split(",")]
    words = [word for text in grouped for word in text.split(",")]
    words += [re.split(r"[=!]", text)[0] for text in matched]
    return {word.strip() for word in words} - {"job", "instance", "worker", "le", ""}


@pytest.fixture(scope="module")
def labels(server: ServerProcess) -> dict[str, set[str]]:
    """The labels of every sample that a server's page has, by its name."""
    page = requests.get(f"{server.http}/metrics", timeout=60).text
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_the_dashboard_and_the_alerts_name_metrics_and_labels_that_are_there(
    labels: dict[str, set[str]],
) -> None:
    queries = [*dashboard_queries(), *(alert["expr"] for alert in ALERTS)]
    assert len(queries) > 30
    for query in queries:
        assert names_in(query) - labels.keys() == set()
        there = set().union(*(labels[name] for name in names_in(query)))
        assert labels_in(query) - there == set(), query
    codes = {code.name for code in grpc.StatusCode}
    for found in re.findall(r'code[=!]~?"([^"]*)"', " ".join(queries)):
        assert set(found.split("|")) <= codes
    assert set(re.findall(r'lane="(\w+)"', " ".join(queries))) <= {"quick", "long"}


def test_the_dashboard_shows_every_metric_of_the_server(labels: dict[str, set[str]]) -> None:
    shown = names_in(" ".join(dashboard_queries()))
    suffixes = r"_(total|bucket|sum|count|created)$"
    families = {re.sub(suffixes, "", name) for name in labels if name.startswith("runstream_")}
    assert families - {re.sub(suffixes, "", name) for name in shown} == set()


def test_every_alert_has_a_section_that_says_what_to_do() -> None:
    headings = re.findall(r"^#+ (.*)$", OPERATIONS, re.M)
    sections = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for alert in ALERTS:
        document, _, section = alert["annotations"]["runbook"].partition("#")
        assert document == "docs/operations.md"
        assert section in sections, alert["alert"]


def test_alerts_come_before_the_limits_of_the_server() -> None:
    limits = {
        "RunstreamQueueFull": Writer.QUEUE_BYTES,
        "RunstreamSealerBehind": MAX_WAITING_POINTS,
        "RunstreamManyCalls": CALLS,
    }
    for alert in ALERTS:
        if limit := limits.pop(alert["alert"], None):
            factors = alert["expr"].rpartition(">")[2].split("*")
            threshold = float(factors[0])
            for factor in factors[1:]:
                threshold *= float(factor)
            assert limit / 2 <= threshold < limit
    assert limits == {}
