# Takes a lab down to the last trace of it: processes, control groups, folder. Networks and mounts go with the processes.
#
#   reap.sh FOLDER        waits until its standard input ends, which is when the lab's owner does, however that ends
#   reap.sh FOLDER now    at once, for a lab whose owner is gone
folder=$1
name=$(basename "$folder")
case $name in heliostat-lab-*) ;; *) echo "$folder is no lab" >&2; exit 1 ;; esac
[ "${2:-}" = now ] || cat >/dev/null

# PID START: still the process that was noted, and not only its remains?
alive() { awk -v start="$2" '{ exit !($22 == start && $3 != "Z") }' "/proc/$1/stat" 2>/dev/null; }

groups() { for top in /sys/fs/cgroup /sys/fs/cgroup/*; do [ -d "$top/$name" ] && echo "$top/$name"; done; }

# A frozen process takes no signal in version 1 of control groups.
thaw() {
  groups | while read -r group; do
    find "$group" -name freezer.state | while read -r file; do echo THAWED >"$file"; done
    find "$group" -name cgroup.freeze | while read -r file; do echo 0 >"$file"; done
  done 2>/dev/null
}

tries=0
while [ $tries -lt 200 ]; do
  left=
  for file in "$folder"/pids/*; do
    [ -f "$file" ] && read -r pid start <"$file" && alive "$pid" "$start" || continue
    left=yes
    kill -KILL "$pid" 2>/dev/null
  done
  [ -z "$left" ] && break
  thaw
  tries=$((tries + 1))
  sleep 0.05
done

tries=0
while [ -n "$(groups)" ] && [ $tries -lt 100 ]; do
  groups | while read -r group; do find "$group" -depth -type d -exec rmdir {} + ; done 2>/dev/null
  tries=$((tries + 1))
  [ -z "$(groups)" ] || sleep 0.05
done
rm -rf "$folder" 2>/dev/null || { sleep 1; rm -rf "$folder"; }
