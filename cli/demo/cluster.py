"""The demo's cluster: as much of a Kubernetes API as says what runs, read from a folder of files.

Each file is an object as its owner applied it; what the cluster adds is added when it is asked.
"""

import json
import sys
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from uuid import NAMESPACE_URL, uuid5

KINDS: Final = {  # plural → kind, where lists of them are
    "/apis/serving.kserve.io/v1beta1/inferenceservices": "InferenceService",
    "/apis/apps/v1/deployments": "Deployment",
    "/apis/apps/v1/statefulsets": "StatefulSet",
    "/apis/batch/v1/cronjobs": "CronJob",
}
EXPIRED: Final = {
    "type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"},
}  # fmt: skip


class ClusterApi(BaseHTTPRequestHandler):
    """Lists what lies in the folder; it remembers nothing, so that a watch begins with a list."""

    folder: Path

    def do_GET(self) -> None:  # the name that the server calls
        """A list, or why there is none."""
        asked = urlsplit(self.path)
        kind = KINDS.get(asked.path)
        if kind is None:
            self._answer(404, {"kind": "Status", "code": 404, "reason": "NotFound"})
        elif "watch" in parse_qs(asked.query):
            self._answer(200, EXPIRED)
        else:
            found = [one for one in self._objects() if one["kind"] == kind]
            about = {"resourceVersion": str(len(found) + 1)}
            self._answer(200, {"kind": f"{kind}List", "metadata": about, "items": found})

    def log_message(self, *_: Any) -> None:
        """The harvest says what it read."""

    def _objects(self) -> list[dict[str, Any]]:
        return [_standing(file) for file in sorted(self.folder.glob("*.json"))]

    def _answer(self, status: int, document: Any) -> None:
        content = json.dumps(document).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _standing(file: Path) -> dict[str, Any]:
    """An object as the cluster shows it."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    about = found["metadata"]
    made = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    named = f"{found['kind']}/{about['namespace']}/{about['name']}"
    about["uid"] = str(uuid5(NAMESPACE_URL, f"{named}/{int(made.timestamp())}"))
    about["creationTimestamp"] = made.strftime("%Y-%m-%dT%H:%M:%SZ")
    about["resourceVersion"] = "1"
    if found["kind"] == "InferenceService":
        url = f"https://{about['name']}.{about['namespace']}.example.com"
        found["status"] = {"url": url, "conditions": [{"type": "Ready", "status": "True"}]}
    return found


def main() -> None:
    """Serve a folder of objects on a port of this machine alone."""
    ClusterApi.folder = Path(sys.argv[1])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), ClusterApi).serve_forever()


if __name__ == "__main__":
    main()
