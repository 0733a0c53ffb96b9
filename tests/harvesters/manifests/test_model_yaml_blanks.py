"""What a template left unfilled is named for what it is, wherever it stands."""

import pytest

from tests.harvesters.manifests.test_model_yaml_advice import HEAD, NAMED, OWNED, problems


@pytest.mark.parametrize(
    "value",
    [
        "...",
        "TODO",
        "CHANGEME",
        "change-me",
        "<name>",
        "'{{ x }}'",
        "'a-{{cookiecutter.x}}'",
        "'${NAME}'",
        "TBD",
    ],
)
def test_blank_name(value: str) -> None:
    """What a template left is told as that, once, and nothing is made of it."""
    (found,) = problems(f"{OWNED.replace('name: b', f'name: {value}')}")

    assert (found.code, found.severity, found.pointer) == ("placeholder", "error", "/metadata/name")
    assert found.message.startswith("`name` is an unfilled template: `")
    assert found.edit is None


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        (OWNED.replace("team:a", "team:..."), "error"),
        (OWNED.replace("team:a", "team:<your team>"), "error"),
        (OWNED.replace("team:a", "user:todo"), "error"),
        (f"{OWNED}  exposure: TODO\n", "error"),
        (f"{OWNED}  registered_as: [{{source: mlflow-prod, name: <name>}}]\n", "error"),
        (f"{OWNED}  links: [{{title: x, url: https://wiki.example.com/${{page}}}}]\n", "error"),
        (f"{OWNED}  limitations: [TODO]\n", "warning"),
        (OWNED.replace("name: b", "name: b, description: 'TODO: say more'"), "warning"),
        (OWNED.replace("name: b", "name: b, labels: {name: TODO}"), "warning"),
    ],
)
def test_blank_elsewhere(text: str, severity: str) -> None:
    """Where something would be named it is an error, in a text for people a warning."""
    assert [(one.code, one.severity) for one in problems(text)] == [("placeholder", severity)]


@pytest.mark.parametrize(
    "text",
    [
        OWNED.replace("name: b", "name: todo"),
        OWNED.replace("name: b", "name: todo, title: Todo list ranking"),
        f"{OWNED}  x-template: TODO\n",
        f"{OWNED}  uses: [{{name: u, purpose: Ranks ... and more}}]\n",
    ],
)
def test_blank_not(text: str) -> None:
    """Words that only look so, and what is the author's own."""
    assert problems(text) == ()


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("  name: {{ cookiecutter.slug }}\n", (5, 9)),
        ("  name: {{x}}-model\n", (5, 9)),
        ("  name: b\n  {% if x %}\n", (6, 3)),
    ],
)
def test_blank_no_yaml(line: str, place: tuple[int, int]) -> None:
    """A template that YAML trips over is named for what it is."""
    (found,) = problems(f"{HEAD}metadata:\n  namespace: a\n{line}spec: {{}}\n")

    assert (found.code, found.line, found.column) == ("placeholder", *place)
    assert found.message.startswith("an unfilled template stands here: `{")


def test_template_in_quotes() -> None:
    """One that is a text is not to blame for what is wrong in the line below it."""
    titled = NAMED.replace("name: b", 'name: b, title: "{{ x }}"')
    (found,) = problems(f"{titled}spec: {{a: b\n")
    assert found.code == "yaml"
