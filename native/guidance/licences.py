"""Prints the licences of all crates that are linked into guidance.wasm, from `cargo metadata` and the files that the crates carry."""

import json
import pathlib
import subprocess
import sys

metadata = json.loads(
    subprocess.check_output(
        [sys.argv[1], "metadata", "--format-version=1", "--locked", "--filter-platform=wasm32-unknown-unknown"]
    )
)
packages = {package["id"]: package for package in metadata["packages"]}
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}

# What is linked: normal dependencies from the root on; build scripts and macros leave no code behind.
linked, waiting = set(), [metadata["resolve"]["root"]]
while waiting:
    name = waiting.pop()
    if name in linked:
        continue
    linked.add(name)
    for dependency in nodes[name]["deps"]:
        target = packages[dependency["pkg"]]
        macro = any("proc-macro" in kind for one in target["targets"] for kind in one["kind"])
        if not macro and any(kind["kind"] is None for kind in dependency["dep_kinds"]):
            waiting.append(dependency["pkg"])

texts: dict[str, list[str]] = {}
print("What guidance.wasm is made of besides our own source, and under which licences.\n")
print("The Rust standard library (https://www.rust-lang.org): MIT OR Apache-2.0")
for package in sorted((packages[name] for name in linked), key=lambda package: package["name"]):
    if package["source"] is None:
        continue
    title = f"{package['name']} {package['version']}"
    print(f"{title} ({package['repository']}): {package['license']}")
    folder = pathlib.Path(package["manifest_path"]).parent
    for file in sorted(folder.iterdir()):
        if file.is_file() and file.name.upper().startswith(("LICENSE", "LICENCE", "COPYING", "NOTICE")):
            texts.setdefault(file.read_text().strip(), []).append(f"{title}: {file.name}")
for text, names in sorted(texts.items(), key=lambda item: item[1]):
    print("\n" + "=" * 100)
    print("\n".join(names))
    print("-" * 100)
    print(text)
