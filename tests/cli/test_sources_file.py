"""Mistakes in a sources file: each by line, place and reason."""

import pytest

from tests.cli.conftest import Command, Write

MISTAKES = {
    "- name: A B\n  kind: ci\n  namespace: retail": "4: /sources/0/name String should match",
    "- name: a\n  kind: mlfow\n  namespace: r": "5: /sources/0/kind should be 'mlflow', 'git', ",
    "- name: a\n  kind: ci": "4: /sources/0/namespace is missing",
    "- name: a\n  kind: ci\n  namespace: r\n  credentail: X": (
        "7: /sources/0/credentail is not known here; did you mean credential?"
    ),
    "- name: a\n  kind: ci\n  namespace: r.b": "6: /sources/0/namespace must be",
    "- name: a\n  kind: ci\n  namespace: r\n  absences: 1_0": (
        "7: /sources/0/absences must be a whole number"
    ),
    "- name: a\n  kind: ci\n  namespace: r\n  precedence: 100": (
        "7: /sources/0/precedence should be"
    ),
    "- name: a\n  kind: ci\n  namespace: r\n  enabled: yes": (
        "7: /sources/0/enabled must be true or false"
    ),
    "- name: a\n  kind: ci\n  namespace: r\n  credential: hunter2!": (
        "7: /sources/0/credential String should match"
    ),
    "- name: a\n  kind: ci\n  namespace: r\n- name: a\n  kind: ci\n  namespace: r": (
        "source a is declared twice"
    ),
    "- name: a\n  name: b": "line 5, column 5: the key 'name' stands twice",
    "- &a {name: a}": "anchors are not read; write the value out",
    "- !!python/object:os.system {}": "tags are not read; write the plain value",
    "- word": "4: /sources/0 must be a mapping",
}


@pytest.mark.parametrize("written", MISTAKES)
def test_sources_file_mistake(command: Command, write: Write, written: str) -> None:
    """A mistake is named by line, place and reason, before any question to the service."""
    file = write(written + "\n")

    ran = command("source", "apply", file)

    assert (ran.code, ran.out) == (2, "")
    assert MISTAKES[written] in ran.err
    assert "hunter2" not in ran.err


def test_sources_file_all_mistakes(command: Command, write: Write) -> None:
    """All mistakes are said at once."""
    file = write("- name: a\n  kind: x\n  namespce: r\n- name: b\n  kind: ci\n  namespace: A\n")

    ran = command("source", "apply", file)

    assert [line.removeprefix(f"{file}:")[:2] for line in ran.err.splitlines()] == [
        "5:", "4:", "6:", "9:",
    ]  # fmt: skip
