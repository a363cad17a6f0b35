# syntax=docker/dockerfile:1
# docker build --file deploy/images/injector.Dockerfile --build-arg BUILD_IMAGE=...@sha256:... --build-arg BASE_IMAGE=...@sha256:... .
#
# BUILD_IMAGE has npm and a Node from 20 on. BASE_IMAGE has glibc, libstdc++, libgcc and libatomic, and nothing else that
# Locum needs. Neither has a default, and a tag is refused: what a tag names today is not what was tried.
# `npm run images -- injector` builds the same image without an engine.
ARG BUILD_IMAGE
ARG BASE_IMAGE

FROM ${BUILD_IMAGE} AS build
ARG BUILD_IMAGE
ARG BASE_IMAGE
RUN for image in "$BUILD_IMAGE" "$BASE_IMAGE"; do case "$image" in *@sha256:*) ;; *) echo "expected a digest, found $image"; exit 1 ;; esac; done
WORKDIR /source
COPY package.json package-lock.json .npmrc ./
COPY apps apps
COPY packages packages
COPY test/package.json test/
COPY bin bin
RUN npm ci && npm run build -- injector
RUN mkdir -p /rootfs/opt/locum /rootfs/usr/local/bin /rootfs/var/lib/locum /rootfs/var/lib/locum-snapshots /rootfs/var/lib/locum-tokens \
  && cp dist/injector/main.cjs /rootfs/opt/locum/injector.cjs \
  && cp "$(node -p 'require.resolve(`node-linux-${process.arch}/bin/node`)')" /rootfs/usr/local/bin/node \
  && chmod 0700 /rootfs/var/lib/* \
  && chown 65532:65532 /rootfs/var/lib/*

FROM ${BASE_IMAGE}
ARG VERSION
ARG REVISION
ARG CREATED
LABEL org.opencontainers.image.title="locum-injector" \
  org.opencontainers.image.description="Locum's injector: the admission webhook that puts sidecars into pods" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.vendor="Locum" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.created="${CREATED}"
COPY --from=build /rootfs/ /
ENV PATH="/usr/local/bin" \
  MALLOC_ARENA_MAX="1" \
  NODE_ENV="production" \
  HOME="/var/lib/locum"
WORKDIR /var/lib/locum
EXPOSE 8443 8080
STOPSIGNAL SIGTERM
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/node", "--max-semi-space-size=4", "--max-old-space-size=128", "/opt/locum/injector.cjs"]
