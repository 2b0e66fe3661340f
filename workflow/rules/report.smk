# Training curves as CSV, so that pages can be made without the trainer's folder.
rule curves:
    input:
        inputs("curves"),
    output:
        train="results/runs/{experiment}/curves/train.csv",
        validation="results/runs/{experiment}/curves/validation.csv",
        start="results/runs/{experiment}/curves/start.csv",
    log:
        "logs/curves/{experiment}.log",
    localrule: True
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "sedd curves {wildcards.experiment:q} 2>&1 | tee -i {log:q}"


# One table, in all formats.
rule table:
    input:
        ancient("config/tables/{table}.yaml"),
        inputs("table"),
    output:
        md="results/tables/{table}.md",
        csv="results/tables/{table}.csv",
        tex="results/tables/{table}.tex",
        html=report(
            "results/tables/{table}.html",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
    log:
        "logs/table/{table}.log",
    localrule: True
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=settings("table"),
    shell:
        "sedd table {wildcards.table:q} 2>&1 | tee -i {log:q}"


# A table as a figure by network calls.
rule figure:
    input:
        ancient("config/tables/{table}.yaml"),
        inputs("figure"),
    output:
        pdf="results/figures/{table}.pdf",
        png=report(
            "results/figures/{table}.png",
            caption="../report/table.rst",
            category="Figures",
        ),
    log:
        "logs/figure/{table}.log",
    localrule: True
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=settings("table"),
    shell:
        "sedd figure {wildcards.table:q} 2>&1 | tee -i {log:q}"


# Page of a run, and the numbers of its last checkpoint.
rule report:
    input:
        ancient(definition),
        inputs("report"),
    output:
        numbers="results/reports/{experiment}.json",
        page=report(
            "results/reports/{experiment}.html",
            caption="../report/run.rst",
            category="Runs",
            labels={"run": "{experiment}", "what": "page"},
        ),
    log:
        "logs/report/{experiment}.log",
    wildcard_constraints:
        experiment=RUN_PAGE,
    localrule: True
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=settings("report"),
    shell:
        "sedd report {wildcards.experiment:q} 2>&1 | tee -i {log:q}"


# Figures of a run, as files for a paper.
rule figures:
    input:
        ancient(definition),
        inputs("report"),
    output:
        report(
            directory("results/figures/{experiment}"),
            patterns=["{figure}.png"],
            caption="../report/figure.rst",
            category="Figures",
            labels={"run": "{experiment}", "figure": "{figure}"},
        ),
    log:
        "logs/figures/{experiment}.log",
    wildcard_constraints:
        experiment=RUN_FIGURES,
    localrule: True
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=settings("report"),
    shell:
        "sedd figures {wildcards.experiment:q} 2>&1 | tee -i {log:q}"


# Page of a sweep: its settings compared, each over its seeds.
rule sweep:
    input:
        ancient("config/sweeps/{sweep}.yaml"),
        inputs("sweep"),
    output:
        page=report(
            "results/reports/sweeps/{sweep}.html",
            caption="../report/compare.rst",
            category="Runs",
            labels={"run": "{sweep}", "what": "sweep"},
        ),
        csv="results/reports/sweeps/{sweep}.csv",
        md="results/reports/sweeps/{sweep}.md",
    log:
        "logs/sweep/{sweep}.log",
    localrule: True
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=settings("sweep"),
    shell:
        "sedd compare --sweep {wildcards.sweep:q} 2>&1 | tee -i {log:q}"


# Page that compares all runs.
rule compare:
    input:
        inputs("compare"),
    output:
        report(
            "results/reports/compare.html",
            caption="../report/compare.rst",
            category="Runs",
            labels={"run": "all", "what": "comparison"},
        ),
    log:
        "logs/compare.log",
    localrule: True
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=settings("compare"),
        experiments=BUILD.compared,
    shell:
        "sedd compare {params.experiments:q} 2>&1 | tee -i {log:q}"


# Page of all runs and tables.
rule overview:
    input:
        inputs("overview"),
    output:
        report(
            "results/reports/index.html",
            caption="../report/overview.rst",
            category="Runs",
            labels={"run": "all", "what": "front page"},
        ),
    log:
        "logs/overview.log",
    localrule: True
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        experiments=list(BUILD.trained),
        tables=[f"--table={name}" for name in BUILD.tables],
    shell:
        "sedd overview {params.experiments:q} {params.tables:q} 2>&1 | tee -i {log:q}"
