#!/bin/sh
# Builds our three images and those of the tests' own servers, and loads them into the test cluster, under the names that test/cluster expects.
#   images.sh [NAME]        name of the gateway's image with its tag; default $BERTH_TEST_IMAGES or berth:test
# $BERTH_IMAGE_BUILDER NAME CONTEXT --target TARGET builds and loads one image; by default ../shared/cluster/image where that is.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
builder=${BERTH_IMAGE_BUILDER-$root/../shared/cluster/image}
name=${1-${BERTH_TEST_IMAGES-berth:test}}
repository=${name%:*}
tag=${name##*:}

if [ ! -x "$builder" ]; then
  echo "images.sh: there is no $builder. Build the targets gateway, supervisor and runner of the Dockerfile yourself, and those of test/cluster/fixtures/Dockerfile, and name the first in BERTH_TEST_IMAGES." >&2
  exit 1
fi
"$builder" "$repository:$tag" "$root" --target gateway
"$builder" "$repository-supervisor:$tag" "$root" --target supervisor
"$builder" "$repository-runner:$tag" "$root" --target runner
for fixture in archon http static; do
  "$builder" "$repository-fixture-$fixture:$tag" "$root/test/cluster/fixtures" --target "$fixture"
done
