rule table:
    input:
        ancient("config/tables/{table}.yaml"),
        table_inputs,
    output:
        md=report(
            "results/tables/{table}.md",
            caption="../report/table.rst",
            category="Tables",
        ),
        csv="results/tables/{table}.csv",
        tex="results/tables/{table}.tex",
    log:
        "logs/table/{table}.log",
    localrule: True
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=table_settings,
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
    localrule: True
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=report_settings,
    shell:
        "sedd report {wildcards.experiment:q} 2>&1 | tee -i {log:q}"
