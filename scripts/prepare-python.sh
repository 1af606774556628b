#!/usr/bin/env bash
# Makes the virtual environments that tests and benchmarks use, in .cache/python: official clients, Mistral's tokenizers, llama.cpp's server.
# Needs python3 with venv, and pip. Running it again is cheap: an environment whose list of packages is unchanged is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."

prepare() {
  local name=$1
  shift
  local folder=.cache/python/$name
  if [ "$(cat "$folder/packages" 2>/dev/null)" = "$*" ]; then return; fi
  rm -rf "$folder"
  python3 -m venv "$folder"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
  echo "$*" > "$folder/packages"
  echo "python environment $name: $*"
}

mkdir -p .cache/python
prepare openai-1 openai==1.109.1
prepare openai-3 openai==3.54.0
prepare mistralai-1 mistralai==1.9.11
prepare mistralai-3 mistralai==3.7.0
prepare mistral-common mistral-common==1.13.1
prepare llama-server xllamacpp==2026.10.11549
prepare huggingface-hub huggingface_hub==2.4.0
prepare lm-eval "lm-eval[api]==0.4.13"
