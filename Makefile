# Every target does its own set-up in .venv; nothing else is needed than Python 3.11 or newer.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
ASYNC_RULES = --enable ASYNC1,ASYNC2,ASYNC4,ASYNC900,ASYNC912,ASYNC913 --disable ASYNC106,ASYNC114,ASYNC127

# What touches the path of a frame, and so runs without the fast one as well.
CALLS_TESTS = $(addprefix tests/system/test_, call.py endings.py reconnect.py bad_input.py port.py)

CORE_TESTS = tests/conversation tests/wire tests/audio
ALONE_TESTS = tests/system tests/bench
# What has a target of its own.
OTHER_TESTS = tests/proxies tests/telephony
PROCESS_TESTS = $(addprefix tests/system/test_, anything.py call_file_process.py demo_kept.py \
  environments.py nothing_leaks.py process.py recording_killed.py spoken_tools.py) \
  tests/bench/test_load.py tests/phone/test_asterisk_process.py tests/test_startup.py tests/test_watchdog.py

.DEFAULT_GOAL := help
.PHONY: help proxies telephony demo run test check image deploy bench bench-legs bench-micro bench-quality conformance faults mutants console screenshots sdks sdks-python sdks-node docs format clean attacks churn soak fuzz replays rolling

help:  ## show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

# The stamps carry what was installed for: the dependencies changed means they are looked at again.
$(VENV)/run.stamp: pyproject.toml setup.py trio_sts/audio/speedups.c
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --group test
	@touch $@

$(VENV)/console.stamp: $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --group console
	@touch $@

$(VENV)/bench.stamp: $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --group bench
	@touch $@

$(VENV)/proxies.stamp: $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --group proxies
	@touch $@

$(VENV)/telephony.stamp: $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --group telephony
	@touch $@

$(VENV)/deploy.stamp: $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --group deploy
	@touch $@

$(VENV)/conformance.stamp: $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --group conformance
	@touch $@

$(VENV)/mutants.stamp: $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --group mutants
	@touch $@

demo: $(VENV)/run.stamp  ## hold a phone call with the embedded model, no key and no network
	$(BIN)/trio-sts demo

# Without a key anywhere the built-in model answers.
run: $(VENV)/run.stamp  ## run the service, with your key or with the embedded model
	@if [ -n "$$OPENAI_API_KEY$$OPENAI_API_KEY_FILE" ] || grep -qsE '^ *(export +)?OPENAI_API_KEY(_FILE)? *[=:] *[^ ]' .env; \
	then exec $(BIN)/trio-sts serve; \
	else echo 'OPENAI_API_KEY is not set: the built-in model answers'; exec $(BIN)/trio-sts serve --embedded; fi

# Thousands of tests run in real processes, on machines that others use as well: one that
# fails is held again, once, and the report tells which. `make test AGAIN=` holds none again.
AGAIN = --reruns 1 -r fEsR

# The core's coverage is held to a figure. Whole calls have clocks that jump, and others measure:
# they run alone. All others run two at a time, those that start processes by the file; where they
# are dealt out, both processes are to find them in the same order.
test: $(VENV)/test.stamp  ## run every test, the core with coverage; legs and calls on both paths
	$(BIN)/coverage erase
	printf '%s\n' $(CORE_TESTS) | xargs -P 2 -n 1 $(BIN)/coverage run -m pytest -q $(AGAIN)
	PYTHONHASHSEED=0 $(BIN)/python -m pytest $(AGAIN) -n 2 $(addprefix --ignore=,$(CORE_TESTS) $(ALONE_TESTS) $(PROCESS_TESTS) $(OTHER_TESTS))
	PYTHONHASHSEED=0 $(BIN)/python -m pytest $(AGAIN) -n 2 --dist loadfile $(PROCESS_TESTS)
	$(BIN)/python -m pytest $(AGAIN) $(ALONE_TESTS) $(addprefix --ignore=,$(PROCESS_TESTS))
	STS_FAST_PATH=off PYTHONHASHSEED=0 $(BIN)/python -m pytest -q $(AGAIN) -n 2 tests/legs
	STS_FAST_PATH=off $(BIN)/python -m pytest -q $(AGAIN) $(CALLS_TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=98

check: $(VENV)/dev.stamp  ## format, lint, import direction, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	git grep -zlE '\b(async|await)\b|except\*' -- '*.py' ':!sdks' | xargs -0 -P 2 -n 40 $(BIN)/flake8-async $(ASYNC_RULES)
	$(BIN)/lint-imports
	$(BIN)/hadolint Containerfile
	printf '%s\n' mypy 'pyright --pythonpath $(BIN)/python' | xargs -P 2 -I {} sh -c '$(BIN)/{}'

format: $(VENV)/dev.stamp  ## format the code and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

conformance: $(VENV)/conformance.stamp  ## try both legs' WebSockets, on both paths, with a suite for the protocol
	$(BIN)/python -m tests.conformance $(if $(REPORTS),--reports $(REPORTS))

# Those that are not installed are left out, with a line that says so.
proxies: $(VENV)/proxies.stamp  ## restart instances behind HAProxy, nginx and Envoy while calls come and go
	$(BIN)/python -m pytest $(AGAIN) -n 3 tests/proxies

# TELEPHONY takes options of pytest: TELEPHONY='-k barge -s'.
telephony: $(VENV)/telephony.stamp  ## call through a real Asterisk with a SIP phone, as root
	$(BIN)/python -m tests.telephony $(TELEPHONY)

# QUICK=1 holds some of the calls; FAULTS takes more options: FAULTS='--random 20 --docs docs/reliability.md'.
faults: $(VENV)/test.stamp  ## hold calls whose legs fail, at every point of a call
	$(BIN)/python -m tests.faults $(if $(QUICK),--quick) $(FAULTS)

console: $(VENV)/console.stamp  ## try the console's pages in a browser, with a microphone that speaks
	BROWSER_TESTS=1 $(BIN)/pytest -q $(AGAIN) -n 2 --dist loadfile tests/console/browser

image: $(VENV)/deploy.stamp  ## build the container image and run it, as root; no image registry is asked
	IMAGE_TESTS=1 $(BIN)/pytest -q -rAs --show-capture=no tests/image

deploy: $(VENV)/deploy.stamp  ## render the Helm chart, and hold it to what Kubernetes takes
	$(BIN)/pytest -q tests/kubernetes

# SCREENSHOTS is the folder; the README's picture is one of them.
screenshots: $(VENV)/console.stamp  ## take pictures of each page, light and dark, wide and narrow
	$(BIN)/python -m tests.console.browser.screenshots $(or $(SCREENSHOTS),build/screenshots) --readme docs/console.png

attacks: $(VENV)/run.stamp  ## measure running calls while somebody attacks the port
	$(BIN)/python -m bench.attacks $(ATTACKS)

churn: $(VENV)/run.stamp  ## hold thousands of short calls, and see what they leave in memory
	$(BIN)/python -m bench.churn $(CHURN)

soak: $(VENV)/test.stamp  ## hold calls for minutes, and see what the process keeps of them
	$(BIN)/python -m tests.soak $(SOAK)

fuzz: $(VENV)/test.stamp  ## send mutated messages on both legs
	$(BIN)/python -m tests.fuzz $(FUZZ)

rolling: $(VENV)/test.stamp  ## roll 50 generations of workers while calls arrive
	ROLLING=50 $(BIN)/pytest -q tests/fleet/test_generations.py -k rolling

replays: $(VENV)/test.stamp  ## hold 10,000 calls in any order of events, and replay each
	EXPLORE=1 CONVERSATIONS=2500 $(BIN)/pytest tests/conversation/test_machine.py

# SAMPLE=50 tries so many, SEED=2 others, ROOM=tools only those of trio_sts/tools.
mutants: $(VENV)/mutants.stamp  ## change the code and see whether tests notice (20 min, so not in CI)
	$(BIN)/python -m tests.mutants $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED)) \
	  $(if $(ROOM),--room $(ROOM))

# What cannot be installed is left out, with a line that says so. The packages of other
# people have an environment of their own: they bring hundreds of megabytes.
SDKS = .venv-sdks
$(SDKS)/sdks.stamp: pyproject.toml
	$(PYTHON) -m venv $(SDKS)
	$(SDKS)/bin/python -m pip install --quiet --retries 2 --upgrade 'pip>=25.1'
	$(SDKS)/bin/python -m pip install --quiet --retries 2 --no-compile --group sdks
	@touch $@

sdks/node_modules/.package-lock.json: sdks/package.json
	cd sdks && npm install --loglevel error --no-audit --no-fund --no-package-lock \
	  --fetch-retries 1 --fetch-retry-mintimeout 1000 --fetch-timeout 60000
	@touch $@

sdks-python:
	@$(MAKE) --no-print-directory $(SDKS)/sdks.stamp \
	|| echo 'LEFT OUT: the SDKs for Python cannot be installed here (is PyPI reached?)'

sdks-node:
	@$(MAKE) --no-print-directory sdks/node_modules/.package-lock.json \
	|| echo 'LEFT OUT: the SDK for Node.js cannot be installed here (are npm and its registry?)'

sdks: $(VENV)/test.stamp  ## let other people's SDKs hold a call with the embedded model
	@$(MAKE) --no-print-directory -j 2 sdks-python sdks-node
	$(BIN)/python -m tests.sdks --python $(SDKS)/bin/python

# CALLS=50 measures that alone and leaves the page as it is; BENCH takes more options.
bench: $(VENV)/run.stamp  ## measure the service as a process; quick: make bench CALLS=50
	$(BIN)/python -m bench $(if $(CALLS),--calls $(CALLS),--everything --docs docs/performance.md) $(BENCH)

# BENCH takes more options: BENCH='--asterisk slin16 --calls 100'.
bench-legs: $(VENV)/run.stamp  ## measure Asterisk's own leg beside AVR Core's, at the same time
	$(BIN)/python -m bench.legs $(if $(BENCH),,--docs docs/performance.md) $(BENCH)

bench-micro: $(VENV)/bench.stamp  ## measure the media path piece by piece
	$(BIN)/pytest bench/test_media_path.py --benchmark-columns=median,iqr,ops

bench-quality: $(VENV)/run.stamp  ## measure what G.711 towards the model costs and saves
	$(BIN)/python -m bench.quality --docs docs/performance.md

docs: $(VENV)/run.stamp  ## write the README's table of settings and .env.example
	$(BIN)/python scripts/settings_docs.py

clean:  ## remove the environment and every cache
	rm -rf $(VENV) $(SDKS) sdks/node_modules build trio_sts/audio/*.so .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
