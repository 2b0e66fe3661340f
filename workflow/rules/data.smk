# Text to packed tokens: one split of a dataset with one tokenizer.
rule tokenize:
    input:
        ancient("config/datasets/{dataset}.yaml"),
    output:
        tokens="results/data/{dataset}/{tokenizer}/{split}/tokens.bin",
        meta="results/data/{dataset}/{tokenizer}/{split}/meta.json",
    log:
        "logs/tokenize/{dataset}.{tokenizer}.{split}.log",
    threads: BUILD.cluster.cpus_per_task
    resources:
        **BUILD.resources(computes=False),
    params:
        name=lambda wildcards: name_of_folder(wildcards.tokenizer),
        settings=settings("tokenize"),
    shell:
        "sedd tokenize --dataset {wildcards.dataset:q} --tokenizer {params.name:q}"
        " --split {wildcards.split:q} --processes {threads} 2>&1 | tee -i {log:q}"
