#!/usr/bin/env bash
# Starts a throw-away PostgreSQL in a new folder on a free port of 127.0.0.1, for the tests that run on it too.
# Prints four lines: its url, the command that ends it and removes the folder, the command that starts it again after a crash, and the file
# that names its process. Says what is missing where there is no PostgreSQL. With --durable a commit waits for the disk, as in production.
set -euo pipefail

bin=$(ls -d /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql*/bin 2>/dev/null | sort -V | tail -n 1 || true)
if [ -z "$bin" ] && command -v initdb >/dev/null; then bin=$(dirname "$(command -v initdb)"); fi
if [ ! -x "$bin/initdb" ]; then
  echo 'PostgreSQL is not installed (Debian: apt-get install postgresql).' >&2
  exit 1
fi
unsafe='-F'
if [ "${1:-}" = '--durable' ]; then unsafe=''; fi

folder=$(mktemp -d)
# PostgreSQL refuses to run as root.
as() { printf '%s' "$1"; }
if [ "$(id -u)" = 0 ]; then
  chown postgres "$folder"
  as() { printf 'cd "%s" && su postgres -s /bin/bash -c "%s"' "$folder" "$1"; }
fi
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
start=$(as "'$bin/pg_ctl' -D '$folder/data' -o '-h 127.0.0.1 -p $port -k $folder $unsafe' -l '$folder/log' -w start >/dev/null")
stop=$(as "'$bin/pg_ctl' -D '$folder/data' -m immediate -s stop")
bash -c "$(as "'$bin/initdb' -D '$folder/data' -U galerne -A trust --no-sync >/dev/null")"
bash -c "$start"

echo "postgres://galerne@127.0.0.1:$port/postgres"
echo "$stop; rm -rf '$folder'"
echo "$start"
echo "$folder/data/postmaster.pid"
