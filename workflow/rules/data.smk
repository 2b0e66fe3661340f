def tokenizer_name(wildcards):
    """The tokenizer's name: a hub id's slash is spelled `--` in folder names."""
    return wildcards.tokenizer.replace("--", "/")


def dataset_settings(wildcards):
    """What the tokens depend on: the dataset's settings, without what only describes it."""
    return load_dataset(wildcards.dataset).sections(
        "source", "format", "detokenizer", "splits"
    )


rule tokenize:
    input:
        ancient("config/datasets/{dataset}.yaml"),
    output:
        tokens="results/data/{dataset}/{tokenizer}/{split}/tokens.bin",
        meta="results/data/{dataset}/{tokenizer}/{split}/meta.json",
    log:
        "logs/tokenize/{dataset}.{tokenizer}.{split}.log",
    params:
        name=tokenizer_name,
        settings=dataset_settings,
    threads: 1
    resources:
        mem_mb=CLUSTER.mem_gb * 1000,
        runtime=120,
    shell:
        "sedd tokenize --dataset {wildcards.dataset:q} --tokenizer {params.name:q}"
        " --split {wildcards.split:q} --processes {threads} 2>&1 | tee -i {log:q}"
