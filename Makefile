# make run     serve the demo on http://127.0.0.1:8080
# make test    every check, as CI runs them
# make bench   measure, write benchmarks/results and the README's figures
# make bundle  make the default bundle again from the official weights and the public data: about two hours on two cores
# make loop    run one whole iteration of the loop on this machine: minutes, with a report page
# make adapted fine-tune the teacher on its field first, and distill a student of it from the default one: about an hour more

PYTHON ?= python3
PORT ?= 8080
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
STORE := .run/demo-store
DATA := ../shared/data
STUDENT ?= .run/student/model

.PHONY: run test bench bundle adapted export verifier loop clean

run: .venv/base.stamp
	@$(BIN)/orilla edge ingest demo/knowledge_base --store $(STORE)
	@printf '\nOrilla on http://127.0.0.1:$(PORT) with the demo knowledge base. In another terminal:\n\n'
	@printf "  curl -s http://127.0.0.1:$(PORT)/v1/query -H 'content-type: application/json' \\\\\n"
	@printf "       -d '{\"text\": \"How long are backups kept on the Marea plan?\"}'\n\n"
	@exec $(BIN)/orilla edge serve --store $(STORE) --port $(PORT)

test: .venv/all.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

bench: .venv/bench.stamp
	$(BIN)/python -m benchmarks

bundle: .venv/all.stamp
	$(BIN)/orilla teacher label --data $(DATA) --out .run/targets
	$(BIN)/orilla student distill --targets .run/targets --out .run/student \
	  --vocabulary student/default_bundle/tokenizer.json
	$(MAKE) export
	$(MAKE) verifier
	$(BIN)/orilla student evaluate student/default_bundle $(STUDENT) --recipe benchmarks/evaluation.toml \
	  --out .run/evaluation --dimensions 256 --dimensions 128

adapted: .venv/all.stamp
	$(BIN)/orilla teacher queries --data $(DATA) --out .run/pairs.jsonl
	$(BIN)/orilla teacher train --pairs .run/pairs.jsonl --intents $(DATA)/banking77/train.jsonl --hold-out 0.2 \
	  --out .run/teacher
	$(BIN)/orilla teacher label --data $(DATA) --model .run/teacher/model --model-name "MiniLM adapted to help centers" \
	  --model-license Apache-2.0 --share 0.4 --out .run/adapted-targets
	$(BIN)/orilla student distill --recipe student/distill/recipes/adapted.toml --targets .run/adapted-targets \
	  --model .run/teacher/model --model-name "MiniLM adapted to help centers" --model-license Apache-2.0 \
	  --start $(STUDENT) --out .run/adapted
	$(BIN)/orilla student evaluate .run/teacher/model .run/adapted/model --recipe benchmarks/evaluation.toml \
	  --out .run/adapted-evaluation

# The architecture in action: with the public data where they are, else with the demo's own.
loop: .venv/all.stamp
	$(BIN)/orilla loop --out .run/loop --knowledge-base demo/knowledge_base --questions demo/questions.jsonl \
	  $(if $(wildcard $(DATA)/banking77/train.jsonl),--data $(DATA),--data demo --recipe teacher/recipes/demo-iteration.toml)

# The last step alone, from a student that is already distilled.
export: .venv/all.stamp
	$(BIN)/orilla student export --out student/default_bundle --force --name orilla-es-en --serial 3 \
	  --model $(STUDENT) --model-name orilla-es-en-3 --model-license Apache-2.0 \
	  --intents $(DATA)/bitext_support/train.jsonl \
	  --intents-name "Bitext customer support utterances (2023-08-18)" --intents-license CDLA-Sharing-1.0 \
	  --out-of-scope $(DATA)/clinc150/oos_val.jsonl --passages demo/knowledge_base

# The answerability verifier of the default bundle, trained again: a quarter of an hour.
verifier: .venv/all.stamp
	$(BIN)/orilla teacher questions --data $(DATA) --out .run/answerability.jsonl
	$(BIN)/orilla student verifier --examples .run/answerability.jsonl --run .run/verifier --out student/default_bundle --force --serial 4

clean:
	rm -rf .venv .run

.venv/bin/python:
	$(PYTHON) -m venv .venv

# The base install: the branch server, without torch. hnswlib has no wheels; where it does not build, search scans.
.venv/base.stamp: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing into .venv (about 270 MB, once)"
	@$(PIP) --editable .
	@$(PIP) --editable '.[hnsw]' >.venv/hnsw.log 2>&1 || echo "hnswlib did not build (.venv/hnsw.log): large bases are scanned"
	@touch $@

# Everything. torch comes first and alone, so that its CPU build is found.
.venv/all.stamp: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing everything into .venv (about 2 GB, once)"
	@$(PIP) torch==2.13.0
	@$(PIP) --editable '.[teacher,dev]'
	@touch $@ .venv/base.stamp

.venv/bench.stamp: .venv/all.stamp
	@$(PIP) --editable '.[bench]'
	@touch $@
