"""Reads an MLflow server by its REST API alone, apart from the harvester and MLflow's client."""

from collections.abc import Iterator
from typing import Any, Final

import httpx2

API: Final = "/api/2.0/mlflow"


class Server:
    """One workspace, request by request."""

    def __init__(self, uri: str, workspace: str) -> None:
        """Nothing is asked."""
        headers = {"X-MLFLOW-WORKSPACE": workspace}
        self.http = httpx2.Client(base_url=uri, headers=headers, trust_env=False, timeout=120)
        self.workspace = workspace

    def models(self, *, prompts: bool = False) -> list[Any]:
        """Registered models, or prompts."""
        is_it = "=" if prompts else "!="
        where = f"tag.`mlflow.prompt.is_prompt` {is_it} 'true'"
        return list(self._listed("registered-models", filter=where, max_results=1_000))

    def versions(self) -> list[Any]:
        """Model versions."""
        return list(self._listed("model-versions", max_results=200_000))

    def runs(self) -> list[Any]:
        """Training runs of all experiments, deleted ones among them."""
        asked = {"experiment_ids": self._experiments(), "run_view_type": "ALL"}
        return list(self._found("runs", asked, max_results=5_000))

    def logged_models(self) -> dict[str, str]:
        """Where logged models have their files, by id."""
        found = self._found(
            "logged-models", {"experiment_ids": self._experiments()}, listed="models"
        )
        return {one["info"]["model_id"]: one["info"]["artifact_uri"] for one in found}

    def _experiments(self) -> list[str]:
        found = self._found("experiments", {"view_type": "ALL"}, max_results=1_000)
        return [one["experiment_id"] for one in found]

    def _listed(self, name: str, **asked: Any) -> Iterator[Any]:
        while True:
            page = self.http.get(f"{API}/{name}/search", params=asked).raise_for_status().json()
            yield from page.get(name.replace("-", "_"), ())
            if not page.get("next_page_token"):
                return
            asked["page_token"] = page["next_page_token"]

    def _found(
        self, name: str, asked: dict[str, Any], *, listed: str = "", **more: Any
    ) -> Iterator[Any]:
        asked = asked | more
        while True:
            page = self.http.post(f"{API}/{name}/search", json=asked).raise_for_status().json()
            yield from page.get(listed or name, ())
            if not page.get("next_page_token"):
                return
            asked["page_token"] = page["next_page_token"]
