#!/bin/sh
# What the tests of pages and of LaTeX tables need beside Python, on Debian: a browser with its driver, and a small TeX.
set -eu
# another installation may be under way: wait for it
lock="-o DPkg::Lock::Timeout=900"
apt-get $lock update -qq
DEBIAN_FRONTEND=noninteractive apt-get $lock install -y -qq --no-install-recommends \
    chromium chromium-driver texlive-latex-base texlive-latex-recommended
