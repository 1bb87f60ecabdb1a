#!/usr/bin/env bash
# Checks that every tracked C++ file is formatted; `bash tests/format.sh --fix` formats them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mode=(--dry-run -Werror)
[[ ${1:-} == --fix ]] && mode=(-i)
git ls-files -z '*.h' '*.cc' | xargs -0 clang-format "${mode[@]}"
echo "format: $(git ls-files '*.h' '*.cc' | wc -l) files"
