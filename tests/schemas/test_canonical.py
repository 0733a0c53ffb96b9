"""Canonical forms: one spelling for each thing, whatever a source writes."""

import sys
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.canonical import (
    LONGEST_VALUE,
    canonical_commit,
    canonical_dataset_uri,
    canonical_digest,
    canonical_email,
    canonical_natural,
    canonical_repository_url,
    canonical_text,
    decode_segment,
    encode_segment,
    fold_name,
    natural_name,
    number_key,
    path_segment,
    split_natural_name,
)
from tests.support.strategies import (
    DATASET_URIS,
    DIGESTS,
    EMAILS,
    NAMES,
    REPOSITORY_URLS,
    TEXTS,
)

Canonical = Callable[[str], str]
IDEMPOTENT: dict[Canonical, st.SearchStrategy[str]] = {
    canonical_text: TEXTS,
    fold_name: TEXTS,
    canonical_natural: NAMES,
    canonical_repository_url: REPOSITORY_URLS,
    canonical_dataset_uri: DATASET_URIS,
    canonical_email: EMAILS,
    canonical_digest: DIGESTS,
}


@pytest.mark.parametrize(
    "written",
    [
        "git@github.com:Acme/Churn.git",
        "ssh://git@github.com:22/acme/churn.git",
        "ssh://git@ssh.github.com:443/acme/churn.git",
        "git://github.com/acme/churn",
        "git+https://github.com/acme/churn.git@v1.2",
        "git+ssh://git@github.com/acme/churn.git",
        "https://me:secret@GitHub.com:443/acme/churn.GIT/?tab=readme#top",
        "http://github.com:80/acme/churn/",
        " https://github.com./acme//churn/tree/main/src ",
        "https://github.com/acme/churn/blob/main/model.yaml",
        "https://github.com/acme/churn/-/jobs/7",
        "https://github.com/acme/churn.git.git/",
        "github.com:acme/churn?x#y",
    ],
)
def test_repository_url_same_repository(written: str) -> None:
    """Every way to write one repository's address has one canonical form."""
    assert canonical_repository_url(written) == "https://github.com/acme/churn"


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("git@ssh.dev.azure.com:v3/o/p/r", "https://dev.azure.com/o/p/_git/r"),
        ("https://o@dev.azure.com/o/p/_git/r", "https://dev.azure.com/o/p/_git/r"),
        ("https://dev.azure.com/o/p/_git/r@x", "https://dev.azure.com/o/p/_git/r@x"),
        ("https://gitlab.acme.example/a/b/C/-/tree/main", "https://gitlab.acme.example/a/b/c"),
        ("https://git.acme.example:8443/Team/Churn", "https://git.acme.example:8443/Team/Churn"),
        ("ssh://git.acme.example:29418/Churn", "https://git.acme.example/Churn"),
        ("https://b\u00fccher.example/a/b", "https://xn--bcher-kva.example/a/b"),
        ("https://xn--bcher-kva.example/a/b", "https://xn--bcher-kva.example/a/b"),
        ("https://[::0001]:8443/a/b", "https://[::1]:8443/a/b"),
        ("https://github.com/acme/releases/blob/main/x", "https://github.com/acme/releases"),
        ("git@github.com:tree/x", "https://github.com/tree/x"),
        ("https://github.com/acme/tree/", "https://github.com/acme/tree"),
    ],
)
def test_repository_url_distinct(written: str, canonical: str) -> None:
    """What tells repositories apart is kept: case elsewhere, ports, owners named like a view."""
    assert canonical_repository_url(written) == canonical


@pytest.mark.parametrize(
    "written",
    [
        "",
        "churn",
        "/srv/git/churn.git",
        "C:\\git\\churn",
        "file:///srv/churn",
        "git@host:churn",
        "s3://lake/churn",
        "https://",
        "https:///acme/churn",
        "https://github.com",
        "https://localhost/churn",
        "https://github.com/acme/../evil",
        "https://github.com/acme/%2e%2E/evil",
        "https://github.com\\@evil.example/acme/churn",
        "https://github.com/acme/churn .git",
        "https://github.com:99999/acme/churn",
        "https://[::1/acme/churn",
        "https://[fe80::1%25evil]/acme/churn",
        "https://stra\u00dfe.example/acme/churn",
        "https://a%2eb/acme/churn",
        "https://a..b/acme/churn",
        "https://github.com/\x00/x",
        "https://github.com/\u202eacme/x",
        "https://github.com/\ud800/x",
        f"https://github.com/{'a' * 1_024}",
    ],
)
def test_repository_url_refused(written: str) -> None:
    """What is no address of a repository, or reads like another one's, is refused unrepeated."""
    with pytest.raises(ValueError, match=r".") as refused:
        canonical_repository_url(written)
    assert "evil" not in str(refused.value)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("S3A://Lake/churn/", "s3://lake/churn"),
        ("s3n://lake/Churn//day=1", "s3://lake/Churn//day=1"),
        ("s3://lake/a// ", "s3://lake/a"),
        ("s3://key:secret@lake/a?versionId=1", "s3://lake/a"),
        ("https://Host.example/A#frag", "https://host.example/A"),
        ("abfss://raw@Acme.dfs.core.windows.net/a", "abfss://raw@acme.dfs.core.windows.net/a"),
        ("wasbs://raw:key@acme.example/a", "wasbs://raw@acme.example/a"),
        ("hf://datasets/Org/Name", "hf://datasets/Org/Name"),
        ("snowflake://Account/DB.schema.Table", "snowflake://account/DB.schema.Table"),
        ("s3://lake/a/../b", "s3://lake/a/../b"),
        ("s3://lake", "s3://lake"),
    ],
)
def test_dataset_uri_forms(written: str, canonical: str) -> None:
    """Scheme and host in lower case, credentials dropped; a container and a path's case kept."""
    assert canonical_dataset_uri(written) == canonical


@pytest.mark.parametrize(
    "written",
    [
        "",
        "churn.csv",
        "/data/churn.csv",
        "file:///data",
        "C:\\data",
        "s3:/lake",
        "s3:///lake",
        "1s3://lake",
        "s3://me@/x",
        "s3://la ke/x",
        "s3://lake/\x07",
    ],
)
def test_dataset_uri_refused(written: str) -> None:
    """Local paths and addresses without a host are refused."""
    with pytest.raises(ValueError, match=r"."):
        canonical_dataset_uri(written)


@pytest.mark.parametrize(
    "refused",
    [
        "",
        "a" * 1_025,
        "\u00e9" * 513,
        "a\x00",
        "a\n",
        "\x85",
        "\u2066",
        "\u061c",
        "\ufffe",
        "\ud800",
    ],
)
def test_text_refused(refused: str) -> None:
    """Neither empty, nor over 1,024 bytes, nor with what no screen shows."""
    with pytest.raises(ValueError, match=r"."):
        canonical_text(refused)


def test_text_forms() -> None:
    """NFC, up to 1,024 bytes of it."""
    assert canonical_text("e\u0301") == "\u00e9"
    assert canonical_text("a" * LONGEST_VALUE) == "a" * LONGEST_VALUE


@pytest.mark.parametrize(
    ("namespace", "name", "natural"),
    [
        ("retail", "churn", "retail/churn"),
        ("Retail", "Stra\u00dfe", "retail/strasse"),
        ("retail", "a?b#c", "retail/a?b%23c"),
        ("retail", "a/b%c", "retail/a%2fb%25c"),
    ],
)
def test_natural_name_forms(namespace: str, name: str, natural: str) -> None:
    """Compared by NFC and case folding; what would split it is encoded."""
    assert natural_name(namespace, name) == natural
    assert split_natural_name(natural) == tuple(natural.split("/"))


@pytest.mark.parametrize(
    ("value", "segments"),
    [
        ("churn", 2),
        ("/churn", 2),
        ("retail/", 2),
        ("re.tail/churn", 2),
        ("re tail/churn", 2),
        (f"{'n' * 64}/churn", 2),
        ("retail/churn/7", 2),
        ("retail/churn", 3),
        ("retail//7", 3),
        (f"retail/{'a' * 1_020}", 2),
    ],
)
def test_natural_name_refused(value: str, segments: int) -> None:
    """A name without a namespace, or with more or fewer parts than its kind has, is refused."""
    with pytest.raises(ValueError, match=r"."):
        canonical_natural(value, segments=segments)


def test_email_forms() -> None:
    """Trimmed and in lower case; letters that only fold alike stay two addresses."""
    assert canonical_email(" Owner@Example.COM ") == "owner@example.com"
    assert canonical_email("stra\u00dfe@example.com") != canonical_email("strasse@example.com")
    for refused in ["owner", "@example.com", "a@b@c", "Jo <jo@example.com>", "<jo@example.com>"]:
        with pytest.raises(ValueError, match="must be an e-mail address"):
            canonical_email(refused)


def test_digest_and_commit_forms() -> None:
    """SHA-256 with its prefix; a commit only when it is whole."""
    written = [f"{prefix}{'aB' * 32}" for prefix in ("", "sha256:", " SHA256:")]
    assert {canonical_digest(digest) for digest in written} == {f"sha256:{'ab' * 32}"}
    for refused in ["", "sha256:ab", f"md5:{'a' * 32}", "g" * 64]:
        with pytest.raises(ValueError, match="must be sha256"):
            canonical_digest(refused)
    assert canonical_commit(f" {'A' * 40}") == "a" * 40
    assert canonical_commit("a" * 64) == "a" * 64
    assert [canonical_commit(short) for short in ("9f2c", "", "g" * 40, "a" * 41)] == [None] * 4


@pytest.mark.parametrize("canonical", IDEMPOTENT, ids=lambda canonical: canonical.__name__)
@settings(deadline=None)
@given(data=st.data())
def test_canonical_idempotent(canonical: Canonical, data: st.DataObject) -> None:
    """canonical(canonical(x)) == canonical(x), and every refusal is a ValueError."""
    try:
        once = canonical(data.draw(IDEMPOTENT[canonical] | st.text()))
    except ValueError:
        return
    assert canonical(once) == once


def test_fold_name_idempotent_everywhere() -> None:
    """No letter of Unicode folds in two steps."""
    letters = map(chr, range(sys.maxunicode + 1))
    assert [c for c in letters if fold_name(fold_name(c)) != fold_name(c)] == []


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_segment_round_trip(name: str) -> None:
    """A free name comes back from its segment, which no separator splits."""
    assert decode_segment(encode_segment(name)) == name
    assert not set(encode_segment(name)) & {"/", "#"}
    assert path_segment(name).isascii()
    assert not set(path_segment(name)) & {"/", ":", "?"}


def test_number_key_natural_order() -> None:
    """1.9 comes before 1.10; text after numbers, whatever the case."""
    ordered = ["0", "1", "1.9", "1.10", "2", "2-rc1", "10", "99999999999999999999", "v2", "V10"]
    assert sorted({*ordered}, key=number_key) == ordered


@given(st.integers(0, 10**30), st.integers(0, 10**30))
def test_number_key_orders_numbers(one: int, other: int) -> None:
    """Whole numbers are ordered as numbers; leading zeros say nothing."""
    assert (number_key(str(one)) < number_key(str(other))) == (one < other)
    assert number_key(f"00{one}") == number_key(str(one))
