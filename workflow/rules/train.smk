# One checkpoint of a run. A single job trains the whole run and outlives this rule and Snakemake.
# The rule submits this job unless it is running, and waits for the checkpoint. The checkpoint is
# then sampled and measured, while the next instance of the rule waits for the next checkpoint.
rule train:
    input:
        ancient(definition),
        inputs("train"),
    output:
        "results/runs/{experiment}/checkpoints/step_{step}.pt",
    log:
        "logs/train/{experiment}.step_{step}.log",
    priority: 10
    localrule: True
    threads: BUILD.training_cores
    resources:
        mem_mb=500,
        runtime=BUILD.cluster.minutes,
        cluster_file=BUILD.project.cluster,
    params:
        settings=settings("train"),
    # the cluster is a resource, not a parameter: another cluster is no reason to train again
    # exec: the waiting process becomes a child of Snakemake and ends when Snakemake is killed
    shell:
        "exec sedd train {wildcards.experiment:q} --until {wildcards.step} --cluster {resources.cluster_file:q}"
        " --die-with-parent > >(tee -i {log:q}) 2>&1"
