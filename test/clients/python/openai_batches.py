"""The whole life of files, uploads and batches with the official openai package (1.x and 3.x): openai_batches.py URL KEY MODEL EMBEDDING_MODEL"""

import io
import json
import sys
import time

import openai

import report

URL, KEY, MODEL = sys.argv[1:4]
client = openai.OpenAI(api_key=KEY, base_url=f"{URL}/v1", max_retries=0, timeout=240)


def request(custom_id: str, **extra) -> dict:
    body = {"model": MODEL, "max_tokens": 4, "temperature": 0, "messages": [{"role": "user", "content": custom_id}], **extra}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}


def jsonl(lines: list) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def upload(lines: list):
    return client.files.create(file=("in.jsonl", jsonl(lines)), purpose="batch")


def run(lines: list, **options):
    batch = client.batches.create(
        input_file_id=upload(lines).id, endpoint="/v1/chat/completions", completion_window="24h", **options
    )
    return batch


def ended(batch):
    while batch.status not in ("completed", "failed", "expired", "cancelled"):
        time.sleep(0.05)
        batch = client.batches.retrieve(batch.id)
    return batch


def read(file_id: str) -> list:
    return [json.loads(line) for line in client.files.content(file_id).text.splitlines()]


def test_files() -> None:
    file = client.files.create(file=("a.jsonl", io.BytesIO(jsonl([request("a")]))), purpose="batch")
    assert (file.object, file.status, file.filename) == ("file", "processed", "a.jsonl"), file
    assert client.files.retrieve(file.id) == file
    assert client.files.content(file.id).read() == jsonl([request("a")])
    assert file.id in [one.id for one in client.files.list(limit=1)]
    assert client.files.delete(file.id).deleted
    try:
        client.files.retrieve(file.id)
    except openai.NotFoundError:
        pass
    else:
        raise AssertionError("a deleted file must be gone")


def test_a_broken_line_is_named() -> None:
    try:
        client.files.create(file=("in.jsonl", jsonl([request("a")]) + b"[1]\n"), purpose="batch")
    except openai.BadRequestError as error:
        assert "Line 2" in str(error) and error.code == "invalid_file", error
    else:
        raise AssertionError("a line that is no object must be refused")


def test_uploads() -> None:
    text = jsonl([request("a")])
    upload = client.uploads.create(filename="in.jsonl", purpose="batch", bytes=len(text), mime_type="text/jsonl")
    tail = client.uploads.parts.create(upload_id=upload.id, data=text[7:])
    head = client.uploads.parts.create(upload_id=upload.id, data=text[:7])
    done = client.uploads.complete(upload_id=upload.id, part_ids=[head.id, tail.id])
    assert done.status == "completed" and client.files.content(done.file.id).read() == text
    whole = client.uploads.upload_file_chunked(
        file=text, filename="in.jsonl", bytes=len(text), mime_type="text/jsonl", purpose="batch", part_size=10
    )
    assert whole.file.bytes == len(text)


def test_a_batch() -> None:
    batch = run([request("one"), request("two", temperature=9)], metadata={"run": "python"})
    assert batch.status == "validating"
    done = ended(batch)
    counts = done.request_counts
    assert (done.status, counts.total, counts.completed, counts.failed) == ("completed", 2, 1, 1), done
    assert read(done.output_file_id)[0]["response"]["body"]["choices"][0]["message"]["content"]
    assert read(done.error_file_id)[0]["response"]["status_code"] == 400
    assert batch.id in [one.id for one in client.batches.list(limit=2)]


def test_faults_name_their_lines() -> None:
    done = ended(run([*(request(f"m{index}") for index in range(6)), request("m", model="none"), request("m0")]))
    assert done.status == "failed", done
    assert [(fault.line, fault.code) for fault in done.errors.data] == [(7, "model_not_found"), (8, "duplicate_custom_id")]


def test_cancel() -> None:
    batch = run([request(f"c{index}", max_tokens=64) for index in range(60)])
    assert client.batches.cancel(batch.id).status in ("cancelling", "cancelled")
    assert ended(batch).status == "cancelled"


report.run(dict(globals()))
