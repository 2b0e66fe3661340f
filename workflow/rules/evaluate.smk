rule perplexity:
    input:
        inputs("perplexity"),
    output:
        "results/runs/{experiment}/eval/step_{step}/{dataset}.json",
    log:
        "logs/perplexity/{experiment}.step_{step}.{dataset}.log",
    threads: 1
    resources:
        **BUILD.resources(computes=True),
    params:
        settings=settings("perplexity"),
    shell:
        "sedd perplexity {wildcards.experiment:q} --step {wildcards.step}"
        " --dataset {wildcards.dataset:q} 2>&1 | tee -i {log:q}"


# The judge is loaded once for all texts of a checkpoint. Its scores of each file of texts are in the folder of its name.
rule generative:
    input:
        inputs("generative"),
    output:
        "results/runs/{experiment}/eval/step_{step}/generative/{judge}.json",
    log:
        "logs/generative/{experiment}.step_{step}.{judge}.log",
    threads: 1
    resources:
        **BUILD.resources(computes=True),
    params:
        judge=lambda wildcards: name_of_folder(wildcards.judge),
        settings=settings("generative"),
    shell:
        "sedd generative {wildcards.experiment:q} --step {wildcards.step}"
        " --judge {params.judge:q} 2>&1 | tee -i {log:q}"


rule mauve:
    input:
        inputs("mauve"),
    output:
        "results/runs/{experiment}/eval/step_{step}/mauve/{task}.json",
    log:
        "logs/mauve/{experiment}.step_{step}.{task}.log",
    threads: 1
    resources:
        **BUILD.resources(computes=True),
    params:
        settings=settings("mauve"),
    shell:
        "sedd mauve {wildcards.experiment:q} --step {wildcards.step}"
        " --task {wildcards.task} 2>&1 | tee -i {log:q}"
