"""Documents of others without their secrets: by names, by pairs of name and value, by patterns."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.masking_documents import MASKED, mask_document


@pytest.mark.parametrize(
    ("document", "masked"),
    [
        ({"name": "DB_PASSWORD", "value": "x"}, {"name": "DB_PASSWORD", "value": MASKED}),
        ({"key": "API_KEY", "value": ["x"]}, {"key": "API_KEY", "value": MASKED}),
        ({"value": "x", "name": "token"}, {"value": MASKED, "name": "token"}),
        ([{"name": "secret", "value": {"a": "x"}}], [{"name": "secret", "value": MASKED}]),
        ({"name": "tokens", "value": 3}, {"name": "tokens", "value": 3}),
        ({"name": "password", "value": ""}, {"name": "password", "value": ""}),
        ({"name": "STAGE", "value": "prod"}, {"name": "STAGE", "value": "prod"}),
        ({"name": ["password"], "value": "x"}, {"name": ["password"], "value": "x"}),
        ({"name": "password", "other": "x"}, {"name": "password", "other": "x"}),
        ({"name": "a", "key": "password", "value": "x"}, {"name": "a", "key": "password",
                                                          "value": MASKED}),
        ({"AWS_ACCESS_KEY_ID": "x"}, {"AWS_ACCESS_KEY_ID": MASKED}),
        ({"accountKey": "x", "AzureConnectionString": "y"},
         {"accountKey": MASKED, "AzureConnectionString": MASKED}),
        ({"name": "MYSQL_PWD", "value": "x"}, {"name": "MYSQL_PWD", "value": MASKED}),
        ({"DB_PASS": "x", "bypass": "y"}, {"DB_PASS": MASKED, "bypass": "y"}),
        ({"token": "x", "url": "https://u:p@h/x"}, {"token": MASKED,
                                                    "url": "https://[masked credential]@h/x"}),
    ],
)  # fmt: skip
def test_mask_document(document: Any, masked: Any) -> None:
    """What a telling name stands beside is hidden; figures and what is empty say nothing."""
    assert mask_document(document) == masked


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["name", "key", "value", "password", "x"]),
                inner | st.just("token"),
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_mask_document_twice(document: Any) -> None:
    """What is masked stays as it is."""
    once = mask_document(document)

    assert mask_document(once) == once
