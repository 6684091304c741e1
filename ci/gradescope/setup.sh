#!/usr/bin/env bash
# Runs once as root while Gradescope builds the image: installs the languages of the submissions.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/gradus.conf"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $PACKAGES
apt-get clean
chmod 0755 "$here/gradus" "$here/run_autograder"
# The log of the build says what this image gives.
"$here/gradus" doctor || true
