# Runs a PostgreSQL server for as long as its own standard input is open; then stops it and deletes its files. Whoever
# holds the other end of that pipe may die in any way: the pipe closes all the same.
#
# guard.sh DIRECTORY PROGRAM [ARGUMENT ...]
# It reads `stop` (immediately, as a crash would) and `start`, and answers `down` and `up`.

trap '' INT TERM HUP
# Nobody may be left to read an answer, which must not end the shell. The server does not inherit this one.
trap : PIPE
dir=$1; shift
serve() { "$@" >>"$dir/log" 2>&1 & pid=$!; }
serve "$@"
echo up
while read -r word; do
    case $word in
        stop) kill -QUIT $pid; wait $pid; echo down ;;
        start) serve "$@"; echo up ;;
    esac
done
kill -QUIT $pid 2>/dev/null; wait $pid
rm -rf "$dir"
