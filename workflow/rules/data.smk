# What comes from the internet is fetched on the machine that runs Snakemake: the texts of a split,
# and the files of a tokenizer or a model of the hub. All other rules read these copies.
rule fetch_texts:
    input:
        ancient("config/datasets/{dataset}.yaml"),
    output:
        "results/fetched/texts/{dataset}/{split}.json",
    log:
        "logs/fetch/{dataset}.{split}.log",
    localrule: True
    resources:
        mem_mb=2000,
        runtime=BUILD.cluster.minutes,
    params:
        settings=settings("fetch_texts"),
    shell:
        "HF_HUB_OFFLINE=$FETCH_OFFLINE sedd fetch --dataset {wildcards.dataset:q} --split {wildcards.split:q}"
        " 2>&1 | tee -i {log:q}"


rule fetch_repository:
    output:
        "results/fetched/{kind}/{repository}.json",
    log:
        "logs/fetch/{kind}.{repository}.log",
    localrule: True
    resources:
        mem_mb=2000,
        runtime=BUILD.cluster.minutes,
    params:
        name=lambda wildcards: name_of_folder(wildcards.repository),
    shell:
        "HF_HUB_OFFLINE=$FETCH_OFFLINE sedd fetch --{wildcards.kind} {params.name:q} 2>&1 | tee -i {log:q}"


# A vocabulary that is learned from the training split of a dataset.
rule vocabulary:
    input:
        ancient("config/tokenizers/{tokenizer}.yaml"),
        inputs("vocabulary"),
    output:
        "results/tokenizers/{tokenizer}/tokenizer.json",
        "results/tokenizers/{tokenizer}/meta.json",
    log:
        "logs/vocabulary/{tokenizer}.log",
    retries: BUILD.retries
    threads: 1
    resources:
        **BUILD.resources(computes=False),
    params:
        settings=settings("vocabulary"),
    shell:
        "sedd vocabulary {wildcards.tokenizer:q} 2>&1 | tee -i {log:q}"


# Text to packed tokens: one split of a dataset with one tokenizer. The first job also encodes the
# other splits of the same texts that the build needs: they are read once.
rule tokenize:
    input:
        ancient("config/datasets/{dataset}.yaml"),
        inputs("tokenize"),
    output:
        tokens="results/data/{dataset}/{tokenizer}/{split}/tokens.bin",
        meta="results/data/{dataset}/{tokenizer}/{split}/meta.json",
    log:
        "logs/tokenize/{dataset}.{tokenizer}.{split}.log",
    retries: BUILD.retries
    threads: BUILD.cluster.cpus_per_task
    resources:
        **BUILD.resources(computes=False),
    params:
        name=lambda wildcards: name_of_folder(wildcards.tokenizer),
        settings=settings("tokenize"),
        others=other_splits,
    shell:
        "sedd tokenize --dataset {wildcards.dataset:q} --tokenizer {params.name:q}"
        " --split {wildcards.split:q} {params.others} --processes {threads} 2>&1 | tee -i {log:q}"
