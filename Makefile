# Every target does what it needs first. `make help` prints what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

NODE := node_modules/.bin/node --disable-warning=ExperimentalWarning
JEST := npm run -s jest --
INSTALLED := node_modules/.package-lock.json

.PHONY: help setup oracle generate verify fmt lint types unit doors e2e gitops test check evidence bench fuzz demo run image clean

help: ## print this list
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(INSTALLED): package.json package-lock.json .npmrc
	npm ci --silent
	@touch $@

setup: $(INSTALLED) ## install packages, and find or build a control plane (once per machine)
	@$(NODE) test/controlplane/assets.ts

oracle: $(INSTALLED)
	@$(NODE) test/oracle/build.ts

generate: $(INSTALLED) ## write what is generated: crds/, the reference, manifests/reports, the PrometheusRule
	@npm run -s generate

verify: generate ## fail if anything generated is stale
	@git diff --exit-code --stat -- crds config/reference manifests/reports manifests/monitoring || { echo 'generated files are stale: run `make generate` and commit'; exit 1; }
	@test -z "$$(git ls-files --others --exclude-standard -- crds config/reference manifests/reports manifests/monitoring)" || { echo 'generated files are not committed'; exit 1; }

fmt: $(INSTALLED) ## format the code
	@npm run -s format

lint: $(INSTALLED) ## check format and style
	@npm run -s lint

types: $(INSTALLED) ## check types
	@npm run -s types

unit: oracle ## run the tests that need no cluster
	@$(JEST) --selectProjects unit

doors: $(INSTALLED) ## run every case through every door
	@$(JEST) test/doors.test.ts

e2e: setup ## run the tests on a real API server
	@$(JEST) --selectProjects e2e

gitops: setup oracle ## build Argo CD once, and run the tests of manifests/gitops with it
	@$(NODE) test/gitops/build.ts
	@$(JEST) --config jest.gitops.config.mjs

test: setup oracle types lint verify ## types, lint, verify, and all tests
	@$(JEST)

check: fmt test ## format, then everything that `test` does

evidence: $(INSTALLED) ## hold the exports of the decision log against tools that know the formats (installs them, once)
	@$(NODE) test/evidence/formats.ts

bench: setup oracle ## measure, side by side, what the documentation claims; BENCH=admission, BENCH=cel or BENCH=scan measures one thing
	@npm run -s build
	@$(NODE) --expose-gc test/bench/run.ts $(BENCH)

fuzz: oracle ## compare a million expressions with Kubernetes' own evaluator
	@$(NODE) test/bench/fuzz.ts

demo: setup ## tell the story on a real API server; ONCE=1 ends after it
	@$(NODE) test/demo/demo.ts

run: setup ## run a control plane with the operator, started again on change
	@$(NODE) test/demo/run.ts

image: ## build the container image, where there is docker
	@if docker info > /dev/null 2>&1; then docker build -t bylaw:0.1.0 .; else echo 'no docker runs here; where it does: docker build -t bylaw:0.1.0 .'; fi

clean: ## remove what was installed and built here; the cache of control planes stays
	rm -rf node_modules dist coverage
