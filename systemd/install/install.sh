# Set before as well: SOURCE (the program that printed this), WITH_CLI_UNIT, FROM (or empty), VERSION; functions that
# print files: file_unit, file_template_unit, file_cli_unit, file_cli_template_unit, file_own_cli, file_network,
# file_restart_steps, file_env, file_templates, file_cron.

# An original (Python) service under the same name is not to be overwritten by accident.
refuse_original() {
  unit=/etc/systemd/system/signal-automation.service
  [ -z "$FROM" ] && [ -f "$unit" ] && grep -q 'ExecStart=.*main\.py' "$unit" || return 0
  fail "the original system is installed here. To take it over: signal-automation install --from /opt/signal-automation"
}

make_user() {
  step "The user $SERVICE_USER"
  getent group "$SERVICE_USER" >/dev/null || groupadd --system "$SERVICE_USER"
  if getent passwd "$SERVICE_USER" >/dev/null; then
    say "is there already"
  else
    useradd --system --gid "$SERVICE_USER" --home-dir /var/lib/signal-automation --no-create-home \
      --shell /usr/sbin/nologin "$SERVICE_USER"
    say "made: no password, no shell"
  fi
}

# Folders below those of the service's user, by its own hand: root follows no link that it may have put there. What root
# left in them (an account that was linked by root) becomes the service's.
make_own() {
  if [ -L "$STATE" ] || [ -L "$LOGS" ]; then fail "$STATE or $LOGS is a link; nothing was started"; fi
  for folder in "$@"; do
    as_service mkdir -p "$folder"
    chown -hR "$SERVICE_USER:$SERVICE_USER" "$folder"
    as_service chmod 0700 "$folder"
  done
}

make_folders() {
  step 'Folders'
  mkdir -p /etc/signal-automation "$ETC"
  for folder in /etc/signal-automation "$ETC"; do
    chown "root:$SERVICE_USER" "$folder"
    chmod 0750 "$folder"
  done
  for folder in /var/lib/signal-automation /var/log/signal-automation; do
    mkdir -p "$folder"
    chown "$SERVICE_USER:$SERVICE_USER" "$folder"
    chmod 0700 "$folder"
  done
  if [ -n "$INSTANCE" ]; then make_own "$STATE" "$LOGS"; fi
  if [ -e "$STATE/signal-cli" ]; then make_own "$STATE/signal-cli"; fi
  say "settings in $ETC, state in $STATE, logs in $LOGS"
}

install_program() {
  step "The program $PROGRAM"
  if [ "$SOURCE" = "$PROGRAM" ] || { [ -e "$PROGRAM" ] && cmp -s "$SOURCE" "$PROGRAM"; }; then
    [ -x "$PROGRAM" ] || fail "$PROGRAM is not there: put the compiled program there first"
    say "is there already"
    return
  fi
  [ -f "$SOURCE" ] || fail "$SOURCE is not there any more: run install again from where the program is"
  # Beside it and then renamed, since a running program cannot be written over. The one before stays for a way back.
  install -m 0755 "$SOURCE" "$PROGRAM.new"
  if [ -e "$PROGRAM" ]; then cp -p "$PROGRAM" "$PROGRAM.previous"; fi
  mv -f "$PROGRAM.new" "$PROGRAM"
  say "copied from $SOURCE"
  PROGRAM_CHANGED=yes
}

secret() { head -c 30 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n'; }

# The first port from 8787 that no settings here name.
free_port() {
  port=8787
  while grep -qs "^[[:space:]]*HTTP_PORT=$port\$" /etc/signal-automation/env /etc/signal-automation/*/env ||
    { [ -n "$INSTANCE" ] && [ "$port" = 8787 ]; }; do
    port=$((port + 1))
  done
  printf '%s' "$port"
}

# By the shell itself: the arguments of a program are there for everybody to see.
fill_marks() {
  while IFS= read -r line; do
    case $line in
    *=@DB_PASSWORD@ | *=@ADMIN_TOKEN@) printf '%s=%s\n' "${line%%=*}" "$(secret)" ;;
    *=@HTTP_PORT@) printf '%s=%s\n' "${line%%=*}" "$(free_port)" ;;
    *) printf '%s\n' "$line" ;;
    esac
  done
}

make_settings() {
  step "Settings $ETC/env"
  if [ -e "$ETC/env" ]; then
    say 'are there already and stay as they are'
  else
    (umask 077 && file_env | fill_marks >"$ETC/env.new")
    mv "$ETC/env.new" "$ETC/env"
    say 'written, with a new DB_PASSWORD and ADMIN_TOKEN; your numbers, group and link are still to be filled in'
  fi
  chown "$SERVICE_USER:$SERVICE_USER" "$ETC/env"
  chmod 0600 "$ETC/env"
  if [ -e "$ETC/templates.yaml" ]; then
    say "$ETC/templates.yaml stays as it is"
  else
    file_templates | put 0640 "root:$SERVICE_USER" "$ETC/templates.yaml"
  fi
}

# The drop-in gives the unit the same two; commands by hand and from cron see the settings alone, and without these would
# start a second signal-cli.
name_socket() {
  socket=$RUN/signal-cli/socket
  if [ "$(value_of "$ETC/env" SIGNAL_TRANSPORT)" = socket ] && [ "$(value_of "$ETC/env" SIGNAL_SOCKET)" = "$socket" ]; then
    return 0
  fi
  set_value "$ETC/env" SIGNAL_TRANSPORT socket
  set_value "$ETC/env" SIGNAL_SOCKET "$socket"
  chown "$SERVICE_USER:$SERVICE_USER" "$ETC/env"
  chmod 0600 "$ETC/env"
  say "written:   SIGNAL_TRANSPORT and SIGNAL_SOCKET in $ETC/env"
}

install_units() {
  step 'Units for systemd'
  units=/etc/systemd/system
  mkdir -p "$units"
  file_unit | put 0644 root:root "$units/signal-automation.service"
  file_template_unit | put 0644 root:root "$units/signal-automation@.service"
  file_cli_unit | put 0644 root:root "$units/signal-cli.service"
  file_cli_template_unit | put 0644 root:root "$units/signal-cli@.service"
  # Nothing where systemd is not installed, as in an image that is being built.
  version=$(systemctl --version 2>/dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
  for unit in signal-automation.service signal-automation@.service signal-cli.service signal-cli@.service; do
    if [ "${version:-0}" -ge 254 ]; then
      mkdir -p "$units/$unit.d"
      file_restart_steps | put 0644 root:root "$units/$unit.d/restart-steps.conf"
    fi
  done
  if [ "$WITH_CLI_UNIT" = yes ]; then
    mkdir -p "$units/$UNIT.d"
    file_own_cli | put 0644 root:root "$units/$UNIT.d/own-signal-cli.conf"
    if [ "$(value_of "$ETC/env" WEBHOOK_ENABLED)" = true ] || ! database_is_here; then
      file_network | put 0644 root:root "$units/$UNIT.d/network.conf"
    fi
    printf 'SIGNAL_NUMBER=%s\n' "$(value_of "$ETC/env" SIGNAL_NUMBER)" |
      put 0600 "$SERVICE_USER:$SERVICE_USER" "$ETC/signal-cli.env"
    make_own "$STATE/signal-cli"
    say "$CLI_UNIT runs signal-cli; the service reaches it at $RUN/signal-cli/socket"
  elif [ -e "$units/$UNIT.d/own-signal-cli.conf" ]; then
    say "signal-cli stays a unit of its own ($units/$UNIT.d/own-signal-cli.conf)"
    WITH_CLI_UNIT=yes
  fi
  if [ "$WITH_CLI_UNIT" = yes ]; then name_socket; fi
  UNIT_CHANGED=no
  if systemd_runs; then
    if [ "$(systemctl show --property=NeedDaemonReload --value "$UNIT")" = yes ]; then UNIT_CHANGED=yes; fi
    systemctl daemon-reload
  fi
}

install_cron() {
  step 'The watch from outside'
  mkdir -p /etc/cron.d
  file_cron | put 0644 root:root "$CRON_FILE"
  [ -x /usr/sbin/cron ] || [ -x /usr/sbin/crond ] || say 'note: no cron is installed, so nobody runs that line yet'
}

database_is_here() {
  host=$(value_of "$ETC/env" DB_HOST)
  [ "$(value_of "$ETC/env" DB_DRIVER)" = sqlite ] && return 0
  [ -n "$(value_of "$ETC/env" DB_SOCKET)" ] && return 0
  [ -z "$host" ] || [ "$host" = localhost ] || [ "$host" = 127.0.0.1 ] || [ "$host" = ::1 ]
}

database_socket() {
  socket=$(value_of "$ETC/env" DB_SOCKET)
  printf '%s' "${socket:-/run/mysqld/mysqld.sock}"
}

# Tables, by whoever may make them. Sets TABLES to yes when they fit.
make_tables() {
  step 'Tables'
  TABLES=no
  if as_service "$PROGRAM" migrate --status --env-file "$ETC/env" >/dev/null 2>&1; then
    say 'fit'
    TABLES=yes
  elif [ "$(value_of "$ETC/env" DB_DRIVER)" = sqlite ]; then
    as_service "$PROGRAM" migrate --env-file "$ETC/env"
    TABLES=yes
  elif database_is_here && [ -S "$(database_socket)" ]; then
    say "root may do it on this machine: $PROGRAM migrate --admin-user root --admin-socket $(database_socket)"
    if "$PROGRAM" migrate --admin-user root --admin-socket "$(database_socket)" --yes --env-file "$ETC/env" &&
      as_service "$PROGRAM" migrate --status --env-file "$ETC/env"; then
      TABLES=yes
    else
      say 'That did not do. If the database user is there with another password than DB_PASSWORD, write that one into the'
      say "settings; otherwise an administrator has to run: $PROGRAM migrate --sql --env-file $ETC/env | mysql"
    fi
  else
    say "An administrator of the database has to run: $PROGRAM migrate --sql --env-file $ETC/env | mysql"
  fi
}

# So that what is shown is how it works, and not that it has only just begun.
wait_until_healthy() {
  seconds=0
  while [ "$seconds" -lt 15 ] && [ "$(systemctl show --property=StatusText --value "$UNIT")" != healthy ]; do
    sleep 1
    seconds=$((seconds + 1))
  done
}

did_not_start() {
  journalctl --no-pager --lines=10 --output=cat --unit="$UNIT" || :
  fail "$UNIT did not start, and systemd tries it again; its last words are above. All of them: journalctl -u $UNIT"
}

start_service() {
  step 'Start'
  if ! answer=$(as_service "$PROGRAM" check --env-file "$ETC/env" 2>&1); then
    say "$answer"
    say "Nothing was started: $ETC/env has to be filled in first."
    next_steps
    return
  fi
  say 'check accepts the settings'
  make_tables
  if [ "$TABLES" = no ] || ! systemd_runs; then
    next_steps
    return
  fi
  systemctl enable "$UNIT"
  if [ "$WITH_CLI_UNIT" = yes ]; then systemctl enable "$CLI_UNIT"; fi
  if systemctl is-active --quiet "$UNIT" && [ "${PROGRAM_CHANGED:-no}$UNIT_CHANGED" = nono ]; then
    systemctl reload "$UNIT"
  else
    # The service first lets go of the account: a second signal-cli would wait for it for ever.
    systemctl stop "$UNIT"
    if [ "$WITH_CLI_UNIT" = yes ]; then systemctl restart "$CLI_UNIT"; fi
    systemctl start "$UNIT" || did_not_start
  fi
  wait_until_healthy
  systemctl --no-pager --lines=0 status "$UNIT" || did_not_start
  step 'Done'
  say "Look at it:  signal-automation health --env-file $ETC/env"
  say "Its log:     journalctl -u $UNIT -f"
  if [ -n "$FROM" ]; then say "Back to the original system:  sudo sh $FROM/before-takeover/go-back.sh"; fi
}

next_steps() {
  step 'Next'
  say "1. Fill in the settings:     sudoedit $ETC/env"
  say '2. A Signal account, unless it has one, and the id of your group:'
  say "     sudo -u $SERVICE_USER signal-automation link --env-file $ETC/env"
  say "     sudo -u $SERVICE_USER signal-automation groups --env-file $ETC/env"
  say "3. Check, make tables, start:   signal-automation install$INSTALL_OPTIONS | sudo sh"
  say '   It may run as often as you like, and starts nothing that check refuses.'
  if [ -n "$FROM" ]; then say "Back to the original system:  sudo sh $FROM/before-takeover/go-back.sh"; fi
}

main() {
  need_root
  refuse_original
  if [ -n "$FROM" ]; then before_take_over; fi
  make_user
  make_folders
  install_program
  if [ -n "$FROM" ]; then take_over; fi
  make_settings
  install_units
  install_cron
  start_service
}
