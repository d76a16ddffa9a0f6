#!/bin/sh
# Takes one hook event from stdin to the sidecar, for machines where starting Python takes too long.
#
#   forward.sh EVENT [AGENT]
#
# Prints nothing, always exits with 0, and waits at most 0.7 s for an answer. It cannot redact, so when no sidecar
# answers it keeps only the event's names and ids, in the form of ids, which the next sidecar takes in once.
# Variables: LEANVIBE_HOOK_API_URL, LEANVIBE_HOOK_TIMEOUT, LEANVIBE_ENABLE_HOOKS, LEANVIBE_AGENT_ID,
# LEANVIBE_AGENT_NAME, LEANVIBE_SESSION_ID, LEANVIBE_INGEST_TOKEN, LEANVIBE_TOKEN,
# LEANVIBE_DATA_DIR. Needs curl.
exec >/dev/null 2>&1
trap 'exit 0' EXIT  # whatever goes wrong: a hook that ends with 2 keeps the agent's tool from running
set -u
umask 077
MAX_FILES=10000

main() {
    case "${LEANVIBE_ENABLE_HOOKS:-true}" in false|False|FALSE|0|no|off) return ;; esac
    event=${1:-unknown}
    agent=${2:-claude-code}
    data_dir=${LEANVIBE_DATA_DIR:-}
    [ -n "$data_dir" ] || default_data_dir
    new_id
    body=$(cat)
    deliver || keep
}

# As the sidecar finds it: a relative XDG_STATE_HOME counts for nothing, and without HOME the system knows the user's.
default_data_dir() {
    case ${XDG_STATE_HOME:-} in /*) data_dir=$XDG_STATE_HOME/leanvibe; return ;; esac
    if [ -z "${HOME+set}" ]; then
        user=$(id -un)
        case $user in ''|-*|*[!A-Za-z0-9._-]*) exit ;; esac
        eval "HOME=~$user"
        case $HOME in /*) ;; *) exit ;; esac
    fi
    data_dir=$HOME/.local/state/leanvibe
}

# A UUIDv7: 48 bits of milliseconds, then random ones with version and variant.
new_id() {
    seconds=$(date +%s)
    stamp=$(printf '%012x' "$((seconds * 1000))")
    # shellcheck disable=SC2046  ten words are wanted
    set -- $(od -An -N10 -tx1 /dev/urandom)
    id=${stamp%????}-${stamp#????????}-7${1#?}$2-8${3#?}$4-$5$6$7$8$9${10}
}

server_url() {
    url=${LEANVIBE_HOOK_API_URL:-}
    ca=${LEANVIBE_TLS_CA:-}
    if [ -z "$url" ] && [ -r "$data_dir/server.json" ]; then
        read -r line <"$data_dir/server.json" || :
        case $line in *'"url": "'*) url=${line#*'"url": "'}; url=${url%%\"*} ;; esac
        case $ca$line in *'"ca": "'*) ca=${line#*'"ca": "'}; ca=${ca%%\"*} ;; esac
    fi
    [ -n "$url" ] || url=http://127.0.0.1:8000
}

deliver() {
    server_url
    limit=0.7
    case "${LEANVIBE_HOOK_TIMEOUT:-}" in 0.[1-6]|0.[1-6][0-9]|0.0[1-9]) limit=$LEANVIBE_HOOK_TIMEOUT ;; esac
    token=${LEANVIBE_INGEST_TOKEN:-${LEANVIBE_TOKEN:-}}
    # The data directory's own token is for its own sidecar alone.
    if [ -z "$token${LEANVIBE_HOOK_API_URL:-}" ] && [ -f "$data_dir/ingest-token" ] && [ -O "$data_dir/ingest-token" ]
    then
        read -r token <"$data_dir/ingest-token" || :
    fi
    case $token in *[!A-Za-z0-9._~+/=-]*) token= ;; esac
    [ -z "$token" ] || token="header = \"Authorization: Bearer $token\""
    # The token goes by a file descriptor: a command line is everybody's to read.
    set -- --noproxy '*'
    case $url in unix:*) set -- --unix-socket "${url#unix:}"; url=http://localhost ;; esac
    [ -z "$ca" ] || set -- "$@" --cacert "$ca"
    # Whoever answers otherwise, with a redirect say, has not taken it.
    code=$(printf '%s' "$body" | curl -q -sf "$@" -o /dev/null -w '%{http_code}' --max-time "$limit" -K /dev/fd/3 \
        -H 'Content-Type: application/json' -H 'Expect:' -H "Idempotency-Key: $id" -H "X-LeanVibe-Event: $event" \
        -H "X-LeanVibe-Agent-Id: ${LEANVIBE_AGENT_ID:-}" -H "X-LeanVibe-Agent-Name: ${LEANVIBE_AGENT_NAME:-}" \
        -H "X-LeanVibe-Session-Id: ${LEANVIBE_SESSION_ID:-}" \
        --data-binary @- "${url%/}/api/v1/hooks/$agent" 3<<EOF
$token
EOF
    ) || return
    case $code in 200|202|204) ;; *) return 1 ;; esac
}

keep() {
    mkdir -p "$data_dir/spool" || return
    ours "$data_dir" && ours "$data_dir/spool" && [ ! -L "$data_dir/spool" ] || return
    set -- "$data_dir/spool"/*
    [ $# -lt $MAX_FILES ] || return
    draft=$data_dir/spool/.$id
    set -C  # the draft is new, or it is not written
    {
        printf '{"event_id": "%s", "forwarded_at": %s000000' "$id" "$seconds"
        printf '%s' "$body" | names
        printf '}\n'
    } >"$draft" && mv "$draft" "$data_dir/spool/$id.json"
}

# Whether a directory belongs to this user: another one's may have been put in its place.
# shellcheck disable=SC3067  dash, bash, ksh and busybox all know -O
ours() {
    [ -d "$1" ] && [ -O "$1" ]
}

# The first occurrence of each name whose value has the form of an id; a name within a string is escaped there.
names() {
    awk -v given="$event" -v session="${LEANVIBE_SESSION_ID:-unknown}" '
        function found(name,    value) {
            if (!match(text, "\"" name "\" *: *\"[A-Za-z0-9][A-Za-z0-9._:-]*\"")) return ""
            value = substr(text, RSTART, RLENGTH - 1)
            sub(/.*"/, "", value)
            return length(value) <= 128 ? value : ""
        }
        function put(name, otherwise,    value) {
            value = found(name)
            if (value == "") value = otherwise
            if (value ~ /^[A-Za-z0-9][A-Za-z0-9._:-]*$/) printf ", \"%s\": \"%s\"", name, value
        }
        { text = text $0 }
        END {
            put("hook_event_name", given); put("session_id", session); put("prompt_id"); put("agent_id")
            put("agent_type")
            if (given != "PostToolBatch") { put("tool_name"); put("tool_use_id") }  # a batch names those of its calls
        }'
}

main "$@"
exit 0
