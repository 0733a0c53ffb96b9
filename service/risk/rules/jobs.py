"""What the clock does about rules: scheduled ones begin, previews and evaluations go on."""

from service.db import Database
from service.risk.rules.activation import begin_scheduled
from service.risk.rules.pack_previews import continue_pack_previews
from service.risk.rules.previews import continue_previews
from service.risk.rules.revaluation import continue_revaluations


def follow_rules(database: Database, *, dry_run: bool = False) -> dict[str, int]:
    """Rules that begin now, uses and models that were previewed, and those evaluated again."""
    return {
        "rules_begun": begin_scheduled(database, dry_run=dry_run),
        "rules_previewed": continue_previews(database, dry_run=dry_run)
        + continue_pack_previews(database, dry_run=dry_run),
        "rules_applied": continue_revaluations(database, dry_run=dry_run),
    }
