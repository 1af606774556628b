#!/usr/bin/env python3
"""Makes tiny random Hugging Face folders and records what transformers computes with them, for test/recordings/conversion.test.ts.

    python3 -m venv .cache/python/conversion
    .cache/python/conversion/bin/pip install torch==2.15.0 transformers==5.24.0 sentencepiece==0.2.3 protobuf==7.36.2
    .cache/python/conversion/bin/python scripts/record-conversion.py && npx biome check --write test/recordings

Writes test/recordings/conversion/: a folder a model as `save_pretrained` writes it, and recorded.json with log-probabilities or vectors
of token ids and the ids of texts. Weights are random, in the types that folders in use have: BF16, F16, F32, one file and several.
"""

import base64
import importlib.metadata
import json
import math
import shutil
import tempfile
from pathlib import Path

import sentencepiece
import torch
import transformers
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

ROOT = Path(__file__).parent.parent
OUT = ROOT / "test" / "recordings" / "conversion"
VOCABULARY = 512
POSITIONS = [0, 1, 9, 39]
IDS = [1] + [3 + (i * 7919) % (VOCABULARY - 8) for i in range(39)]

TEXTS = [
    "Hello, world!",
    "  two spaces before,\tand a tab\n\n\nand lines  ",
    "don't WE'LL they'Ve I'm",
    "Numbers: 1 22 333 4444 55555 3.14159 1,000,000",
    "Crème brûlée, naïve façade, Straße, ŁÓDŹ, İstanbul",
    "Привет, мир! Γειά σου Κόσμε. שלום עולם مرحبا بالعالم",
    "日本語のテキスト、中文文本。한국어 텍스트",
    "नमस्ते दुनिया สวัสดีชาวโลก",
    "👩‍👩‍👧‍👦 🇫🇷 ☺️ 🏳️‍🌈 ½ ﬁ ℌ ①",
    "e\u0301 a\u0308 \u00a0\u2003\u3000 \u200b\u200d\ufeff",
    "def f(x):\n\treturn {'a': [1, 2]}  # <x> </y> (INST)",
    "<0x41> ▁ ##ing __init__ -- ... !!! ??? //",
    "snake_case camelCase HTTPServer x86_64 v1.2.3-rc4",
    "\x01\x7f \ud7ff \U0010fffd",
    "a" * 70,
    " ",
]
CUTTINGS = {
    "llama-bpe": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "tekken": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}
BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
CUTTERS = {
    **{name: pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(text), "isolated"), BYTES]) for name, text in CUTTINGS.items()},
    "smollm": pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]),
    "gpt-2": pre_tokenizers.ByteLevel(add_prefix_space=False),
}


def training_text(texts: int = 8) -> list[str]:
    return (ROOT / "LICENSE").read_text().splitlines() + TEXTS[:texts] * 20


def byte_level(cutter: pre_tokenizers.PreTokenizer) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = cutter
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<unk>", "<s>", "</s>", "[INST]"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - 2, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(training_text(), trainer)
    tokenizer.add_tokens([AddedToken("camelCase", normalized=False)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer


def save_byte_level(tokenizer: Tokenizer, folder: Path) -> None:
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": {"content": "</s>"}, "unk_token": "<unk>",
              "chat_template": "{% for m in messages %}[INST]{{ m.content }}{% endfor %}"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def pieces(folder: Path) -> sentencepiece.SentencePieceProcessor:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(training_text(5)), model_prefix=str(folder / "trained"), vocab_size=VOCABULARY, model_type="bpe",
        byte_fallback=True, character_coverage=0.99, split_digits=True, allow_whitespace_only_pieces=True, control_symbols=["[INST]"],
        normalization_rule_name="identity", remove_extra_whitespaces=False, unk_id=0, bos_id=1, eos_id=2, pad_id=-1, minloglevel=2,
    )
    (folder / "trained.vocab").unlink()
    (folder / "trained.model").rename(folder / "tokenizer.model")
    (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_bos_token": True}))
    return sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))


def json_of_pieces(processor: sentencepiece.SentencePieceProcessor) -> Tokenizer:
    """The BPE that transformers makes of such a file: every way to make a piece of two, by the piece's score."""
    vocabulary = {processor.id_to_piece(i): i for i in range(processor.vocab_size())}
    merges = []
    for piece, i in vocabulary.items():
        if processor.is_byte(i) or processor.is_control(i) or processor.is_unknown(i):
            continue
        splits = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        known = [pair for pair in splits if pair[0] in vocabulary and pair[1] in vocabulary]
        merges += [(processor.get_score(i), pair) for pair in sorted(known, key=lambda pair: (vocabulary[pair[0]], vocabulary[pair[1]]))]
    merges.sort(key=lambda entry: -entry[0])
    tokenizer = Tokenizer(models.BPE(vocabulary, [pair for _, pair in merges], byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.add_special_tokens([AddedToken(text, normalized=False) for text in ["<unk>", "<s>", "</s>", "[INST]"]])
    return tokenizer


def words(folder: Path) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(training_text(), trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=special, show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names))
    return tokenizer


def fill(model: torch.nn.Module) -> None:
    """Every tensor is random, so that none can be left out or be in another's place unseen."""
    for name, parameter in model.named_parameters():
        if parameter.dim() >= 2:
            torch.nn.init.normal_(parameter, 0, 1 / math.sqrt(parameter.shape[-1]))
        else:
            torch.nn.init.normal_(parameter, 0.0 if name.endswith("bias") else 1.0, 0.2)


def saved(model: torch.nn.Module, folder: Path, dtype: torch.dtype, shard: str = "5GB") -> torch.nn.Module:
    """Writes the weights in a type, and reads them again: what is recorded is computed with exactly those."""
    fill(model)
    model.to(dtype).save_pretrained(folder, max_shard_size=shard)
    return type(model).from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def rounded(values: torch.Tensor) -> list:
    return [[round(value, 5) for value in row] for row in values.tolist()]


def log_probabilities(model: torch.nn.Module) -> dict:
    with torch.no_grad():
        logits = model(torch.tensor([IDS])).logits[0]
    return {"ids": IDS, "positions": POSITIONS, "logprobs": rounded(torch.log_softmax(logits, -1)[POSITIONS])}


WIDTHS = {"vocab_size": VOCABULARY, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
          "max_position_embeddings": 256, "bos_token_id": 1, "eos_token_id": 2}


def llama(folder: Path) -> dict:
    scaling = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 64, "rope_theta": 500000.0}
    config = transformers.LlamaConfig(**WIDTHS, num_key_value_heads=2, rope_parameters=scaling, tie_word_embeddings=True, rms_norm_eps=1e-5)
    model = saved(transformers.LlamaForCausalLM(config), folder, torch.bfloat16)
    tokenizer = byte_level(CUTTERS["llama-bpe"])
    save_byte_level(tokenizer, folder)
    return {**log_probabilities(model), "texts": [tokenizer.encode(text).ids for text in TEXTS]}


def mistral(folder: Path) -> dict:
    config = transformers.MistralConfig(**WIDTHS, num_key_value_heads=1, head_dim=32, sliding_window=None, rms_norm_eps=1e-5)
    model = saved(transformers.MistralForCausalLM(config), folder, torch.float16)
    processor = pieces(folder)
    return {**log_probabilities(model), "texts": [[1, *processor.encode(text)] for text in TEXTS]}


def mixtral(folder: Path) -> dict:
    config = transformers.MixtralConfig(**{**WIDTHS, "intermediate_size": 64}, num_key_value_heads=2, num_local_experts=4,
                                        num_experts_per_tok=2, sliding_window=None)
    model = saved(transformers.MixtralForCausalLM(config), folder, torch.bfloat16, "100KB")
    with tempfile.TemporaryDirectory() as other:
        tokenizer = json_of_pieces(pieces(Path(other)))
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}))
    return {**log_probabilities(model), "texts": [[1, *tokenizer.encode(text).ids] for text in TEXTS]}


def bert(folder: Path) -> dict:
    config = transformers.BertConfig(vocab_size=VOCABULARY, hidden_size=64, intermediate_size=96, num_hidden_layers=2,
                                     num_attention_heads=4, max_position_embeddings=128)
    model = saved(transformers.BertModel(config), folder, torch.float32)
    tokenizer = words(folder)
    modules = [{"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
               for i, (path, kind) in enumerate([("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")])]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}))
    with torch.no_grad():
        hidden = model(torch.tensor([IDS])).last_hidden_state[0]
    pooled = torch.stack([hidden[0], hidden.mean(0)])
    vectors = torch.nn.functional.normalize(pooled, dim=-1)
    return {"ids": IDS, "cls": rounded(vectors)[0], "mean": rounded(vectors)[1], "texts": [tokenizer.encode(text).ids for text in TEXTS]}


UNIGRAM_TEXTS = TEXTS + [
    "Ａｐｐｌｅ Ｉｎｃ．　㍿ ㈱ № ™ … ‥ ⑴ ｶﾞｷﾞ",
    "한국어 \u1112\u1161\u11ab\u1100\u116e\u11a8 e\u0301\u0323 q\u0307\u0323 A\u030a",
    "क्षत्रिय हिन्दी ক্ষ கொ ไทย ก็ ญี่ปุ่น",
    "👍🏽 👨‍👩‍👧 🇩🇪🇫🇷 ❤️‍🔥 1️⃣ ☎︎ \u200d\ufe0f",
    "\u00a0leading\u2009thin\u202fnarrow\u2028line\u2029paragraph\u0085next\u180emongolian\u00adsoft\u2060joiner",
    "a\u200bb\u200cc\u200dd\ufeffe \u061c\u200e\u200f\u202a\u202e x",
    "tabs\t\tand\r\nlines\n\n\nand  trailing   ",
    "\x00nul\x1bescape\x7f\x80\x9f",
    "ﷺ ﬃ ĳ ŉ ſ ß ẞ İ ı Ω µ Å K",
    "▁already▁there ▁ ▁▁ _ __",
    "¨ ´ ¯ ¸ ˘ ﹉ ︵ ㌔ ㍻ ㋿ 🄰 𝐀𝒜𝔸 ²³¹ ½",
    "\u0344\u0958\ufb1d\U0001d15e \u0f73\u0f75 \uac01\u11a8",
    "unknown \u4e02\u4e04\U00020000\U0001f980 unknown",
    "",
]


def unigram(folder: Path, rule: str = "nmt_nfkc") -> tuple[list, str]:
    """The pieces of a SentencePiece unigram model as XLM-RoBERTa numbers them, and its table of replacements."""
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(training_text(len(TEXTS))), model_prefix=str(folder / "trained"), vocab_size=700, model_type="unigram",
        character_coverage=0.998, normalization_rule_name=rule, unk_id=0, bos_id=1, eos_id=2, pad_id=-1, minloglevel=2,
    )
    (folder / "trained.vocab").unlink()
    (folder / "trained.model").rename(folder / "sentencepiece.bpe.model")
    proto = sentencepiece_model_pb2.ModelProto.FromString((folder / "sentencepiece.bpe.model").read_bytes())
    pieces = [(piece.piece, piece.score) for piece in proto.pieces[3:]]
    first = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    return [*first, *pieces, ("<mask>", 0.0)], base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()


def xlm_roberta(folder: Path) -> dict:
    vocabulary, charsmap = unigram(folder)
    (folder / "sentencepiece.bpe.model").rename(OUT / "unigram.model")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(OUT / "unigram.model"))
    own = [[0, *(i + 1 if i > 0 else 3 for i in processor.encode(text)), 2] for text in UNIGRAM_TEXTS]
    tokenizer = transformers.XLMRobertaTokenizer(vocabulary)
    # The class takes the table as bytes and the files hold it as a text.
    tokenizer.backend_tokenizer.normalizer = normalizers.Precompiled(base64.b64decode(charsmap))
    tokenizer.save_pretrained(folder)
    config = transformers.XLMRobertaConfig(vocab_size=len(vocabulary) + 3, hidden_size=64, intermediate_size=96, num_hidden_layers=2,
                                           num_attention_heads=4, max_position_embeddings=130, type_vocab_size=1, layer_norm_eps=1e-5)
    model = saved(transformers.XLMRobertaModel(config), folder, torch.float16)
    modules = [{"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
               for i, (path, kind) in enumerate([("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")])]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}))
    ids = [0, *(4 + (i * 7919) % 640 for i in range(60)), 2]
    with torch.no_grad():
        hidden = model(torch.tensor([ids])).last_hidden_state[0]
    vectors = torch.nn.functional.normalize(torch.stack([hidden[0], hidden.mean(0)]), dim=-1)
    return {"ids": ids, "cls": rounded(vectors)[0], "mean": rounded(vectors)[1], "unigramTexts": UNIGRAM_TEXTS,
            "pieces": own, "texts": [tokenizer(text)["input_ids"] for text in UNIGRAM_TEXTS]}


STRETCHED = [
    ("mistral", {"rope_parameters": {"rope_type": "yarn", "rope_theta": 100.0, "factor": 8.0, "original_max_position_embeddings": 512}}),
    ("mistral", {"rope_parameters": {"rope_type": "yarn", "rope_theta": 100.0, "factor": 4.0, "original_max_position_embeddings": 64,
                                     "attention_factor": 0.8}}),
    ("mistral", {"rope_parameters": {"rope_type": "yarn", "rope_theta": 100.0, "factor": 16.0, "original_max_position_embeddings": 64,
                                     "beta_fast": 4.0, "beta_slow": 0.5, "truncate": False, "mscale": 2.0, "mscale_all_dim": 0.5}}),
    ("llama", {"rope_theta": 100.0, "rope_scaling": {"type": "yarn", "factor": 8.0, "original_max_position_embeddings": 128}}),
    ("llama", {"rope_theta": 500.0, "rope_scaling": {"rope_type": "dynamic", "factor": 4.0}}),
    ("mixtral", {"rope_theta": 100.0, "rope_scaling": {"type": "linear", "factor": 4.0}}),
    ("mixtral", {"rope_theta": 100.0, "head_dim": 16, "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}}),
]


def stretched(name: str, changes: dict) -> dict:
    """What the same weights compute with another rotation."""
    with tempfile.TemporaryDirectory() as other:
        folder = shutil.copytree(OUT / name, Path(other) / name)
        config = json.loads((folder / "config.json").read_text())
        del config["rope_parameters"]
        (folder / "config.json").write_text(json.dumps({**config, **changes}))
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        return {"model": name, "changes": changes, **log_probabilities(model)}


def main() -> None:
    torch.manual_seed(5)
    shutil.rmtree(OUT, ignore_errors=True)
    recorded = {}
    for make in (llama, mistral, mixtral, bert, xlm_roberta):
        folder = OUT / make.__name__
        folder.mkdir(parents=True)
        recorded[make.__name__] = make(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        for file in folder.glob("*.safetensors"):
            file.chmod(0o644)
    cuttings = {}
    for name, cutter in CUTTERS.items():
        if name == "llama-bpe":
            continue
        tokenizer = byte_level(cutter)
        tokenizer.save(str(OUT / f"{name}.tokenizer.json"))
        cuttings[name] = [tokenizer.encode(text).ids for text in TEXTS]
    versions = {name: importlib.metadata.version(name) for name in ("torch", "transformers", "tokenizers", "sentencepiece")}
    (OUT / "recorded.json").write_text(json.dumps({"versions": versions, "texts": TEXTS, "models": recorded, "cuttings": cuttings,
                                                    "stretched": [stretched(name, changes) for name, changes in STRETCHED]}))


main()
