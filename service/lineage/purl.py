"""Package URLs, such as `pkg:oci/churn@sha256%3A…`: what CDEvents call artifacts. Pure."""

from typing import NamedTuple
from urllib.parse import unquote

from schemas.canonical import canonical_digest

SCHEME = "pkg:"


class Package(NamedTuple):
    """One package URL, decoded."""

    type: str
    name: str  # with its namespace
    version: str | None
    qualifiers: dict[str, str]

    def __str__(self) -> str:
        """Without its qualifiers, decoded: however it was written, it is one."""
        return f"{SCHEME}{self.type}/{self.name}" + (f"@{self.version}" if self.version else "")

    @property
    def digest(self) -> str | None:
        """The content's digest: of an image its version, else a qualifier."""
        stated = [self.version or ""]
        stated += self.qualifiers.get("checksum", "").split(",")
        for one in stated:
            if one.lower().startswith("sha256:"):
                try:
                    return canonical_digest(one)
                except ValueError:
                    continue
        return None

    @property
    def image(self) -> str | None:
        """The image, of one that is one."""
        if self.type not in {"oci", "docker"}:
            return None
        name = self.qualifiers.get("repository_url") or self.name
        separator = "@" if self.version and self.version.startswith("sha256:") else ":"
        return f"{name}{separator}{self.version}" if self.version else name

    @property
    def model_uri(self) -> str | None:
        """The model in a registry, of one that is one (`pkg:mlflow/churn@7`)."""
        if self.type == "mlflow" and self.version:
            return f"models:/{self.name}/{self.version}"
        if self.type == "huggingface":
            return f"hf://{self.name}" + (f"@{self.version}" if self.version else "")
        return None


def read_purl(text: str) -> Package | None:
    """A package URL; None for what is none."""
    if not text.lower().startswith(SCHEME):
        return None
    bare, _, asked = text[len(SCHEME) :].partition("?")
    bare, asked = bare.partition("#")[0], asked.partition("#")[0]
    kind, _, rest = bare.strip("/").partition("/")
    path, at, version = rest.rpartition("@")
    if not at:
        path, version = rest, ""
    name = unquote(path).strip("/")
    if not kind or not name:
        return None
    pairs = (part.partition("=") for part in asked.split("&") if part)
    qualifiers = {key.lower(): unquote(value) for key, _, value in pairs}
    return Package(kind.lower(), name, unquote(version) or None, qualifiers)
