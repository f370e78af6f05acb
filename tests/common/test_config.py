"""Configuration files: every shipped one loads, every fault is named, all at once and quickly."""

import json
import resource
from pathlib import Path

import pytest
from conftest import ORIGINAL, ROOT, needs_original, run_script

from jobgen.common.config import EvaluateConfig, GenerateConfig, PrepareConfig, TrainConfig
from jobgen.common.config_loader import load_config
from jobgen.common.deepspeed_config import TOP_LEVEL_KEYS, check_deepspeed_file, compiled_ops
from jobgen.common.errors import InputError
from jobgen.common.files import read_json

MODELS = {
    "prepare": PrepareConfig,
    "train": TrainConfig,
    "generate": GenerateConfig,
    "evaluate": EvaluateConfig,
}


def load(path, model, **options):
    return load_config(str(path), model, check_files=False, **options)[0]


def problems(path, model, overrides=(), **options) -> list[str]:
    with pytest.raises(InputError) as error:
        load_config(str(path), model, list(overrides), **options)
    return error.value.problems


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="config.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write_file


def test_every_shipped_file_loads():
    found = []
    for kind, model in MODELS.items():
        for path in sorted((ROOT / f"{kind}_configs").rglob("*.json")):
            config = load(path, model)
            found.append(path.name)
            if isinstance(config, TrainConfig):
                if path.stem.endswith("-8bit"):
                    assert (config.ds_config, config.optimizer) == (None, "adamw_8bit")
                else:
                    assert check_deepspeed_file(read_json(str(ROOT / config.ds_config))) == []
            if isinstance(config, GenerateConfig):
                assert len(config.prompts) == 4
    assert len(found) == 15
    for name in ("gpt2-large", "gpt2-xl", "gpt-neo-1.3B"):
        assert found.count(f"{name}.json") == 2
    assert found.count("offline_default.json") == 3


def test_shipped_deepspeed_files_are_known_to_deepspeed():
    from deepspeed.runtime.config import DeepSpeedConfig

    paths = sorted((ROOT / "DS_configs").rglob("*.json"))
    assert len(paths) == 4
    for path in paths:
        content = read_json(str(path))
        assert check_deepspeed_file(content) == []
        plain = {key: value for key, value in content.items() if value != "auto"}
        for part in ("bf16", "fp16"):
            plain[part] = {**plain[part], "enabled": False}
        parsed = DeepSpeedConfig(plain | {"train_batch_size": 1})
        assert parsed.zero_config.stage == content["zero_optimization"]["stage"]


def test_the_list_of_deepspeed_keys_is_deepspeeds():
    import deepspeed
    from deepspeed.runtime.config import _REMOVED_TOP_LEVEL_CONFIG_KEYS

    source = "".join(
        path.read_text(errors="ignore")
        for path in Path(deepspeed.__file__).parent.rglob("*.py")
        if "test" not in path.parts
    )
    assert not TOP_LEVEL_KEYS & set(_REMOVED_TOP_LEVEL_CONFIG_KEYS)
    unknown = {
        key for key in TOP_LEVEL_KEYS if f'"{key}"' not in source and f"'{key}'" not in source
    }
    assert unknown == set()


@needs_original
@pytest.mark.parametrize(
    ("kind", "n_files"), [("prepare_data", 1), ("train", 3), ("generate", 3), ("DS", 2)]
)
def test_original_files_load(kind, n_files):
    paths = sorted((ORIGINAL / f"{kind}_configs").glob("*.json"))
    assert len(paths) == n_files
    for path in paths:
        if kind == "DS":
            assert check_deepspeed_file(read_json(str(path))) == []
        else:
            load(path, MODELS[kind.removesuffix("_data")])


@needs_original
def test_original_values_mean_what_they_meant():
    train = load(ORIGINAL / "train_configs/train_cfg_gpt-neo-13b.json", TrainConfig)
    assert (train.lr, train.eps, train.warmup_steps) == (1e-4, 5e-4, 100)
    assert train.save_total_limit is None
    assert train.unfreeze_last_n == 32
    assert train.model_preload.endswith("pytorch_model.bin")
    large = load(ORIGINAL / "train_configs/train_cfg_gpt2-l.json", TrainConfig)
    assert large.model_preload is None
    path = ORIGINAL / "generate_configs/gpt2-xl_txt_gen_cfg.json"
    config, notes = load_config(str(path), GenerateConfig, check_files=False)
    assert (config.top_k, config.top_p, config.num_return_sequences) == (None, 0.95, 5)
    assert config.prompts[3].keyword_list()[-1] == "working with real-world text corpora"
    assert config.beyond_positions == "lower"
    assert len(notes) == 1
    assert "length_penalty" in notes[0]
    prepare = load(ORIGINAL / "prepare_data_configs/prepare_dat_128_600.json", PrepareConfig)
    assert prepare.source == "datasets/job_ads/single_json/key-words_single.pkl"
    assert (prepare.min_length, prepare.max_length, prepare.test_share) == (128, 600, 0.2)


def test_all_problems_of_a_file_come_at_once(write):
    path = write(
        {
            "train": "nowhere.pkl",
            "epocs": 2,
            "lr": "fast",
            "micro_batch_size": 0,
            "loss_on": "title",
            "keywords_max": None,
        }
    )
    lines = problems(path, TrainConfig)
    assert len(lines) == 6
    text = "\n".join(lines)
    assert 'epocs            unknown key; did you mean "epochs"?' in text
    assert 'lr = "fast"      expected number > 0' in text
    assert "micro_batch_size = 0 expected whole number >= 1" in text
    assert "expected text | all" in text
    assert 'train = "nowhere.pkl"  no such file' in text


def test_fields_that_contradict_each_other(write):
    path = write({"source": __file__, "min_length": 500, "max_length": 100})
    assert problems(path, PrepareConfig) == ["min_length = 500 is above max_length = 100"]


def test_original_and_new_name_together(write):
    path = write({"train_batch_size": 1, "micro_batch_size": 2})
    assert "means the same" in problems(path, TrainConfig)[0]


def test_missing_file_names_its_neighbour(write):
    write({}, "train_large.json")
    with pytest.raises(InputError, match='did you mean ".*train_large.json"'):
        load_config(str(write({}, "x.json").with_name("train_larg.json")), TrainConfig)


def test_invalid_json_names_line_and_column(write):
    path = write('{\n  "lr": 1e-4,\n  "epochs" 2\n}')
    assert "line 3, column 12" in problems(path, TrainConfig)[0]


@pytest.mark.parametrize("content", ["[1]", "3", '"a"', "null"])
def test_not_an_object(write, content):
    assert "expected a JSON object" in problems(write(content), TrainConfig)[0]


def test_deepspeed_file_with_an_unknown_key(write):
    bad = write({"zero_optimisation": {"stage": 2}, "gradient_cliping": 1}, "ds.json")
    lines = problems(write({"ds_config": str(bad)}), TrainConfig)
    assert len(lines) == 2
    assert any('did you mean "zero_optimization"' in line for line in lines)


def test_stage_3_without_gathered_weights(write):
    bad = write({"zero_optimization": {"stage": 3}}, "ds.json")
    assert "stage3_gather" in problems(write({"ds_config": str(bad)}), TrainConfig)[0]


@pytest.mark.parametrize(
    ("content", "on_gpu", "ops"),
    [
        ({}, False, ["ShareMemCommBuilder"]),
        ({}, True, []),
        ({"optimizer": {"type": "AdamW"}}, False, ["ShareMemCommBuilder", "CPUAdamBuilder"]),
        ({"optimizer": {"type": "AdamW"}}, True, ["FusedAdamBuilder"]),
        ({"optimizer": {"type": "AdamW", "params": {"torch_adam": True}}}, True, []),
        ({"zero_optimization": {"offload_optimizer": {"device": "cpu"}}}, True, ["CPUAdamBuilder"]),
        ({"zero_optimization": {"offload_optimizer": {"device": "none"}}}, True, []),
    ],
)
def test_what_deepspeed_compiles(content, on_gpu, ops):
    assert compiled_ops(content, on_gpu) == ops


def test_overrides_replace_values(write):
    path = write({"lr": 1e-4, "epochs": 2})
    config, _ = load_config(str(path), TrainConfig, ["lr=3e-5", "model=a/b", "batch_update=4"])
    assert (config.lr, config.model, config.gradient_accumulation_steps) == (3e-5, "a/b", 4)
    assert "key=value" in problems(path, TrainConfig, ["lr"])[0]


def test_prompts_are_checked(write):
    path = write({"model": "m", "prompts": [{"title": "", "key": "a"}]})
    text = "\n".join(problems(path, GenerateConfig))
    assert 'prompts.0.title = ""' in text
    assert "prompts.0.key    unknown key" in text


def test_a_configuration_error_takes_less_than_a_second(write):
    path = write({"epocs": 1, "train": "nowhere.pkl"})
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = run_script("cli_training.py", "-cfg", str(path))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run.returncode == 2
    assert run.stderr.startswith(f"error: {path}: 2 problems")
    assert "Traceback" not in run.stderr
    # Of the processor, as other tests may be using it too.
    assert after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime < 1


@pytest.mark.parametrize(
    ("script", "model"),
    [
        ("cli_prepare_data.py", PrepareConfig),
        ("cli_training.py", TrainConfig),
        ("cli_generate_text.py", GenerateConfig),
    ],
)
def test_help_lists_every_option(script, model):
    run = run_script(script, "--help")
    assert run.returncode == 0
    for name, info in model.model_fields.items():
        assert f"  {name} (" in run.stdout
        assert info.description in run.stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"fp16": True}, "fp16             expected an object"),
        ({"optimizer": "AdamW"}, "optimizer        expected an object"),
        ({"optimizer": {"type": [1]}}, 'optimizer        expected {"type": a name, "params"'),
        ({"scheduler": {"params": {}}}, 'scheduler        expected {"type": a name, "params"'),
        ({"train_batch_size": 1e500}, "train_batch_size expected a whole number >= 1"),
        ({"gradient_accumulation_steps": True}, "expected a whole number >= 1"),
        ({"zero_optimization": {"stage": 7}}, "zero_optimization.stage = 7 expected 0 to 3"),
        ({"zero_optimization": {"offload_param": "cpu"}}, "offload_param expected an object"),
        ([], "expected a JSON object"),
    ],
)
def test_deepspeed_files_of_another_shape(write, content, message):
    bad = write(content, "ds.json")
    assert message in problems(write({"ds_config": str(bad)}), TrainConfig)[0]


def test_a_broken_deepspeed_file_does_not_hide_the_rest(write):
    bad = write("{", "ds.json")
    text = "\n".join(problems(write({"ds_config": str(bad), "epocs": 1}), TrainConfig))
    assert "invalid JSON at line 1" in text
    assert "epocs" in text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lr", True),
        ("epochs", float("inf")),
        ("seed", 2**32),
        ("max_steps", 0),
        ("report_to", ["tensorbord"]),
        ("model_preload", "nowhere.bin"),
        ("keywords_min", 50),
    ],
)
def test_values_that_would_fail_later(write, key, value):
    lines = problems(write({key: value, "epocs": 1}), TrainConfig)
    assert len(lines) == 2
    assert any(line.startswith(key) for line in lines)


@pytest.mark.parametrize(
    ("regions", "message"),
    [
        (["FR", "UK"], 'UK: expected ISO codes of countries, such as "FR" or "GB", or "auto"'),
        ([], 'expected ISO codes of countries, such as "FR" or "GB", or "auto"'),
        ("FR", "expected auto or list of text"),
    ],
)
def test_unknown_regions(write, regions, message):
    source = str(ROOT / "input_data" / "sample_postings.csv")
    (line,) = problems(write({"source": source, "phone_regions": regions}), PrepareConfig)
    assert message in line


def test_text_options_take_numbers_as_text(write):
    path = write({"model": "m"})
    assert load(path, GenerateConfig, overrides=["output_name=2024"]).output_name == "2024"


def test_comments_at_any_depth(write):
    prompt = {"title": "Cook", "keywords": "", "__why": "a"}
    path = write({"config": {"model_name_hf": "m", "__why": "b"}, "prompts": {"0": prompt}})
    assert load(path, GenerateConfig).prompts[0].title == "Cook"
    blank = write({"model": "m", "prompts": [{"title": " "}]})
    assert "prompts.0.title" in problems(blank, GenerateConfig)[0]
