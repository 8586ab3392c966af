#!/bin/sh
# Builds the images of an older commit of this repository, for test/cluster/mixed-versions.test.ts.
#   previous-images.sh COMMIT NAME     NAME: of the gateway's image with its tag; the other two follow from it as in images.sh
# Then: BERTH_TEST_PREVIOUS_COMMIT=COMMIT BERTH_TEST_PREVIOUS_IMAGES=NAME npm run test:cluster -- test/cluster/mixed-versions.test.ts
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
builder=${BERTH_IMAGE_BUILDER-$root/../shared/cluster/image}
commit=$1
repository=${2%:*}
tag=${2##*:}

if [ ! -x "$builder" ]; then
  echo "previous-images.sh: there is no $builder; name a program that builds images in BERTH_IMAGE_BUILDER, as for images.sh." >&2
  exit 1
fi
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
# With the modes of a checkout, so that layers are shared with its images.
git -C "$root" -c tar.umask=0022 archive "$commit" | tar -x -C "$tree"
"$builder" "$repository:$tag" "$tree" --target gateway
"$builder" "$repository-supervisor:$tag" "$tree" --target supervisor
"$builder" "$repository-runner:$tag" "$tree" --target runner
