"""A scripted SageMaker API on a local HTTP server, in the protocol that botocore speaks."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple

REGION: Final = "eu-west-1"
ACCOUNT: Final = "123456789012"
LONG_AGO: Final = 1_793_520_000.0  # 2026-11-01T08:00:00Z
KEY_ID: Final = "EXAMPLEKEYID"


class Answered(NamedTuple):
    """An answer; None of a body breaks the connection."""

    status: int
    body: bytes

    @classmethod
    def of(cls, found: Any, status: int = 200) -> "Answered":
        """As JSON."""
        return cls(status, json.dumps(found).encode())

    @classmethod
    def error(cls, code: str, message: str = "canary", status: int = 400) -> "Answered":
        """As AWS says it."""
        return cls.of({"__type": code, "message": message}, status)


class SageMakerServer:
    """Answers from its endpoints, configurations, models and tags, which a test changes."""

    def __init__(self) -> None:
        """Nothing is deployed."""
        self.url, self.a_page, self.now = "", 100, LONG_AGO
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.configs: dict[str, dict[str, Any]] = {}
        self.models: dict[str, dict[str, Any]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.signed: list[str] = []  # what signatures say of who signed
        self.before: Callable[[str], Answered | None] = lambda _called: None

    def deploy(self, name: str, *variants: str, shadow: str | None = None, **tags: str) -> None:
        """Create an endpoint whose variants share its requests equally, or change it."""
        self.now += 60
        arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{name}"
        described = {
            "ProductionVariants": [self._variant(name, one) for one in variants],
            "ShadowProductionVariants": [self._variant(name, shadow)] if shadow else [],
        }
        before = self.endpoints.get(name, {})
        self.endpoints[name] = {
            "EndpointName": name, "EndpointArn": arn, "EndpointConfigName": f"{name}-config",
            "EndpointStatus": "InService", "CreationTime": before.get("CreationTime", self.now),
            "LastModifiedTime": self.now, **described,
        }  # fmt: skip
        self.configs[f"{name}-config"] = {
            "EndpointConfigName": f"{name}-config", "CreationTime": self.now,
            "EndpointConfigArn": arn.replace("endpoint/", "endpoint-config/"),
            **{
                member: [
                    {"VariantName": one["VariantName"], "ModelName": f"{name}-{one['VariantName']}"}
                    for one in several
                ]
                for member, several in described.items()
            },
        }  # fmt: skip
        self.tags[arn] = {f"model-catalog/{key}": value for key, value in tags.items()}

    def _variant(self, endpoint: str, name: str) -> dict[str, Any]:
        model = f"{endpoint}-{name}"
        image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/serving"
        self.models[model] = {
            "ModelName": model, "CreationTime": self.now,
            "ModelArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/{model}",
            "PrimaryContainer": {
                "Image": f"{image}:1", "ModelDataUrl": f"s3://models/{model}/model.tar.gz",
                "Environment": {"PASSWORD": "canary-in-a-variable"},
            },
        }  # fmt: skip
        resolved = f"{image}@sha256:{'ab' * 32}"
        return {
            "VariantName": name, "CurrentWeight": 1.0,
            "DeployedImages": [{"SpecifiedImage": f"{image}:1", "ResolvedImage": resolved}],
        }  # fmt: skip

    def delete(self, name: str) -> None:
        """Take an endpoint away; its configuration stays."""
        del self.endpoints[name]

    def called(self) -> list[str]:
        """What was called; the list is emptied."""
        asked, self.asked = self.asked, []
        return [name for name, _ in asked]

    def answer(self, called: str, asked: Mapping[str, Any]) -> Answered:
        """As SageMaker would."""
        match called:
            case "ListEndpoints":
                return self._listed(asked)
            case "DescribeEndpoint":
                return self._described(self.endpoints, asked["EndpointName"])
            case "DescribeEndpointConfig":
                return self._described(self.configs, asked["EndpointConfigName"])
            case "DescribeModel":
                return self._described(self.models, asked["ModelName"])
            case "ListTags":
                tags = self.tags.get(asked["ResourceArn"], {})
                return Answered.of({"Tags": [{"Key": k, "Value": v} for k, v in tags.items()]})
        return Answered.error("UnknownOperationException")

    def _listed(self, asked: Mapping[str, Any]) -> Answered:
        since = asked.get("LastModifiedTimeAfter", 0)
        names = (
            "EndpointName",
            "EndpointArn",
            "CreationTime",
            "LastModifiedTime",
            "EndpointStatus",
        )
        rows = [
            {name: one[name] for name in names}
            for one in sorted(self.endpoints.values(), key=lambda one: one["CreationTime"])
            if one["LastModifiedTime"] > since
        ]
        start = int(asked.get("NextToken", "0"))
        end = start + min(asked.get("MaxResults", 10), self.a_page)
        more = {"NextToken": str(end)} if end < len(rows) else {}
        return Answered.of({"Endpoints": rows[start:end], **more})

    def _described(self, several: Mapping[str, Any], name: str) -> Answered:
        if name not in several:
            return Answered.error("ValidationException", f'Could not find "{name}".')
        return Answered.of(several[name])


@contextmanager
def sagemaker() -> Iterator[SageMakerServer]:
    """An API that answers on loopback, until it is left."""
    scripted = SageMakerServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            called = self.headers["X-Amz-Target"].partition(".")[2]
            asked = json.loads(body)
            scripted.asked.append((called, asked))
            scripted.signed.append(self.headers["Authorization"] or "")
            answered = scripted.before(called) or scripted.answer(called, asked)
            self.close_connection = True
            with suppress(OSError):  # the client has left
                self.send_response(answered.status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Connection", "close")
                self.send_header("Content-Length", str(len(answered.body)))
                self.end_headers()
                self.wfile.write(answered.body)

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        scripted.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield scripted
        finally:
            server.shutdown()
            thread.join()
