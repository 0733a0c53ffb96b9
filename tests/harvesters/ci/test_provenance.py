"""Provenance: every shape that statements travel in, hostile ones, and what proves them."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from harvesters.ci.provenance import Reading, Statement, Subject, read_provenance
from harvesters.ci.provenance_keys import KeyVerifier
from harvesters.manifests.formats.found import FileRefused
from schemas.facts import BuildFacts

COMMIT: Final = "9f2c1a7be0d34c5f8a6b7c8d9e0f1a2b3c4d5e6f"
OTHER: Final = "1" * 40
DIGEST: Final = "ab" * 32
IN_TOTO: Final = "application/vnd.in-toto+json"
V1: Final[Mapping[str, Any]] = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": "model.pkl", "digest": {"sha256": DIGEST}}],
    "predicateType": "https://slsa.dev/provenance/v1",
    "predicate": {
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {"workflow": {"repository": "https://github.com/acme/churn"}},
            "resolvedDependencies": [
                {"uri": "git+https://github.com/acme/tools@v1", "digest": {"sha1": OTHER}},
                {"uri": "git+https://github.com/acme/churn@refs/heads/main",
                 "digest": {"gitCommit": COMMIT}},
            ],
        },
        "runDetails": {
            "builder": {"id": "https://github.com/actions/runner/github-hosted"},
            "metadata": {"invocationId": "https://github.com/acme/churn/actions/runs/1/attempts/2"},
        },
    },
}  # fmt: skip
V02: Final[Mapping[str, Any]] = {
    "_type": "https://in-toto.io/Statement/v0.1",
    "subject": [{"name": "model.pkl", "digest": {"sha256": DIGEST}}],
    "predicateType": "https://slsa.dev/provenance/v0.2",
    "predicate": {
        "builder": {"id": "https://builder.example.com"},
        "invocation": {"configSource": {
            "uri": "git+https://github.com/acme/churn", "digest": {"sha1": COMMIT},
        }},
        "materials": [{"uri": "pkg:docker/python@3.12", "digest": {"sha256": DIGEST}}],
    },
}  # fmt: skip


def raw(document: Any) -> bytes:
    """A document as a file."""
    return json.dumps(document).encode()


def envelope(payload: bytes, *signatures: bytes, kind: str = IN_TOTO) -> dict[str, Any]:
    """A DSSE envelope."""
    signed = [{"keyid": "", "sig": b64encode(one).decode()} for one in signatures]
    return {"payloadType": kind, "payload": b64encode(payload).decode(), "signatures": signed}


def bundle(payload: bytes) -> dict[str, Any]:
    """A Sigstore bundle."""
    return {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {}, "dsseEnvelope": envelope(payload)}  # fmt: skip


def only(read: Reading) -> Statement:
    """The only statement; nothing was left unread."""
    assert read.unread == ()
    (statement,) = read.statements
    return statement


def test_corpus(corpora: Path) -> None:
    """23 public files: 21 statements, 9 of v0.2 and 12 of v1, all with a commit; 2 hold none."""
    counts: Counter[str] = Counter()
    for path in sorted((corpora / "provenance").rglob("*")):
        if path.is_file():
            read = read_provenance(path.read_bytes())
            counts.update(files=1, none=not read.statements, unread=len(read.unread))
            for one in read.statements:
                version = "v0.2" if one.predicate.endswith("v0.2") else "v1"
                named = one.origin.builder is not None
                counts.update({version: 1, "commit": one.commit is not None, "builder": named})
                counts["verified"] += one.verified
                counts["digests"] += sum(subject.digest is not None for subject in one.subjects)
                facts = {"artifacts": one.artifacts(), "provenance_statements": [one.provenance()]}
                assert BuildFacts.model_validate(facts).artifacts

    assert counts == {
        "files": 23, "none": 2, "unread": 0, "v0.2": 9, "v1": 12, "commit": 21, "builder": 20,
        "verified": 0, "digests": 25,
    }  # fmt: skip


@pytest.mark.parametrize(
    "document",
    [
        V1,
        envelope(raw(V1)),
        bundle(raw(V1)),
        {"attestations": [{"bundle": bundle(raw(V1)), "repository_id": 7}]},
        [envelope(raw(V1))],
    ],
    ids=["plain", "dsse", "sigstore", "attestations", "list"],
)
def test_wrapped(document: Any) -> None:
    """However a statement travels, it says the same; its commit is that of its own source."""
    found = only(read_provenance(raw(document)))

    assert (found.predicate, found.commit) == ("https://slsa.dev/provenance/v1", COMMIT)
    assert found.subjects == (Subject("model.pkl", f"sha256:{DIGEST}"),)
    assert found.origin.repository == "https://github.com/acme/churn"
    assert found.origin.builder == "https://github.com/actions/runner/github-hosted"
    assert found.origin.run == "https://github.com/acme/churn/actions/runs/1/attempts/2"
    assert not found.verified


def test_old_source() -> None:
    """Without a commit among its materials, v0.2 says it by where its configuration comes from."""
    found = only(read_provenance(raw(V02)))

    assert (found.commit, found.origin.builder) == (COMMIT, "https://builder.example.com")


def test_lines() -> None:
    """One a line; the same one twice is one; a broken line refuses the file and says which."""
    lines = [raw(envelope(raw(V1))), b"", raw(bundle(raw(V1))), raw(V02)]

    read = read_provenance(b"\n".join(lines))

    assert [one.predicate[-4:] for one in read.statements] == ["e/v1", "v0.2"]
    with pytest.raises(FileRefused, match="its document 2 is not JSON"):
        read_provenance(raw(V1) + b"\n{broken")


def test_message_signature() -> None:
    """A signature over an artifact alone says which one, and claims nothing else."""
    signed = {"messageDigest": {"algorithm": "SHA2_256",
                                "digest": b64encode(bytes.fromhex(DIGEST)).decode()},
              "signature": "AAAA"}  # fmt: skip

    found = only(read_provenance(raw({"mediaType": "x", "messageSignature": signed})))

    assert found.subjects == (Subject(f"sha256:{DIGEST}", f"sha256:{DIGEST}"),)
    assert (found.commit, found.verified) == (None, False)
    odd = raw({"messageSignature": {"messageDigest": {"algorithm": "MD5", "digest": "AAAA"}}})
    assert read_provenance(odd).unread == ("a signature over something without a SHA-256",)


@pytest.mark.parametrize(
    ("document", "unread"),
    [
        ({}, 0),
        ([], 0),
        (None, 0),
        ("text", 0),
        ({"_type": 7}, 0),
        ({"attestations": {}}, 0),
        ({"attestations": [7, None]}, 0),
        ({"payload": "e30="}, 1),
        ({"payload": 7, "payloadType": IN_TOTO}, 1),
        (envelope(b"{}", kind="text/plain"), 1),
        (envelope(b"not json"), 1),
        (envelope(b"[" * 9_000), 1),
        (envelope(raw(envelope(raw(V1)))), 0),
        ({**envelope(raw(V1)), "signatures": [{"sig": "AAAA"}] * 21}, 1),
        ({"attestations": [{"bundle": None, "bundle_url": "https://x.example.com"}]}, 1),
        ({**V1, "_type": "https://in-toto.io/Statement/v9"}, 1),
        ({**V1, "_type": "https://in-toto.io/Statement/v1 "}, 1),
        ({**V1, "subject": []}, 1),
        ({**V1, "subject": {"name": "x"}}, 1),
        ({**V1, "subject": [{"name": "x"}] * 501}, 1),
        ({**V1, "predicateType": None}, 1),
        ({**V1, "predicateType": "x" * 2_000}, 1),
    ],
)
def test_no_statement(document: Any, unread: int) -> None:
    """What is none, or not one that can be read, is passed over with a reason; never a crash."""
    read = read_provenance(raw(document))

    assert (read.statements, len(read.unread)) == ((), unread)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (b"", "not_json"),
        (b"\xff\xfe{}", "not_utf8"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, "too_deep"),
        (b" " * (8 * 1024 * 1024 + 1), "too_large"),
        (b'{"_type": "a", "_type": "b"}', "not_json"),
        (raw([V1] * 201), "too_large"),
        (b"\n".join([raw({})] * 201), "too_large"),
        (raw({"attestations": [{}] * 201}), "too_large"),
    ],
)
def test_refused(given: bytes, code: str) -> None:
    """A file that is no JSON, or more than any statement, is refused whole."""
    with pytest.raises(FileRefused) as refused:
        read_provenance(given)

    assert refused.value.code == code


def test_odd_members() -> None:
    """Members of another form are not stated; secrets in addresses and half characters do no harm.

    A short or odd commit says nothing, digests of other kinds look nothing up.
    """
    odd = {
        **V1,
        "subject": [{"name": "a\nb", "digest": {"sha256": "xyz"}}, {"digest": {"sha512": "00"}},
                    {"uri": "pkg:x", "digest": 7}, {"name": "\ud800", "digest": {}}, 9],
        "predicate": {
            "buildDefinition": {
                "externalParameters": [],
                "resolvedDependencies": [{"uri": "x", "digest": {"sha1": "9f2c1a7"}}, 7],
            },
            "runDetails": {"builder": {"id": "https://bot:hunter2@ci.example.com/b"},
                           "metadata": []},
        },
    }  # fmt: skip

    found = only(read_provenance(raw(odd)))

    assert found.subjects == (Subject("a b", None), Subject("pkg:x", None))
    assert found.commit is None
    assert found.origin.builder == "https://ci.example.com/b"


def pem(key: Any) -> bytes:
    """The public half of a key."""
    given: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return given


def signed_bytes(payload: bytes, kind: str = IN_TOTO) -> bytes:
    """What DSSE signs."""
    return b" ".join((b"DSSEv1", str(len(kind)).encode(), kind.encode(),
                      str(len(payload)).encode(), payload))  # fmt: skip


def test_verified() -> None:
    """A signature of a configured key proves a statement; a changed byte or another key does not.

    Which key a signature names is not believed, and one good signature of several is enough.
    """
    edwards, curve = ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())
    larger = ec.generate_private_key(ec.SECP384R1())
    payload = raw(V1)
    signatures = [
        edwards.sign(signed_bytes(payload)),
        curve.sign(signed_bytes(payload), ec.ECDSA(SHA256())),
        larger.sign(signed_bytes(payload), ec.ECDSA(SHA384())),
    ]
    stranger = KeyVerifier.of_pem(pem(ed25519.Ed25519PrivateKey.generate()))

    for key, signature in zip((edwards, curve, larger), signatures, strict=True):
        verifier = KeyVerifier.of_pem(pem(stranger_key()) + b"\n" + pem(key))
        proven = raw(envelope(payload, b"junk", signature))
        forged = raw(envelope(payload.replace(b"model.pkl", b"other.pkl"), signature))
        safe = {**envelope(payload), "signatures": [
            {"sig": urlsafe_b64encode(signature).decode().rstrip("=")},
        ]}  # fmt: skip
        wrapped = raw({"dsseEnvelope": envelope(payload, signature)})
        for good in (proven, raw(safe), wrapped):
            assert only(read_provenance(good, verifier)).verified
        for bad in (
            forged,
            raw(envelope(payload)),
            raw(envelope(payload, signature[:-1])),
            payload,
        ):
            assert not only(read_provenance(bad, verifier)).verified
        assert not only(read_provenance(proven, stranger)).verified
        assert not only(read_provenance(proven)).verified


def stranger_key() -> Any:
    """A key of nobody."""
    return ed25519.Ed25519PrivateKey.generate()


def test_verified_type() -> None:
    """The signature covers the type: one over the same bytes as something else proves nothing."""
    key = ed25519.Ed25519PrivateKey.generate()
    signature = key.sign(signed_bytes(raw(V1), "text/plain"))

    found = only(read_provenance(raw(envelope(raw(V1), signature)), KeyVerifier.of_pem(pem(key))))

    assert not found.verified


def test_keys_refused() -> None:
    """A file of keys holds public Ed25519 or ECDSA keys, or nothing is trusted."""
    of_rsa = pem(rsa.generate_private_key(65_537, 2_048))
    for text, why in (
        (b"", "must hold"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "something else"),
        (of_rsa, "neither"),
        (pem(stranger_key()) * 21, "must hold 1 to 20"),
        (b"x" * 70_000, "larger"),
    ):
        with pytest.raises(ValueError, match=why):
            KeyVerifier.of_pem(text)


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["_type", "subject", "digest", "sha256", "predicate", "predicateType",
                         "materials", "uri", "builder", "id", "payload", "payloadType",
                         "dsseEnvelope", "signatures", "attestations", "bundle", "invocation"]),
        inner, max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@given(JSON, st.sampled_from([V1, V02]))
def test_never_crashes(document: Any, known: Mapping[str, Any]) -> None:
    """Whatever JSON comes, alone or in place of a part of a statement, something is answered."""
    parts = [{**known, name: document} for name in known]
    for one in (document, {**known, "predicate": {"buildDefinition": document}}, *parts):
        for statement in read_provenance(raw(one)).statements:
            facts = {"artifacts": statement.artifacts(),
                     "provenance_statements": [statement.provenance()]}  # fmt: skip
            BuildFacts.model_validate(facts)
