# Everything here does its own set-up: a fresh clone needs Node 20 or newer and nothing else.

.PHONY: demo test torture lint bench clean

# A whole canary on this machine, in about a minute.
demo: node_modules
	npm run --silent demo

# Builds, then every test.
test: node_modules
	npm test

# Kills every command at every AWS call it makes: an hour and a half.
torture: node_modules
	npm run --silent torture

lint: node_modules
	npm run lint
	npm run typecheck

# How fast it starts, and which AWS calls each command makes.
bench: node_modules
	npm run --silent bench

clean:
	rm -rf dist node_modules

node_modules: package.json package-lock.json
	npm ci
	@touch node_modules
