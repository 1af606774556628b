#!/usr/bin/env bash
# Starts a throw-away PostgreSQL in a new folder on a free port of 127.0.0.1, for the tests that run on it too.
# Prints two lines: its url, and the command that ends it and removes the folder. Says what is missing where there is no PostgreSQL.
set -euo pipefail

bin=$(ls -d /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql*/bin 2>/dev/null | sort -V | tail -n 1 || true)
if [ -z "$bin" ] && command -v initdb >/dev/null; then bin=$(dirname "$(command -v initdb)"); fi
if [ ! -x "$bin/initdb" ]; then
  echo 'PostgreSQL is not installed (Debian: apt-get install postgresql).' >&2
  exit 1
fi

folder=$(mktemp -d)
# PostgreSQL refuses to run as root.
run() { bash -c "$1"; }
if [ "$(id -u)" = 0 ]; then
  chown postgres "$folder"
  run() { (cd "$folder" && su postgres -s /bin/bash -c "$1"); }
fi
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
run "'$bin/initdb' -D '$folder/data' -U galerne -A trust --no-sync >/dev/null"
run "'$bin/pg_ctl' -D '$folder/data' -o '-h 127.0.0.1 -p $port -k $folder -F' -l '$folder/log' -w start >/dev/null"

echo "postgres://galerne@127.0.0.1:$port/postgres"
if [ "$(id -u)" = 0 ]; then
  echo "su postgres -s /bin/bash -c \"'$bin/pg_ctl' -D '$folder/data' -m immediate -s stop\" && rm -rf '$folder'"
else
  echo "'$bin/pg_ctl' -D '$folder/data' -m immediate -s stop && rm -rf '$folder'"
fi
