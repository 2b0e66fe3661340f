def training_settings(wildcards):
    """What the weights depend on; the rest of the experiment may change without training again."""
    return training_identity(EXPERIMENTS[wildcards.experiment])


def training_tokens(wildcards):
    """The tokens to train and to validate on."""
    data = EXPERIMENTS[wildcards.experiment].data
    return tokens(data.dataset, data.tokenizer, "train") + tokens(
        data.dataset, data.tokenizer, "validation"
    )


def checkpoint_before(wildcards):
    """The checkpoint that this one is trained on from: so a run has one trainer at a time."""
    earlier = [
        step
        for step in checkpoint_steps(EXPERIMENTS[wildcards.experiment])
        if step < int(wildcards.step)
    ]
    return [str(checkpoint_file(wildcards.experiment, earlier[-1]))] if earlier else []


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
    params:
        settings=training_settings,
    threads: CLUSTER.cpus_per_task
    priority: 10
    resources:
        mem_mb=CLUSTER.mem_gb * 1000,
        runtime=CLUSTER.hours * 60,
    shell:
        "sedd train {wildcards.experiment:q} --until {wildcards.step} 2>&1 | tee -i {log:q}"
