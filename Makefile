# `make help` lists what there is. Everything is made under target/; nothing else on the machine changes.

.PHONY: help test oracle servers demo install bench fuzz deny doc clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: ## Fetch servers, then format, clippy on every feature, docs, all tests
	@scripts/test

oracle: ## Round trips beside stock tools: every server, every extension, every version jump
	@scripts/servers
	@DR_ORACLE=$(or $(MAJORS),all) cargo test -p dr-tests --test oracle -- --nocapture $(ORACLE)

servers: ## Put PostgreSQL 13 to 18 and stock clients into target/servers
	@scripts/servers

demo: ## Build dr, then back up, lose, restore and prove a database with 200 000 votes
	@cargo build --release --quiet -p dr-cli
	@DR="$${CARGO_TARGET_DIR:-target}/release/dr" demo/run

install: ## Install the command `dr` with cargo
	cargo install --locked --path dr-cli

bench: ## Measure dr beside the stock tools, whatever of them must be fetched; results in target/bench
	@cargo run --release --quiet -p dr-benches -- $(BENCH)

fuzz: ## Fuzz every reader for a while: make fuzz SECONDS=60
	@SECONDS_EACH=$(or $(SECONDS),60) scripts/fuzz $(LAWS)

deny: ## Check licenses and sources of all dependencies
	@scripts/deny

doc: ## The library's documentation, in target/doc
	@cargo doc --workspace --no-deps

clean: ## Remove everything that was built, the fetched servers included
	cargo clean
