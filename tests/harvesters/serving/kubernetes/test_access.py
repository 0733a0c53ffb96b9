"""The ways into a cluster: what is read of them, what is refused, and where tokens go."""

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harvesters.base import Harvester
from harvesters.errors import SourceRefused
from harvesters.manners import Manners
from harvesters.registry import Secret, find_factory
from harvesters.serving.kubernetes import harvesters
from harvesters.serving.kubernetes.sweep import ServingSweep
from outbound.addresses import VARIABLE
from schemas.sources import SourceSettings
from tests.harvesters.serving.kubernetes.ways import LOOPBACK, isvc
from tests.support.kubernetes_server import KubernetesServer, kubernetes
from tests.support.scripted import NOON

TOKEN = "eyJhbGciOiJSUzI1NiJ9.canary-token.signature"  # noqa: S105  # of no cluster
ALLOWED = {VARIABLE: LOOPBACK}
MANNERS = Manners(a_second=10_000.0)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 127.0.0.1, with its key; it is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOON.replace(year=2020))
        .not_valid_after(NOON.replace(year=2040))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def secured(certificate: Path) -> Iterator[KubernetesServer]:
    """A cluster behind TLS that lets one token in."""
    with kubernetes(certificate, token=TOKEN) as running:
        running.put(isvc())
        yield running


def make_source(**settings: Any) -> SourceSettings:
    """A source of this kind."""
    return SourceSettings.model_validate(
        {"name": "k8s-prod", "kind": "kubernetes", "namespace": "retail", "settings": settings}
    )


def names(made: Iterator[Harvester[Any]]) -> list[str]:
    """What the harvester lists; its client is closed."""
    with closing(made):  # type: ignore[type-var]
        sweep = next(made)
        assert isinstance(sweep, ServingSweep)
        found = [one for page in sweep.pages(None) for one in page.objects]
        return [f"{sweep.cluster.name}/{one.namespace}/{one.name}" for one in found]


def authority(certificate: Path) -> bytes:
    """The certificate without its key."""
    return certificate.read_bytes().partition(b"-----END PRIVATE KEY-----\n")[2]


def kubeconfig(folder: Path, server: str, *, user: Any, **cluster: Any) -> Path:
    """A file as kubectl writes it, with two contexts."""
    document = {
        "apiVersion": "v1", "kind": "Config", "current-context": "prod", "preferences": {},
        "contexts": [
            {"name": "other", "context": {"cluster": "nowhere", "user": "nobody"}},
            {"name": "prod", "context": {"cluster": "prod", "user": "reader"}},
        ],
        "clusters": [{"name": "prod", "cluster": {"server": server} | cluster}],
        "users": [{"name": "reader", "user": user}],
    }  # fmt: skip
    path = folder / "config"
    path.write_text(json.dumps(document))  # which is YAML too
    return path


def test_access_token(secured: KubernetesServer, certificate: Path) -> None:
    """A token of the environment goes to its host, and nowhere else."""
    source = make_source(url=secured.url, ca_file=str(certificate))
    made = find_factory("kubernetes")(source, Secret(TOKEN, "127.0.0.1"), ALLOWED)
    assert names(made) == ["k8s-prod/retail/churn"]

    secured.asked.clear()
    with pytest.raises(SourceRefused, match="does not go to") as refused:
        names(harvesters(source, Secret(TOKEN, "k8s.acme.example"), ALLOWED))
    assert TOKEN not in str(refused.value)
    assert secured.asked == []
    with pytest.raises(SourceRefused, match="not let in"):
        names(harvesters(source, Secret("other-token", "127.0.0.1"), ALLOWED))
    with pytest.raises(SourceRefused, match=VARIABLE):
        names(harvesters(source, Secret(TOKEN, "127.0.0.1"), {}))


@pytest.mark.parametrize("text", ["user:password", f"{TOKEN}\n", "to ken", "t\xf6ken", ""])
def test_access_token_unusable(text: str) -> None:
    """What no service account has is refused, and not shown."""
    with pytest.raises(SourceRefused) as refused:
        names(harvesters(make_source(url="https://k8s.example"), Secret(text, "k8s.example"), {}))
    assert not text or text not in str(refused.value)


def test_access_in_cluster(secured: KubernetesServer, certificate: Path, tmp_path: Path) -> None:
    """A pod's own account: its token is read again whenever something is asked."""
    port = secured.url.rpartition(":")[2]
    environ = ALLOWED | {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": port}
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "ca.crt").write_bytes(authority(certificate))
    source = make_source(in_cluster=True, cluster="prod")

    with closing(harvesters(source, None, environ, usual=MANNERS, account=tmp_path)) as made:  # type: ignore[type-var]
        sweep = next(made)
        assert [len(page.objects) for page in sweep.pages(None) if page.objects] == [1]
        secured.token = "rotated"  # noqa: S105
        (tmp_path / "token").write_text("rotated")
        assert [len(page.objects) for page in sweep.pages(None) if page.objects] == [1]
        (tmp_path / "token").unlink()
        with pytest.raises(SourceRefused, match="token cannot be read"):
            list(sweep.pages(None))
    with pytest.raises(SourceRefused, match="no service account"):
        names(harvesters(source, None, environ, account=tmp_path))
    with pytest.raises(SourceRefused, match="another way in"):
        names(harvesters(source, Secret(TOKEN, "127.0.0.1"), environ, account=tmp_path))


@pytest.mark.parametrize("written", ["data", "file"])
@pytest.mark.parametrize("how", ["token", "tokenFile"])
def test_access_kubeconfig(
    secured: KubernetesServer, certificate: Path, tmp_path: Path, written: str, how: str
) -> None:
    """Its token or the file of it, its certificate or the file of it; files lie beside it."""
    (tmp_path / "tok").write_text(TOKEN)
    (tmp_path / "ca.pem").write_bytes(authority(certificate))
    cluster: dict[str, str] = {
        "data": {
            "certificate-authority-data": base64.b64encode(authority(certificate)).decode(),
            "certificate-authority": "missing.pem",
        },
        "file": {"certificate-authority": "ca.pem"},
    }[written]
    user = {"token": TOKEN} if how == "token" else {"tokenFile": "tok", "token": "stale"}
    path = kubeconfig(tmp_path, secured.url, user=user, **cluster)
    assert names(harvesters(make_source(kubeconfig=str(path)), None, ALLOWED)) == [
        "k8s-prod/retail/churn"
    ]


@pytest.mark.parametrize(
    ("user", "cluster", "why"),
    [
        ({"exec": {"command": "/bin/sh", "args": ["-c", "touch /tmp/x"]}}, {}, "a program"),
        ({"auth-provider": {"name": "gcp"}}, {}, "a provider"),
        ({"client-certificate-data": "Zm9v", "client-key-data": "Zm9v"}, {}, "client certificate"),
        ({"client-certificate": "a.pem", "token": "x"}, {}, "client certificate"),
        ({"username": "u", "password": "canary"}, {}, "user name"),
        ({}, {}, "neither"),
        ({"token": ""}, {}, "neither"),
        ({"token": "a:b"}, {}, "neither"),
        ({"token": "x"}, {"insecure-skip-tls-verify": True}, "skips the check"),
        ({"token": "x"}, {"proxy-url": "http://proxy"}, "proxy"),
        ({"token": "x"}, {"tls-server-name": "other"}, "another name"),
        ({"token": "x"}, {"certificate-authority-data": "%%"}, "no base64"),
        ({"token": "x"}, {"certificate-authority": "missing.pem"}, "ca_file cannot be read"),
        ({"token": "x"}, {"server": "https://u:canary@k8s.example"}, "credential"),
        ({"token": "x"}, {"server": "file:///etc"}, "neither http nor https"),
        ("x", {}, "has no user"),
    ],
)
def test_access_kubeconfig_refused(tmp_path: Path, user: Any, cluster: Any, why: str) -> None:
    """What would run a program, go round a check or say less than it must is refused, with why."""
    path = kubeconfig(tmp_path, cluster.pop("server", "https://k8s.example"), user=user, **cluster)
    with pytest.raises(SourceRefused, match=why) as refused:
        names(harvesters(make_source(kubeconfig=str(path)), None, ALLOWED))
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("raw", [b"", b"\xff", b"a: &x 1", b"[" * 400, b"users: 7", b"- a"])
def test_access_kubeconfig_unreadable(tmp_path: Path, raw: bytes) -> None:
    """Any other file is refused, and nothing of it is shown."""
    path = tmp_path / "config"
    path.write_bytes(raw)
    with pytest.raises(SourceRefused):
        names(harvesters(make_source(kubeconfig=str(path)), None, ALLOWED))
    with pytest.raises(SourceRefused, match="cannot be read"):
        names(harvesters(make_source(kubeconfig=str(tmp_path)), None, ALLOWED))


def test_access_kubeconfig_context(tmp_path: Path) -> None:
    """A context by name; one that leads nowhere is refused."""
    path = kubeconfig(tmp_path, "https://k8s.example", user={"token": "x"})
    with pytest.raises(SourceRefused, match="no cluster"):
        names(harvesters(make_source(kubeconfig=str(path), context="other"), None, ALLOWED))
    with pytest.raises(SourceRefused, match="no context"):
        names(harvesters(make_source(kubeconfig=str(path), context="third"), None, ALLOWED))


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({}, "exactly one"),
        ({"url": "https://a.example", "in_cluster": True}, "exactly one"),
        ({"in_cluster": True, "ca_file": "/x"}, "ca_file"),
        ({"url": "https://a.example", "context": "x"}, "context"),
        ({"url": "https://a.example", "namespaces": ["Retail"]}, "no name of a namespace"),
        ({"url": "https://a.example", "namespaces": []}, "at least 1"),
        ({"url": "https://a.example", "namespaces": ["a", "a"]}, "twice"),
        ({"url": "https://a.example", "kinds": ["secrets"]}, "kinds"),
        ({"url": "https://a.example", "watch_seconds": 600}, "watch_seconds"),
        ({"url": "https://a.example", "token": "x"}, "token"),
    ],
)
def test_settings_refused(settings: Any, why: str) -> None:
    """Settings that say too little, too much, or what there is not."""
    with pytest.raises(SourceRefused, match=why):
        names(harvesters(make_source(**settings), None, ALLOWED))
