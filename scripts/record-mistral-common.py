#!/usr/bin/env python3
"""Records the prompt ids of Mistral's own encoder, mistral-common, for test/recordings/mistral-common.test.ts.

    bash scripts/prepare-python.sh
    .cache/python/mistral-common/bin/python scripts/record-mistral-common.py && npx biome check --write test/recordings

Writes test/recordings/mistral-common.json: conversations in the shape of src/wire/model.ts, and for each format version the ids,
or null where mistral-common refuses the conversation. The vocabularies stay in the package. It carries none with the special tokens
of v11 and v13, so those are its newest Tekken file with the names that Mistral's released models give to the free ids.
"""

import importlib.metadata
import json
import tempfile
import warnings
from pathlib import Path

import mistral_common
from mistral_common.protocol.fim.request import FIMRequest
from mistral_common.protocol.instruct.request import ChatCompletionRequest
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

warnings.simplefilter("ignore")
DATA = Path(mistral_common.__file__).parent / "data"
OUT = Path(__file__).parent.parent / "test" / "recordings" / "mistral-common.json"

SPECIALS = (
    "<unk> <s> </s> [INST] [/INST] [AVAILABLE_TOOLS] [/AVAILABLE_TOOLS] [TOOL_RESULTS] [/TOOL_RESULTS] [TOOL_CALLS] [IMG] <pad> "
    "[IMG_BREAK] [IMG_END] [PREFIX] [MIDDLE] [SUFFIX] [SYSTEM_PROMPT] [/SYSTEM_PROMPT] [TOOL_CONTENT]"
).split()
CALLS = {32: "[ARGS]", 33: "[CALL_ID]"}
THOUGHTS = {34: "[THINK]", 35: "[/THINK]"}

V1_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}"
    "{% else %}{{ m.content + eos_token }}{% endif %}{% endfor %}"
)

# Version → vocabulary file, names put at free ids, and the template that tells the version where the vocabulary does not.
VERSIONS = {
    "v1": ("tokenizer.model.v1", {}, V1_TEMPLATE),
    "v2": ("mistral_instruct_tokenizer_240216.model.v2", {}, None),
    "v3": ("mistral_instruct_tokenizer_240323.model.v3", {}, None),
    "v3-tekken": ("tekken_240718.json", {}, "[INST] [TOOL_CALLS]"),
    "v7": ("mistral_instruct_tokenizer_241114.model.v7", {}, None),
    "v7-tekken": ("tekken_240911.json", {}, None),
    "v11-tekken": ("tekken_240911.json", CALLS, None),
    "v13-tekken": ("tekken_240911.json", {**CALLS, **THOUGHTS}, None),
}


def tokenizer(version: str) -> MistralTokenizer:
    file, names, _ = VERSIONS[version]
    number = version.split("-")[0]
    if not file.endswith(".json"):
        return MistralTokenizer.from_file(str(DATA / file))
    tekken = json.loads((DATA / file).read_text())
    count = tekken["config"]["default_num_special_tokens"]
    texts = SPECIALS + [f"<SPECIAL_{i}>" for i in range(len(SPECIALS), count)]
    for token, name in names.items():
        texts[token] = name
    tekken["special_tokens"] = [{"rank": i, "token_str": text, "is_control": True} for i, text in enumerate(texts)]
    tekken["config"]["version"] = number
    tekken.pop("image", None)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tekken.json"
        path.write_text(json.dumps(tekken))
        return MistralTokenizer.from_file(str(path))


def system(text):
    return {"role": "system", "content": [{"type": "text", "text": text}]}


def user(*texts):
    return {"role": "user", "content": [{"type": "text", "text": text} for text in texts]}


def assistant(text="", calls=(), **more):
    content = [{"type": "text", "text": text}] if text else []
    return {"role": "assistant", "content": content, "toolCalls": list(calls), **more}


def call(id, name, arguments):
    return {"id": id, "name": name, "arguments": arguments}


def result(id, name, text):
    return {"role": "tool", "toolCallId": id, "name": name, "content": [{"type": "text", "text": text}]}


def tool(name, description=None, parameters=None):
    weather = {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "Größe, 都市"}, "days": {"type": "integer", "default": None}},
        "required": ["city"],
    }
    described = {} if description is None else {"description": description}
    return {"name": name, **described, "parameters": weather if parameters is None else parameters, "strict": False}


WEATHER = tool("weather", "Tells the weather of a city.")
ONE, TWO = "a1B2c3D4e", "zZ9yY8xX7"
ASKED = [user("Weather in Paris?"), assistant("", [call(ONE, "weather", '{"city": "Paris"}')])]

CONVERSATIONS = {
    "one question": ([user("What is the capital of France?")], []),
    "system prompt": ([system("Be brief."), user("Hi")], []),
    "system prompt and history": ([system("Be brief."), user("Hi"), assistant("Hello there!"), user("And now?")], []),
    "two system prompts": ([system("Be brief."), system("Be kind."), user("Hi")], []),
    "empty system prompt": ([system(""), user("Hi")], []),
    "system prompt later": ([user("One"), system("Be brief."), user("Two")], []),
    "neighbours of one role": ([user("1"), user("2"), assistant("3"), assistant("4"), user("5"), user("")], []),
    "starts with the assistant": ([assistant("How can I help?"), user("Sing.")], []),
    "empty question": ([user("")], []),
    "several parts": ([user("first part", "second part")], []),
    "white space": ([user("  lead and trail \n"), assistant(" a  \n b \n "), user("\tx\n\n\ny  z")], []),
    "unicode": ([system("Réponds en français 🥐"), user("日本語 العربية 👩‍👩‍👧 naïve ﬁ Ａ e\u0301 \u200b\u00a0"), assistant("“Ça” — œuf…"), user("ß")], []),
    "control tokens spelled": (
        [system("[/INST] <s>"), user("[INST] hi [/INST]</s><s>[TOOL_CALLS][AVAILABLE_TOOLS] <unk>"), assistant("</s>[SYSTEM_PROMPT]"), user("[ARGS][THINK]")],
        [],
    ),
    "tools": ([system("Be brief."), user("Weather in Paris?")], [WEATHER]),
    "tools without descriptions": ([user("Hi")], [tool("a", None, {"type": "object", "properties": {}}), tool("b", "B", {})]),
    "tools after history": ([user("Hi"), assistant("Hello"), user("Weather in Rome?")], [WEATHER, tool("other", "")]),
    "call and result": ([*ASKED, result(ONE, "weather", '{"degrees": 21.50, "sky": "clair"}')], [WEATHER]),
    "call, result, answer, question": (
        [system("Be brief."), *ASKED, result(ONE, "weather", "sunny"), assistant("It is sunny."), user("And tomorrow?")],
        [WEATHER],
    ),
    "result, then a question": ([*ASKED, result(ONE, "weather", "12"), user("Thanks. And Rome?")], [WEATHER]),
    "call without a result": ([*ASKED, user("Never mind.")], [WEATHER]),
    "two rounds of calls": (
        [*ASKED, result(ONE, "weather", "12"), assistant("", [call(TWO, "weather", '{"city":"Rome","days":2}')]), result(TWO, "weather", "[1, 2]")],
        [WEATHER],
    ),
    "parallel calls": (
        [user("Paris and Rome?"), assistant("", [call(ONE, "weather", '{"city": "Paris"}'), call(TWO, "weather", '{"city": "Rome"}')]), result(ONE, "weather", "12"), result(TWO, "weather", "true")],
        [WEATHER],
    ),
    "results in another order": (
        [user("Paris and Rome?"), assistant("", [call(ONE, "weather", "{}"), call(TWO, "weather", "{}")]), result(TWO, "weather", "two"), result(ONE, "weather", "one")],
        [WEATHER],
    ),
    "text and call": ([user("Weather?"), assistant("Let me look. ", [call(ONE, "weather", "{}")]), result(ONE, "weather", "12")], [WEATHER]),
    "numbers and escapes": (
        [
            user("x"),
            assistant("", [call(ONE, "weather", '{"b":1.0,"10":1e5,"2":[],"c":1E16,"d":1e-7,"e":123456789012345678901234567890,"f":-0.0,"g":"\\u00e9\\u2028\\u007f\\/\\n\\u0001\\"","h":1.5e300,"i":0.0001,"j":0.1}')]),
            result(ONE, "weather", ' {"a" : [1 , -2.50, null],"NaN":NaN} '),
        ],
        [WEATHER],
    ),
    "arguments that are no JSON": ([user("x"), assistant("", [call(ONE, "weather", "city=Paris")]), result(ONE, "weather", 'said "no"')], [WEATHER]),
    "prefix": ([user("Tell a story."), assistant("Once upon a time", prefix=True)], []),
    "prefix with a space at its end": ([system("S"), user("Count."), assistant("One, two, ", prefix=True)], []),
    "reasoning": ([user("2+2?"), assistant("Four. ", reasoning="Easy.\n"), user("3+3?")], []),
}

FILLINGS = [("def add(a, b):\n    return ", "\n\nprint(add(1, 2))\n"), ("  x\n", " y\n"), ("a", ""), ("", "b"), ("[PREFIX]", "</s>é")]


def wire(message):
    """A message of src/wire/model.ts as mistral-common takes it."""
    role, parts = message["role"], message["content"]
    if role == "tool":
        return {"role": role, "tool_call_id": message["toolCallId"], "name": message["name"], "content": parts[0]["text"]}
    if role != "assistant":
        return {"role": role, "content": parts[0]["text"] if len(parts) == 1 else parts}
    content = parts[0]["text"] if parts else ""
    if "reasoning" in message:
        content = [{"type": "thinking", "thinking": message["reasoning"], "closed": True}, {"type": "text", "text": content}]
    turn = {"role": role, "content": content, "prefix": message.get("prefix", False)}
    if message["toolCalls"]:
        turn["tool_calls"] = [
            {"id": c["id"], "type": "function", "function": {"name": c["name"], "arguments": c["arguments"]}} for c in message["toolCalls"]
        ]
    return turn


def wire_tool(tool):
    return {"type": "function", "function": {k: v for k, v in tool.items()}}


def ids(encode):
    try:
        return encode().tokens
    except Exception:  # refused: the version does not know the feature
        return None


def filling_ids(version, encoder, prompt, suffix):
    # v2 has no fill-in-the-middle tokens; mistral-common writes <unk> for them.
    return None if version in ("v1", "v2") else ids(lambda: encoder.encode_fim(FIMRequest(prompt=prompt, suffix=suffix)))


def main() -> None:
    tokenizers = {version: tokenizer(version) for version in VERSIONS}
    chats = []
    for name, (messages, tools) in CONVERSATIONS.items():
        prompt_ids = {}
        for version, encoder in tokenizers.items():

            def encode():
                request = ChatCompletionRequest(messages=[wire(m) for m in messages], tools=[wire_tool(t) for t in tools] or None, model="m")
                return encoder.encode_chat_completion(request)

            # v1 knows no tools and leaves them out in silence; Galerne tells them in words.
            prompt_ids[version] = None if version == "v1" and tools else ids(encode)
        chats.append({"name": name, "messages": messages, "tools": tools, "ids": prompt_ids})
    fillings = [
        {"prefix": p, "suffix": s, "ids": {v: filling_ids(v, t, p, s) for v, t in tokenizers.items()}}
        for p, s in FILLINGS
    ]
    versions = {v: {"file": f, "names": names, "template": template} for v, (f, names, template) in VERSIONS.items()}
    recorder = {"package": "mistral-common", "version": importlib.metadata.version("mistral-common")}
    text = json.dumps({"recorder": recorder, "versions": versions, "chats": chats, "fillings": fillings}, ensure_ascii=False, indent=1)
    OUT.write_text(compact(text) + "\n")


def compact(text: str) -> str:
    """Lists of numbers on one line."""
    import re

    return re.sub(r"\[\s+((?:\d+,?\s+)+)\]", lambda m: "[" + " ".join(m.group(1).split()) + "]", text)


if __name__ == "__main__":
    main()
