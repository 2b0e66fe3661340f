# Samples from a checkpoint.
rule sample:
    input:
        inputs("sample"),
    output:
        "results/runs/{experiment}/samples/step_{step}/{sampler}_{steps}{draws}.jsonl",
    log:
        "logs/sample/{experiment}.step_{step}.{sampler}_{steps}{draws}.log",
    retries: BUILD.retries
    threads: 1
    resources:
        **BUILD.resources(computes=True),
    params:
        settings=settings("sample"),
        sampler=ask(BUILD.sampler),
        precision=lambda wildcards: "float32" if wildcards.draws else "float64",
    shell:
        "sedd sample {wildcards.experiment:q} --step {wildcards.step}"
        " {params.sampler} --steps {wildcards.steps} --precision {params.precision}"
        " --out {output:q} 2>&1 | tee -i {log:q}"


# One text with the tokens after every step, for the page of the run.
rule trace:
    input:
        inputs("trace"),
    output:
        json="results/runs/{experiment}/samples/step_{step}/trace_{sampler}_{steps}.json",
        gif=report(
            "results/runs/{experiment}/samples/step_{step}/trace_{sampler}_{steps}.gif",
            caption="../report/trace.rst",
            category="Texts from noise",
            labels={
                "run": "{experiment}",
                "checkpoint": "{step}",
                "sampler": "{sampler}_{steps}",
            },
        ),
    log:
        "logs/trace/{experiment}.step_{step}.{sampler}_{steps}.log",
    retries: BUILD.retries
    threads: 1
    resources:
        **BUILD.resources(computes=True),
    params:
        settings=settings("trace"),
    shell:
        "sedd sample {wildcards.experiment:q} --step {wildcards.step} --trace"
        " --sampler {wildcards.sampler} --steps {wildcards.steps} 2>&1 | tee -i {log:q}"


# The templates of `sampling.infill`, filled in by the last checkpoint, for the page of the run.
rule infill:
    input:
        inputs("infill"),
    output:
        "results/runs/{experiment}/samples/step_{step}/infill.jsonl",
    log:
        "logs/infill/{experiment}.step_{step}.log",
    retries: BUILD.retries
    threads: 1
    resources:
        **BUILD.resources(computes=True),
    params:
        settings=settings("infill"),
    shell:
        "sedd sample {wildcards.experiment:q} --step {wildcards.step} --infill --out {output:q}"
        " 2>&1 | tee -i {log:q}"
