#!/bin/sh
# Install a browser with its driver and a small TeX on Debian, for the tests of pages and LaTeX tables.
set -eu
# wait if another installation holds the lock
lock="-o DPkg::Lock::Timeout=900"
apt-get $lock update -qq
DEBIAN_FRONTEND=noninteractive apt-get $lock install -y -qq --no-install-recommends \
    chromium chromium-driver texlive-latex-base texlive-latex-recommended
