# Debian packages without an installation: fetched and verified by apt, unpacked, never configured. Nothing of a tree runs while it is
# made, so it may be of another architecture, and it holds neither shell nor package manager unless one is asked for.
# Sourced. Wants: fail, CACHE (a folder), ARCHITECTURE (as Debian names it), MIRROR and SECURITY_MIRROR (empty: find_mirrors).

SUITE=trixie
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# What packages need only to be configured.
UNUSED_PACKAGES=' adduser debconf debianutils gcc-14-base init-system-helpers libcap2-bin libdebconfclient0 login.defs lsb-base mawk
    openssl openssl-provider-legacy passwd sysvinit-utils '
# Patterns, below the root. Licences, usr/share/doc/*/copyright, stay.
UNUSED_FILES='usr/share/apport usr/share/bash-completion usr/share/bug usr/share/doc-base usr/share/gcc usr/share/gdb usr/share/info
    usr/share/lintian usr/share/locale usr/share/man usr/share/ufw usr/include usr/games usr/src usr/lib/*/gconv usr/lib/systemd usr/lib/sysusers.d
    usr/lib/tmpfiles.d usr/lib/udev etc/apparmor.d etc/cron.daily etc/default etc/init.d etc/logrotate.d etc/rc*.d etc/ufw
    etc/update-motd.d'

# The mirrors of this machine's own Debian, if it is one.
find_mirrors() {
    local uris
    uris=$(apt-get indextargets --format '$(SITE) $(REPO_URI) $(RELEASE)' 'Created-By: Packages' 'Component: main' 2>/dev/null |
        sed -n "s/^[^ ]* \([^ ]*\) $(. /etc/os-release && echo "${VERSION_CODENAME:-none}")\(-security\)\{0,1\}$/\1 main\2/p")
    MIRROR=${MIRROR:-$(sed -n 's/ main$//p;T;q' <<< "$uris")}
    SECURITY_MIRROR=${SECURITY_MIRROR:-$(sed -n 's/ main-security$//p;T;q' <<< "$uris")}
    MIRROR=${MIRROR:-http://deb.debian.org/debian}
    SECURITY_MIRROR=${SECURITY_MIRROR:-http://deb.debian.org/debian-security}
}

# apt on an empty machine of our own; the settings of this one (a proxy, say) hold.
apt_aside() {
    local apt=$CACHE/apt
    apt-get -qq -o Dir::State="$apt/state" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache" \
        -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferences=/dev/null \
        -o Dir::Etc::preferencesparts=/dev/null -o APT::Architecture="$ARCHITECTURE" -o APT::Architectures="$ARCHITECTURE" \
        -o APT::Install-Recommends=false -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}

# Reads the mirrors' lists of packages.
refresh_packages() {
    find_mirrors
    local apt=$CACHE/apt
    [ -r "$KEYRING" ] || fail "$KEYRING is missing, which verifies Debian's packages: install debian-archive-keyring."
    mkdir -p "$apt"/{state/lists/partial,cache/archives/partial}
    : > "$apt/status"
    printf "deb [signed-by=$KEYRING] %s main\n" \
        "$MIRROR $SUITE" "$MIRROR $SUITE-updates" "$SECURITY_MIRROR $SUITE-security" > "$apt/sources.list"
    apt_aside -o APT::Update::Error-Mode=any update ||
        fail "apt cannot read Debian $SUITE from $MIRROR and $SECURITY_MIRROR: check --mirror and --security-mirror, and whether $KEYRING knows $SUITE."
}

# unpack_packages TREE LOWER PACKAGE...: the packages and what they depend on, but for those that the tree LOWER holds ('' for none).
# TREE.packages lists names and versions of both.
unpack_packages() {
    local tree=$1 lower=$2 plan name version archive
    shift 2
    plan=$(apt_aside install --simulate -y "$@") && apt_aside install --download-only -y "$@" || fail "apt cannot fetch $*."
    plan=$(sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/\1 \2/p' <<< "$plan" | LC_ALL=C sort)
    rm -rf "$tree"
    mkdir -p "$tree/var/lib/dpkg/status.d"
    cat ${lower:+"$lower.packages"} /dev/null > "$tree.packages"
    # base-files goes first: it brings the links /bin, /lib and /sbin.
    while read -r name version; do
        if [[ " $* " != *" $name "* && "$UNUSED_PACKAGES" == *[[:space:]]"$name"[[:space:]]* ]] || grep -q "^$name " "$tree.packages"; then
            continue
        fi
        archive=$(echo "$CACHE/apt/cache/archives/${name}_${version//:/%3a}_"*.deb)
        [ -f "$archive" ] || fail "apt did not fetch $name $version."
        dpkg-deb --fsys-tarfile "$archive" | tar -x -C "$tree" --keep-directory-symlink
        # Where scanners look when an image has no package manager.
        dpkg-deb --field "$archive" > "$tree/var/lib/dpkg/status.d/$name"
        echo "$name $version" >> "$tree.packages"
    done < <(sed -n '/^base-files /p' <<< "$plan"; sed '/^base-files /d' <<< "$plan")
    (
        cd "$tree"
        rm -rf $UNUSED_FILES
        find usr/share/doc ! -type d ! -name copyright -delete
        find usr/share/doc -type d -empty -delete
    )
    # Whoever needs to be root in an image is root already.
    find "$tree" -type f -perm /6000 -exec chmod u-s,g-s {} +
}
