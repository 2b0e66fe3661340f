"""A real Slurm on one machine, from Debian's packages, with all its files in one folder.

Eight nodes, grouped in pairs, share the machine. There are a controller, one slurmd per node, munge
with its own key and socket, and optionally an accounting database. While it runs, it changes two
things outside the folder: the link /etc/slurm/slurm.conf, and the node names in /etc/hosts. It
refuses to start on a machine that already has a Slurm. To run it by hand, as root, with a FOLDER
that every user may enter:

    python tests/slurm/testbed up FOLDER --accounting
    sinfo
    python tests/slurm/testbed down FOLDER
"""

from pathlib import Path

PROGRAM = Path(__file__).parent
"""path to pass to python"""
