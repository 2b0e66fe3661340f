"""Run the command `sedd` as `python -m sedd`."""

from sedd.cli import main

main()
