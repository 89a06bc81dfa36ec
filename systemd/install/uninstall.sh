# Set before as well: PURGE (yes or no), ASK (yes or no).

remove() {
  for path in "$@"; do
    if [ -e "$path" ] || [ -L "$path" ]; then
      rm -rf -- "$path"
      say "removed: $path"
    fi
  done
}

# Standard input is this script, so the person is asked at the terminal.
confirm_purge() {
  [ "$ASK" = yes ] || return 0
  say "Everything will be deleted for good: $ETC, $STATE, $LOGS"
  say 'With them goes the registration at Signal. Tables in a database server stay.'
  (exec </dev/tty) 2>/dev/null || fail 'nobody can be asked here; nothing was removed. Without a question: --yes'
  printf 'Type DELETE to go on: ' >/dev/tty
  read -r answer </dev/tty
  [ "$answer" = DELETE ] || fail 'nothing was removed'
}

stop_units() {
  step "Stopping $1"
  systemd_runs || { say 'systemd does not run here'; return 0; }
  for unit in "$@"; do systemctl disable --now "$unit" 2>/dev/null || :; done
}

other_instances() {
  for env in /etc/signal-automation/*/env; do
    [ -e "$env" ] || continue
    name=${env%/env}
    printf '%s\n' "${name##*/}"
  done
}

main() {
  need_root
  if [ "$PURGE" = yes ]; then confirm_purge; fi
  units=/etc/systemd/system
  if [ -n "$INSTANCE" ]; then
    stop_units "$UNIT" "$CLI_UNIT"
    remove "$CRON_FILE" "$units/$UNIT.d" "$units/$CLI_UNIT.d"
  else
    running=''
    for name in $(other_instances); do
      running="$running signal-automation@$name.service signal-cli@$name.service"
      remove "/etc/cron.d/signal-automation-$name" "$units/signal-automation@$name.service.d"
    done
    # shellcheck disable=SC2086 # a list of words
    stop_units "$UNIT" "$CLI_UNIT" $running
    remove "$CRON_FILE" "$PROGRAM" "$PROGRAM.previous"
    for unit in signal-automation signal-automation@ signal-cli signal-cli@; do
      remove "$units/$unit.service" "$units/$unit.service.d"
    done
  fi
  if systemd_runs; then
    systemctl daemon-reload
    systemctl reset-failed "$UNIT" 2>/dev/null || :
  fi
  if [ "$PURGE" = yes ]; then
    step 'Deleting the data'
    remove "$ETC" "$STATE" "$LOGS" "$RUN"
    if [ -z "$INSTANCE" ] && getent passwd "$SERVICE_USER" >/dev/null; then
      userdel "$SERVICE_USER"
      say "removed: the user $SERVICE_USER"
    fi
  else
    step 'Kept'
    say "settings in $ETC, state and the Signal account in $STATE, logs in $LOGS, the user $SERVICE_USER"
  fi
  say 'Tables in a database server are not touched.'
}
