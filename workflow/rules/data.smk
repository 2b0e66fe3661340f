rule tokenize:
    input:
        ancient("config/datasets/{dataset}.yaml"),
    output:
        tokens="results/data/{dataset}/{tokenizer}/{split}/tokens.bin",
        meta="results/data/{dataset}/{tokenizer}/{split}/meta.json",
    log:
        "logs/tokenize/{dataset}.{tokenizer}.{split}.log",
    threads: CLUSTER.cpus_per_task
    resources:
        **short_job(computes=False),
    params:
        name=tokenizer_name,
        settings=dataset_settings,
    shell:
        "sedd tokenize --dataset {wildcards.dataset:q} --tokenizer {params.name:q}"
        " --split {wildcards.split:q} --processes {threads} 2>&1 | tee -i {log:q}"
