"""How many bytes of artifacts one caller may store."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from google.rpc.error_details_pb2 import RetryInfo
from grpc_status import rpc_status

from runstream import TrackingClient
from runstream.errors import ResourceExhausted
from runstream.v1.access_service_pb2 import GrantRole, SetGrantRequest
from runstream.v1.artifact_service_pb2 import (
    DeleteArtifactsRequest,
    UploadArtifactRequest,
    UploadStart,
)
from runstream.v1.run_service_pb2 import CreateRunRequest, GetRunRequest
from support.access import ROLES, bearer, connect_with_token, create_token, create_tokens
from support.api import Api, Refusal, expect_refusal
from support.artifacts import (
    MIB,
    chunk_parts,
    end_part,
    files_below,
    half_open,
    start_part,
    upload,
    uploaded_bytes,
)
from support.purging import delete_runs, purge
from support.server_process import ServerProcess
from support.shell import Shell
from support.waiting import wait_until

EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
KIB = 1024
LIMIT = {"RUNSTREAM_ARTIFACT_GIB_PER_CALLER": str(MIB / 2**30), "RUNSTREAM_HTTP_PORT": "0"}


@dataclass(frozen=True)
class Writer:
    """A user of a server where each may store 1 MiB, and a run and a model of theirs."""

    name: str
    token: str
    api: Api
    experiment: str
    run: str
    model: str

    def upload(self, path: str, kib: int, owner: str = "") -> None:
        content = f"{self.name} {path}".encode().ljust(kib * KIB)
        upload(self.api, owner or self.run, path, content)


def refusal() -> AbstractContextManager[Refusal]:
    return expect_refusal(EXHAUSTED, "ARTIFACT_BYTES")


@dataclass(frozen=True)
class Limited:
    """A server where each caller may store 1 MiB."""

    server: ServerProcess
    root: Api
    opened: ExitStack

    def writer(self, name: str) -> Writer:
        token = create_token(self.root, name, ROLES["ada"])
        api = self.opened.enter_context(connect_with_token(self.server.address, token))
        experiment = api.create_experiment(name)
        run = api.runs.CreateRun(CreateRunRequest(experiment_id=experiment)).run.info.run_id
        return Writer(name, token, api, experiment, run, api.create_model(experiment))

    def stored(self, name: str) -> int:
        rows = self.server.query(f"SELECT bytes FROM storage_use WHERE user_name = '{name}'")
        return int(rows[0][0]) if rows else 0


@pytest.fixture(scope="module")
def limited(
    tmp_path_factory: pytest.TempPathFactory, new_url: Callable[[], str | None]
) -> Iterator[Limited]:
    folder = tmp_path_factory.mktemp("stored")
    server = ServerProcess(folder / "runs.db", LIMIT, url=new_url())
    root = create_tokens(server.address)["root"]
    with ExitStack() as opened:
        api = opened.enter_context(connect_with_token(server.address, root))
        yield Limited(server, api, opened)
        # Whatever the tests did, what is counted are the bytes of the files.
        assert "stored bytes: ok" in Shell(server.uri).output("db", "check", server.url)
    server.stop()


def test_a_file_beyond_the_limit_is_refused_before_its_bytes_come(limited: Limited) -> None:
    ann = limited.writer("ann")
    ann.upload("first", 600)
    start = UploadStart(run_id=ann.run, path="second", size=500 * KIB)
    with half_open(ann.api, UploadArtifactRequest(start=start)) as call:
        error = call.exception(timeout=30)
    assert error.code() is EXHAUSTED
    status: Any = rpc_status.from_call(error)
    assert not any(detail.Is(RetryInfo.DESCRIPTOR) for detail in status.details)
    with refusal() as refused:
        ann.api.artifacts.UploadArtifact(iter([UploadArtifactRequest(start=start)]))
    assert {name: refused.metadata[name] for name in ("field", "value", "limit")} == {
        "field": "artifact bytes",
        "value": str(1_100 * KIB),
        "limit": str(MIB),
    }
    ann.upload("second", 424)
    assert limited.stored("ann") == MIB


def test_an_upload_of_unknown_size_ends_where_it_exceeds_the_limit(limited: Limited) -> None:
    ben = limited.writer("ben")
    upload_id = 32 * "b"
    with refusal():
        upload(ben.api, ben.run, "f", bytes(MIB + 1), upload_id)
    assert uploaded_bytes(ben.api, ben.run, upload_id) == 0
    upload(ben.api, ben.run, "f", bytes(MIB), upload_id)


def test_what_is_replaced_deleted_or_purged_makes_room(limited: Limited) -> None:
    eva = limited.writer("eva")
    eva.upload("a", 600)
    eva.upload("a", 700)
    eva.upload("b", 300, eva.model)
    assert limited.stored("eva") == 1_000 * KIB
    with refusal():
        eva.upload("c", 100)
    eva.api.artifacts.DeleteArtifacts(DeleteArtifactsRequest(run_id=eva.model, path="b"))
    eva.upload("d/c", 100)
    eva.upload("d/e", 200)
    delete_runs(eva.api, eva.run)
    with refusal():
        eva.upload("b", 300, eva.model)  # a deleted run may be restored
    purge(limited.root)
    assert limited.stored("eva") == 0
    eva.upload("b", 1_000, eva.model)


def test_a_file_counts_for_the_one_who_uploaded_it_last(limited: Limited) -> None:
    fay = limited.writer("fay")
    fay.upload("a", 700)
    upload(limited.root, fay.run, "a", bytes(KIB))
    assert (limited.stored("fay"), limited.stored("root")) == (0, KIB)
    fay.upload("b", 700)
    fay.api.artifacts.DeleteArtifacts(DeleteArtifactsRequest(run_id=fay.run))
    assert (limited.stored("fay"), limited.stored("root")) == (0, 0)


def test_files_with_one_content_count_each(limited: Limited) -> None:
    gus = limited.writer("gus")
    content = bytes(400 * KIB)
    upload(gus.api, gus.run, "a", content)
    upload(gus.api, gus.run, "b", content)
    with refusal():
        upload(gus.api, gus.run, "c", content)
    assert limited.stored("gus") == 800 * KIB


def test_uploads_at_once_do_not_exceed_the_limit_together(limited: Limited) -> None:
    hal = limited.writer("hal")

    def attempt(number: int) -> grpc.StatusCode | None:
        try:
            hal.upload(f"f{number}", 300)
        except grpc.RpcError as error:
            return error.code()
        return None

    with ThreadPoolExecutor(8) as threads:
        ended = list(threads.map(attempt, range(16)))
    stored = ended.count(None)
    assert 0 < stored <= 3
    assert set(ended) == {None, EXHAUSTED}
    assert limited.stored("hal") == stored * 300 * KIB


def test_an_upload_is_refused_when_others_took_its_room_meanwhile(limited: Limited) -> None:
    ida = limited.writer("ida")
    content = bytes(600 * KIB)
    before = files_below(limited.server.database.with_name("artifacts"))
    with half_open(ida.api, start_part(ida.run, "late")) as late:
        time.sleep(0.5)  # until the server has asked what is free
        ida.upload("early", 900)
        for part in (*chunk_parts(content), end_part(content)):
            late.more.put(part)
        error = late.exception(timeout=30)
    assert (error.code(), "1,536,000" in error.details()) == (EXHAUSTED, True)
    (early,) = set(files_below(limited.server.database.with_name("artifacts"))) - set(before)
    assert "uploads" not in early


def test_an_upload_stays_counted_when_another_stream_of_it_is_refused(limited: Limited) -> None:
    una = limited.writer("una")
    upload_id = 32 * "a"
    start = UploadStart(run_id=una.run, path="f", upload_id=upload_id, size=2**41)
    with half_open(una.api, start_part(una.run, "f", upload_id), *chunk_parts(bytes(KIB))) as call:
        wait_until(lambda: uploaded_bytes(una.api, una.run, upload_id) == KIB, 30)
        with refusal():
            una.api.artifacts.UploadArtifact(iter([UploadArtifactRequest(start=start)]))
        for part in chunk_parts(bytes(MIB)):
            call.more.put(part)
        assert call.exception(timeout=30).code() is EXHAUSTED  # though it has not ended


def test_what_is_stored_meanwhile_leaves_less_for_an_upload_under_way(limited: Limited) -> None:
    tom = limited.writer("tom")
    with ExitStack() as opened:
        paths = [f"f{number}" for number in range(3)]
        calls = [
            opened.enter_context(half_open(tom.api, start_part(tom.run, path))) for path in paths
        ]
        time.sleep(0.5)  # until the server has asked what is free
        content = bytes(400 * KIB)
        for call in calls:
            for part in chunk_parts(content):
                call.more.put(part)
            if call is not calls[-1]:
                call.more.put(end_part(content))
                assert call.result(timeout=30).file.file_size == len(content)
        assert calls[-1].exception(timeout=30).code() is EXHAUSTED  # though it has not ended
    assert limited.stored("tom") == 800 * KIB


def break_off(writer: Writer, path: str, kib: int) -> Callable[[], int]:
    """Break an upload off once its bytes are there; return what tells how many still are."""
    upload_id = 32 * path

    def there() -> int:
        return uploaded_bytes(writer.api, writer.run, upload_id, path)

    parts = start_part(writer.run, path, upload_id), *chunk_parts(bytes(kib * KIB))
    with half_open(writer.api, *parts):
        wait_until(lambda: there() == kib * KIB, 30)
    time.sleep(0.3)  # until the server knows that it broke off
    return there


def test_uploads_that_broke_off_are_kept_in_what_the_limit_leaves_free(limited: Limited) -> None:
    sue = limited.writer("sue")
    oldest, older, newest = (break_off(sue, path, 400) for path in "abc")
    wait_until(lambda: oldest() == 0, 30)
    assert (older(), newest()) == (400 * KIB, 400 * KIB)
    sue.upload("f", 500)
    wait_until(lambda: older() == 0, 30)
    upload(sue.api, sue.run, "c", bytes(500 * KIB), 32 * "c", newest())
    assert limited.stored("sue") == 1_000 * KIB


def test_uploads_that_broke_off_take_no_room_from_a_new_one(limited: Limited) -> None:
    sid = limited.writer("sid")
    there = [break_off(sid, path, 500) for path in "ab"]
    sid.upload("f", KIB)
    assert limited.stored("sid") == MIB
    wait_until(lambda: [count() for count in there] == [0, 0], 30)


def test_a_stream_whose_client_went_on_elsewhere_takes_no_room(limited: Limited) -> None:
    sam = limited.writer("sam")
    content, upload_id = bytes(700 * KIB), 32 * "a"
    sent = start_part(sam.run, "f", upload_id), *chunk_parts(content[: 600 * KIB])
    with half_open(sam.api, *sent):
        wait_until(lambda: uploaded_bytes(sam.api, sam.run, upload_id) == 600 * KIB, 30)
        upload(sam.api, sam.run, "f", content, upload_id, 600 * KIB)
        sam.upload("g", 300)
    assert limited.stored("sam") == 1_000 * KIB


@pytest.mark.postgresql
def test_uploads_to_two_servers_do_not_exceed_the_limit_together(limited: Limited) -> None:
    joe = limited.writer("joe")
    with ExitStack() as opened:
        other = ServerProcess(limited.server.database, LIMIT, url=limited.server.url)
        opened.callback(other.stop)
        there = opened.enter_context(connect_with_token(other.address, joe.token))
        content = [bytes([number]) * (600 * KIB) for number in range(2)]
        calls = [
            opened.enter_context(
                half_open(api, start_part(joe.run, f"f{i}"), *chunk_parts(content[i]))
            )
            for i, api in enumerate((joe.api, there))
        ]
        time.sleep(0.5)
        for call, sent in zip(calls, content, strict=True):
            call.more.put(end_part(sent))
            call.more.put(None)
        errors = [call.exception(timeout=60) for call in calls]
    (refused,) = [error for error in errors if error is not None]
    assert refused.code() is EXHAUSTED
    assert limited.stored("joe") == 600 * KIB


@pytest.mark.postgresql
def test_what_is_counted_is_exact_while_users_replace_and_delete_at_two_servers(
    limited: Limited,
) -> None:
    users = [limited.writer(name) for name in ("mia", "ned", "oda", "pia")]
    run = users[0].run
    everyone = SetGrantRequest(
        experiment_id=users[0].experiment,
        grantee="group:everyone",
        role=GrantRole.GRANT_ROLE_WRITER,
    )
    limited.root.access.SetGrant(everyone)

    def change_files(api: Api, seed: int) -> None:
        choose = random.Random(seed)
        for _ in range(40):
            path = choose.choice("abcde")
            if choose.random() < 0.7:
                upload(api, run, path, choose.randbytes(choose.randrange(1, 2_000)))
            else:
                with suppress(grpc.RpcError):  # it is not there
                    api.artifacts.DeleteArtifacts(DeleteArtifactsRequest(run_id=run, path=path))

    with ExitStack() as opened:
        other = ServerProcess(limited.server.database, LIMIT, url=limited.server.url)
        opened.callback(other.stop)
        there = [opened.enter_context(connect_with_token(other.address, u.token)) for u in users]
        apis = [user.api for user in users] + there
        threads = opened.enter_context(ThreadPoolExecutor(len(apis)))
        began = time.monotonic()
        list(threads.map(change_files, apis, range(len(apis))))
        assert time.monotonic() - began < 60  # no server waits for another in a circle
    assert "stored bytes: ok" in Shell("").output("db", "check", limited.server.url)
    stored = {user.name: limited.stored(user.name) for user in users}
    query = "SELECT uploaded_by, sum(size) FROM artifact JOIN blob ON blob.id = blob_id"
    rows = limited.server.query(f"{query} GROUP BY uploaded_by")
    assert {name: int(size) for name, size in rows if name in stored} == {
        name: size for name, size in stored.items() if size
    }


def test_over_http_it_is_400_as_waiting_does_not_help(limited: Limited) -> None:
    kim = limited.writer("kim")
    url = f"{limited.server.http}/api/2.0/mlflow-artifacts/artifacts"
    info = kim.api.runs.GetRun(GetRunRequest(run_id=kim.run)).run.info
    path = info.artifact_uri.removeprefix("mlflow-artifacts:/")
    answers = [
        requests.put(
            f"{url}/{path}/f{number}", bytes(600 * KIB), headers=bearer(kim.token), timeout=60
        )
        for number in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 400]
    assert answers[1].json()["error_code"] == "RESOURCE_EXHAUSTED"
    assert "Retry-After" not in answers[1].headers
    assert limited.stored("kim") == 600 * KIB


def test_the_client_raises_at_once_and_goes_on(limited: Limited, tmp_path: Path) -> None:
    lea = limited.writer("lea")
    file = tmp_path / "big.bin"
    file.write_bytes(bytes(2 * MIB))
    with TrackingClient(limited.server.uri, token=lea.token) as client:
        began = time.monotonic()
        with pytest.raises(ResourceExhausted, match="1,048,576"):
            client.log_artifact(lea.run, str(file))
        assert time.monotonic() - began < 10
        client.log_text(lea.run, "small", "notes.txt")
    assert limited.stored("lea") == 5


def test_who_is_over_a_lowered_limit_may_only_store_less(
    tmp_path: Path, new_url: Callable[[], str | None]
) -> None:
    database, url = tmp_path / "runs.db", new_url()
    server = ServerProcess(database, url=url)
    ada = create_tokens(server.address)["ada"]
    with connect_with_token(server.address, ada) as api:
        request = CreateRunRequest(experiment_id=api.create_experiment("ours"))
        run = api.runs.CreateRun(request).run.info.run_id
        for path in ("a", "b"):
            upload(api, run, path, bytes(2 * MIB))
    server.stop()
    server = ServerProcess(database, LIMIT, url=url)
    with connect_with_token(server.address, ada) as api:
        upload(api, run, "a", bytes(2 * MIB - 1))
        for path, size in (("a", 2 * MIB), ("c", 1)):
            with refusal():
                upload(api, run, path, bytes(size))
        api.artifacts.DeleteArtifacts(DeleteArtifactsRequest(run_id=run))
        upload(api, run, "c", bytes(MIB))
    server.stop()


def test_files_of_a_server_that_knows_nobody_belong_to_nobody(
    tmp_path: Path, new_url: Callable[[], str | None]
) -> None:
    server = ServerProcess(tmp_path / "runs.db", LIMIT, url=new_url())
    with grpc.insecure_channel(server.address) as channel:
        api = Api(channel)
        run = api.create_run()
        upload(api, run, "f", bytes(2 * MIB))
    assert server.query("SELECT uploaded_by FROM artifact") == [(None,)]
    assert server.query("SELECT * FROM storage_use") == []
    server.stop()


def test_check_finds_bytes_that_are_not_those_of_the_files(
    tmp_path: Path, new_url: Callable[[], str | None]
) -> None:
    server = ServerProcess(tmp_path / "runs.db", url=new_url())
    server.query("INSERT INTO storage_use VALUES ('ada', 5)")
    server.stop()
    faulty = Shell(server.uri).run("db", "check", server.url)
    assert "the files of ada have 0 bytes, 5 are counted" in faulty.stdout
