"""What a manifest says that no file of a repository does, with the answers that are possible."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, get_args

from schemas import values

if TYPE_CHECKING:
    from cli.init_draft import Draft

BANDS: Final = "or a number"


def _one_of(choice: Any, *more: str) -> str:
    return ", ".join((*get_args(choice), *more))


OF_AN_OWNER: Final[Mapping[str, str]] = {
    "ref": 'who answers for it: "team:retention-ds", "user:anna" or an e-mail address',
}
ASKED: Final[Mapping[str, str]] = {  # of the model, in the order in which they are written
    "lifecycle": _one_of(values.Lifecycle),
    "asset_kind": _one_of(values.AssetKind),
    "task": _one_of(values.Task),
    "model_class": _one_of(values.ModelClass),
    "origin": _one_of(values.Origin),
    "license": "an SPDX identifier, such as Apache-2.0",
    "base_model": "what it was made from: hf://org/name@revision, or null when it was not",
    "card": "path of the model card, from the root of the repository",
    "update_mode": _one_of(values.UpdateMode),
    "explainability": _one_of(values.Explainability),
    "data_sensitivity": _one_of(values.Sensitivity),
    "exposure": _one_of(values.Exposure),
    "downstream_dependents": "how many systems consume its output, a number",
}
OF_A_USE: Final[Mapping[str, str]] = {
    "name": "what it is called below the model, such as retention-offers",
    "purpose": "what the output is for, in a sentence",
    "jurisdictions": "countries, such as [DE, AT]",
    "decision_role": _one_of(values.DecisionRole),
    "people_affected_per_year": _one_of(values.PeopleAffected, BANDS),
    "financial_exposure_per_year": _one_of(values.FinancialExposure, BANDS),
    "regulatory_use": _one_of(values.RegulatoryUse),
    "harm_reversibility": _one_of(values.HarmReversibility),
    "regulated_purposes": "purposes of the tiering policy; [] when it serves none of them",
    "human_oversight": "in_loop, on_loop, none",
}


def open_questions(draft: "Draft") -> dict[str, list[str]]:
    """What nobody has said yet, of the model and of each use."""
    answered = any(said.value == "accountable" for said in draft.owners.values())
    owner = "owners (whether they are right)" if answered else "owners"
    of_model = [name for name in ASKED if f"spec.{name}" not in draft.fields]
    return {"of the model": [owner, *of_model], "of each use": list(OF_A_USE)}
