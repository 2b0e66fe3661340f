# One job trains a run to its end. This rule submits the job unless it is running, and waits for one checkpoint; the next
# checkpoint is awaited while this one is sampled and measured. The job outlives this rule and Snakemake.
rule train:
    input:
        ancient("config/experiments/{experiment}.yaml"),
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
    # the cluster is a resource, not a parameter: training elsewhere does not change the weights
    # exec: makes the waiting process a child of Snakemake, so that the kernel ends it when Snakemake is killed
    shell:
        "exec sedd train {wildcards.experiment:q} --until {wildcards.step} --cluster {resources.cluster_file:q}"
        " --die-with-parent > >(tee -i {log:q}) 2>&1"
