#!/bin/sh
# How far a broker is with reading its logs anew: "open" or "busy" (whether it listens on one of the ports), how many files of
# its log folders have changed since the first look, and for how many seconds they have neither become more nor changed. A broker that
# was not stopped cleanly makes the index of each segment anew before it listens, which may take hours; one that hangs changes nothing.
#
# recovery.sh STATE PORT[,PORT...] FOLDER...
#
# STATE is a folder of this watch's own, empty at the first look.
set -eu
state=$1 ports=
for port in $(echo "$2" | tr ',' ' '); do ports="$ports $(printf '%04X' "$port")"; done
shift 2
now=$(date +%s)

tables=
for table in /proc/net/tcp /proc/net/tcp6; do
    if [ -r "$table" ]; then tables="$tables $table"; fi
done
# The fourth column is the state; 0A listens.
listens='$4 == "0A" && index(ports, " " substr($2, length($2) - 3) " ") { found = 1 } END { exit !found }'
# shellcheck disable=SC2086  # they are several
if [ -n "$tables" ] && awk -v ports="$ports " "$listens" $tables; then
    heard=open
else
    heard=busy
fi

[ -e "$state/begun" ] || touch "$state/begun"
# Files come and go meanwhile, of which find complains.
changed=$(find "$@" -type f -newer "$state/begun" 2>/dev/null | wc -l | tr -d ' ')
# One that grows is as good as another one.
mark=$(find "$@" -type f -newer "$state/begun" -exec ls -ln {} + 2>/dev/null | cksum | tr ' ' '-')
before= since=$now
if [ -e "$state/last" ]; then read -r before since <"$state/last"; fi
[ "$mark" = "$before" ] || since=$now
printf '%s %s\n' "$mark" "$since" >"$state/last"
echo "$heard $changed $((now - since))"
