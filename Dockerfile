# The image that takes the place of registry.k8s.io/dns/k8s-dns-node-cache: same entrypoint, same
# flags. For amd64 and arm64:
#
#   docker buildx build --platform linux/amd64,linux/arm64 -t nodelocaldns:0.1.0 .
#
# It holds no distribution, only the files that are needed: see deploy/image. The images to build on
# can be replaced by ones from a mirror.
ARG NODE_IMAGE=docker.io/library/node:24.21.0-bookworm-slim
ARG DEBIAN_IMAGE=docker.io/library/debian:12.11-slim

FROM ${NODE_IMAGE} AS app
RUN apt-get update && apt-get install -y --no-install-recommends binutils
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY LICENSE tsconfig.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run build
COPY deploy ./deploy
RUN deploy/image/collect-app.sh /app /usr/local/bin/node

FROM ${DEBIAN_IMAGE} AS system
COPY deploy/image/collect-system.sh /
RUN apt-get update && /collect-system.sh /system

FROM scratch
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="nodelocaldns" \
      org.opencontainers.image.description="A DNS cache on every Kubernetes node, in place of node-cache" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0 AND MIT AND GPL-2.0-or-later AND LGPL-2.1-or-later"
COPY --from=system /system /
COPY --from=app /app /
# The daemon sets up the node's network: as root, with NET_ADMIN (see daemonset.yaml).
USER 0:0
ENTRYPOINT ["/node-cache"]
