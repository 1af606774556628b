"""Serves one GGUF with llama.cpp's own HTTP server (PyPI `xllamacpp`) until its standard input closes.

Usage: llama_server.py MODEL THREADS PARALLEL CONTEXT_PER_SLOT UNIFIED(0|1) [POOLING]
Prints one JSON line {"url", "system"} when it listens.
"""

import json
import sys

import xllamacpp


def main() -> None:
    model, threads, parallel, context, unified = sys.argv[1:6]
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.cpuparams.n_threads = int(threads)
    params.cpuparams_batch.n_threads = int(threads)
    params.n_parallel = int(parallel)
    params.n_ctx = int(context) * int(parallel)
    params.kv_unified = unified == "1"
    params.fit_params = False
    params.verbosity = -1
    params.warmup = True
    server = xllamacpp.Server(params)
    print(json.dumps({"url": server.listening_address, "system": xllamacpp.get_system_info()}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
