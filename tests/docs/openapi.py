"""Writes the OpenAPI document of the application to standard output: `make openapi`."""

import json
import sys

from service.app import build
from service.db import Database
from service.settings import read_settings


def openapi_text() -> str:
    """The document as it is committed. Nothing connects: routes are read, not called."""
    url = "postgresql://nobody@127.0.0.1/nothing"
    environ = {"MODEL_CATALOG_DATABASE_URL": url, "MODEL_CATALOG_SECRET_KEY": "k" * 48}
    document = build(read_settings(environ), Database(url)).openapi()
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(openapi_text())
