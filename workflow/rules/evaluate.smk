rule perplexity:
    input:
        checkpoint=checkpoint,
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


# A judge is loaded once for all texts of a checkpoint. What it says of each file of them stands in the folder of the judge's name.
rule generative:
    input:
        judged,
    output:
        "results/runs/{experiment}/eval/step_{step}/generative/{judge}.json",
    log:
        "logs/generative/{experiment}.step_{step}.{judge}.log",
    threads: 1
    resources:
        **short_job(computes=True),
    params:
        judge=judge_name,
        settings=judging_settings,
    shell:
        "sedd generative {wildcards.experiment:q} --step {wildcards.step}"
        " --judge {params.judge:q} 2>&1 | tee -i {log:q}"


rule mauve:
    input:
        compared,
    output:
        "results/runs/{experiment}/eval/step_{step}/mauve/{task}.json",
    log:
        "logs/mauve/{experiment}.step_{step}.{task}.log",
    threads: 1
    resources:
        **short_job(computes=True),
    params:
        settings=comparing_settings,
    shell:
        "sedd mauve {wildcards.experiment:q} --step {wildcards.step}"
        " --task {wildcards.task} 2>&1 | tee -i {log:q}"
