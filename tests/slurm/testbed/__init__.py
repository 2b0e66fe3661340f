"""A real Slurm on one machine, from Debian's packages, with everything of it in one folder.

Eight nodes, in pairs, share the machine: a controller, a slurmd for each node, munge with its own key and socket and, if
asked for, an accounting database. Outside of the folder it leaves two marks while it is up: the link
/etc/slurm/slurm.conf, and the nodes' names in /etc/hosts. Where a Slurm is already, it refuses. By
hand, as root, in a FOLDER that everyone may enter:

    python tests/slurm/testbed up FOLDER --accounting
    sinfo
    python tests/slurm/testbed down FOLDER
"""

from pathlib import Path

PROGRAM = Path(__file__).parent
"""what Python runs"""
