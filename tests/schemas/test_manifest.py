"""The contract of `model.yaml` makes values of texts, and takes values that programs make."""

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.manifest import Manifest
from schemas.manifest_parts import Registration
from schemas.manifest_words import COUNTRIES
from schemas.values import Exposure, OneOf
from tests.support.manifests import EVERYTHING, changed, manifest


def read(**spec: Any) -> Any:
    """The spec of a manifest."""
    return Manifest.model_validate(manifest(**spec)).spec


@pytest.mark.parametrize(
    ("spec", "field", "value"),
    [
        ({"downstream_dependents": "12"}, "downstream_dependents", 12),
        ({"downstream_dependents": 12}, "downstream_dependents", 12),
        ({"license": "MIT"}, "license", "MIT"),
        ({"license": None}, "license", None),
        ({"exposure": "internal_api"}, "exposure", "internal_api"),
        ({"owners": None}, "owners", ()),
    ],
)
def test_spec_value(spec: dict[str, Any], field: str, value: Any) -> None:
    """Texts and values of the right type say the same."""
    assert getattr(read(**spec), field) == value


@pytest.mark.parametrize(
    ("warn", "value"),
    [("0.74", 0.74), (".5", 0.5), ("-1e-3", -0.001), ("+2", 2.0), (3, 3.0), (0.5, 0.5)],
)
def test_number(warn: Any, value: float) -> None:
    """Decimals with a point."""
    threshold = {"metric": "auc", "direction": "below", "warn": warn}
    (found,) = read(monitoring={"thresholds": [threshold]}).monitoring.thresholds
    assert (found.warn, found.breach) == (value, None)


@pytest.mark.parametrize(
    "warn", ["", "nan", "inf", "1e400", "0x10", "1_0", "1,5", "1" * 41, True], ids=repr
)
def test_number_refused(warn: Any) -> None:
    """Nothing else: it would be read differently elsewhere."""
    with pytest.raises(ValidationError):
        read(monitoring={"thresholds": [{"metric": "a", "direction": "above", "warn": warn}]})


@pytest.mark.parametrize(
    "count", ["-1", "1.0", "1" * 20, "9223372036854775808", -1, 1.0, True, ""], ids=repr
)
def test_count_refused(count: Any) -> None:
    """Whole numbers that a database holds."""
    with pytest.raises(ValidationError):
        read(downstream_dependents=count)


def test_day() -> None:
    """A day as text or as programs have it."""
    waiver = {"control": "A", "reason": "B"}
    for day in ("2027-03-31", date(2027, 3, 31)):
        (found,) = read(waivers=[waiver | {"expires_on": day}]).waivers
        assert found.expires_on == date(2027, 3, 31)


@pytest.mark.parametrize("day", ["2027-3-31", "2027-02-30", "20270331", 20270331, None], ids=repr)
def test_day_refused(day: Any) -> None:
    """One form alone, and days that exist."""
    with pytest.raises(ValidationError):
        read(waivers=[{"control": "A", "reason": "B", "expires_on": day}])


def test_flags_and_amounts() -> None:
    """Flags as they are, amounts as a band, a number, or one of several bands."""
    told = OneOf[Exposure](one_of=("internal_api", "customer_facing"))
    use = {"name": "a", "profiling": True, "people_affected_per_year": 5, "exposure": told}
    (found,) = read(uses=[use]).uses

    assert (found.profiling, found.people_affected_per_year) == (True, 5)
    assert found.exposure.one_of == ("customer_facing", "internal_api")
    (narrowed,) = read(
        uses=[{"name": "a", "financial_exposure_per_year": {"one_of": ["lt_100k", "100k_1m"]}}]
    ).uses
    assert narrowed.financial_exposure_per_year.one_of == ("100k_1m", "lt_100k")


def test_free_keys() -> None:
    """Keys with x- are no part of what was said."""
    found = Manifest.model_validate(changed(EVERYTHING, "/spec/x-a", 1))
    assert not found.spec.states("x-a")
    assert found.spec.states("license")
    assert found == Manifest.model_validate(EVERYTHING)


def test_countries() -> None:
    """249 codes of ISO 3166-1, and EU."""
    assert len(set(COUNTRIES)) == 250
    assert {"NO", "DE", "EU"} <= set(COUNTRIES)
    assert "UK" not in COUNTRIES


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": "a"}, {"name": "b"}, {"scheme": "hf"}, {"value": "hf://a/b"}, {},
        {"source": "a", "name": "b", "scheme": "hf", "value": "c"},
        {"scheme": "hf", "value": "a", "workspace": "b"},
        {"source": "a", "name": "ghp_" + "a" * 36}, {"scheme": "mlflow", "value": "x" * 1_025},
        {"scheme": "manifest", "value": "github.com/1#model.yaml"},
    ],
)  # fmt: skip
def test_registration_refused(wrong: dict[str, str]) -> None:
    """Either by source and name or by scheme and value; what joins models is never masked."""
    with pytest.raises(ValidationError):
        Registration.model_validate(wrong)


def test_registration_secret() -> None:
    """An address with a password names nothing."""
    with pytest.raises(ValidationError, match="looks like a key"):
        read(datasets=[{"uri": "s3://lake/AKIAIOSFODNN7EXAMPLE"}])


def test_repeated_uses() -> None:
    """Uses are told apart as the catalog compares names."""
    with pytest.raises(ValidationError, match="two uses of one name"):
        read(uses=[{"name": "Offers"}, {"name": "offers"}])
