"""What sources of repositories are told of builds and deployments, and where that is written."""

import re

import pytest
from pydantic import ValidationError

from harvesters.ci.settings import CiSettings
from harvesters.manifests.settings import RepositorySettings
from tests.architecture.source import ROOT


@pytest.mark.parametrize("page", ["ci-github.md", "ci-gitlab.md"])
def test_settings_documented(page: str) -> None:
    """Both pages list the settings, in their order."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    table = text.partition("| setting |")[2].partition("\n\n")[0]
    own = [name for name in CiSettings.model_fields if name not in RepositorySettings.model_fields]

    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == own


def test_settings() -> None:
    """Both are on by themselves; what is no class of an environment is refused."""
    told = CiSettings.model_validate({"environments": {"prod*": "production"}})
    assert (told.builds, told.deployments, told.workflows) == ("named", "named", ())
    for wrong in ({"builds": "all"}, {"environments": {"prod*": "live"}}, {"workflows": [7]}):
        with pytest.raises(ValidationError):
            CiSettings.model_validate(wrong)
