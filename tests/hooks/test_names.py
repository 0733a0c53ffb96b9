"""What a source may call its secret, and what is said when it may not."""

import pytest
from pydantic import ValidationError

from schemas.sources import SourceSettings
from service.hooks.secrets import hook_secrets
from tests.hooks.senders import PREFIX, SECRET


@pytest.mark.parametrize("name", ["X_FILE", "X_PREVIOUS", "_PREVIOUS", "x", "", "X-Y", "X" * 62])
def test_secret_name(name: str) -> None:
    """Names whose variable would be another secret's, or none at all, are refused."""
    said = {"name": "hub", "kind": "github", "namespace": "retail", "webhook_secret": name}

    with pytest.raises(ValidationError, match="webhook_secret"):
        SourceSettings.model_validate(said)


@pytest.mark.parametrize("name", ["", "../X", "X Y", "x", "KEY\n"])
def test_secret_odd_name(name: str) -> None:
    """What is no name finds no variable, whatever the environment holds."""
    assert hook_secrets(name, {f"{PREFIX}{name}": SECRET}) == ()


def test_secret_hidden() -> None:
    """A secret does not show itself where it is printed."""
    (found,) = hook_secrets("X", {f"{PREFIX}X": SECRET})

    assert SECRET not in repr(found) + str(found)
    assert found.get_secret_value() == SECRET
