#!/usr/bin/env bash
# The example, built and pushed by a real podman, and running in the sandbox (issue 6, "It is done when").
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/push-lib.sh"

engine_story podman
finish
