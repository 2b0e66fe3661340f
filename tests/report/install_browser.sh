#!/bin/sh
# What the tests of pages and of LaTeX tables need beside Python, on Debian: a browser with its driver, and a small TeX.
set -eu
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    chromium chromium-driver texlive-latex-base texlive-latex-recommended
