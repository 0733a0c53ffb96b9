"""Keys and credentials: masked whole, dropped from addresses, seen through percent-encoding."""

from typing import Final
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import Identifier, Kind
from schemas.masking import SECRETS, drop_userinfo, mask_secrets

KEY: Final = "AKIA" + "A" * 16
PARTS: Final = (
    KEY, "://", "u:pw@", "@", ":", "%", "25", "2F", "%2F", "%40", "%3A", "%253A", "3", "A", " ",
    "/", "s3", "hub", "ü",
)  # fmt: skip


def encoded(text: str, times: int) -> str:
    """As it stands in an address in an address."""
    for _ in range(times):
        text = quote(text, safe="")
    return text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"https://{KEY}:pw@hub/x", "https://[masked credential]@hub/x"),
        ("redis://:pw@hub", "redis://[masked credential]@hub"),
        ("s3://u:p@ss@lake/y", "s3://[masked credential]@lake/y"),
        ("see https://hub/?next=s3%3A%2F%2Fu%3Apw%40lake%2Fy%20z",
         "see https://hub/?next=s3%3A%2F%2F[masked credential]%40lake%2Fy%20z"),
        (f"a%252F{KEY}%252Fb", "a%252F[masked aws key]%252Fb"),
        ("https://hub:8080/a%40b", "https://hub:8080/a%40b"),
        ("100%", "100%"),
    ],
)  # fmt: skip
def test_masked_whole(text: str, masked: str) -> None:
    """Who signs in goes as a whole, whatever of it looks like a key; the rest stays as it is."""
    assert mask_secrets(text) == masked


@pytest.mark.parametrize("times", range(8))
def test_masked_however_encoded(times: int) -> None:
    """LEAK-06: no depth of encoding hides a credential."""
    assert "pw" not in mask_secrets(encoded("s3://user:pw@lake/y", times))
    assert KEY not in mask_secrets(encoded(f"/{KEY}/", times))


@given(st.lists(st.sampled_from(PARTS), max_size=12).map("".join))
def test_masked_once(text: str) -> None:
    """What is masked is masked: nothing of it is a key, and twice changes nothing."""
    masked = mask_secrets(text)

    assert mask_secrets(masked) == masked
    assert SECRETS.search(masked) is None


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("s3://u:pw@lake/y@2", "s3://lake/y@2"),
        ("s3://token@lake/y", "s3://lake/y"),
        ("s3://u:a/b+c@lake/y", "s3://lake/y"),
        ("s3://u:p@ss@lake/y", "s3://lake/y"),
        ("abfss://raw@account/y", "abfss://raw@account/y"),
        ("abfss://raw:pw@account/y", "abfss://raw@account/y"),
        ("https://hub:8080/models@1", "https://hub:8080/models@1"),
        ("https://hub:8080?by=a@b", "https://hub:8080?by=a@b"),
        ("jdbc:postgresql://u:pw@db/x and s3://v:pw@lake", "jdbc:postgresql://db/x and s3://lake"),
        ("mail anna@example.com", "mail anna@example.com"),
    ],
)
def test_drop_userinfo(text: str, left: str) -> None:
    """A container of a store is no credential, and a port no password."""
    assert drop_userinfo(text) == left
    assert drop_userinfo(left) == left


@pytest.mark.parametrize(
    ("kind", "scheme", "value"),
    [
        ("dataset", "foreign", "github.com/1#README.md#s3:%252F%252Fuser:pw@lake%252Fy"),
        ("dataset", "foreign", "github.com/1#README.md#s3://user:pw@lake/y"),
        ("dataset", "mlflow", "mlflow-prod/default/s3:%2F%2Fuser:pw@lake"),
        ("dataset", "uri", f"s3://lake/%2F{KEY}%2F"),
        ("dataset", "uri", f"s3://{KEY}/y"),
        ("dataset", "uri", 's3://user:"pw"/x'),
        ("model", "name", f"retail/{KEY}"),
        ("model", "other", f"a/x%2F{KEY}%2Fy"),
    ],
)
def test_no_secret_is_an_identifier(kind: str, scheme: str, value: str) -> None:
    """LEAK-06: encoded, in small letters, or as it is: what looks like a key names nothing."""
    with pytest.raises(ValueError, match=r"key|password"):
        Identifier(kind=Kind(kind), scheme=scheme, value=value)


def test_dataset_uri_without_credential() -> None:
    """A dataset is the same whoever signs in to read it."""
    for userinfo in ("", "u:pw@", f"{KEY}:a/b@", f"{KEY}@", "u:1p?w@"):
        one = Identifier(kind=Kind.DATASET, scheme="uri", value=f"s3://{userinfo}Lake/Y?sig=1")
        assert one.value == "s3://lake/Y"
