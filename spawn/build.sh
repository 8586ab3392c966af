#!/bin/sh
# Builds berth-spawn: one static program that needs nothing at run time.
#   build.sh OUTPUT              the program; CC chooses the compiler, else musl-gcc is taken where it is installed, else cc
#   build.sh --sanitize OUTPUT   the same with address and undefined-behaviour sanitizers, not static
#   build.sh --fuzz OUTPUT       the decoder of requests under random input, with the same sanitizers
set -eu

mode=release
case "${1-}" in
--sanitize | --fuzz)
  mode=${1#--}
  shift
  ;;
esac
if [ $# -ne 1 ]; then
  echo "usage: $0 [--sanitize | --fuzz] OUTPUT" >&2
  exit 2
fi
output=$1

compiler=${CC-}
if [ -z "$compiler" ]; then
  compiler=cc
  if [ "$mode" = release ] && command -v musl-gcc >/dev/null; then compiler=musl-gcc; fi
fi
if ! command -v "$compiler" >/dev/null; then
  echo "berth-spawn cannot be built: there is no C compiler '$compiler'. Install one (Debian: apt-get install gcc libc6-dev, or musl-tools)." >&2
  exit 1
fi

mkdir -p "$(dirname "$output")"
output=$(cd "$(dirname "$output")" && pwd)/$(basename "$output")
cd "$(dirname "$0")"
modules='common.c connection.c files.c handover.c join.c keeper.c kill-set.c listener.c program.c records.c request.c'
warnings='-Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion'
common="-std=c11 -D_GNU_SOURCE $warnings"
sanitizers='-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer'
lean='-Os -fstack-protector-strong -ffunction-sections -fdata-sections -Wl,--gc-sections -static -s'

# Written beside and renamed, so that a program that runs is never written to.
part=$output.$$
trap 'rm -f "$part"' EXIT
# shellcheck disable=SC2086
case $mode in
release) $compiler $common $lean -o "$part" berth-spawn.c $modules ;;
sanitize) $compiler $common $sanitizers -o "$part" berth-spawn.c $modules ;;
fuzz) $compiler $common $sanitizers -o "$part" fuzz-request.c common.c request.c ;;
esac
mv "$part" "$output"
