# A job trains on to its checkpoint. The next one goes on at once, while this checkpoint is sampled and measured.
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
    threads: CLUSTER.cpus_per_task
    resources:
        mem_mb=CLUSTER.mem_gb * 1000,
        runtime=CLUSTER.hours * 60,
    params:
        settings=training_settings,
    shell:
        "sedd train {wildcards.experiment:q} --until {wildcards.step} 2>&1 | tee -i {log:q}"
