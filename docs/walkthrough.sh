#!/bin/sh
# Why the catalog can be trusted, shown on the demo: a contested owner, a registry that suddenly
# has 3 of 300 models, a renamed model that keeps its history.
#
#   make demo                    in one terminal
#   sh docs/walkthrough.sh       in another one, in the same folder
#
# It changes the demo and nothing else. Every step says what it expects and stops where it differs.
set -eu
FOLDER=${FOLDER:-demo-data}
CATALOG=${CATALOG:-.venv/bin/model-catalog}
. "$FOLDER/environment"
ADMIN=$MODEL_CATALOG_TOKEN

step() { printf '\n== %s\n' "$*"; }
expect() { # TEXT WHERE: the step's answer holds it
	case $2 in *"$1"*) ;; *) printf 'expected: %s\nfound: %s\n' "$1" "$2" >&2; exit 1 ;; esac
}
api() { # METHOD PATH [BODY]: the REST interface, as curl sees it
	if [ $# -gt 2 ]; then
		curl -sS -X "$1" "$MODEL_CATALOG_URL/api/v1/$2" -H "Authorization: Bearer $ADMIN" \
			-H 'Content-Type: application/json' -d "$3"
	else
		curl -sS -X "$1" "$MODEL_CATALOG_URL/api/v1/$2" -H "Authorization: Bearer $ADMIN"
	fi
}
mlflow() { # METHOD PATH BODY: the demo's registry
	curl -sS -f -o /dev/null -X "$1" "$MLFLOW_TRACKING_URI/api/2.0/mlflow/$2" \
		-H 'Content-Type: application/json' -d "$3"
}
harvest() { # what cron does, with a token of the source's own; its exit code is 1 for findings
	MODEL_CATALOG_TOKEN=$SOURCE_TOKEN "$CATALOG" harvest mlflow-demo --full || [ $? -eq 1 ]
}
SOURCE_TOKEN=$("$CATALOG" token create --role source --source mlflow-demo)

step 'Two sources disagree about an owner'
# The manifest in its repository says who is accountable for retail/churn; a tag in MLflow says more.
CONFLICTS=$("$CATALOG" conflicts list --field owners)
printf '%s\n' "$CONFLICTS"
expect 'retail/churn' "$CONFLICTS"

step 'A person decides, for a while'
# Nobody has the rights of an owner while sources dispute who that is, so an admin decides.
SOON=$(($(date +%s) + 8))
"$CATALOG" pin retail/churn owners team:churn-desk --reason 'agreed in the weekly' \
	--expires-at "$(date -u -d "@$SOON" +%Y-%m-%dT%H:%M:%SZ)"
PINNED=$(api GET 'models/retail/churn?provenance=true')
expect 'team:churn-desk' "$PINNED"
expect 'agreed in the weekly' "$PINNED"
expect 'team:retention-ds' "$PINNED" # what sources say stays beside it

step 'The pin expires, and what the source says is back'
while [ "$(date +%s)" -le "$SOON" ]; do sleep 1; done
"$CATALOG" evaluate >"$FOLDER/evaluate.txt" # the worker does this by itself
HISTORY=$("$CATALOG" history retail/churn)
printf '%s\n' "$HISTORY"
expect 'expire' "$HISTORY"
OWNERS=$("$CATALOG" show retail/churn)
expect 'team:retention-ds' "$OWNERS"
case $OWNERS in *team:churn-desk*) echo 'the pin still holds' >&2; exit 1 ;; esac

step 'A listing that suddenly has 3 of 300 models'
i=0
while [ $i -lt 300 ]; do
	mlflow POST registered-models/create "{\"name\": \"batch-$i\"}"
	i=$((i + 1))
done
harvest >"$FOLDER/first.txt"
i=0
while [ $i -lt 297 ]; do # somebody cleaned up with a wrong filter, or so it seems
	mlflow DELETE registered-models/delete "{\"name\": \"batch-$i\"}"
	i=$((i + 1))
done
harvest >"$FOLDER/second.txt"
"$CATALOG" explain retail/batch-7
EXPLAINED=$("$CATALOG" explain retail/batch-7)
expect 'held_back' "$EXPLAINED"
HELD=$(api GET 'quarantine?what=held_back')
ITEM=$(printf '%s' "$HELD" | sed 's/.*"items":\[{"id":\([0-9]*\).*/\1/')
"$CATALOG" quarantine show "$ITEM" | head -5
expect '"gone_since":null' "$(api GET models/retail/batch-7)"

step 'It was meant: a person releases exactly that'
"$CATALOG" quarantine release "$ITEM" --reason 'the old batch models were cleaned up'
case $(api GET models/retail/batch-7) in *'"gone_since":null'*) echo 'still there' >&2; exit 1 ;; esac
expect '"gone_since":null' "$(api GET models/retail/batch-299)"

step 'A renamed model keeps its history'
mlflow POST registered-models/rename '{"name": "batch-298", "new_name": "returns-forecast"}'
harvest >"$FOLDER/third.txt"
HISTORY=$("$CATALOG" history retail/returns-forecast)
printf '%s\n' "$HISTORY"
expect 'create' "$HISTORY"
expect 'batch-298' "$HISTORY"

step 'Nothing of this can be changed afterwards without being noticed'
"$CATALOG" ledger verify
"$CATALOG" reconcile --all --dry-run
printf '\nAll as promised.\n'
