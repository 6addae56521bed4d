# `make` alone lists the targets. Two cores and Python 3.11 or later are enough for all of them.

PYTHON ?= python3
PORT ?= 8080
JOBS ?= 2
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
STORE := .run/demo-store
DATA := ../shared/data
# The last commit whose default bundle was MiniLM's own student, which read Spanish in its place.
SPANISH_MINILM := 1d90dc8
STUDENT ?= .run/bilingual/model

.DEFAULT_GOAL := help
.PHONY: help run test docs fix bench bundle former adapted bilingual export verifier loop clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

run: .venv/base.stamp ## serve the demo on http://127.0.0.1:8080 (PORT=…)
	@$(BIN)/orilla edge ingest demo/knowledge_base --store $(STORE)
	@printf '\nOrilla on http://127.0.0.1:$(PORT) with the demo knowledge base. In another terminal:\n\n'
	@printf "  curl -s http://127.0.0.1:$(PORT)/v1/query -H 'content-type: application/json' \\\\\n"
	@printf "       -d '{\"text\": \"How long are backups kept on the Marea plan?\"}'\n\n"
	@exec $(BIN)/orilla edge serve --store $(STORE) --port $(PORT) --trust-this-machine

test: .venv/all.stamp ## every check, as CI runs them: about six minutes on two cores
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory docs
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(JOBS) --cov  # one thread each: two would wait for each other

docs: .venv/all.stamp ## build the documentation site in .run/site; a broken link is an error
	@rm -rf .run/site-source && mkdir -p .run/site-source
	@cp -r --parents *.md LICENSE NOTICE docs benchmarks/results/*.md benchmarks/results/*.png .run/site-source
	$(BIN)/zensical build --strict --clean

fix: .venv/all.stamp ## format, and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/bench.stamp ## measure: benchmarks/results, the README's table, docs/benchmarks (hours)
	$(BIN)/python -m benchmarks

loop: .venv/all.stamp ## one whole iteration of the loop on this machine (TEACHER=…): minutes, with a report page
	$(BIN)/orilla loop --out .run/loop --knowledge-base demo/knowledge_base --questions demo/questions.jsonl \
	  $(if $(TEACHER),--teacher $(TEACHER)) \
	  $(if $(wildcard $(DATA)/banking77/train.jsonl),--data $(DATA),--data demo --recipe teacher/recipes/demo-iteration.toml)

bundle: bilingual ## make the default bundle again from official weights and public data (many hours)
	$(MAKE) export
	$(MAKE) verifier
	$(BIN)/orilla student evaluate student/default_bundle $(STUDENT) --recipe benchmarks/evaluation.toml \
	  --out .run/evaluation --dimensions 256 --dimensions 128

export: .venv/all.stamp ## the last step of it alone, from a student that is already distilled (STUDENT=…)
	$(BIN)/orilla student export --out student/default_bundle --force --name orilla-es-en --serial 5 \
	  --model $(STUDENT) --model-name orilla-es-en-5 --model-license Apache-2.0 \
	  --intents teacher/data/intents.jsonl --intents-name "messages of customers of services (teacher/data/intents.jsonl)" \
	  --intents-license Apache-2.0 --passages demo/knowledge_base

verifier: .venv/all.stamp ## train the default bundle's answerability verifier again (a quarter of an hour)
	$(BIN)/orilla teacher questions --data $(DATA) --out .run/verification.jsonl
	$(BIN)/orilla student verifier --examples .run/verification.jsonl --run .run/verifier --out student/default_bundle \
	  --force --serial 6

former: ## fetch the default bundle before from the history: .run/former-bundle, which benchmarks compare with
	mkdir -p .run/former-bundle && git archive $(SPANISH_MINILM):student/default_bundle | tar -x -C .run/former-bundle

adapted: .venv/all.stamp ## adapt the teacher to help centers and distill a student of it (an hour more)
	$(BIN)/orilla teacher queries --data $(DATA) --out .run/pairs.jsonl
	$(BIN)/orilla teacher train --pairs .run/pairs.jsonl --intents $(DATA)/banking77/train.jsonl --hold-out 0.2 \
	  --out .run/teacher
	$(BIN)/orilla teacher label --data $(DATA) --model .run/teacher/model --model-name "MiniLM adapted to help centers" \
	  --model-license Apache-2.0 --language en --share 0.4 --out .run/adapted-targets
	$(BIN)/orilla student distill --recipe student/distill/recipes/adapted.toml --targets .run/adapted-targets \
	  --teacher .run/teacher/model --start $(STUDENT) --start-name orilla-es-en-5 --out .run/adapted
	$(BIN)/orilla student evaluate .run/teacher/model .run/adapted/model --recipe benchmarks/evaluation.toml \
	  --out .run/adapted-evaluation

bilingual: .venv/all.stamp ## label with teachers that read Spanish too, and distill a student of six layers (many hours)
	for name in multilingual-e5-small universal-sentence-encoder-multilingual all-MiniLM-L6-v2; do \
	  test -d .run/weights/$$name || $(BIN)/orilla teacher weights $$name --out .run/weights/$$name || exit 1; done
	test -d .run/weights/orilla-es-en-3 || { mkdir -p .run/weights/orilla-es-en-3 && for file in encoder.onnx tokenizer.json; do \
	  git show $(SPANISH_MINILM):student/default_bundle/$$file >.run/weights/orilla-es-en-3/$$file || exit 1; done; }
	$(BIN)/orilla teacher label --data $(DATA) --recipe teacher/recipes/bilingual.toml \
	  --teacher teacher/recipes/bilingual-teacher.toml --out .run/bilingual-targets
	$(BIN)/orilla student distill --recipe student/distill/recipes/bilingual-short.toml --targets .run/bilingual-targets \
	  --start .run/weights/multilingual-e5-small --start-name multilingual-e5-small --start-license MIT \
	  --out .run/bilingual-short
	$(BIN)/orilla student distill --recipe student/distill/recipes/bilingual-longer.toml --targets .run/bilingual-targets \
	  --start .run/bilingual-short/model --out .run/bilingual-longer
	$(BIN)/orilla student distill --recipe student/distill/recipes/bilingual.toml --targets .run/bilingual-targets \
	  --start .run/bilingual-longer/model --out .run/bilingual

clean: ## delete .venv and .run
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
