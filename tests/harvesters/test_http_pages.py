"""A polite client reads listings to their end, on their own origin, or not at all."""

from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from harvesters.errors import SourceRefused
from harvesters.http import SourceDenied
from tests.support.scripted import Asked, answer


def test_client_object_for_list(asking: Asked) -> None:
    """HARV-06: `{}` is no empty list; `[]` is one."""
    left = list[Any](({}, {"items": []}, []))
    client, _ = asking(lambda _path, h: answer(h, left.pop(0)))

    for _ in range(2):
        with pytest.raises(SourceRefused, match="where a list is due"):
            list(client.pages("/x", kind="listing"))
    assert [page.json for page in client.pages("/x", kind="listing")] == [[]]


def test_pages_linked(asking: Asked) -> None:
    """Pages follow each other by `Link` to the end."""

    def script(path: str, h: BaseHTTPRequestHandler) -> None:
        last = "after=2" in path
        link = '</api/x?per_page=2&after=2>; rel="next", </api/x>; rel="first"'
        answer(h, [3] if last else [1, 2], Link="" if last else link)

    client, source = asking(script)

    pages = [page.json for page in client.pages("/x", {"per_page": 2}, kind="listing")]

    assert pages == [[1, 2], [3]]
    assert [path for path, _ in source.asked] == ["/api/x?per_page=2", "/api/x?per_page=2&after=2"]


@pytest.mark.parametrize(
    "link",
    [
        '<http://127.0.0.2/api/x>; rel="next"',
        '<https://127.0.0.1/api/x>; rel="next"',
        '<//evil.example/api/x>; rel="next"',
        '<http://u:p@127.0.0.1/api/x>; rel="next"',
    ],
)
def test_pages_elsewhere(asking: Asked, link: str) -> None:
    """SSRF-06: a next page on another origin is not followed, and the listing is none."""
    client, source = asking(lambda _path, h: answer(h, [1], Link=link))

    with pytest.raises(SourceRefused):
        list(client.pages("/x", kind="listing"))

    assert len(source.asked) == 1


def test_pages_loop(asking: Asked) -> None:
    """HARV-09: a page that comes again ends the listing, as does one page too many."""
    client, _ = asking(lambda _path, h: answer(h, [1], Link='</api/x>; rel="next"'))
    with pytest.raises(SourceRefused, match="never ends"):
        list(client.pages("/x", kind="listing"))

    counted, _ = asking(lambda path, h: answer(h, [1], X_Next_Page=str(len(path) + 1), Link=""))
    with pytest.raises(SourceRefused, match="never ends"):
        list(counted.pages("/x", kind="listing", most=1))


def test_pages_without_link(asking: Asked) -> None:
    """A proxy that drops `Link` loses no page; a page number in a header is followed."""

    def script(path: str, h: BaseHTTPRequestHandler) -> None:
        answer(h, [3] if "page=2" in path.replace("per_page=2", "") else [1, 2])

    client, _ = asking(script)
    assert [page.json for page in client.pages("/x", {"per_page": 2}, kind="listing")] == [
        [1, 2],
        [3],
    ]

    def counted(path: str, h: BaseHTTPRequestHandler) -> None:
        if "page=7" in path:
            answer(h, [2], X_Next_Page="")
        else:
            answer(h, [1], X_Next_Page="7")

    client, _ = asking(counted)
    assert [page.json for page in client.pages("/x", kind="listing")] == [[1], [2]]


def test_pages_denied_midway(asking: Asked) -> None:
    """HARV-05: a listing whose second page fails is no listing."""

    def script(path: str, h: BaseHTTPRequestHandler) -> None:
        if "page=2" in path:
            answer(h, {}, status=401)
        else:
            answer(h, [1], Link='</api/x?page=2>; rel="next"')

    client, _ = asking(script)

    with pytest.raises(SourceDenied):
        list(client.pages("/x", kind="listing"))
