# The image contains one file: a static binary. Time zones and the roots of TLS are inside it.
FROM rust:1.95-bookworm AS build
WORKDIR /build
# Only what the program is made of, so that no other change builds it again.
COPY Cargo.toml Cargo.lock build.rs ./
COPY build build
COPY src src
COPY templates templates
COPY web web
# Cargo.toml names these files, and Cargo requires that they exist.
RUN sed -n 's/^path = "\(tests\/.*\)"/\1/p' Cargo.toml | while read -r test; do mkdir -p "$(dirname "$test")"; touch "$test"; done \
    && mkdir benches && touch benches/service.rs
# Cargo compares modification times. Without touch, sources older than the cached build would not be rebuilt.
# On ARM, jemalloc takes its page size from the build machine. A build for 64 KiB (2^16) pages runs on every machine.
# With --target, the flags do not apply to build scripts and macros, which cannot be static.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target,sharing=locked \
    touch build.rs src/main.rs src/lib.rs \
    && if [ "$(uname -m)" = aarch64 ]; then export JEMALLOC_SYS_WITH_LG_PAGE=16; fi \
    && host="$(rustc -vV | sed -n 's/^host: //p')" \
    && RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --locked --target "$host" \
    && install "target/$host/release/todo-api" /usr/local/bin/todo-api

FROM scratch
COPY --from=build /usr/local/bin/todo-api /usr/local/bin/todo-api
ENV PATH=/usr/local/bin
# The service reads todo-api.toml from here if the file exists.
WORKDIR /etc/todo-api
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["todo-api", "healthcheck"]
ENTRYPOINT ["todo-api"]
CMD ["serve"]
