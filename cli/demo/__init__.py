"""The demo: a catalog on this machine, filled from a real MLflow server through the real route."""

from pathlib import Path
from typing import Annotated

import typer

from cli.output import say

app = typer.Typer(help="Everything on this machine.")


@app.command()
def demo(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="End after the harvest and a CSV export.")
    ] = False,
    mlflow: Annotated[
        str | None, typer.Option(metavar="URL", help="Your own MLflow server, not the sample.")
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port of the catalog; 0 takes a free one.")
    ] = 8010,
    folder: Annotated[Path, typer.Option(help="Where its data lies.")] = Path("demo-data"),
) -> None:
    """Run a throwaway catalog and fill it: from a sample MLflow server, or from your own."""
    from cli.demo.children import Children
    from cli.demo.folder import cleared
    from cli.demo.shown import show
    from cli.demo.story import own, sample

    with cleared(folder.resolve()) as home, Children() as children:
        catalog = own(mlflow, children, home=home, port=port) if mlflow else None
        catalog = catalog or sample(children, home=home, port=port)
        show(catalog)
        if not once:
            say("\nCtrl-C ends it.")
            children.wait(home)
