"""The files of examples/deployment, against real servers: what they run, ask and name is there.

`make lint` checks their form. No engine of containers, systemd or Kubernetes runs them here.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest
import requests
from grpc_health.v1 import health_pb2, health_pb2_grpc
from moto.server import ThreadedMotoServer
from psycopg.sql import SQL

from runstream import TrackingClient
from runstream_service.engine import readiness
from runstream_service.engine.served_files import FILES_GONE
from runstream_service.server import GRACE
from runstream_service.workers import STOP_SECONDS
from support.deployment import (
    COMPOSE,
    CONTAINER,
    CONTAINERFILE,
    FOLDER,
    IMAGE_ENVIRONMENT,
    OPERATIONS,
    POD,
    PORTS,
    POSTGRESQL_UNIT,
    ROOT,
    TLS_UNIT,
    UNIT,
    VARIABLES,
    ask_who_calls,
    documented,
    kubernetes,
    make_token,
    read_instruction,
    served,
    stop,
    unit_environment,
)
from support.postgres import Postgres
from support.server_process import ServerProcess
from support.tls import CertificateFolder

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


def test_the_unit_gets_its_first_token_and_then_tls_for_other_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = documented("systemd/runstream.service", "systemd-run")
    program = command.index("/opt/runstream/bin/runstream")
    (setting,) = [word for word in command if word.startswith("--setenv=")]
    assert command[1:4] == ["--pipe", "--wait", "--collect"]
    properties = dict(
        word.removeprefix("--property=").split("=", 1)
        for word in command
        if word.startswith("--property=")
    )
    assert properties == {
        "DynamicUser": UNIT["DynamicUser"][0],
        "User": "runstream",  # as a unit of this name has
        "StateDirectory": UNIT["StateDirectory"][0],
        "StateDirectoryMode": UNIT["StateDirectoryMode"][0],
    }
    name, _, database = setting.removeprefix("--setenv=").partition("=")
    assert unit_environment(UNIT)[name] == database
    here = {
        name: value.replace("/var/lib/runstream", str(tmp_path))
        for name, value in unit_environment(UNIT).items()
    }
    token = make_token(["runstream", *command[program + 1 :]], tmp_path, here)
    certificates = CertificateFolder(tmp_path / "certificates")
    files = certificates.issue("server", "127.0.0.1")
    loaded = [text.split(":")[0] for text in TLS_UNIT["LoadCredential"]]
    assert loaded == ["server.pem", "server.key"]
    assert unit_environment(TLS_UNIT).keys() <= VARIABLES
    for name, value in unit_environment(TLS_UNIT).items():
        here[name] = value.replace("%d", str(Path(files["cert"]).parent))
    monkeypatch.setenv("RUNSTREAM_CA", str(certificates.ca))
    command = shlex.split(UNIT["ExecStart"][0])
    with served(["runstream", *command[1:]], tmp_path, here) as (process, ports):
        ask_who_calls(f"grpcs://127.0.0.1:{ports['grpc']}", token)
        process.terminate()
        assert process.communicate()[1] == ""  # no warning


# The image


def test_the_command_of_the_image_serves_and_its_health_check_finds_out(tmp_path: Path) -> None:
    environment = {
        name: value.replace("/data", str(tmp_path)) for name, value in IMAGE_ENVIRONMENT.items()
    }
    token = make_token(documented("Containerfile", "podman run --rm")[-5:], tmp_path, environment)
    check = read_instruction("HEALTHCHECK").split("CMD ")[1]
    program, *arguments = json.loads(check)
    assert program == "python"
    command = [*read_instruction("ENTRYPOINT"), *read_instruction("CMD")]
    with served(command, tmp_path, environment) as (process, ports):
        code = [sys.executable, *(word.replace("5000", str(ports["http"])) for word in arguments)]
        assert subprocess.run(code).returncode == 0
        ask_who_calls(f"grpc://127.0.0.1:{ports['grpc']}", token)
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
    first = documented("compose.yaml", "docker compose run")
    assert first[3:5] == ["--rm", "server-1"]
    token = make_token([*read_instruction("ENTRYPOINT"), *first[5:]], tmp_path, here)
    command = [*read_instruction("ENTRYPOINT"), *read_instruction("CMD")]
    try:
        with (
            served(command, tmp_path, here | {"RUNSTREAM_HOST": "0.0.0.0"}) as (_, ports),
            TrackingClient(f"grpc://127.0.0.1:{ports['grpc']}", token=token) as client,
        ):
            ask_who_calls(f"grpc://127.0.0.1:{ports['grpc']}", token)
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


def test_the_proxy_of_compose_with_tls_passes_on_the_same_and_grpc_as_the_document_says() -> None:
    plain, secure = (FOLDER / name for name in ("nginx.conf", "nginx-tls.conf"))
    added = {line.strip() for line in secure.read_text().splitlines()}
    missing = {line.strip() for line in plain.read_text().splitlines()} - added
    assert {line for line in missing if not line.startswith("#")} == {"listen 8080;"}
    (snippet,) = re.findall(r"```nginx\n(upstream runstream_grpc .*?)```", OPERATIONS, re.S)
    documented = set(re.findall(r"\b(?:grpc_|client_)[^;]*;", snippet))
    assert len(documented) == 5
    assert documented <= set(re.findall(r"\b(?:grpc_|client_)[^;]*;", secure.read_text()))
    inner = {mapping.rpartition(":")[2] for mapping in COMPOSE["services"]["balancer"]["ports"]}
    assert inner == set(re.findall(r"listen (\d+) ssl;", secure.read_text()))
    (folder,) = {
        path.rpartition("/")[0]
        for path in re.findall(r"ssl_certificate(?:_key)? (.*);", secure.read_text())
    }
    mounted = [volume.split(":") for volume in COMPOSE["services"]["balancer"]["volumes"]]
    assert [folder, "ro"] in [parts[-2:] for parts in mounted]


# Kubernetes


def test_the_admin_pod_makes_the_first_token_with_what_the_servers_have(
    tmp_path: Path, postgres: Postgres
) -> None:
    pod = kubernetes("Pod", "runstream-admin")["spec"]
    (admin,) = pod["containers"]
    for name in ("image", "envFrom", "volumeMounts"):
        assert admin[name] == CONTAINER[name], name
    assert pod["securityContext"] == POD["spec"]["securityContext"]
    command = documented("kubernetes/admin.yaml", "kubectl exec")
    assert command[2:4] == ["runstream-admin", "--"]
    variables = {v["name"]: v["value"] for v in CONTAINER["env"]}
    secret = kubernetes("Secret", admin["envFrom"][0]["secretRef"]["name"])["stringData"]
    here = IMAGE_ENVIRONMENT | variables | secret
    here |= {
        "RUNSTREAM_DATABASE": postgres.create_database(),
        "RUNSTREAM_ARTIFACT_ROOT": str(tmp_path / "artifacts"),
        "TMPDIR": str(tmp_path),
    }
    del here["PGPASSWORD"]
    token = make_token(command[4:], tmp_path, here)
    with served(["runstream", *CONTAINER["args"]], tmp_path, here) as (process, ports):
        ask_who_calls(f"grpc://127.0.0.1:{ports['grpc']}", token)
        process.terminate()
        assert "in clear" not in process.communicate()[1]  # the Ingress has TLS


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


def test_the_probes_ask_what_the_server_answers(used_server: ServerProcess) -> None:
    for name in ("livenessProbe", "readinessProbe"):
        asked = CONTAINER[name]["httpGet"]
        assert asked["port"] == "http"
        assert requests.get(used_server.http + asked["path"], timeout=60).status_code == 200
    assert CONTAINER["readinessProbe"]["timeoutSeconds"] > readiness.COMMIT_SECONDS
    assert CONTAINER["startupProbe"]["grpc"] == {"port": PORTS["grpc"]}
    with grpc.insecure_channel(used_server.address) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)  # its stub has no types
        answer = health.Check(health_pb2.HealthCheckRequest(), timeout=60)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    annotations = POD["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(PORTS["http"])
    assert requests.get(used_server.http + annotations["prometheus.io/path"], timeout=60).ok


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
