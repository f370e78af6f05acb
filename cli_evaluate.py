"""Sets of postings -> metrics, plots, and a page to read, compared with real postings.

python cli_evaluate.py -cfg evaluate_configs/offline_default.json
"""

from pathlib import Path
from typing import TYPE_CHECKING

import jobgen.common.startup  # noqa: F401  before all else
from jobgen.common.cli import parse_arguments, read_config, run
from jobgen.common.config import EvaluateConfig
from jobgen.common.files import check_writable, write_json
from jobgen.common.logging import logger

if TYPE_CHECKING:
    from utils import NLP_model


def main() -> None:
    """Read the sets, measure them, draw the plots, write the report."""
    config = read_config(parse_arguments(__doc__, EvaluateConfig), EvaluateConfig)
    folder = Path(config.output_dir)
    check_writable(config.output_dir)

    # Heavy libraries load only now, so that a wrong configuration is reported at once.
    from jobgen.evaluation.comparison import evaluate, open_resources, read_sets
    from jobgen.evaluation.html_report import write_html_report
    from jobgen.evaluation.report_plots import draw_plots, read_runs
    from jobgen.evaluation.side_by_side import texts_side_by_side
    from jobgen.evaluation.summary import print_evaluation

    # Read
    sets, runs = read_sets(config), read_runs(config)
    resources = open_resources(config, sets, _load_model(config))

    # Measure
    report, measured = evaluate(config, sets, resources)
    prompts = texts_side_by_side(sets, resources.index, config.shown)

    # Write
    plots = draw_plots(measured, runs, folder)
    write_json(folder / "report.json", report)
    write_html_report(report, prompts, plots, folder / "report.html")
    print_evaluation(report)
    logger.info(f"report: {folder / 'report.html'}")


def _load_model(config: EvaluateConfig) -> "NLP_model | None":
    """The model that judges likelihood; None: the configuration names none."""
    if not config.model:
        return None
    from utils import NLP_model

    return NLP_model.load(config.model, cache_dir=config.cache_dir)


if __name__ == "__main__":
    run(main)
