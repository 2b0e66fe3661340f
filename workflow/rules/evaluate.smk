def evaluation_settings(wildcards):
    """What a perplexity depends on beside the checkpoint and the text."""
    experiment = EXPERIMENTS[wildcards.experiment]
    settings = experiment.sections("evaluation")["evaluation"]
    # which other texts or checkpoints are measured changes nothing here
    chosen = {
        key: value for key, value in settings.items() if key not in ("datasets", "checkpoints")
    }
    return {"seed": experiment.seed, **chosen}


def evaluation_tokens(wildcards):
    """The text to measure, and the training text, whose frequencies make the unigram baseline."""
    data = EXPERIMENTS[wildcards.experiment].data
    return tokens(wildcards.dataset, data.tokenizer, "test") + tokens(
        data.dataset, data.tokenizer, "train"
    )


rule perplexity:
    input:
        checkpoint="results/runs/{experiment}/checkpoints/step_{step}.pt",
        tokens=evaluation_tokens,
    output:
        "results/runs/{experiment}/eval/step_{step}/{dataset}.json",
    log:
        "logs/perplexity/{experiment}.step_{step}.{dataset}.log",
    params:
        settings=evaluation_settings,
    threads: 1
    resources:
        mem_mb=CLUSTER.mem_gb * 1000,
        runtime=CLUSTER.hours * 60,
    shell:
        "sedd perplexity {wildcards.experiment:q} --step {wildcards.step}"
        " --dataset {wildcards.dataset:q} 2>&1 | tee -i {log:q}"
