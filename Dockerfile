# The image that takes the place of registry.k8s.io/dns/k8s-dns-node-cache: same entrypoint, same
# flags. Both images can be replaced, for example by ones from a mirror:
#   docker build --build-arg NODE_IMAGE=mirror/node:24-bookworm-slim --build-arg BASE_IMAGE=mirror/debian:bookworm-slim .
ARG NODE_IMAGE=docker.io/library/node:24-bookworm-slim
ARG BASE_IMAGE=docker.io/library/debian:bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run build
# What the bundle holds needs no folder of its own; the two packages with native parts stay.
RUN npm prune --omit=dev --no-audit --no-fund \
 && mkdir -p /app/node_modules /app/dist \
 && cp -r node_modules/koffi node_modules/@koromix node_modules/netlink node_modules/node-gyp-build /app/node_modules/ \
 && cp dist/nodelocaldns.js dist/package.json /app/dist/ \
 && cp package.json /app/ \
 && cp "$(node -p process.execPath)" /app/node

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="nodelocaldns" \
      org.opencontainers.image.description="A DNS cache on every Kubernetes node, in place of node-cache" \
      org.opencontainers.image.licenses="Apache-2.0"
# iptables brings both backends, nft and legacy; libstdc++ is what the Node binary asks for.
RUN apt-get update \
 && apt-get install -y --no-install-recommends iptables libstdc++6 ca-certificates \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /app/node /usr/local/bin/node
COPY --from=build /app/package.json /usr/lib/nodelocaldns/package.json
COPY --from=build /app/node_modules /usr/lib/nodelocaldns/node_modules
COPY --from=build /app/dist /usr/lib/nodelocaldns/dist
COPY LICENSE /usr/share/doc/nodelocaldns/LICENSE
# The stock manifest names no command: it relies on this path.
RUN ln -s /usr/lib/nodelocaldns/dist/nodelocaldns.js /node-cache
ENTRYPOINT ["/node-cache"]
