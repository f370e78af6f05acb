#!/usr/bin/env bash
# The whole pipeline on the sample table; `make demo` installs and calls this. It starts over each time.
set -euo pipefail

stage() { printf '\n== %s (%d s so far)\n' "$1" "$SECONDS"; }

stage "1/4 prepare input_data/sample_postings.csv"
python cli_prepare_data.py -cfg prepare_configs/sample.json

stage "2/4 fine-tune SmolLM2-135M"
deepspeed --quiet cli_training.py -cfg train_configs/offline_default.json --overwrite

stage "3/4 write a posting for each of the four prompts"
rm -f generated_texts/offline_default.csv
python cli_generate_text.py -cfg generate_configs/offline_default.json

stage "4/4 compare them with real postings"
python cli_evaluate.py -cfg evaluate_configs/offline_default.json

stage "done"
cat <<'END'
prepared tables    input_data/train_130_700.pkl  input_data/test_130_700.pkl
their manifest     input_data/manifest_130_700.json
run folder         runs/offline_default/  (config.json, metrics.jsonl, loss.png, tensorboard/, checkpoints/)
model              runs/offline_default/trained_model/
generated          generated_texts/offline_default.csv
report             reports/offline_default/report.html  (report.json, plots)

The first of them:
END
python - <<'END'
import csv

with open("generated_texts/offline_default.csv", encoding="utf-8", newline="") as file:
    row = next(csv.DictReader(file))
print(f"\n{row['title']}\n[{row['keywords']}]\n\n{row['text']}")
END
