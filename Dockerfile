# Easel in a container. Build: docker build --tag easel . · Run: see deploy/compose.yaml.
# scripts/check-image carries these steps out without Docker.

FROM swift:6.3.1-bookworm AS build
WORKDIR /source
# The packages change less often than the source: a layer of their own.
COPY scripts/install scripts/install
RUN scripts/install build && rm -rf /var/lib/apt/lists/*
COPY Package.swift ./
COPY Sources Sources
COPY Tests Tests
COPY config config
COPY scripts/build scripts/build
RUN scripts/build && strip -o /easel .build/release/easel

FROM debian:12-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        ca-certificates \
        fonts-dejavu-core \
        libcurl4 \
        libevent-core-2.1-7 \
        libsqlite3-0 \
        libssl3 \
        libvips42 \
        libyaml-0-2 \
    && rm -rf /var/lib/apt/lists/*
# A fixed number, so that a mounted folder can be given to it before it runs.
RUN groupadd --gid 10001 easel \
    && useradd --uid 10001 --gid easel --no-create-home --home-dir /var/lib/easel --shell /usr/sbin/nologin easel \
    && install --directory --owner=easel --group=easel --mode=0750 /var/lib/easel
COPY --from=build /easel /usr/local/bin/easel
COPY deploy/easel.container.yaml /etc/easel/easel.yaml
COPY deploy/healthcheck /usr/local/bin/easel-healthcheck

# What links to images begin with: the address that clients reach this container at.
ENV EASEL_PUBLIC_URL=http://127.0.0.1:8080
# Where the commands find easel.yaml: docker exec CONTAINER easel keys create --name NAME
WORKDIR /etc/easel
USER easel
VOLUME /var/lib/easel
EXPOSE 8080
# Docker asks with SIGTERM, and Easel finishes the requests it has.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["/usr/local/bin/easel-healthcheck"]
ENTRYPOINT ["/usr/local/bin/easel"]
CMD ["serve", "--config", "/etc/easel/easel.yaml"]
