"""Drives a running Galerne with the official mistralai package (1.x and 3.x): mistralai_suite.py URL KEY MODEL EMBEDDING_MODEL"""

import json
import re
import sys

try:
    from mistralai.client import Mistral  # 3.x
    from mistralai.client import errors as models
except ImportError:
    from mistralai import Mistral, models  # 1.x

import report

URL, KEY, MODEL, EMBEDDING_MODEL = sys.argv[1:5]
client = Mistral(api_key=KEY, server_url=URL, timeout_ms=240_000)

QUESTION = [{"role": "user", "content": "Name the capital of France in one short sentence."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


def test_chat() -> None:
    answer = client.chat.complete(model=MODEL, messages=QUESTION, max_tokens=24, temperature=0, random_seed=3)
    assert "Paris" in answer.choices[0].message.content, answer
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_stream_equals_unstreamed() -> None:
    options = dict(model=MODEL, messages=QUESTION, max_tokens=16, temperature=0)
    whole = client.chat.complete(**options).choices[0].message.content
    chunks = [event.data for event in client.chat.stream(**options)]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole
    assert chunks[-1].usage.completion_tokens > 0 and chunks[-1].choices[0].finish_reason in ("stop", "length")


def test_prefix() -> None:
    messages = [*QUESTION, {"role": "assistant", "content": "The capital is", "prefix": True}]
    answer = client.chat.complete(model=MODEL, messages=messages, max_tokens=12, temperature=0)
    assert answer.choices[0].message.content.startswith("The capital is")


def test_tools() -> None:
    messages = [{"role": "user", "content": "What is the weather in Paris?"}]
    first = client.chat.complete(model=MODEL, messages=messages, tools=[WEATHER], tool_choice="any", parallel_tool_calls=False, max_tokens=80, temperature=0)
    call = first.choices[0].message.tool_calls[0]
    assert first.choices[0].finish_reason == "tool_calls"
    assert re.fullmatch(r"[a-zA-Z0-9]{9}", call.id) and call.function.name == "get_weather"
    arguments = call.function.arguments
    assert "city" in (json.loads(arguments) if isinstance(arguments, str) else arguments)
    follow_up = [
        *messages,
        first.choices[0].message,
        {"role": "tool", "name": "get_weather", "tool_call_id": call.id, "content": "21 degrees"},
    ]
    second = client.chat.complete(model=MODEL, messages=follow_up, tools=[WEATHER], tool_choice="none", max_tokens=24, temperature=0)
    assert second.choices[0].message.content


def test_streamed_tools() -> None:
    stream = client.chat.stream(
        model=MODEL,
        messages=[{"role": "user", "content": "Weather in Rome?"}],
        tools=[WEATHER],
        tool_choice={"type": "function", "function": {"name": "get_weather"}},
        max_tokens=80,
        temperature=0,
    )
    calls = [call for event in stream for choice in event.data.choices for call in choice.delta.tool_calls or []]
    assert calls and calls[0].function.name == "get_weather"


def test_json() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 20}}, "required": ["city"], "additionalProperties": False}
    answer = client.chat.complete(
        model=MODEL,
        messages=[{"role": "user", "content": "Describe Paris as JSON."}],
        response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": schema, "strict": True}},
        max_tokens=100,
        temperature=0,
    )
    assert set(json.loads(answer.choices[0].message.content)) == {"city"}


def test_embeddings() -> None:
    for model in (MODEL, EMBEDDING_MODEL):
        answer = client.embeddings.create(model=model, inputs=["hello world", "good day"])
        assert len(answer.data) == 2 and abs(sum(x * x for x in answer.data[0].embedding) - 1) < 1e-3
    quantised = client.embeddings.create(model=MODEL, inputs="hello", output_dimension=64, output_dtype="int8")
    vector = quantised.data[0].embedding
    assert len(vector) == 64 and all(float(x).is_integer() and -128 <= x <= 127 for x in vector)


def test_models() -> None:
    names = [card.id for card in client.models.list().data]
    assert MODEL in names and client.models.retrieve(model_id=MODEL).capabilities.completion_chat


def test_fill_in_the_middle_is_refused_with_a_reason() -> None:
    try:
        client.fim.complete(model=MODEL, prompt="def f():", suffix="return 1", max_tokens=4)
    except models.SDKError as error:
        assert "fill" in str(error).lower(), error
    else:
        raise AssertionError("a vocabulary without FIM tokens must refuse")


def test_errors_are_typed() -> None:
    for wrong, status in (
        (lambda: Mistral(api_key="gal_wrong", server_url=URL).models.list(), 401),
        (lambda: client.chat.complete(model="no-such-model", messages=QUESTION), 404),
        (lambda: client.chat.complete(model=MODEL, messages=[{"role": "user", "content": "word " * 60000}]), 400),
        (lambda: client.chat.complete(model=MODEL, messages=[{"role": "assistant", "content": "hi"}, {"role": "user", "content": "x"}], temperature=9), 400),
    ):
        try:
            wrong()
        except models.SDKError as error:
            assert getattr(error, "status_code", None) == status, error
        else:
            raise AssertionError(f"must be refused with {status}")


report.run(dict(globals()))
