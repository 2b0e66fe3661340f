rule perplexity:
    input:
        checkpoint="results/runs/{experiment}/checkpoints/step_{step}.pt",
        tokens=evaluation_tokens,
    output:
        "results/runs/{experiment}/eval/step_{step}/{dataset}.json",
    log:
        "logs/perplexity/{experiment}.step_{step}.{dataset}.log",
    threads: 1
    resources:
        **short_job(computes=True),
    params:
        settings=evaluation_settings,
    shell:
        "sedd perplexity {wildcards.experiment:q} --step {wildcards.step}"
        " --dataset {wildcards.dataset:q} 2>&1 | tee -i {log:q}"
