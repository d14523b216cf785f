"""Secrets are struck out, however they are told and cut, and nothing else is."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jidoka.contract.redaction import PLACEHOLDER, Redactor, Redactors
from jidoka.contract.secret_values import KnownValues
from tests.support.secrets import LETTERS, canaries, encodings, others

REDACTOR = Redactor(b"a key", "s1")
EVERY = {**canaries(), **others()}
CASES = [
    pytest.param(form, id=f"{kind} {name}")
    for kind, secret in canaries().items()
    for name, form in encodings(secret).items()
]


@pytest.mark.parametrize("form", CASES)
@pytest.mark.parametrize("around", ["{}", "export X={} # mine\n", 'say "{}", please', "\t{}\r\n"])
def test_a_canary_is_struck_out_in_every_form(form: str, around: str):
    text = around.format(form)

    redacted, count = REDACTOR.text(text)

    assert form not in redacted
    assert count == 1
    assert PLACEHOLDER.sub("@", redacted) == around.format("@")


@pytest.mark.parametrize(("kind", "secret"), EVERY.items())
def test_a_placeholder_names_the_kind(kind: str, secret: str):
    redacted, _ = REDACTOR.text(f"it is {secret}")

    assert redacted.startswith(f"it is [redacted:{kind}:")


@pytest.mark.parametrize("seed", ["a", "b", "c"])
def test_a_key_inside_of_base64_is_struck_out_wherever_it_begins(seed: str):
    for size in range(4):
        whole = f"{'u' * size}:{canaries(seed)['github-token']}@host"

        redacted, count = REDACTOR.text(base64.b64encode(whole.encode()).decode())

        assert count == 1, size
        kept = PLACEHOLDER.sub("", redacted)
        assert len(kept) <= (size + 1) * 4 // 3 + 10


@pytest.mark.parametrize(
    "text",
    [
        "PASSWORD={}",
        'DB_PASSWORD="{}"',
        "password: '{}'",
        '{{"token": "{}"}}',
        '{{\\"client_secret\\": \\"{}\\"}}',
        "apiKey: {},",
        "STRIPE_KEY={}",
        "secret := `{}`",
        "aws_secret_access_key = {}",
        "Authorization: Bearer {}",
        "//registry.example/:_authToken={}",
        "postgres://app:{}@db:5432/app",
    ],
)
def test_what_is_assigned_to_a_secret_name_is_struck_out(text: str):
    value = "f9Kq2mZx81LwPv3T"

    redacted, count = REDACTOR.text(text.format(value))

    assert PLACEHOLDER.sub("{}", redacted) == text.format("{}")
    assert count == 1


INNOCENT = {
    "a commit": "commit " + hashlib.sha1(b"x", usedforsecurity=False).hexdigest(),
    "a uuid": f"id: {uuid.UUID(int=2**100 + 12345)} token_id: {uuid.UUID(int=77**19)}",
    "npm lock": '"integrity": "sha512-' + base64.b64encode(hashlib.sha512(b"y").digest()).decode(),
    "pip hash": "    --hash=sha256:" + hashlib.sha256(b"z").hexdigest(),
    "go sum": "h1:" + base64.b64encode(hashlib.sha256(b"q").digest()).decode(),
    "poetry": 'content-hash = "' + hashlib.sha256(b"p").hexdigest() + '"',
    "an image": "data:image/png;base64,"
    + base64.b64encode(b"".join(hashlib.sha512(bytes([n])).digest() for n in range(255))).decode(),
    "code": "token = tokens[0]\npassword = get_password1()\nsecret=os.environ['SECRET2']\n",
    "types": "token: string; apiKey: process.env.OPENAI_KEY1; password?: string | undefined;",
    "a call": "login(user, password=settings.TEST_PASSWORD_2, token=self.token_v2)",
    "workflow": "token: ${{ secrets.GITHUB_TOKEN }}\npassword: $PASSWORD_1\nkey: %KEY%",
    "paths": "token: /var/run/secrets/token1\nsecret_file=./conf/v2/secret.yaml",
    "docs": "AWS_ACCESS_KEY_ID=" + "AKIA" + "IOSFODNN7EXAMPLE",
    "words": "password: changeme or correct horse; the secret is patience; key: value1234567",
    "counts": "input_tokens=12345678 max_tokens: 4096000000 token_count = 1000000000000",
    "css": "sk-toggleable__content sk-estimator-doc-link sk-parallel-item-and-more-words",
    "a question": 'if "-----' + 'BEGIN RSA PRIVATE KEY-----" in text:\n    return "a key"\n',
    "a public key": "-----" + "BEGIN PUBLIC KEY-----\n" + "M" * 64 + "\n-----END PUBLIC KEY-----",
    "a url": "https://example.org/a/b?c=d1e2f3a4b5#token http://user:pass@localhost/",
    "k8s": "secretName: my-app-v2-tls\nkeyRef: token-v1\nsecretKeyRef:\n  name: db-2-config",
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in INNOCENT.items()])
def test_what_only_looks_random_is_left_alone(text: str):
    assert REDACTOR.text(text) == (text, 0)


def test_a_placeholder_is_the_same_in_its_session_and_different_in_any_other():
    secret = canaries()["github-token"]

    mine = REDACTOR.text(secret), REDACTOR.text(f"again {secret}")
    others_ = Redactor(b"a key", "s2").text(secret), Redactor(b"another", "s1").text(secret)

    assert mine[1][0] == f"again {mine[0][0]}"
    assert len({mine[0], *others_}) == 3


def test_what_is_redacted_stays_as_it_is():
    once, _ = REDACTOR.text("\n".join(f"token: {secret}" for secret in EVERY.values()))

    assert REDACTOR.text(once) == (once, 0)


def test_a_known_value_is_struck_out_in_every_form():
    value = "correct.horse/battery+staple"
    redactors = Redactors(b"a key")
    redactors.learn([value])

    for form in encodings(value).values():
        redacted, count = redactors.of("s1").text(f"<{form}> <{form}>")

        assert count == 2
        assert form[1:-3] not in redacted


def test_what_was_struck_out_is_known_by_its_placeholder():
    secret = canaries()["github-token"]
    text = f"GH={secret}\n"

    stands = PLACEHOLDER.search(REDACTOR.text(text)[0])

    assert stands is not None
    assert REDACTOR.secrets_of(text) == {stands[0]: {secret}}


KNOWN = Redactor(b"a key", "s1", KnownValues(["zyx987zyx987"]))
SECRETS = st.sampled_from(sorted(form for s in EVERY.values() for form in encodings(s).values()))
REST = EVERY["private-key"].partition("\n")[2]
WORDS = st.one_of(
    SECRETS,
    st.sampled_from([REST, f"\n{REST}", f"\n{REST[:200]}", REST.replace("\n", "\r\n")]),
    st.text(LETTERS + ' \n"=:/-_+.{}', max_size=30),
    st.text(max_size=6),
    st.sampled_from(
        ["password=", "token: ", "-----" + "BEGIN ", "zyx987zyx987", "Bearer ", "://u:"]
    ),
    st.builds(
        lambda letters, times: letters * times, st.text("aZ9+ /", max_size=3), st.just(5_000)
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(WORDS, max_size=12), st.lists(st.integers(1, 9_000), min_size=1, max_size=20))
def test_however_a_text_is_cut_the_same_is_struck_out(words: list[str], sizes: list[int]):
    text = "".join(words)
    stream = KNOWN.stream()

    pieces: list[str] = []
    at = 0
    while at < len(text):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(stream.feed(text[at : at + size]))
        at += size
    pieces.append(stream.close())

    assert ("".join(pieces), stream.count) == KNOWN.text(text)


def test_a_secret_is_struck_out_wherever_its_text_is_cut():
    text = "".join(f"x {form} y\n" for form in encodings(canaries()["anthropic-key"]).values())

    for at in range(len(text)):
        stream = REDACTOR.stream()
        redacted = stream.feed(text[:at]) + stream.feed(text[at:]) + stream.close()
        assert redacted == REDACTOR.text(text)[0], at


def test_a_private_key_is_struck_out_wherever_its_output_is_cut():
    text = f"$ cat key.pem\n{EVERY['private-key']}\n$ \n" + "and more " * 20

    for at in range(len(text)):
        stream = REDACTOR.stream()
        first, second = stream.feed(text[:at]), stream.feed(text[at:]) + stream.close()
        assert first + second == REDACTOR.text(text)[0], at


@pytest.mark.parametrize(
    "shown",
    [
        REST,
        f"$ tail -n +2 key.pem\n{REST}\n$ ",
        f"-----\n{REST}".replace("\n", "\r\n"),
        "".join(f"{n:>6}\t{line}\n" for n, line in enumerate(REST.splitlines(), 2)),
    ],
    ids=["alone", "tail", "crlf", "listing"],
)
def test_the_rest_of_a_private_key_is_known_by_its_end(shown: str):
    redacted, count = REDACTOR.text(f"{shown}\nthe end")

    assert count == 1
    assert all(line not in redacted for line in REST.splitlines()[:-1])
    assert redacted.endswith("\nthe end")


def test_lines_that_end_in_a_certificate_or_in_nothing_are_left_alone():
    body = "\n".join(REST.splitlines()[:-1])
    certificate = "-----" + f"BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
    many = f"{body}\n" * 200

    for text in (certificate, body, many):
        assert REDACTOR.text(text) == (text, 0)


def test_a_long_text_is_not_held():
    stream = REDACTOR.stream()

    for _ in range(64):
        stream.feed("x" * 16_384)
    rest = stream.close()

    assert len(rest) < 32_768


def test_a_secret_in_a_very_long_word_is_struck_out():
    secret = canaries()["github-token"]
    text = "/" * 8_000 + secret + "/" * 50_000 + secret

    redacted, count = REDACTOR.text(text)

    assert count == 2
    assert secret not in redacted


def test_json_that_holds_a_private_key_stays_json():
    data = {"file": canaries()["private-key"], "n": 1}

    redacted, _ = REDACTOR.text(json.dumps(data))

    assert json.loads(redacted)["n"] == 1
