# Versions of the agent on this gateway: one environment each, and a link that says which one runs.
#
#     /opt/edge-agent/VERSION-CONTENTS/   made here, offline, of the wheels beside this file
#     /opt/edge-agent/current             the one that runs; switched in one step
#     /opt/edge-agent/previous            the one before; kept for edge-agent-rollback
#
# A version is switched to only when it answers and can go on with this gateway's settings and journal.
# Nothing here touches /var/lib/edge-agent. Read by sh (`.`); DPKG_ROOT is another root, as dpkg has it.

# shellcheck shell=sh
root=${DPKG_ROOT:-}
carried=$root/usr/lib/edge-agent
versions=$root/opt/edge-agent
config=$root/etc/edge-agent/config.yaml
python=${EDGE_PYTHON:-/usr/bin/python3}

# The folder of the version whose wheels lie beside this file. It is named by its contents too: the same
# version built anew is another, and never made over one that runs.
carried_version() {
    contents=$(sha256sum "$carried/requirements.txt" | cut -c 1-8)
    printf '%s/%s-%s\n' "$versions" "$(cat "$carried/version")" "$contents"
}

# Whether the environment is whole and its interpreter still there: a new release of the system takes it away.
answers() {
    [ -e "$1/complete" ] && "$1/bin/python" -I -c 'import awscrt, cryptography.x509, edge_agent.agent.forwarding' \
        2>/dev/null && "$1/bin/python" -I -m edge_agent --version >/dev/null 2>&1
}

# Make the environment, unless it is there. What was cut half-way is made anew.
make_version() {
    answers "$1" && return 0
    rm -rf "$1"
    mkdir -p "$versions"
    # Nothing of the gateway's own pip settings: no index, no proxy, no cache.
    if ! "$python" -m venv "$1" || ! env PIP_CONFIG_FILE=/dev/null "$1/bin/python" -I -m pip --isolated --disable-pip-version-check \
        install --quiet --no-input --no-cache-dir --no-index --find-links "$carried/wheels" --only-binary :all: \
        --require-hashes --requirement "$carried/requirements.txt"; then
        rm -rf "$1"
        return 1
    fi
    sync # all of it is on the disk before anything says that it is complete
    : >"$1/complete"
    answers "$1" && return 0
    echo "edge-agent: $1 does not answer; it needs glibc 2.28 and CPython 3.11 to 3.14" >&2
    return 1
}

# Whether a version takes this gateway's settings; why not goes to standard error.
takes_settings() {
    "$1/bin/python" -I -m edge_agent config check "$config" >/dev/null
}

# Whether a version can read this gateway's journal, if there is one; why not goes to standard error.
takes_journal() {
    as_agent "$1/bin/python" -I -c '
import sys
from pathlib import Path
from edge_agent.errors import AgentError
from edge_agent.settings import load_settings
try:
    from edge_agent.journal import check_format as check
except ImportError:  # an agent that kept its journal in one file
    from edge_agent.journal import open_journal
    def check(path):
        open_journal(path, role="read").close()
try:
    journal = load_settings(Path(sys.argv[1])).journal_path
    if journal.exists():
        check(journal)
except AgentError as error:
    sys.exit(f"edge-agent: {error}")
' "$config"
}

# As the agent's user where there is one, since looking at a journal may leave files beside it.
as_agent() {
    if [ -z "$root" ] && [ "$(id -u)" = 0 ] && id edge-agent >/dev/null 2>&1; then
        runuser -u edge-agent -- "$@"
    else
        "$@"
    fi
}

# The folder a link leads to; nothing if there is none.
version_at() {
    if [ -L "$versions/$1" ]; then readlink -f "$versions/$1"; fi
}

# Switch to a version in one step, and keep the one before.
switch_to() {
    left=$(version_at current)
    if [ "$left" != "$(readlink -f "$1")" ]; then
        point current "$1"
        if [ -n "$left" ] && [ -d "$left" ]; then point previous "$left"; fi
    fi
    sync
}

# Links are relative, so that they hold below another root too.
point() {
    ln -sfn "$(basename "$2")" "$versions/$1.new"
    mv -T "$versions/$1.new" "$versions/$1"
}

# Remove every version but the one that runs and the one before.
prune() {
    for each in "$versions"/*; do
        [ -L "$each" ] || [ ! -d "$each" ] && continue
        case $(readlink -f "$each") in
        "$(version_at current)" | "$(version_at previous)") ;;
        *) rm -rf "$each" ;;
        esac
    done
}

# Whether this system's services are ours to speak to.
services_run() {
    [ -z "$root" ] && [ -d /run/systemd/system ]
}
