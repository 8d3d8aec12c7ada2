#!/bin/sh
# A python3 whose environments are made at once. What a version of the agent would say is in the settings:
# a line `refused-by: VERSION`, or `journal-newer-than: VERSION`.
here=$(dirname "$(dirname "$0")")
carried=$DPKG_ROOT/usr/lib/edge-agent
case "$*" in
"-m venv "*)
    mkdir -p "$3/bin"
    cp "$0" "$3/bin/python"
    ;;
*"-m pip "*)
    if [ -e "$DPKG_ROOT/no-room" ]; then
        echo "ERROR: No space left on device" >&2
        exit 1
    fi
    cp "$carried/version" "$here/version"
    ;;
*"-m edge_agent --version") echo "edge-agent $(cat "$here/version")" ;;
*"-m edge_agent config check "*)
    if grep -qx "refused-by: $(cat "$here/version")" "$DPKG_ROOT/etc/edge-agent/config.yaml"; then
        echo "edge-agent: it is refused" >&2
        exit 2
    fi
    ;;
*"import awscrt"*) [ ! -e "$here/interpreter-gone" ] ;;
*"open_journal"*)
    if grep -qx "journal-newer-than: $(cat "$here/version")" "$DPKG_ROOT/etc/edge-agent/config.yaml"; then
        echo "edge-agent: the journal is newer" >&2
        exit 1
    fi
    ;;
*) exit 99 ;;
esac
