# What a person types here. Each target does the set-up it needs, once.

PYTHON ?= python3
PACKAGES := clients/python service tests benchmarks examples proto
INSTALLED := .venv/installed
MLFLOW := .venv-mlflow/2/installed .venv-mlflow/3/installed
BUF := proto/node_modules/.package-lock.json

.PHONY: demo serve test test-python test-jvm lint proto bench clean

demo: $(INSTALLED) ## train models, log them over gRPC, read everything back
	.venv/bin/python examples/diabetes_sweep.py

serve: $(INSTALLED) ## a server on runstream.db, until Ctrl-C
	.venv/bin/python -m runstream server --database sqlite:///runstream.db

test: test-python test-jvm

test-python: $(INSTALLED) $(MLFLOW)
	.venv/bin/python -m pytest $(ARGS)

test-jvm: $(INSTALLED)
	@if command -v javac >/dev/null && command -v mvn >/dev/null; then \
		mvn --batch-mode --no-transfer-progress --file clients/pom.xml verify; \
	else \
		echo; \
		echo '****************************************************************'; \
		echo '*  The tests of the Java and Scala clients were NOT run:       *'; \
		echo '*  they need a JDK (17 or newer) and Maven (3.8 or newer).     *'; \
		echo '****************************************************************'; \
	fi

lint: $(INSTALLED) $(BUF)
	.venv/bin/ruff check $(PACKAGES)
	.venv/bin/ruff format --check $(PACKAGES)
	.venv/bin/mypy $(PACKAGES)
	.venv/bin/python proto/lint.py

proto: $(INSTALLED) ## generate the stubs again
	.venv/bin/pip install --quiet --no-deps --editable .

bench: $(INSTALLED)
	.venv/bin/python -m benchmarks $(ARGS)

clean: ## everything that was made here, but no database
	rm -rf .venv .venv-mlflow proto/node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -rf clients/java/target clients/scala/*/target benchmarks/java/target
	rm -f clients/python/runstream/v1/*_pb2* service/runstream_service/http/contract.binpb

# Installing generates the stubs, so a change of the contract installs again.
$(INSTALLED): pyproject.toml $(shell find proto -name '*.proto') proto/hatch_build.py
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --upgrade 'pip>=25.1' # the first that knows --group
	.venv/bin/pip install --quiet --editable '.[server]' --group dev
	touch $@

# The clients of MLflow that the tests run, each beside what it was made for.
.venv-mlflow/%/installed: tests/http/requirements/mlflow-%.txt
	$(PYTHON) -m venv .venv-mlflow/$*
	.venv-mlflow/$*/bin/pip install --quiet --requirement $<
	touch $@

$(BUF): proto/package.json proto/package-lock.json
	@command -v npm >/dev/null || { echo "lint: npm is missing, and buf comes from npm: install Node.js" >&2; exit 1; }
	npm --prefix proto ci --ignore-scripts --no-audit --no-fund
	touch $@
