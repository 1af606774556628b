"""The whole life of files and batch jobs with the official mistralai package (1.x and 3.x): mistralai_batches.py URL KEY MODEL EMBEDDING_MODEL"""

import json
import sys
import time
import urllib.request

try:
    from mistralai.client import Mistral  # 3.x
    from mistralai.client import errors as models
except ImportError:
    from mistralai import Mistral, models  # 1.x

import report

URL, KEY, MODEL = sys.argv[1:4]
client = Mistral(api_key=KEY, server_url=URL, timeout_ms=240_000)


def body(content: str, **extra) -> dict:
    return {"max_tokens": 4, "temperature": 0, "messages": [{"role": "user", "content": content}], **extra}


def upload(lines: list):
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    return client.files.upload(file={"file_name": "in.jsonl", "content": content}, purpose="batch")


def ended(job_id: str, **options):
    while True:
        job = client.batch.jobs.get(job_id=job_id, **options)
        if job.status not in ("QUEUED", "RUNNING", "CANCELLATION_REQUESTED"):
            return job
        time.sleep(0.05)


def read(file_id: str) -> list:
    return [json.loads(line) for line in client.files.download(file_id=file_id).read().splitlines()]


def test_files() -> None:
    file = upload([{"custom_id": "a", "body": body("a")}])
    assert (file.purpose, file.sample_type, file.source, file.num_lines) == ("batch", "batch_request", "upload", 1), file
    assert client.files.retrieve(file_id=file.id).deleted is False
    found = client.files.list(page=0, page_size=5, sample_type=["batch_request"], search="in.")
    assert found.total >= 1 and file.id in [one.id for one in found.data]
    assert read(file.id)[0]["custom_id"] == "a"
    url = client.files.get_signed_url(file_id=file.id, expiry=1).url
    assert json.loads(urllib.request.urlopen(url).read())["custom_id"] == "a"
    assert client.files.delete(file_id=file.id).deleted
    try:
        client.files.retrieve(file_id=file.id)
    except models.SDKError as error:
        assert error.status_code == 404, error
    else:
        raise AssertionError("a deleted file must be gone")


def test_a_job_from_a_file() -> None:
    file = upload([{"custom_id": "0", "body": body("zero")}, {"custom_id": "1", "body": body("one", temperature=9)}])
    job = client.batch.jobs.create(
        input_files=[file.id], model=MODEL, endpoint="/v1/chat/completions", metadata={"run": "python"}, timeout_hours=1
    )
    done = ended(job.id)
    assert (done.status, done.total_requests, done.succeeded_requests, done.failed_requests) == ("SUCCESS", 2, 1, 1), done
    assert read(done.output_file)[0]["response"]["status_code"] == 200
    assert read(done.error_file)[0]["custom_id"] == "1" and done.errors[0].count == 1
    found = client.batch.jobs.list(model=MODEL, metadata={"run": "python"}, created_by_me=True, status=["SUCCESS"])
    assert job.id in [one.id for one in found.data]


def test_requests_and_results_inline() -> None:
    requests = [{"custom_id": name, "body": body(name)} for name in ("a", "b")]
    try:
        job = client.batch.jobs.create(requests=requests, model=MODEL, endpoint="/v1/chat/completions")
        done = ended(job.id, inline=True)
        assert sorted(output["custom_id"] for output in done.outputs) == ["a", "b"], done
    except TypeError:
        pass  # 1.x knows files alone


def test_faults_name_their_lines() -> None:
    lines = [{"custom_id": str(index), "body": body("x")} for index in range(6)]
    file = upload([*lines, {"custom_id": "6", "body": body("x", model="none")}])
    done = ended(client.batch.jobs.create(input_files=[file.id], model=MODEL, endpoint="/v1/chat/completions").id)
    assert done.status == "FAILED" and done.errors[0].message.startswith("Line 7: "), done


def test_cancel() -> None:
    file = upload([{"custom_id": str(index), "body": body("x", max_tokens=64)} for index in range(60)])
    job = client.batch.jobs.create(input_files=[file.id], model=MODEL, endpoint="/v1/chat/completions")
    assert client.batch.jobs.cancel(job_id=job.id).status in ("CANCELLATION_REQUESTED", "CANCELLED")
    assert ended(job.id).status == "CANCELLED"


report.run(dict(globals()))
