def sampling_settings(wildcards):
    """What the samples depend on beside the checkpoint."""
    experiment = EXPERIMENTS[wildcards.experiment]
    return {"seed": experiment.seed, **experiment.sections("sampling")}


rule sample:
    input:
        "results/runs/{experiment}/checkpoints/step_{step}.pt",
    output:
        "results/runs/{experiment}/samples/step_{step}/{sampler}_{steps}.jsonl",
    log:
        "logs/sample/{experiment}.step_{step}.{sampler}_{steps}.log",
    params:
        settings=sampling_settings,
    threads: 1
    resources:
        mem_mb=CLUSTER.mem_gb * 1000,
        runtime=120,
    shell:
        "sedd sample {wildcards.experiment:q} --step {wildcards.step}"
        " --out {output:q} 2>&1 | tee -i {log:q}"
