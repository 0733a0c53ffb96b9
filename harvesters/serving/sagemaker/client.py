"""Asks SageMaker through botocore: with the source's credential, at one host, read only.

Nothing of the process's own AWS set-up is used: no variable, file, role or metadata service.
"""

import importlib.util
from collections.abc import Iterator, Mapping, MutableMapping
from http import HTTPStatus
from importlib import import_module
from typing import Any, Final, NamedTuple

import httpx2

from harvesters.errors import SourceRefused, SourceUnavailable, shown
from harvesters.http import SourceDenied
from harvesters.manners import Manners
from harvesters.registry import Secret
from outbound.addresses import OutboundRefused, read_url

A_PAGE: Final = 100  # SageMaker's most
MOST_PAGES: Final = 1_000
TRIES: Final = 5
UNWANTED: Final = ("AWS_", "BOTO_")
ISOLATED: Final[Mapping[str, str]] = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}
DENIED: Final = (
    "AccessDenied", "UnrecognizedClient", "InvalidClientTokenId", "InvalidSignature",
    "ExpiredToken", "IncompleteSignature", "MissingAuthenticationToken", "SignatureDoesNotMatch",
    "OptInRequired",
)  # fmt: skip


class Keys(NamedTuple):
    """An access key of AWS, of a session where it has a token."""

    id: str
    secret: str
    session: str | None = None

    def __repr__(self) -> str:
        """Without the secret."""
        return "Keys(…)"


class SageMaker:
    """The API of one region."""

    def __init__(
        self,
        region: str,
        keys: Keys,
        *,
        url: str,
        ca_file: str | None = None,
        manners: Manners,
    ) -> None:
        """Nothing is asked before it is needed. `botocore` is imported here."""
        self.region, self.url, self.manners, self.clock = region, url, manners, manners.clock
        config = import_module("botocore.config").Config(
            connect_timeout=manners.limits.connect,
            read_timeout=manners.limits.read,
            retries={"mode": "standard", "total_max_attempts": TRIES},
            proxies={},
            user_agent="model-catalog",
            parameter_validation=True,
        )
        session = import_module("botocore.session").Session()
        self._client = session.create_client(
            "sagemaker",
            region_name=region,
            endpoint_url=url,
            verify=ca_file or True,
            config=config,
            aws_access_key_id=keys.id,
            aws_secret_access_key=keys.secret,
            aws_session_token=keys.session,
        )
        errors = import_module("botocore.exceptions")
        self._client_error, self._core_error = errors.ClientError, errors.BotoCoreError
        self._due = 0.0

    def endpoints(self, since: Any = None) -> Iterator[list[dict[str, Any]]]:
        """Pages of endpoints, oldest first; those that changed after a time."""
        asked: dict[str, Any] = {
            "MaxResults": A_PAGE, "SortBy": "CreationTime", "SortOrder": "Ascending",
        }  # fmt: skip
        if since is not None:
            asked["LastModifiedTimeAfter"] = since
        yield from self._pages("list_endpoints", "Endpoints", asked=asked)

    def endpoint(self, name: str) -> dict[str, Any] | None:
        """One endpoint; None where it is not there."""
        return self._found("describe_endpoint", EndpointName=name)

    def config(self, name: str) -> dict[str, Any] | None:
        """The configuration of an endpoint."""
        return self._found("describe_endpoint_config", EndpointConfigName=name)

    def model(self, name: str) -> dict[str, Any] | None:
        """A model, as SageMaker calls what a variant runs."""
        return self._found("describe_model", ModelName=name)

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of an endpoint."""
        found: dict[str, str] = {}
        asked = {"ResourceArn": arn, "MaxResults": A_PAGE}
        for page in self._pages("list_tags", "Tags", asked=asked):
            found |= {str(one.get("Key")): str(one.get("Value")) for one in page}
        return found

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _pages(
        self, method: str, member: str, *, asked: Mapping[str, Any]
    ) -> Iterator[list[dict[str, Any]]]:
        following: str | None = None
        seen: set[str] = set()
        while len(seen) < MOST_PAGES:
            more = {"NextToken": following} if following else {}
            answer = self._ask(method, **asked, **more)
            found = answer.get(member)
            if not isinstance(found, list):
                message = f"{method} at {self.url} answers without {member}"
                raise SourceRefused(message)
            yield found
            following = answer.get("NextToken")
            if not following:
                return
            if following in seen:
                break
            seen.add(following)
        message = f"{method} at {self.url} never ends ({len(seen)} pages)"
        raise SourceRefused(message)

    def _found(self, method: str, **asked: str) -> dict[str, Any] | None:
        try:
            return self._ask(method, **asked)
        except LookupError:
            return None

    def _ask(self, method: str, **asked: Any) -> dict[str, Any]:
        """One call. Raises `LookupError` for what is not there, else what harvesters raise."""
        self._pace()
        try:
            answer: dict[str, Any] = getattr(self._client, method)(**asked)
        except self._client_error as error:
            raise self._meant(error.response, method) from None
        except self._core_error as error:
            if type(error).__name__ in {"SSLError", "ParamValidationError"}:
                message = f"{method} at {self.url}: {type(error).__name__}"
                raise SourceRefused(message) from None
            message = f"{self.url} does not answer: {type(error).__name__}"
            raise SourceUnavailable(message) from None
        return answer

    def _meant(self, response: Mapping[str, Any], method: str) -> Exception:
        """What an error of AWS means; its message may name what nobody else shall see."""
        told = response.get("Error", {})
        code, text = str(told.get("Code", "")), str(told.get("Message", ""))
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        asked = f"{method} at {self.url} answers {shown(code)}"
        if code == "ResourceNotFound" or (
            code == "ValidationException" and text.startswith("Could not find")
        ):
            return LookupError(method)
        if code.startswith(DENIED):
            return SourceDenied(f"{asked}: the credential is not let in")
        if "Throttl" in code or code in {"RequestLimitExceeded", "TooManyRequestsException"}:
            return SourceUnavailable(f"{asked}; tried {TRIES} times")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return SourceUnavailable(asked)
        return SourceRefused(asked)

    def _pace(self) -> None:
        now = self.clock.monotonic()
        if now < self._due:
            self.clock.sleep(self._due - now)
        self._due = max(now, self._due) + 1 / self.manners.a_second


def isolate(environ: MutableMapping[str, str]) -> None:
    """Take the process's own AWS set-up and its proxies away, for good."""
    for name in [*environ]:
        if name.upper().startswith(UNWANTED) or name.upper().endswith("_PROXY"):
            del environ[name]
    environ.update(ISOLATED)


def check_installed() -> None:
    """Raises `SourceRefused`."""
    if importlib.util.find_spec("botocore") is None:
        raise SourceRefused("botocore is not installed; it comes with the extra `sagemaker`")


def keys_of(secret: Secret | None, *, host: str) -> Keys:
    """The source's key, if it may go to that host. Raises `SourceRefused`, without the secret."""
    if secret is None:
        raise SourceRefused("the source needs a `credential`: <key id>:<secret>[:<session token>]")
    parts = secret.text.split(":")
    whole = secret.text.isascii() and secret.text.isprintable() and " " not in secret.text
    if not whole or len(parts) not in {2, 3} or not all(parts):
        raise SourceRefused("the secret is no access key: <key id>:<secret>[:<session token>]")
    bound = secret.host.lower()
    if host != bound and not host.endswith(f".{bound}"):
        message = f"a credential for {bound} does not go to {host}"
        raise SourceRefused(message)
    return Keys(*parts)


def address_of(region: str, url: str | None) -> httpx2.URL:
    """Where the API of a region is. Raises `SourceRefused`."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    try:
        return read_url(url or f"https://api.sagemaker.{region}.{suffix}")
    except OutboundRefused as error:
        message = f"settings.url: {error}"
        raise SourceRefused(message) from None
