# Shared by the scripts of install and uninstall. Set before: PROGRAM, INSTANCE, UNIT, CLI_UNIT, ETC, STATE, RUN, LOGS,
# CRON_FILE, SERVICE_USER.

say() { printf '%s\n' "$*"; }
step() { printf '\n== %s\n' "$*"; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

need_root() {
  [ "$(id -u)" = 0 ] || fail "this has to run as root: put 'sudo sh' behind the |"
}

# Where systemd does not run (an image being built), files are laid down and nothing is started.
systemd_runs() { [ -d /run/systemd/system ]; }

# As the service's user, with the short environment that the service has.
as_service() {
  runuser -u "$SERVICE_USER" -- env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/var/lib/signal-automation LANG=C.UTF-8 sh -c 'cd /var/lib/signal-automation && exec "$@"' sh "$@"
}

# The value of one setting of a file, quotes and comment taken off. Good for numbers, paths and words.
value_of() {
  sed -n "s/^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}$2[[:space:]]*=[[:space:]]*//p" "$1" | tail -n 1 |
    sed -e "s/^'\([^']*\)'.*/\1/" -e 't' -e 's/^"\([^"]*\)".*/\1/' -e 't' -e 's/[[:space:]]\{1,\}#.*//' -e 's/[[:space:]]*$//'
}

# Sets one setting in a file, in place of an earlier line or at the end. The value has no quote, blank or bar.
set_value() {
  if grep -q "^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}$2[[:space:]]*=" "$1"; then
    sed -i "s|^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}$2[[:space:]]*=.*|$2=$3|" "$1"
  else
    printf '%s=%s\n' "$2" "$3" >>"$1"
  fi
}

# Puts standard input into a file when that differs: put MODE OWNER:GROUP FILE
put() {
  cat >"$3.new"
  chmod "$1" "$3.new"
  chown "$2" "$3.new"
  if [ -e "$3" ] && cmp -s "$3" "$3.new"; then
    rm -f "$3.new"
    say "unchanged: $3"
  else
    mv -f "$3.new" "$3"
    say "written:   $3"
  fi
}
