"""Sets of postings -> figures, plots, and a page to read, beside real postings.

python cli_evaluate.py -cfg evaluate_configs/offline_default.json
"""

from pathlib import Path

from jobgen.common.cli import parse_arguments, read_config, run
from jobgen.common.config import EvaluateConfig
from jobgen.common.files import check_writable, write_json
from jobgen.common.logging import say


def main() -> None:
    """Read the sets, measure them, draw, write the report."""
    arguments = parse_arguments(__doc__, EvaluateConfig)
    config = read_config(arguments, EvaluateConfig)
    folder = Path(config.output_dir)
    check_writable(config.output_dir)

    from jobgen.evaluation import comparison as evaluation
    from jobgen.evaluation import html_report as page
    from jobgen.evaluation import summary as report

    sets, runs = evaluation.read_sets(config), evaluation.read_runs(config)
    resources = evaluation.open_resources(config, sets)
    figures, measures = evaluation.evaluate(config, sets, resources)
    texts = evaluation.texts_side_by_side(sets, resources.index, config.shown)
    plots = evaluation.draw_plots(measures, runs, folder)
    write_json(folder / "report.json", figures)
    page.write_html_report(figures, texts, plots, folder / "report.html")
    report.print_evaluation(figures)
    say(f"report: {folder / 'report.html'}")


if __name__ == "__main__":
    run(main)
