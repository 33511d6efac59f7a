"""Secrets do not leave the machine with remotes, arguments and changes of code (K7)."""

from __future__ import annotations

import time

import pytest

from runstream.process.masking import mask_arguments, mask_code, mask_text


@pytest.mark.parametrize(
    ("arguments", "masked"),
    [
        (["--api-key", "abc"], ["--api-key", "***"]),
        (["--api_key=abc"], ["--api_key=***"]),
        (["--db.password", "x", "--lr", "0.1"], ["--db.password", "***", "--lr", "0.1"]),
        (["token=abc", "model.hf_token=abc"], ["token=***", "model.hf_token=***"]),
        (["--secret", "--lr=1"], ["--secret", "--lr=1"]),
        (["AWS_SECRET_ACCESS_KEY=abc"], ["AWS_SECRET_ACCESS_KEY=***"]),
        (["postgres://ada:pw@host/db"], ["postgres://ada:***@host/db"]),
        (["hf_abcdefghijklmnopqrstuvwx"], ["***"]),
        (["--db=postgres://u:pa/SECRET@h/db"], ["--db=postgres://u:***@h/db"]),
        (["--db=postgres://u:pa'SECRET@h/db"], ["--db=postgres://u:***@h/db"]),
        (["+db.password=SECRET", "++a.token=SECRET"], ["+db.password=***", "++a.token=***"]),
        (
            ["~db.password=SECRET", "--env=DB_PASSWORD=SECRET"],
            ["~db.password=***", "--env=DB_PASSWORD=***"],
        ),
        (["https://h/?access_token=SECRET&a=1"], ["https://h/?access_token=***&a=1"]),
        (["https://h/?a=1&sig=SECRET"], ["https://h/?a=1&sig=***"]),
        (["https://h/?private_token=SECRET"], ["https://h/?private_token=***"]),
        (["--password", "-SECRET"], ["--password", "***"]),
        (
            ["--config", '{"password": "SECRET", "a": 1}'],
            ["--config", '{"password": "***", "a": 1}'],
        ),
        (["--header", "Authorization: Bearer SECRET"], ["--header", "Authorization: ***"]),
        (["--dsn", "Server=h;Password=SECRET;Port=1"], ["--dsn", "Server=h;Password=***;Port=1"]),
        (["-u", "user:SECRET"], ["-u", "user:***"]),
        (["--openaiApiKey", "SECRET"], ["--openaiApiKey", "***"]),
        (["--passwords", "SECRET", "--api_keys", "S"], ["--passwords", "***", "--api_keys", "***"]),
        (["--tokens", "SECRET", "--db_pw", "S"], ["--tokens", "***", "--db_pw", "***"]),
        (["--secret_key_base", "SECRET"], ["--secret_key_base", "***"]),
        (["--data=s3://b/x?t=eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM.abc"], ["--data=s3://b/x?t=***"]),
    ],
)
def test_arguments_with_secrets_are_masked(arguments: list[str], masked: list[str]) -> None:
    """K7."""
    assert mask_arguments(arguments) == masked


@pytest.mark.parametrize(
    "argument",
    [
        *("--tokenizer=bert", "--pad_token=<pad>", "--max-tokens=100", "--sort-key=lr"),
        *("--author=ada", "--num-tokens=512", "monkey=1", "max_tokens=5", "train_tokens=9"),
        *("--data=s3://b/a?part=1", "--image=python:3.11@sha256:ab", "key=value"),
    ],
)
def test_arguments_that_only_look_like_secrets_stay(argument: str) -> None:
    name, _, value = argument.partition("=")
    assert mask_arguments([argument, name, value]) == [argument, name, value]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://ada:pw@example.org/a.git", "https://***@example.org/a.git"),
        ("https://ghp_0123456789@example.org/a", "https://***@example.org/a"),
        ("git@example.org:a.git", "git@example.org:a.git"),
        ("ssh://git@example.org/a.git", "ssh://git@example.org/a.git"),
        ("ssh://git:pw@example.org/a.git", "ssh://git:***@example.org/a.git"),
        ("see ada@example.org", "see ada@example.org"),
        ("https://bob:p@ssSECRET@h/r.git", "https://***@h/r.git"),
        ("oauth2:SECRET@gitlab.com/a", "oauth2:***@gitlab.com/a"),
        ("user:token@h:r", "user:***@h:r"),
        ("http://h:8080/a@b", "http://h:8080/a@b"),
        ("git+https://h/a.git@main", "git+https://h/a.git@main"),
    ],
)
def test_a_remote_has_no_password(text: str, masked: str) -> None:
    """K7."""
    assert mask_text(text) == masked


def test_changed_code_has_no_secrets_and_is_otherwise_as_it_was() -> None:
    """K7."""
    kept = """\
 def login(password: str, token: str = read_token()) -> None:
+    eos_token = "<eos>"
+    secret_of_success = "patience"
-    token = get_token(7)
+    password = os.environ["PASSWORD"]
+    tokenizer = "bert"; max_tokens = "5"
+    if token == "eos": pass
"""
    secret = '''\
+API_KEY = "abc"
+    {"hf_token": 'abc', "lr": 0.1}
+export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI7
-password: hunter2hunter2
+key = "AKIAIOSFODNN7EXAMPLE"
+os.environ["OPENAI_API_KEY"]="SECRET"
+password = """SECRET
+MORE"""
+token: str = "SECRET"
+api_key: Final[str]="SECRET"
+api_key = f"SE'CRET", rb'SECRET'
+{"Authorization": "Bearer SECRET"}
+setenv("API_KEY","SECRET")
+export API_KEY=lettersonly
+  password: lettersonly
+-----BEGIN RSA PRIVATE KEY-----
+MIIEpAIBAAKCAQEA
+-----END RSA PRIVATE KEY-----
'''
    assert mask_code(kept) == kept
    assert (
        mask_code(secret)
        == '''\
+API_KEY = "***"
+    {"hf_token": '***', "lr": 0.1}
+export AWS_SECRET_ACCESS_KEY=***
-password: ***
+key = "***"
+os.environ["OPENAI_API_KEY"]="***"
+password = """***"""
+token: str = "***"
+api_key: Final[str]="***"
+api_key = f"***", rb'SECRET'
+{"Authorization": "***"}
+setenv("API_KEY","***")
+export API_KEY=***
+  password: ***
+-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----
'''
    )


@pytest.mark.parametrize(
    "piece",
    [
        "a-",
        "a.",
        "eyJ-",
        "x=",
        "http://",
        "a:",
        'token="',
        "token: a",
        "u:p@",
        "-----BEGIN PRIVATE KEY-----",
    ],
)
def test_no_text_takes_long(piece: str) -> None:
    text = piece * (2**20 // len(piece))
    begin = time.thread_time()  # of this thread alone, because the machine may be busy
    mask_code(text)
    assert time.thread_time() - begin < 10
