"""Drives a running Galerne with the official openai package (1.x and 3.x): openai_suite.py URL KEY MODEL EMBEDDING_MODEL"""

import json
import re
import sys

import openai

import report

URL, KEY, MODEL, EMBEDDING_MODEL = sys.argv[1:5]
client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=240)

QUESTION = [{"role": "user", "content": "Name the capital of France in one short sentence."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}
CITY_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}, "population": {"type": "integer"}},
    "required": ["city", "population"],
    "additionalProperties": False,
}


def test_chat() -> None:
    answer = client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=24, temperature=0)
    assert answer.object == "chat.completion" and answer.choices[0].message.role == "assistant"
    assert "Paris" in answer.choices[0].message.content, answer
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer._request_id


def test_stream_equals_unstreamed() -> None:
    options = dict(model=MODEL, messages=QUESTION, max_completion_tokens=16, temperature=0, seed=1)
    whole = client.chat.completions.create(**options).choices[0].message.content
    chunks = list(client.chat.completions.create(**options, stream=True, stream_options={"include_usage": True}))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole, (text, whole)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0
    assert all(c.usage is None for c in chunks[:-1])


def stream_helper():
    stable = getattr(client.chat.completions, "stream", None)
    return stable or client.beta.chat.completions.stream


def test_stream_helper_with_tools() -> None:
    with stream_helper()(
        model=MODEL,
        messages=[{"role": "user", "content": "What is the weather in Paris in celsius?"}],
        tools=[{**WEATHER, "function": {**WEATHER["function"], "strict": True}}],
        tool_choice="required",
        parallel_tool_calls=False,
        max_tokens=80,
        temperature=0,
    ) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    call = final.choices[0].message.tool_calls[0]
    assert final.choices[0].finish_reason == "tool_calls", final
    assert call.function.name == "get_weather" and json.loads(call.function.arguments)["unit"] in ("celsius", "fahrenheit")


def test_tools_and_results_fed_back() -> None:
    messages = [{"role": "user", "content": "What is the weather in Paris?"}]
    named = {"type": "function", "function": {"name": "get_weather"}}
    first = client.chat.completions.create(
        model=MODEL, messages=messages, tools=[WEATHER], tool_choice=named, max_tokens=80, temperature=0
    )
    call = first.choices[0].message.tool_calls[0]
    assert re.fullmatch(r"[a-zA-Z0-9]{9}", call.id) and call.type == "function"
    messages += [
        first.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": '{"temperature": 21}'},
    ]
    second = client.chat.completions.create(
        model=MODEL, messages=messages, tools=[WEATHER], tool_choice="none", max_tokens=24, temperature=0
    )
    assert second.choices[0].message.tool_calls is None and second.choices[0].message.content


def test_json_schema() -> None:
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Describe Paris as JSON."}],
        response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": CITY_SCHEMA, "strict": True}},
        max_tokens=100,
        temperature=0,
    )
    assert set(json.loads(answer.choices[0].message.content)) == {"city", "population"}, answer


def test_json_object() -> None:
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Answer with a JSON object that has one key, name."}],
        response_format={"type": "json_object"},
        max_tokens=200,
        temperature=0,
    )
    choice = answer.choices[0]
    assert choice.message.content.lstrip().startswith("{")
    if choice.finish_reason == "stop":
        assert isinstance(json.loads(choice.message.content), dict)


def test_choices_logprobs_and_bias() -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=QUESTION, max_tokens=4, n=2, seed=7, temperature=1, logprobs=True, top_logprobs=3
    )
    assert [c.index for c in answer.choices] == [0, 1]
    for choice in answer.choices:
        tokens = choice.logprobs.content
        assert len(tokens) >= 1 and all(t.logprob <= 0 and len(t.top_logprobs) == 3 for t in tokens)
    plain = client.completions.create(model=MODEL, prompt="The capital of France is", max_tokens=1, temperature=0)
    ids = client.post("/../tokenize", body={"model": MODEL, "prompt": plain.choices[0].text, "add_special_tokens": False}, cast_to=object)
    banned = client.completions.create(
        model=MODEL, prompt="The capital of France is", max_tokens=1, temperature=0, logit_bias={str(ids["tokens"][0]): -100}
    )
    assert banned.choices[0].text != plain.choices[0].text


def test_completions() -> None:
    prompts = ["One, two, three,", "The sky is"]
    answer = client.completions.create(model=MODEL, prompt=prompts, max_tokens=5, temperature=0, echo=True, logprobs=1)
    assert [c.index for c in answer.choices] == [0, 1]
    for prompt, choice in zip(prompts, answer.choices):
        assert choice.text.startswith(prompt)
        assert choice.logprobs.token_logprobs[0] is None and "".join(choice.logprobs.tokens) == choice.text
    stream = client.completions.create(model=MODEL, prompt=prompts[0], max_tokens=5, temperature=0, stream=True)
    text = "".join(c.choices[0].text for c in stream if c.choices)
    assert prompts[0] + text == answer.choices[0].text


def test_suffix_is_refused_without_fim_tokens() -> None:
    try:
        client.completions.create(model=MODEL, prompt="def f():", suffix="return 1", max_tokens=4)
    except openai.BadRequestError as error:
        assert error.param == "suffix", error
    else:
        raise AssertionError("a vocabulary without FIM tokens must refuse a suffix")


def test_embeddings() -> None:
    for model in (MODEL, EMBEDDING_MODEL):
        packed = client.embeddings.create(model=model, input=["hello world", "good day"])
        floats = client.embeddings.create(model=model, input=["hello world", "good day"], encoding_format="float")
        for a, b in zip(packed.data, floats.data):
            assert len(a.embedding) == len(b.embedding) > 0
            assert max(abs(x - y) for x, y in zip(a.embedding, b.embedding)) < 1e-3
            assert abs(sum(x * x for x in a.embedding) - 1) < 1e-3
    short = client.embeddings.create(model=MODEL, input="hello", dimensions=64)
    assert len(short.data[0].embedding) == 64


def test_models() -> None:
    names = [m.id for m in client.models.list()]
    assert MODEL in names and client.models.retrieve(MODEL).object == "model"


def test_responses() -> None:
    answer = client.responses.create(model=MODEL, input="Name the capital of France.", max_output_tokens=24, temperature=0)
    assert answer.object == "response" and answer.output_text
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    with client.responses.stream(model=MODEL, input="Name the capital of France.", max_output_tokens=24, temperature=0) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert final.output_text == answer.output_text
    assert kinds[0] == "response.created" and kinds[-1] in ("response.completed", "response.incomplete")
    tool = {"type": "function", "name": "get_weather", "parameters": WEATHER["function"]["parameters"], "strict": True}
    called = client.responses.create(
        model=MODEL, input="Weather in Paris?", tools=[tool], tool_choice="required", parallel_tool_calls=False, max_output_tokens=80, temperature=0
    )
    call = next(item for item in called.output if item.type == "function_call")
    assert call.name == "get_weather" and "city" in json.loads(call.arguments)


def test_errors_are_typed() -> None:
    try:
        client.with_options(api_key="gal_wrong").models.list()
        raise AssertionError("a wrong key must be refused")
    except openai.AuthenticationError as error:
        assert error.code == "invalid_api_key", error.code
    try:
        client.chat.completions.create(model="no-such-model", messages=QUESTION)
        raise AssertionError("an unknown model must be refused")
    except openai.NotFoundError as error:
        assert error.code == "model_not_found" and error.param == "model"
    try:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "word " * 60000}])
        raise AssertionError("a prompt over the context must be refused")
    except openai.BadRequestError as error:
        assert error.code == "context_length_exceeded" and len(re.findall(r"\d{4,}", error.message)) >= 2, error.message
    try:
        client.chat.completions.create(model=MODEL, messages=QUESTION, temperature=9)
        raise AssertionError("a temperature of 9 must be refused")
    except openai.BadRequestError as error:
        assert error.param == "temperature"


report.run(dict(globals()))
