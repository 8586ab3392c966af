# The images of Berth, one target each:
#   gateway     gateway, controller and package store; no package manager
#   supervisor  owns the sessions of a server's pod, and brings the helper that starts its processes
#   runner      installs packages and runs servers: npm, uv, Python, and git for servers that call it
# Every base can be pinned: --build-arg NODE_DIGEST=@sha256:…
ARG NODE_DIGEST=
ARG DEBIAN_DIGEST=
ARG UV_DIGEST=

FROM debian:bookworm-slim${DEBIAN_DIGEST} AS spawn
RUN apt-get update \
  && apt-get install --yes --no-install-recommends gcc libc6-dev musl-tools \
  && rm -rf /var/lib/apt/lists/*
COPY spawn /src/spawn
RUN sh /src/spawn/build.sh /out/berth/bin/berth-spawn

FROM ghcr.io/astral-sh/uv:0.13.8${UV_DIGEST} AS uv

FROM node:24-bookworm-slim${NODE_DIGEST} AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
COPY tsconfig.json tsconfig.build.json tsconfig.client.json ./
COPY src ./src
RUN npm run --silent build -- --sourceMap false
COPY scripts/copy-program.mjs scripts/bundle-program.mjs ./scripts/
RUN node scripts/copy-program.mjs . /out/gateway dist/main.js dist/*/main.js --package npm \
  && node scripts/bundle-program.mjs . /out/supervisor dist/supervisor/main.js \
  && node scripts/copy-program.mjs . /out/runner dist/installer/main.js dist/runtimes/inspection/look.js --package npm

# tini reaps what is left to process 1, and a program that is not process 1 can be killed.
FROM node:24-bookworm-slim${NODE_DIGEST} AS base
RUN apt-get update \
  && apt-get install --yes --no-install-recommends --no-upgrade ca-certificates tini \
  && rm -rf /var/lib/apt/lists/* \
  && groupadd --gid 10001 berth && useradd --uid 10001 --gid 10001 --home-dir /home/berth --no-create-home berth \
  && groupadd --gid 10002 mcp && useradd --uid 10002 --gid 10002 --home-dir /home/mcp --create-home mcp
ENV NODE_ENV=production
WORKDIR /app

FROM base AS lean
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
  /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn*

FROM lean AS gateway
COPY LICENSE /app/
COPY registry-templates /app/registry-templates
COPY --from=build /out/gateway /app
USER 10001:10001
# The flags for images of bin/node-flags.mjs.
ENTRYPOINT ["/usr/bin/tini", "--", "node", "--max-semi-space-size=32", "--initial-old-space-size=32"]
CMD ["/app/dist/main.js"]

FROM lean AS supervisor
COPY LICENSE /app/
COPY --from=spawn /out/berth /berth
COPY --from=build /out/supervisor /app
USER 10001:10001
ENTRYPOINT ["/usr/bin/tini", "--", "node", "--max-semi-space-size=16", "--initial-old-space-size=32"]
CMD ["/app/dist/supervisor/main.js", "--socket", "/run/berth/link/link.sock", "--config", "/etc/berth/supervisor.json"]

FROM base AS runner
RUN apt-get update \
  && apt-get install --yes --no-install-recommends git python3 \
  && rm -rf /var/lib/apt/lists/*
COPY --from=uv /uv /uvx /usr/local/bin/
COPY LICENSE /app/
# The helper, so that no container has to bring it before a server starts.
COPY --from=spawn /out/berth /berth
COPY --from=build /out/runner /app
USER 10002:10002
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["node"]
