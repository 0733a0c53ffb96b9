"""Whom an account owns: displayed owners are facts, rights need more."""

from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from service.access.holders import find_caller
from service.access.tokens import read_token
from service.catalog.owning import owns
from service.ingest.tables import SourceRow
from tests.conftest import Statements
from tests.support.accounts import make_owner, make_person, map_owner, owned_by
from tests.support.catalog import make_source, model, post, rows, version
from tests.support.http import Service
from tests.support.identity import about, manifest

LATER = "2026-11-21T12:00:00Z"


@pytest.fixture
def anna(service: Service) -> str:
    """A reader of all for whom `handle:anna` stands; her token."""
    return make_owner(service, "anna", "handle:anna")


def owner_of(service: Service, token: str, entry_id: UUID) -> bool:
    """Does the token's account own an entry?"""
    parts = read_token(token)
    assert parts is not None
    with service.database.reading() as session:
        caller, _ = find_caller(session, parts)
        return owns(session, caller, entry_id=entry_id)


def entry(service: Service, kind: str, key: str) -> UUID:
    """The id of what is called so."""
    query = "SELECT id FROM entry WHERE kind = :kind AND natural_key = :key"
    [(found,)] = rows(service.database, query, kind=kind, key=key)
    return UUID(str(found))


def mine(service: Service, token: str, kind: str = "models") -> list[str]:
    """The list of what is the caller's."""
    listed = service.get(kind, token, owner="me")["items"]
    return [row["name"].partition("/")[2] for row in listed]


OWNERS: dict[str, tuple[list[Any], bool, bool, bool]] = {
    # what the source says: whether it may grant, is listed as one's own, gives rights
    "accountable": ([owned_by("anna")], True, True, True),
    "tag": ([owned_by("anna")], False, True, False),
    "one of two": ([owned_by("ben"), owned_by("anna")], True, True, True),
    "developer": ([owned_by("anna", role="developer")], True, False, False),
    "delegate": ([owned_by("ben"), owned_by("anna", role="delegate")], True, False, False),
    "another": ([owned_by("ben")], True, False, False),
    "prefix": ([owned_by("ann"), owned_by("anna2")], True, False, False),
    "other scheme": ([owned_by("anna@acme.example", scheme="email")], True, False, False),
    "nobody": ([], True, False, False),
}


@pytest.mark.parametrize("case", OWNERS)
def test_owns_what_it_is_accountable_for(service: Service, anna: str, case: str) -> None:
    """SECURITY 2: rights need an accountable owner, from a source that may grant ownership."""
    said, grants, listed, owned = OWNERS[case]
    source = make_source(service.database, may_grant_ownership=grants)
    post(service.database, source, model(owners=said))

    assert mine(service, anna) == (["churn"] if listed else [])
    assert owner_of(service, anna, entry(service, "model", "retail/churn")) is owned


def test_owner_of_all_below(service: Service, anna: str) -> None:
    """A version, use or deployment counts through its model, and A says nothing about B."""
    source = make_source(service.database, may_grant_ownership=True)
    use = {
        "subject": about("use", "retail/churn/offers", "name"), "observed_at": LATER,
        "facts": {"model": about("model", "mlflow-prod/default/churn"), "name": "offers"},
    }  # fmt: skip
    serving = {
        "subject": about("deployment", "retail/churn-live", "name"), "observed_at": LATER,
        "facts": {"version": about("version", "mlflow-prod/default/churn/1")},
    }  # fmt: skip
    receipt = post(
        service.database, source, model(owners=[owned_by("anna")]), version(1), use,
        model("fraud", owners=[owned_by("ben")]), version(1, "fraud"),
    )  # fmt: skip
    assert receipt.refused == ()
    deployed = post(service.database, source, serving).refused == ()
    kinds = {"model": "retail/churn", "version": "retail/churn/1", "use": "retail/churn/offers"}
    found = [owner_of(service, anna, entry(service, *one)) for one in kinds.items()]
    others = [
        owner_of(service, anna, entry(service, kind, f"retail/fraud{below}"))
        for kind, below in (("model", ""), ("version", "/1"))
    ]

    assert found == [True] * 3
    assert others == [False] * 2
    if deployed:
        [(live,)] = rows(service.database, "SELECT id FROM deployment")
        assert owner_of(service, anna, live)
    assert mine(service, anna) == ["churn"]


def test_owner_contested_has_no_rights(service: Service, anna: str) -> None:
    """While sources of equal weight disagree nobody has rights; a person's pin decides."""
    tags = make_source(service.database, may_grant_ownership=True, precedence=70)
    files = make_source(service.database, "files", may_grant_ownership=True, precedence=70)
    post(service.database, tags, model(owners=[owned_by("ben")]))
    post(service.database, files, manifest("churn", owners=[owned_by("anna")], at=LATER))
    churn = entry(service, "model", "retail/churn")
    [(conflicts,)] = rows(service.database, "SELECT conflicts FROM model WHERE id = :id", id=churn)
    assert conflicts == ["owners"]
    assert mine(service, anna) == ["churn"]
    assert not owner_of(service, anna, churn)

    admin, path = service.token("admin"), "models/retail/churn/pins/owners"
    tag = service.ask("GET", path, admin).headers["etag"]
    said = {
        "value": [owned_by("anna")],
        "reason": "asked the team",
        "expires_at": "2999-01-01T00:00:00Z",
    }
    pinned = service.ask("PUT", path, admin, json=said, headers={"If-Match": tag})
    assert pinned.status_code == 200, pinned.text
    assert owner_of(service, anna, churn)
    with service.database.writing() as session:
        session.execute(sa.text("UPDATE pin SET expires_at = now() - interval '1 second'"))
    assert not owner_of(service, anna, churn)


def test_owner_by_a_file_of_others_has_none(service: Service, anna: str) -> None:
    """Code owners are evidence: they give no rights, and do not dispute whom a manifest names."""
    files = make_source(service.database, "github-acme", kind="github")
    named = manifest("churn", file="churn")
    beside = {
        "subject": about("model", "https://github.com/acme/churn#CODEOWNERS#model.yaml", "foreign"),
        "same_as": [named["subject"]], "observed_at": LATER, "inferred": ["owners"],
    }  # fmt: skip
    post(service.database, files, named, beside | {"facts": {"owners": [owned_by("anna")]}})
    churn = entry(service, "model", "retail/churn")
    assert mine(service, anna) == ["churn"]
    assert not owner_of(service, anna, churn)

    stated = manifest("churn", file="churn", owners=[owned_by("anna")], at=LATER)
    post(service.database, files, stated)
    assert owner_of(service, anna, churn)

    post(service.database, files, beside | {"facts": {"owners": [owned_by("ben")]}})
    assert owner_of(service, anna, churn)
    assert rows(service.database, "SELECT conflicts FROM model") == [([],)]


def test_owner_through_weaker_source_has_none(service: Service, anna: str) -> None:
    """The deciding statement counts: what a trusted source says below it gives no rights."""
    manifests = make_source(
        service.database, "manifests", kind="acme.manifest", may_grant_ownership=True, precedence=10
    )
    post(service.database, manifests, manifest("churn", owners=[owned_by("anna")]))
    churn = entry(service, "model", "retail/churn")
    assert owner_of(service, anna, churn)
    tags = make_source(service.database, precedence=90)
    post(service.database, tags, model(owners=[owned_by("anna")], at=LATER))
    assert not owner_of(service, anna, churn)
    with service.database.writing() as session:
        session.execute(sa.update(SourceRow.__table__).values(may_grant_ownership=True))
    assert owner_of(service, anna, churn)


def test_owner_is_a_team_of_two(service: Service, anna: str) -> None:
    """A team that stands for two accounts gives both the rights; what is unmapped ends them."""
    ben = make_owner(service, "ben", "email:ben@acme.example")
    source = make_source(service.database, may_grant_ownership=True)
    team = "team:retention-ds"
    post(service.database, source, model(owners=[owned_by(team)]))
    churn = entry(service, "model", "retail/churn")
    assert not owner_of(service, anna, churn)
    map_owner(service.database, f"handle:{team}", "anna", "ben")

    assert [owner_of(service, one, churn) for one in (anna, ben)] == [True, True]
    assert [mine(service, one) for one in (anna, ben)] == [["churn"], ["churn"]]
    path = "owner-mappings/handle:team%3Aretention-ds/ben?reason=left"
    assert service.ask("DELETE", path, service.token("admin")).status_code == 204
    assert [owner_of(service, one, churn) for one in (anna, ben)] == [True, False]


@pytest.mark.parametrize("trusted", [True, False])
def test_owner_known_by_several_names(service: Service, anna: str, *, trusted: bool) -> None:
    """Owner entries that merge are one owner, and any of its identifiers stands for the account.

    Rights follow only where a source that may grant ownership says so, or a person: whoever may
    write to any other source could else take over what another one owns.
    """
    source = make_source(service.database, may_grant_ownership=True)
    others = make_source(service.database, "directory", may_grant_ownership=trusted)
    mail = about("owner", "anna.berg@acme.example", "email")
    post(service.database, source, model(owners=[{"owner": mail}]))
    churn = entry(service, "model", "retail/churn")
    assert not owner_of(service, anna, churn)
    known = {
        "subject": about("owner", "anna", "handle"), "same_as": [mail], "observed_at": LATER,
        "facts": {"handle": "anna"},
    }  # fmt: skip
    assert post(service.database, others, known).refused == ()

    assert mine(service, anna) == ["churn"]
    assert owner_of(service, anna, churn) is trusted


def test_owner_merged_by_a_person(service: Service, anna: str) -> None:
    """A person's merge gives rights, as a stranger's `same_as` does not; un-merging ends them."""
    source = make_source(service.database, may_grant_ownership=True)
    strangers = make_source(service.database, "strangers")
    mail = about("owner", "anna.berg@acme.example", "email")
    handle = {"subject": about("owner", "anna", "handle"), "observed_at": LATER,
              "facts": {"handle": "anna"}}  # fmt: skip
    post(service.database, source, model(owners=[{"owner": mail}]))
    post(service.database, strangers, handle)
    churn, admin = entry(service, "model", "retail/churn"), service.token("admin")
    assert not owner_of(service, anna, churn)
    said = {"other": "handle:anna", "reason": "her address"}
    path = "owners/email:anna.berg@acme.example"
    merged = service.ask("POST", f"{path}:merge", admin, json=said)
    assert merged.status_code in {200, 201}, merged.text

    assert owner_of(service, anna, churn)
    assert mine(service, anna) == ["churn"]
    back = {"other": "email:anna.berg@acme.example", "reason": "another Anna"}
    parted = service.ask("POST", "owners/handle:anna:unmerge", admin, json=back)
    assert parted.status_code in {200, 201}, parted.text
    assert not owner_of(service, anna, churn)


@pytest.mark.parametrize("known", [True, False])
def test_owner_merged_further_by_a_stranger(service: Service, anna: str, *, known: bool) -> None:
    """Beside what a person merged, whom a stranger adds to it stays a stranger."""
    trusted = make_source(service.database, may_grant_ownership=True)
    strangers = make_source(service.database, "strangers")
    rita, anna_too, victim = (
        {"subject": about("owner", handle, "handle"), "observed_at": LATER, "facts": {}}
        for handle in ("rita", "anna", "victim")
    )
    for one in (rita, anna_too, *([victim] if known else ())):
        post(service.database, trusted, one)
    said = {"other": "handle:anna", "reason": "she married"}
    merged = service.ask("POST", "owners/handle:rita:merge", service.token("admin"), json=said)
    assert merged.status_code == 200, merged.text
    post(service.database, strangers, victim | {"same_as": [rita["subject"]]})
    post(service.database, trusted, model(owners=[owned_by("victim")]),
         model("hers", owners=[owned_by("rita")]))  # fmt: skip

    assert sorted(mine(service, anna)) == ["churn", "hers"]  # as it is shown
    assert owner_of(service, anna, entry(service, "model", "retail/hers"))
    assert not owner_of(service, anna, entry(service, "model", "retail/churn"))
    if not known:  # a source that may say so vouches for her
        trusts = victim | {"same_as": [rita["subject"]], "observed_at": "2026-11-22T00:00:00Z"}
        post(service.database, trusted, trusts)
        assert owner_of(service, anna, entry(service, "model", "retail/churn"))


def test_owner_merged_elsewhere(service: Service, anna: str) -> None:
    """What was merged or said of others makes no owner of whom a stranger merged."""
    trusted = make_source(service.database, may_grant_ownership=True)
    strangers = make_source(service.database, "strangers")
    named = {
        handle: {"subject": about("owner", handle, "handle"), "observed_at": LATER, "facts": {}}
        for handle in ("anna", "victim", "ben", "benny")
    }
    for one in named.values():
        post(service.database, trusted, one)
    said = {"other": "handle:ben", "reason": "one Ben"}
    merged = service.ask("POST", "owners/handle:benny:merge", service.token("admin"), json=said)
    assert merged.status_code == 200, merged.text
    also = about("owner", "victim@acme.example", "email")
    again = {"observed_at": "2026-11-22T00:00:00Z"}
    post(service.database, trusted, named["victim"] | again | {"same_as": [also]})
    post(service.database, strangers, named["victim"] | {"same_as": [named["anna"]["subject"]]})
    post(service.database, trusted, model(owners=[owned_by("victim")]))

    assert mine(service, anna) == ["churn"]
    assert not owner_of(service, anna, entry(service, "model", "retail/churn"))


def test_owner_disabled_or_without_account(service: Service, anna: str) -> None:
    """A disabled account has no rights, nobody's token owns anything, a source asks for no `me`."""
    source = make_source(service.database, may_grant_ownership=True)
    post(service.database, source, model(owners=[owned_by("anna")]))
    churn = entry(service, "model", "retail/churn")
    make_person(service.database, "other", ("reader", None))

    assert not owner_of(service, service.token_of("other"), churn)
    assert not owner_of(service, service.token("source", source_name="mlflow-prod"), churn)
    assert mine(service, service.reader) == []
    why = {"json": {"reason": "x"}}
    service.ask("POST", "accounts/anna:disable", service.token("admin"), **why)
    assert service.ask("GET", "models?owner=me", anna).status_code == 401


def test_owning_costs_one_statement(service: Service, anna: str, statements: Statements) -> None:
    """Whether an account owns an entry is one statement, however much it owns."""
    source = make_source(service.database, may_grant_ownership=True)
    post(service.database, source, *(model(f"m{n}", owners=[owned_by("anna")]) for n in range(50)))
    with statements() as said:
        assert owner_of(service, anna, entry(service, "model", "retail/m7"))

    assert len(said) == 3  # the entry's id, who asks, whether it owns it
