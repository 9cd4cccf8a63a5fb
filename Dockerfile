# img2dataset without a compiler and without root:
#
#     docker build -t img2dataset .
#     docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/data" img2dataset \
#         --url_list=urls.txt --output_folder=images
#
# EXTRAS=[s3,hf] adds libraries: docker build --build-arg EXTRAS='[s3,hf]' -t img2dataset .
FROM python:3.13-slim-bookworm AS build
# a compiler for the C modules, which the image itself does without
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc=4:12.* libc6-dev=2.36-* \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
ARG EXTRAS=""
ENV IMG2DATASET_REQUIRE_NATIVE=1
RUN python -m venv /opt/img2dataset \
    && /opt/img2dataset/bin/pip install --no-cache-dir ".${EXTRAS}"

FROM python:3.13-slim-bookworm
COPY --from=build /opt/img2dataset /opt/img2dataset
ENV PATH="/opt/img2dataset/bin:$PATH" PYTHONUNBUFFERED=1 HOME=/tmp
RUN useradd --uid 1000 --no-create-home img2dataset && mkdir /data && chown 1000 /data
USER 1000
WORKDIR /data
# Each download needs a file descriptor.  Runtimes give a process 1,024 of up to 524,288 or more: ask for
# enough for 10,000 downloads in each of a few processes, or for as many as are allowed.
ENTRYPOINT ["/bin/sh", "-c", "ulimit -S -n 65536 2>/dev/null || ulimit -S -n \"$(ulimit -H -n)\"; exec img2dataset \"$@\"", "img2dataset"]
CMD ["--help"]
