# One job a run trains to its end; this rule has it sent, unless it is there, and waits for one checkpoint. The next one is
# waited for at once, while this checkpoint is sampled and measured. The job outlives the waiting, and Snakemake.
rule train:
    input:
        ancient("config/experiments/{experiment}.yaml"),
        training_tokens,
        checkpoint_before,
    output:
        "results/runs/{experiment}/checkpoints/step_{step}.pt",
    log:
        "logs/train/{experiment}.step_{step}.log",
    priority: 10
    localrule: True
    threads: TRAINING_CORES_HERE
    resources:
        mem_mb=500,
        runtime=CLUSTER.minutes,
        cluster_file=PROJECT.cluster,
    params:
        settings=training_settings,
    # the cluster is a resource and no parameter: to train elsewhere is not to train again
    # exec: the waiter is Snakemake's own child, so that the kernel ends it when Snakemake is killed
    shell:
        "exec sedd train {wildcards.experiment:q} --until {wildcards.step} --cluster {resources.cluster_file:q}"
        " --die-with-parent > >(tee -i {log:q}) 2>&1"
