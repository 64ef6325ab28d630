/*
 * What runs around a confined program, as shell scripts: a shell is there on every Linux, starts in a millisecond and stays below a megabyte.
 *
 *   supervise        outside; the started process. Passes signals on, ends when all inside has ended, removes the control groups
 *     └ bwrap or unshare: builds the walls and waits for what is in them; the kernel kills it with `supervise`
 *         └ init     inside, number 1: passes signals on to the program, reaps who lost a parent; the kernel kills it with the above, and with it all that is inside
 *             └ the program
 */

/** Under which names the program's variables wait until they are inside. */
export const hiddenPrefix = 'SLUICE_ENV_';

/** How the first process inside is called, by which it is told from those that build the walls. */
export const initName = 'sluice-init';

const passedOn = ['HUP', 'INT', 'QUIT', 'USR1', 'USR2', 'TERM'] as const;

/**
 * $1: the rest of the script. Closes descriptors above 2: nothing of the caller may leak in. A plain shell can name those up to 9; the rare others need bash.
 */
export const closeInherited = `
script=$1; shift
for open in /proc/self/fd/*; do
  [ "\${open##*/}" -le 9 ] && continue
  [ -x /bin/bash ] || { echo "sluice: descriptor \${open##*/} is open, and there is no bash to close it" >&2; exit 125; }
  exec /bin/bash -c 'for open in /proc/self/fd/*; do open=\${open##*/}; [ "$open" -le 2 ] || eval "exec $open>&-"; done; exec /bin/sh -c "$@"' bash "$script" sluice-sandbox "$@"
done
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
eval "$script"
`;

/**
 * A signal that comes before the program is there ends everything: nothing has begun, and nobody inside would hear it. Whoever builds the walls is stopped first, so that it makes no
 * child that we do not see.
 *
 * $1, $2: /etc/passwd and /etc/group of the inside, for descriptors 3 and 4; then words about control groups up to --; then the command that builds the walls.
 */
export const supervise = `
passwd=$1 group=$2; shift 2
name() { shift 19; name=sluice-$$-$1; }
folders=
remove() {
  for folder in $folders; do
    tries=0
    while ! rmdir "$folder" 2>/dev/null && [ -d "$folder" ] && [ "$tries" -lt 100 ]; do tries=$((tries + 1)); done
  done
}
broken() { echo "sluice: no control group: $1" >&2; remove; exit 125; }
if [ "$1" != -- ]; then read -r stat </proc/self/stat; name \${stat##*) }; fi
while [ "$1" != -- ]; do
  case $1 in
    cgroup) folder=$2/$name; mkdir "$folder" || broken "$folder"; folders="$folder $folders"; shift 2;;
    set) echo "$3" >"$folder/$2" || broken "$folder/$2"; shift 3;;
    try) { echo "$3" >"$folder/$2"; } 2>/dev/null; shift 3;;
  esac
done
shift
early= again=
relay() {
  [ -n "$child" ] || { early=$2; return; }
  again=1 begun= init=
  read -r init rest <"/proc/$child/task/$child/children"
  if [ -n "$init" ]; then
    while read -r key value; do
      case $key$value in SigCgt:*[4567cdef]???) begun=1;; esac
    done <"/proc/$init/status"
  fi
  if [ -n "$begun" ]; then kill -s "$1" "$init"; else early=$2; end; fi
} 2>/dev/null
end() {
  kill -s STOP "$child"
  while read -r stat <"/proc/$child/stat"; do
    case \${stat##*) } in [TtZX]*) break;; esac
  done
  init=
  read -r init rest <"/proc/$child/task/$child/children"
  [ -z "$init" ] || kill -s KILL "$init"
  kill -s KILL "$child"
} 2>/dev/null
child=
trap 'relay HUP 129' HUP
trap 'relay INT 130' INT
trap 'relay QUIT 131' QUIT
trap 'relay USR1 138' USR1
trap 'relay USR2 140' USR2
trap 'relay TERM 143' TERM
exec 9<&0 5<<LIFELINE
held
LIFELINE
exec 6>/proc/self/fd/5
(
  for folder in $folders; do echo 0 >"$folder/cgroup.procs" || exit 125; done
  exec setsid prlimit --core=1 env --default-signal=INT,QUIT "$@"
) <&9 9<&- 6>&- 3<<PASSWD 4<<GROUP &
$passwd
PASSWD
$group
GROUP
child=$!
[ -z "$early" ] || end
exec 9<&-
code=
while :; do
  again=
  wait "$child"; now=$?
  [ "$now" = 127 ] && [ -n "$code" ] && break
  code=$now
  [ -n "$again" ] || break
done
remove
exit "\${early:-$code}"
`;

/**
 * Descriptor 5 is a pipe whose other end the supervisor alone holds. Where it was killed before the kernel knew that nobody here must outlive it, we end by ourselves.
 *
 * $1: folder to work in; then the names of the program's variables up to --; then the program.
 */
export const init = `
read -r held <&5
dd iflag=nonblock <&5 >/dev/null 2>&1 && exit 125
exec 5<&-
cd -- "$1" || { echo "sluice: no folder $1 inside" >&2; exit 125; }
shift
held= again=
read -r ours </proc/$$/cmdline
deliver() {
  # Before it has become the program, the copy of this shell would take the signal for its own, and forget it.
  tries=0
  while [ "$tries" -lt 20000 ] && read -r theirs <"/proc/$!/cmdline" && [ "$theirs" = "$ours" ]; do tries=$((tries + 1)); done
  kill -s "$1" "$!"
} 2>/dev/null
pass() { again=1; if [ -n "$!" ]; then deliver "$1"; else held=$1; fi; }
${passedOn.map((name) => `trap 'pass ${name}' ${name}`).join('\n')}
exec 8<&0
(
  unset PATH SHLVL OLDPWD PWD
  while [ "$1" != -- ]; do eval "export $1=\\"\\$${hiddenPrefix}$1\\"; unset ${hiddenPrefix}$1"; shift; done
  shift
  exec /usr/bin/env --default-signal=INT,QUIT "$@"
) <&8 8<&- &
exec 8<&-
[ -z "$held" ] || deliver "$held"
code=
while :; do
  again=
  wait "$!"; now=$?
  [ "$now" = 127 ] && [ -n "$code" ] && break
  code=$now
  [ -n "$again" ] || break
done
exit "$code"
`;

/** Where the root of the inside is put together: a folder that every Linux has, and nothing is mounted from. */
export const newRoot = '/sys';

/**
 * Builds with mount what bwrap builds with a program: $1 and $2 are /etc/passwd and /etc/group, $3 options of the scratch space, $4 what to mount (an fstab), $5 to $7 folders to make,
 * files to make, and what to copy, a line each; then pairs of a link's target and place up to --; then the command that follows, in place of this one.
 */
export const build = `
set -fe
umask 022
exec 3<&- 4<&-
trap '[ $? = 0 ] || echo "sluice: the walls could not be built" >&2; exit 125' EXIT
grep -qsF 127.0.0.1 /proc/self/net/fib_trie || ip link set lo up 2>/dev/null || ifconfig lo up 2>/dev/null || perl -e 'my $r = pack("a16s14x", "lo", 0x49); socket(S, 2, 1, 0) && ioctl(S, 0x8914, $r) or exit 1'
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs ${newRoot}
passwd=$1 group=$2 scratch=$3 fstab=$4 folders=$5 files=$6 copies=$7; shift 7
mkdir ${newRoot}/tmp
mount -t tmpfs -o "$scratch" tmpfs ${newRoot}/tmp
IFS='
'
mkdir -p -- $folders
for file in $files; do : >"$file"; done
cp -R -P --parents --preserve=mode,timestamps -- $copies ${newRoot}
while [ "$1" != -- ]; do ln -s -- "$1" "$2"; shift 2; done
shift
printf '%s\\n' "$passwd" >${newRoot}/etc/passwd
printf '%s\\n' "$group" >${newRoot}/etc/group
printf '%s\\n' "$fstab" >${newRoot}/.fstab
mount --all --fstab ${newRoot}/.fstab
rm ${newRoot}/.fstab
echo 1 >/proc/sys/user/max_user_namespaces
cd ${newRoot}
pivot_root . .old
umount -l /.old
rmdir /.old
mount -o remount,bind,ro /
trap - EXIT
exec "$@"
`;
