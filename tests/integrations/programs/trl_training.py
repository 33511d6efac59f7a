"""Trains with the SFTTrainer of TRL, then with Trainers that raise; prints the ids of the runs."""

import json

import torch
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from trl import SFTConfig, SFTTrainer

import runstream
from runstream.integrations.transformers import RunstreamCallback

WORDS = ["<pad>", "<eos>", "<unk>", "the", "cat", "sat", "on", "a", "mat"]
OPTIONS = {"max_steps": 4, "logging_steps": 1, "report_to": "none", "use_cpu": True}
runs = {}


class Bug(TrainerCallback):
    def on_step_end(self, args, state, control, **_):
        if state.global_step == 2:
            raise KeyError("a bug of the user")


def train_model(*callbacks, **options):
    torch.manual_seed(7)
    model = torch.nn.Linear(4, 1)
    model.forward = lambda x, labels: {
        "loss": (torch.nn.functional.linear(x, model.weight, model.bias) - labels).square().mean()
    }
    data = [{"x": torch.randn(4), "labels": torch.ones(1)} for _ in range(16)]
    arguments = TrainingArguments(output_dir="other", save_strategy="no", **OPTIONS, **options)
    Trainer(model, arguments, train_dataset=data, callbacks=list(callbacks)).train()
    return model.weight.tolist()


config = LlamaConfig(
    vocab_size=len(WORDS),
    hidden_size=16,
    intermediate_size=16,
    num_hidden_layers=1,
    num_attention_heads=2,
    num_key_value_heads=2,
)
words = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>"))
words.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=words, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>"
)
data = Dataset.from_dict({"text": ["the cat sat on a mat"] * 8})
arguments = SFTConfig(output_dir="sft", save_strategy="no", dataset_text_field="text", **OPTIONS)
callback = RunstreamCallback(experiment_name="fine-tuning", run_name="sft")
name = "tokenizer" if "tokenizer" in SFTTrainer.__init__.__annotations__ else "processing_class"
SFTTrainer(
    LlamaForCausalLM(config),
    args=arguments,
    train_dataset=data,
    callbacks=[callback],
    **{name: tokenizer},
).train()
runs["sft"] = callback.run_id

failing = RunstreamCallback()
try:
    train_model(failing, Bug())
except KeyError:
    runs["failed"] = failing.run_id
with_callback = RunstreamCallback()
unlogged = train_model()
runs["is_identical"] = train_model(with_callback, run_name="named") == unlogged
runs["named"] = with_callback.run_id
with runstream.start_run(experiment_id="0") as run:
    inside = RunstreamCallback()
    train_model(inside)
    assert inside.run_id == run.run_id
    runs["active"], runs["active_status"] = run.run_id, run.read().info.status
runstream.autolog()
runs["is_identical"] = runs["is_identical"] and train_model() == unlogged
runs["autologged"] = runstream.last_active_run().info.run_id
print(json.dumps(runs))
