"""`python -m sedd` is the command `sedd`."""

from sedd.cli import main

main()
