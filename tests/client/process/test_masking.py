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
        (["--data=s3://b/x?t=eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM.abc"], ["--data=s3://b/x?t=***"]),
    ],
)
def test_arguments_with_secrets_are_masked(arguments: list[str], masked: list[str]) -> None:
    """K7."""
    assert mask_arguments(arguments) == masked


@pytest.mark.parametrize(
    "argument",
    ["--tokenizer=bert", "--pad_token=<pad>", "--max-tokens=100", "--sort-key=lr", "--author=ada"],
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
"""
    secret = """\
+API_KEY = "abc"
+    {"hf_token": 'abc', "lr": 0.1}
+export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI7
-password: hunter2hunter2
+key = "AKIAIOSFODNN7EXAMPLE"
+-----BEGIN RSA PRIVATE KEY-----
+MIIEpAIBAAKCAQEA
+-----END RSA PRIVATE KEY-----
"""
    assert mask_code(kept) == kept
    assert (
        mask_code(secret)
        == """\
+API_KEY = "***"
+    {"hf_token": '***', "lr": 0.1}
+export AWS_SECRET_ACCESS_KEY=***
-password: ***
+key = "***"
+-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----
"""
    )


@pytest.mark.parametrize(
    "piece", ["a-", "a.", "eyJ-", "x=", "http://", "a:", "-----BEGIN PRIVATE KEY-----"]
)
def test_no_text_takes_long(piece: str) -> None:
    text = piece * (2**20 // len(piece))
    begin = time.thread_time()  # of this thread alone, because the machine may be busy
    mask_code(text)
    assert time.thread_time() - begin < 10
