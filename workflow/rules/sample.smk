rule sample:
    input:
        "results/runs/{experiment}/checkpoints/step_{step}.pt",
    output:
        "results/runs/{experiment}/samples/step_{step}/{sampler}_{steps}.jsonl",
    log:
        "logs/sample/{experiment}.step_{step}.{sampler}_{steps}.log",
    threads: 1
    resources:
        **short_job(computes=True),
    params:
        settings=sampling_settings,
    shell:
        "sedd sample {wildcards.experiment:q} --step {wildcards.step}"
        " --sampler {wildcards.sampler} --steps {wildcards.steps} --out {output:q} 2>&1 | tee -i {log:q}"
