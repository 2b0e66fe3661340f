# Perplexity of a checkpoint on one dataset.
rule perplexity:
    input:
        inputs("perplexity"),
    output:
        "results/runs/{experiment}/eval/step_{step}/{dataset}.json",
    log:
        "logs/perplexity/{experiment}.step_{step}.{dataset}.log",
    retries: BUILD.retries
    threads: 1
    resources:
        **BUILD.resources(computes=True),
    params:
        settings=settings("perplexity"),
    shell:
        "sedd perplexity {wildcards.experiment:q} --step {wildcards.step}"
        " --dataset {wildcards.dataset:q} 2>&1 | tee -i {log:q}"


# Generative perplexity of all samples of a checkpoint, so that the judge is loaded once. The scores
# of each file of samples are in the folder named after the judge.
rule generative:
    input:
        inputs("generative"),
    output:
        "results/runs/{experiment}/eval/step_{step}/generative/{judge}.json",
    log:
        "logs/generative/{experiment}.step_{step}.{judge}.log",
    retries: BUILD.retries
    threads: 1
    resources:
        **BUILD.resources(computes=True),
    params:
        judge=lambda wildcards: name_of_folder(wildcards.judge),
        settings=settings("generative"),
    shell:
        "sedd generative {wildcards.experiment:q} --step {wildcards.step}"
        " --judge {params.judge:q} 2>&1 | tee -i {log:q}"


# MAUVE of a checkpoint's completions of real texts, for one task.
rule mauve:
    input:
        inputs("mauve"),
    output:
        "results/runs/{experiment}/eval/step_{step}/mauve/{task}.json",
    log:
        "logs/mauve/{experiment}.step_{step}.{task}.log",
    retries: BUILD.retries
    threads: 1
    resources:
        **BUILD.resources(computes=True),
    params:
        settings=settings("mauve"),
    shell:
        "sedd mauve {wildcards.experiment:q} --step {wildcards.step}"
        " --task {wildcards.task} 2>&1 | tee -i {log:q}"
