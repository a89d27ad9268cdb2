# Each target is one command; the logic lives in scripts/*.ts.
# node_modules/.bin comes first on the path: it holds the Node that the project is built on.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
.DEFAULT_GOAL := help
.PHONY: help setup generate lint format typecheck test test-control-plane test-cluster demo bench images kind-up fuzz golden dashboards coverage clean

help: ## list the targets
	@grep --extended-regexp --no-filename '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand --tabs=20

setup: ## install packages, generate code, fetch Envoy
	@sh scripts/setup.sh

generate: ## make protos/gen from the .proto files, and types from crds/
	@node scripts/generate.ts

lint: ## style, dead code, folder rule
	@node scripts/lint.ts

format: ## rewrite files in the house format
	@prettier --write --log-level warn .

typecheck: ## compile every folder against the dependency rule
	@tsc --build

test: setup ## prove everything: lint, types, unit, property, golden, contract, end to end, Kubernetes
	@node scripts/test.ts

test-control-plane: setup ## what needs a real Kubernetes API, and no pods
	@node scripts/test.ts 'control plane'

test-cluster: setup ## what needs real pods: root on Linux
	@node scripts/test.ts cluster

demo: setup ## protect a small bank and attack it, in under two minutes
	@bin/picket demo

bench: setup ## measure, as ratios within one run
	@node scripts/bench.ts

images: setup ## build the images for a cluster, without Docker, in build/images
	@node scripts/build-images.ts

kind-up: setup ## build the images and install the chart into a cluster of kind
	@node scripts/kind-up.ts

fuzz: setup ## ten million hostile paths
	@node scripts/fuzz.ts

golden: ## rewrite golden files; review the diff
	@node scripts/chart.ts
	@PICKET_GOLDEN=write mocha 'test/**/golden.test.ts'

dashboards: ## rewrite the chart's dashboards from scripts/dashboards/
	@node scripts/dashboards.ts

coverage: ## which lines the unit tests run
	@npm run coverage

clean: ## remove what was made here
	@rm -rf node_modules build coverage protos/gen platform/kinds.gen.ts .picket
