# The front door. `make help` says what there is.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup build run voice test lint format generate bench fuzz clean

# Swift 6 proves exclusive access where it can; the checks at run time for the rest cost 5 to 10 % of a call. Tests run
# with them. Swift's own libraries are linked in: calls into them cost 8 % of a call less.
RELEASE_FLAGS := --static-swift-stdlib -Xswiftc -enforce-exclusivity=unchecked
VENV := .build/venv
PYTHON := /usr/bin/python3
LOCAL_SPEECH := .build/local-speech

# A slip of the keyboard would run without speech, and say nothing.
ifneq ($(filter-out local,$(VOICE)),)
  ifneq ($(filter run,$(MAKECMDGOALS)),)
    $(error VOICE=$(VOICE): only VOICE=local is known)
  endif
endif

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Check the system and Swift, install the system packages (once)
	@sh deploy/setup.sh

build: setup ## Build for release: .build/release/lifeecho
	swift build -c release --product lifeecho $(RELEASE_FLAGS)

run: build $(if $(filter local,$(VOICE)),voice) ## Serve gRPC, the bridge and its console (make run VOICE=local ARGS="…")
	@exec $(if $(filter local,$(VOICE)),sh deploy/local-speech/with.sh $(LOCAL_SPEECH)) .build/release/lifeecho serve $(ARGS)

voice: setup ## Fetch a recogniser and a voice that run here: .build/local-speech, 620 MB
	sh deploy/local-speech/setup.sh $(LOCAL_SPEECH)

test: setup $(VENV)/installed ## Swift tests, contract tests in Python, lint; ends with "N passed, N failed"
	@sh Tests/Runner/test.sh

lint: setup $(VENV)/installed ## swift-format, buf lint, generated files up to date, house style
	@sh Tests/Runner/lint.sh

format: ## Lay out every Swift file
	sh Tests/Runner/swift-files.sh | xargs -0 swift format --in-place --parallel

generate: setup ## Make the C and Swift code of protos/ again
	sh protos/generate.sh

bench: build $(VENV)/installed ## Measure against the peers and the budgets (benchmarks/)
	sh benchmarks/run.sh

fuzz: setup ## Fuzz the wire coding with libFuzzer (more time: make fuzz SECONDS_MAX=600)
	sh Tests/Fuzz/run.sh $(SECONDS_MAX)

clean: ## Remove what was built; the data in .lifeecho stays
	rm -rf .build .build-*

$(VENV)/installed: Tests/Contract/requirements.txt Tests/Interop/autobahn/requirements.txt | setup
	@echo "setup: Python packages of the tests"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement Tests/Contract/requirements.txt
	@touch $@
