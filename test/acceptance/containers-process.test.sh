#!/usr/bin/env bash
# Tasks of the sandbox with the runner process: the same story for every runner (issue 6.4).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/push-lib.sh"

container_story process
finish
