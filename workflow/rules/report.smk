def table_settings(wildcards):
    """The table's rows, columns and published numbers, without the comments of their file."""
    return TABLES[wildcards.table].model_dump(mode="json")


def report_settings(wildcards):
    """What the page shows of the configuration."""
    return EXPERIMENTS[wildcards.experiment].model_dump(mode="json")


def table_inputs(wildcards):
    """Every perplexity of the build's experiments: a table takes those it has rows for."""
    return [path for name in EXPERIMENTS for path in evaluations(name)]


def report_inputs(wildcards):
    """What a page shows: the run's perplexities and samples."""
    return evaluations(wildcards.experiment) + samples(wildcards.experiment)


rule table:
    input:
        ancient("config/tables/{table}.yaml"),
        table_inputs,
    output:
        md=report(
            "results/tables/{table}.md", caption="../report/table.rst", category="Tables"
        ),
        csv="results/tables/{table}.csv",
        tex="results/tables/{table}.tex",
    log:
        "logs/table/{table}.log",
    params:
        settings=table_settings,
    localrule: True
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "sedd table {wildcards.table:q} 2>&1 | tee -i {log:q}"


rule report:
    input:
        ancient("config/experiments/{experiment}.yaml"),
        report_inputs,
    output:
        report(
            "results/reports/{experiment}.html",
            caption="../report/run.rst",
            category="Runs",
        ),
    log:
        "logs/report/{experiment}.log",
    params:
        settings=report_settings,
    localrule: True
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "sedd report {wildcards.experiment:q} 2>&1 | tee -i {log:q}"
