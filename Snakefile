# From raw text to tables and pages. The files in config/ say what to compute; `sedd VERB --help`
# explains each verb.
#
#   snakemake                                      default build: small models, on a CPU
#   snakemake --configfile config/paper.yaml       the paper's experiments
#   snakemake --profile slurm                      training and short rules as Slurm jobs
#   snakemake --dry-run                            what would run, and why
from snakemake.utils import min_version

min_version("9.9")


configfile: "config/config.yaml"


# Rules run in the environment of Snakemake. The image is used only with `--sdm apptainer`.
container: "docker://python:3.12-slim"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/sample.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        BUILD.targets("tables"),
        BUILD.targets("reports"),


rule tables:
    input:
        BUILD.targets("tables"),


rule reports:
    input:
        BUILD.targets("reports"),


rule checkpoints:
    input:
        BUILD.targets("checkpoints"),


rule evaluations:
    input:
        BUILD.targets("evaluations"),


rule data:
    input:
        BUILD.targets("data"),
