"""What proves a delivery, and what does not: each way against the raw bytes."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from service.hooks.proofs import BodySigned, Delivery, MessageSigned, PasswordGiven, TokenGiven
from tests.hooks.senders import (
    PUSH,
    SECRET,
    SIGNING,
    TOKEN,
    basic_headers,
    github_headers,
    signed_headers,
    token_headers,
    written,
)

NOW: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
BODY: Final = written(PUSH)
GITHUB: Final = BodySigned("x-hub-signature-256", "sha256=")
GITLAB: Final = MessageSigned("webhook-signature", "webhook-id", "webhook-timestamp")
MLFLOW: Final = MessageSigned(
    "x-mlflow-signature", "x-mlflow-delivery-id", "x-mlflow-timestamp", marked=False
)
PLAIN: Final = TokenGiven("x-gitlab-token")
OTHERS: Final = f"whsec_{base64.b64encode(b'of another source, long enough').decode()}"
Change = Callable[[str], str]


def lower(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as they arrive."""
    return {name.lower(): text for name, text in headers.items()}


def of_github(change: Change = str, body: bytes = BODY, secret: str = SECRET) -> bool:
    """Does GitHub's signature, changed, prove the body?"""
    headers = lower(github_headers(BODY))
    headers["x-hub-signature-256"] = change(headers["x-hub-signature-256"])
    return GITHUB.holds(Delivery(headers, body), secret=secret, now=NOW)


def of_gitlab(headers: Mapping[str, str], body: bytes = BODY, secret: str = SIGNING) -> bool:
    """Does a signature of GitLab's prove the body now?"""
    return GITLAB.holds(Delivery(lower(headers), body), secret=secret, now=NOW)


def flipped(body: bytes, place: int) -> bytes:
    """The body with one bit changed."""
    return body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]


def hexadecimal(signature: str) -> str:
    """The same bytes in the other writing."""
    return base64.b64decode(signature.removeprefix("v1,")).hex()


def in_base64(signature: str) -> str:
    """The same bytes in the other writing."""
    return base64.b64encode(bytes.fromhex(signature.removeprefix("sha256="))).decode()


ACCEPTED: Final[Mapping[str, Change]] = {
    "as sent": str,
    "beside a wrong one": lambda one: f"sha256={'0' * 64},{one}",
    "before a wrong one": lambda one: f"{one}, sha256={'0' * 64}",
}
REFUSED: Final[Mapping[str, Change]] = {
    "all upper case": str.upper,
    "upper case hex": lambda one: f"sha256={one.removeprefix('sha256=').upper()}",
    "base64": lambda one: f"sha256={in_base64(one)}",
    "no prefix": lambda one: one.removeprefix("sha256="),
    "cut": lambda one: one[:-1],
    "longer": lambda one: f"{one}0",
    "one digit": lambda one: f"{one[:-1]}{'0' if one[-1] != '0' else '1'}",
    "another prefix": lambda one: one.replace("sha256=", "sha1="),
    "SHA-1": lambda _: f"sha1={hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest()}",
    "without the secret": lambda _: f"sha256={hashlib.sha256(BODY).hexdigest()}",
    "after too many": lambda one: ", ".join([*["sha256=00"] * 10, one]),
    "nothing": lambda _: "",
    "the prefix alone": lambda _: "sha256=",
    "no ASCII": lambda _: "sha256=é",
}


@pytest.mark.parametrize("how", ACCEPTED)
def test_proof_github(how: str) -> None:
    """HOOK-03: lower-case hexadecimal of SHA-256, as GitHub writes it; one of several is enough."""
    assert of_github(ACCEPTED[how])


@pytest.mark.parametrize("how", REFUSED)
def test_proof_github_other(how: str) -> None:
    """HOOK-03: nothing near it."""
    assert not of_github(REFUSED[how])


def test_proof_github_changed() -> None:
    """HOOK-03, HOOK-04: one bit of the body, another secret, the same JSON written anew."""
    rewritten = json.dumps(json.loads(BODY), separators=(",", ":")).encode()
    ordered = json.dumps(json.loads(BODY), sort_keys=True).encode()
    escaped = BODY.replace(b"acme", b"\\u0061cme")

    assert json.loads(escaped) == json.loads(BODY)
    for body in (rewritten, ordered, escaped, BODY + b"\n", b""):
        assert not of_github(body=body)
    assert not any(of_github(body=flipped(BODY, place)) for place in range(len(BODY)))
    assert not of_github(secret=SECRET[:-1])
    assert not of_github(secret="")


@pytest.mark.parametrize(
    ("seconds", "proved"),
    [(0, True), (-299, True), (299, True), (-360, False), (360, False), (-86_400, False)],
)
def test_proof_message_time(seconds: int, *, proved: bool) -> None:
    """HOOK-05: signed within five minutes, both ways; retries keep their first time."""
    at = (NOW + timedelta(seconds=seconds)).timestamp()

    assert of_gitlab(signed_headers(BODY, at=at)) is proved


@pytest.mark.parametrize(
    "written_time",
    ["", "NaN", "nan", "inf", "-1", "+1", "1e9", "{now}.0", " {now}", "{now} ", "{now}000", "0x1",
     "1_700_000_000", "٠١٢٣", "{now}, {now}", "9" * 400, "é", "\x00"],
)  # fmt: skip
def test_proof_message_no_time(written_time: str) -> None:
    """HOOK-05: whole seconds in plain digits, even where whatever stands there was signed."""
    moment = written_time.replace("{now}", str(int(NOW.timestamp())))
    key = base64.b64decode(SIGNING.removeprefix("whsec_"))
    message = b".".join([b"one", moment.encode(), BODY])
    made = base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()
    headers = {"webhook-id": "one", "webhook-signature": f"v1,{made}"}

    assert not of_gitlab(headers)
    try:
        sent = moment.encode("latin-1").decode("latin-1")
    except UnicodeEncodeError:
        return  # no header carries it
    assert not of_gitlab(headers | {"webhook-timestamp": sent})


def test_proof_message_signatures() -> None:
    """HOOK-03: `v1,` and base64, several with spaces between, of which one is right."""
    headers = signed_headers(BODY, at=NOW.timestamp())
    right = headers["webhook-signature"]
    wrong = signed_headers(BODY, secret=OTHERS, at=NOW.timestamp())["webhook-signature"]

    for one in (f"{wrong} {right}", f"{right} {wrong}", f"v2,x {right}", f"{wrong}, {right}"):
        assert of_gitlab(headers | {"webhook-signature": one})
    for one in (
        wrong, right.removeprefix("v1,"), right.replace("v1,", "v2,"), f"v1,{hexadecimal(right)}",
        right.upper(), right.lower(), right.rstrip("="), right + "=", "", "v1,", "v1a," + right[3:],
    ):  # fmt: skip
        assert not of_gitlab(headers | {"webhook-signature": one}), one


def test_proof_message_parts() -> None:
    """HOOK-03: id, time and body are signed together; another secret, or no id, proves nothing."""
    headers = signed_headers(BODY, delivery="one", at=NOW.timestamp())
    moment = headers["webhook-timestamp"]

    assert of_gitlab(headers)
    assert not of_gitlab(headers | {"webhook-id": "two"})
    assert not of_gitlab(headers | {"webhook-timestamp": str(int(moment) + 1)})
    assert not any(of_gitlab(headers, body=flipped(BODY, place)) for place in range(len(BODY)))
    assert not of_gitlab({n: v for n, v in headers.items() if n != "webhook-id"})
    assert not of_gitlab(signed_headers(BODY, delivery="x" * 201, at=NOW.timestamp()))
    for secret in (OTHERS, "", SIGNING.removeprefix("whsec_"), "whsec_", "whsec_???", TOKEN):
        assert not of_gitlab(headers, secret=secret), secret


def test_proof_message_raw_key() -> None:
    """A sender whose key is the secret itself, as it stands, is a further row of the same kind."""
    moment = str(int(NOW.timestamp()))
    message = b".".join([b"one", moment.encode(), BODY])
    made = base64.b64encode(hmac.new(TOKEN.encode(), message, hashlib.sha256).digest()).decode()
    headers = {
        "x-mlflow-signature": f"v1,{made}", "x-mlflow-delivery-id": "one",
        "x-mlflow-timestamp": moment,
    }  # fmt: skip

    assert MLFLOW.holds(Delivery(headers, BODY), secret=TOKEN, now=NOW)
    assert not MLFLOW.holds(Delivery(headers, BODY), secret=SECRET, now=NOW)


@given(
    st.binary(max_size=300), st.from_regex(r"[!-~]{1,40}", fullmatch=True), st.integers(-400, 400)
)
def test_proof_message_oracle(body: bytes, delivery: str, seconds: int) -> None:
    """What the specification's own library signs is proved, and refused together with it."""
    oracle, moment = Webhook(SIGNING), datetime.now(UTC) + timedelta(seconds=seconds)
    text = body.decode("latin-1")
    headers = {
        "webhook-id": delivery, "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": oracle.sign(msg_id=delivery, timestamp=moment, data=text),
    }  # fmt: skip
    try:
        oracle.verify(text, headers)
        proved = True
    except WebhookVerificationError:
        proved = False
    except ValueError:
        proved = True  # proved, and then no JSON
    now = datetime.now(UTC)

    if abs(abs(seconds) - 300) > 2:  # both read the clock by themselves
        assert GITLAB.holds(Delivery(headers, text.encode()), secret=SIGNING, now=now) is proved


def test_proof_token() -> None:
    """HOOK-03: the token whole, and never a signing secret in its place."""
    right = Delivery(lower(token_headers()), BODY)

    assert PLAIN.holds(right, secret=TOKEN, now=NOW)
    for secret in (TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "", SECRET):
        assert not PLAIN.holds(right, secret=secret, now=NOW)
    given_away = Delivery(lower(token_headers(token=SIGNING)), BODY)
    assert not PLAIN.holds(given_away, secret=SIGNING, now=NOW)
    assert not PLAIN.holds(Delivery({}, BODY), secret=TOKEN, now=NOW)


def test_proof_password() -> None:
    """The password of a basic credential, whatever the name beside it; nothing near it."""
    proof = PasswordGiven()

    def holds(credential: str, secret: str = TOKEN) -> bool:
        return proof.holds(Delivery({"authorization": credential}, BODY), secret=secret, now=NOW)

    for user in ("hooks", "", "a b", "ü"):
        right = basic_headers(password=TOKEN, user=user)["Authorization"]
        assert holds(right)
        assert holds(right.replace("Basic", "bAsIc"))
    made = right.removeprefix("Basic ")
    for wrong in (
        "", "Basic", "Basic ", made, f"Bearer {TOKEN}", f"Basic {TOKEN}", f"Basic {made}, {made}",
        f"Basic {made[:-4]}", f"Basic \xe9{made}", f"Basic {hexadecimal('v1,' + made)}",
        basic_headers(password="", user=TOKEN)["Authorization"],
        basic_headers(password=TOKEN + ":", user="x")["Authorization"],
    ):  # fmt: skip
        assert not holds(wrong), wrong
    assert not holds(right, secret=SECRET)
    assert not holds(basic_headers(password=SIGNING)["Authorization"], secret=SIGNING)
    assert holds(basic_headers(password=f"a:{TOKEN}")["Authorization"], secret=f"a:{TOKEN}")
