# OCI images from folders: tar, gzip and three kinds of JSON (OCI image specification 1.1), the same bytes from the same files.
# Sourced.

digest() { sha256sum "$1" | cut -d' ' -f1; }

# pack_layer FOLDER EPOCH LAYER: LAYER.gz, and in LAYER.id the digest of what it holds unpacked. All belongs to root.
pack_layer() {
    tar -c --format=gnu --sort=name --numeric-owner --owner=0 --group=0 --mtime="@$2" -C "$1" . > "$3.tar"
    digest "$3.tar" > "$3.id"
    gzip -n < "$3.tar" > "$3.gz"
    rm "$3.tar"
}

quoted() { # as the elements of a JSON array; none of ours holds a quote
    printf '"%s",' "$@" | sed 's/,$//'
}

# store LAYOUT FILE: as a blob; prints its digest.
store() {
    local id
    id=$(digest "$2")
    cp --reflink=auto "$2" "$1/blobs/sha256/$id"
    echo "$id"
}

# write_image ARCHIVE NAME CREATED CONFIG LAYER...: an OCI archive, which docker load reads as well (manifest.json).
# CONFIG is the JSON object "config" of the image.
write_image() {
    local archive=$1 name=$2 created=$3 config=$4 layout layer id layers='' ids=() blobs=()
    shift 4
    layout=$(mktemp -d "$archive.XXXXXX")
    mkdir -p "$layout/blobs/sha256"
    for layer in "$@"; do
        ids+=("sha256:$(cat "$layer.id")")
        id=$(store "$layout" "$layer.gz")
        blobs+=("blobs/sha256/$id")
        layers+="{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"sha256:$id\",\"size\":$(stat -c %s "$layer.gz")},"
    done

    echo "{\"created\":\"$created\",\"architecture\":\"$ARCHITECTURE\",\"os\":\"linux\",\"config\":$config,\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[$(quoted "${ids[@]}")]}}" > "$layout/config"
    id=$(store "$layout" "$layout/config")
    echo "[{\"Config\":\"blobs/sha256/$id\",\"RepoTags\":[\"$name\"],\"Layers\":[$(quoted "${blobs[@]}")]}]" > "$layout/manifest.json"
    echo "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"sha256:$id\",\"size\":$(stat -c %s "$layout/config")},\"layers\":[${layers%,}]}" > "$layout/manifest"
    id=$(store "$layout" "$layout/manifest")
    echo "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:$id\",\"size\":$(stat -c %s "$layout/manifest"),\"platform\":{\"architecture\":\"$ARCHITECTURE\",\"os\":\"linux\"},\"annotations\":{\"io.containerd.image.name\":\"$name\",\"org.opencontainers.image.ref.name\":\"${name##*:}\"}}]}" > "$layout/index.json"
    echo '{"imageLayoutVersion":"1.0.0"}' > "$layout/oci-layout"
    rm "$layout/config" "$layout/manifest"
    tar -c --format=gnu --sort=name --numeric-owner --owner=0 --group=0 --mtime="$created" --mode=u=rwX,go=rX -C "$layout" . > "$layout.tar"
    mv "$layout.tar" "$archive"
    rm -rf "$layout"
}

# unpack_image ROOT LAYER...: what a container of these layers sees. No layer takes anything away.
unpack_image() {
    local root=$1 layer
    shift
    rm -rf "$root"
    mkdir -p "$root"
    for layer in "$@"; do
        tar -xz -C "$root" --keep-directory-symlink < "$layer.gz"
    done
}
