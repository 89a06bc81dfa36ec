# Takes over an original (Python) installation in $FROM. What it changes there is kept in $KEEP, and go-back.sh in that
# folder undoes it. Runs again after an interruption where it stopped.

# First of all: two programs on one Signal account lose messages.
before_take_over() {
  step "The original system in $FROM"
  KEEP=$FROM/before-takeover
  [ -f "$FROM/.env" ] || [ -f "$KEEP/env" ] || fail "$FROM/.env is not there: is the original system installed there?"
  mkdir -p "$KEEP"
  # go-back.sh in it is run by root.
  if [ -L "$KEEP" ] || [ "$(stat -c %u "$KEEP")" != 0 ]; then
    fail "$KEEP is not root's: move it away, then run this again"
  fi
  chmod 0700 "$KEEP"
  unit=/etc/systemd/system/signal-automation.service
  if [ -f "$unit" ] && grep -q 'ExecStart=.*main\.py' "$unit"; then
    [ -e "$KEEP/signal-automation.service" ] || cp -p "$unit" "$KEEP/signal-automation.service"
    if systemd_runs; then systemctl disable --now signal-automation.service 2>/dev/null || :; fi
    rm -f "$unit"
    say 'the Python service is stopped and its unit kept'
  else
    say 'no Python service is installed'
  fi
}

take_over() {
  KEEP=$FROM/before-takeover
  take_folder
  write_go_back
  take_settings
  take_templates
  take_logs
  take_account
  take_cron_line
  take_logrotate
}

# Who owns a folder may put another one in the place of before-takeover.
take_folder() {
  [ -e "$KEEP/owner" ] || stat -c %u:%g "$FROM" >"$KEEP/owner"
  chown "root:$SERVICE_USER" "$FROM"
  chmod g+rx,go-w "$FROM"
}

# What the original says is where its own rights count, not root's: its settings could name any file.
is_readable() { as_service test -r "$1"; }

# A path of its settings. It ran in its own folder.
path_of() {
  case $1 in
  /*) printf '%s' "$1" ;;
  *) printf '%s' "$FROM/$1" ;;
  esac
}

# Whether a path is the original's alone.
is_its_own() {
  case $1 in
  */../* | */..) return 1 ;;
  "$FROM"/*) return 0 ;;
  *) return 1 ;;
  esac
}

take_settings() {
  step 'Its settings'
  if [ ! -e "$KEEP/env" ]; then
    is_readable "$FROM/.env" || fail "$SERVICE_USER may not read $FROM/.env; is it the original's? chown it, then run this again"
    (umask 077 && as_service cat "$FROM/.env" >"$KEEP/env.new")
    mv "$KEEP/env.new" "$KEEP/env"
  fi
  if [ -e "$ETC/env" ]; then
    say "$ETC/env stays as it is"
  else
    cp "$KEEP/env" "$ETC/env.new"
    chmod 0600 "$ETC/env.new"
    if [ -n "$(tail -c 1 "$ETC/env.new")" ]; then printf '\n' >>"$ETC/env.new"; fi
    set_value "$ETC/env.new" TEMPLATES_FILE "$ETC/templates.yaml"
    set_value "$ETC/env.new" LOG_DIR "$LOGS"
    chown "$SERVICE_USER:$SERVICE_USER" "$ETC/env.new"
    mv "$ETC/env.new" "$ETC/env"
    say "taken into $ETC/env; changed: TEMPLATES_FILE, LOG_DIR"
  fi
  leave_link "$FROM/.env" "$ETC/env"
}

# The old place keeps working for people: it becomes a link to the new one.
leave_link() {
  [ -d "$(dirname "$1")" ] || return 0
  ln -sfn "$2" "$1.new-link"
  mv -fT "$1.new-link" "$1"
  say "$1 now leads to $2"
}

take_templates() {
  step 'Its templates'
  old=$(value_of "$KEEP/env" TEMPLATES_FILE)
  old=$(path_of "${old:-config/templates.yaml}")
  if [ -f "$old" ] && [ ! -L "$old" ] && is_readable "$old"; then
    as_service cat "$old" >"$KEEP/templates.yaml"
    put 0640 "root:$SERVICE_USER" "$ETC/templates.yaml" <"$KEEP/templates.yaml"
    say "taken from $old"
    if is_its_own "$old"; then
      printf '%s\n' "$old" >"$KEEP/templates.place"
      leave_link "$old" "$ETC/templates.yaml"
    else
      say "$old stays; what counts is $ETC/templates.yaml"
    fi
  elif [ -L "$old" ]; then
    say 'are taken over already'
  else
    say "$old is not there: the texts that come with the program are used"
  fi
}

take_logs() {
  step 'Its logs'
  old=$(value_of "$KEEP/env" LOG_DIR)
  old=$(path_of "${old:-logs}")
  old=${old%/}
  if [ -L "$old" ] || [ "$old" = "$LOGS" ]; then
    say 'are taken over already'
  elif [ -d "$old" ] && is_its_own "$old"; then
    printf '%s\n' "$old" >"$KEEP/logs.place"
    cp -Rp "$old/." "$LOGS/"
    chown -hR "$SERVICE_USER:$SERVICE_USER" "$LOGS"
    mv "$old" "$KEEP/logs"
    leave_link "$old" "$LOGS"
  elif [ -d "$old" ]; then
    # Others may write there too.
    for name in signal-automation critical-errors template-updates health-check; do
      for file in "$old/$name".log*; do
        # What is there already is this run's, or a newer one's.
        if [ -f "$file" ] && [ ! -L "$file" ] && [ ! -e "$LOGS/${file##*/}" ]; then cp -Pp "$file" "$LOGS/"; fi
      done
    done
    chown -hR "$SERVICE_USER:$SERVICE_USER" "$LOGS"
    say "copied from $old, which stays; new lines are in $LOGS"
  else
    say "$old is not there"
  fi
}

# Whether signal-cli's data folder $1 holds the account $2. Old releases name the file by the number.
holds_account() {
  [ -e "$1/data/$2" ] || grep -qsF "\"$2\"" "$1/data/accounts.json"
}

# When the account in folder $1 was last used, seconds since 1970.
last_used() { find "$1/data" -type f -printf '%T@\n' 2>/dev/null | sort -n | tail -n 1 | cut -d. -f1; }

take_account() {
  step 'Its Signal account'
  number=$(value_of "$ETC/env" SIGNAL_NUMBER)
  new=$(value_of "$ETC/env" SIGNAL_CLI_DATA_DIR)
  [ -n "$new" ] || new=$STATE/signal-cli
  [ -n "$number" ] || fail "SIGNAL_NUMBER is not in $ETC/env"
  home=$(getent passwd "$SERVICE_USER" | cut -d: -f6)
  if holds_account "$new" "$number"; then
    say "is in $new already"
  else
    best='' best_used=0
    for place in "$home/.local/share/signal-cli" "/home/$SERVICE_USER/.local/share/signal-cli" \
      "$FROM/.local/share/signal-cli" "/root/.local/share/signal-cli"; do
      if [ -L "$place" ] || ! holds_account "$place" "$number"; then continue; fi
      used=$(last_used "$place")
      if [ -n "$best" ] && [ "$best" != "$place" ]; then say "the account is in two places; the one used last counts"; fi
      if [ "${used:-0}" -ge "$best_used" ]; then best=$place best_used=${used:-0}; fi
    done
    if [ -z "$best" ]; then
      say "No account $number was found in the home folders of $SERVICE_USER or root."
      say "Where it is, say it with SIGNAL_CLI_DATA_DIR in $ETC/env and run this again; do not register the number anew."
      return 0
    fi
    if [ -e "$new" ]; then rmdir "$new" 2>/dev/null || mv "$new" "$new.before-takeover"; fi
    printf '%s\n' "$best" >"$KEEP/account.place"
    printf '%s\n' "$new" >"$KEEP/account.now"
    mv "$best" "$new"
    say "moved from $best to $new"
    leave_link "$best" "$new"
  fi
  chown -R "$SERVICE_USER:$SERVICE_USER" "$new"
  chmod -R u+rwX,go-rwx "$new"
  set_value "$ETC/env" SIGNAL_CLI_DATA_DIR "$new"
  prove_account "$new" "$number"
}

# One look through signal-cli itself, so that nobody registers again.
prove_account() {
  program=$(value_of "$ETC/env" SIGNAL_CLI_PATH)
  command -v "${program:-signal-cli}" >/dev/null || fail 'signal-cli is not installed; nothing was started'
  if systemd_runs && systemctl is-active --quiet "$UNIT"; then
    say 'the service uses it just now, which proves it'
    return 0
  fi
  # shellcheck disable=SC2086 # one word, or none
  listed=$(as_service timeout 90 "${program:-signal-cli}" --data-dir "$1" listAccounts 2>"$KEEP/signal-cli.log") || listed=''
  case $listed in
  *"$2"*) say 'signal-cli lists the number: it stays registered' ;;
  *)
    sed 's/^/    /' "$KEEP/signal-cli.log" | tail -n 5
    fail "signal-cli does not list the number in $1 (no network, or another signal-cli holds it?); nothing was started.
       Do not register again. Look with: sudo -u $SERVICE_USER signal-cli --data-dir $1 listAccounts"
    ;;
  esac
}

take_cron_line() {
  step 'Its cron line'
  if ! command -v crontab >/dev/null; then
    say 'no cron here'
    return 0
  fi
  if crontab -u root -l 2>/dev/null | grep -q '^[^#]*health_check\.sh'; then
    [ -e "$KEEP/crontab" ] || crontab -u root -l >"$KEEP/crontab"
    crontab -u root -l | grep -v '^[^#]*health_check\.sh' | crontab -u root -
    say "removed health_check.sh from root's crontab; $CRON_FILE takes its place"
  else
    say "no health_check.sh in root's crontab"
  fi
}

take_logrotate() {
  step 'Its rule for log rotation'
  if [ -f /etc/logrotate.d/signal-automation ]; then
    mv /etc/logrotate.d/signal-automation "$KEEP/logrotate"
    say 'removed: the service keeps seven days by itself'
  else
    say 'there is none'
  fi
}

write_go_back() {
  put 0700 root:root "$KEEP/go-back.sh" <<END_OF_SCRIPT
#!/bin/sh
# Back to the original (Python) system as it was before the take-over. Run as root.
# What waits in the outbox when the service stops is not sent by the original: let it run empty before, see
# signal-automation outbox list. What the database needs is said at the end.
set -eu
KEEP='$KEEP' FROM='$FROM'
systemctl disable --now '$UNIT' '$CLI_UNIT' 2>/dev/null || :
rm -f '$CRON_FILE'
if [ -e "\$KEEP/account.place" ]; then
  place=\$(cat "\$KEEP/account.place") now=\$(cat "\$KEEP/account.now")
  if [ -L "\$place" ] && [ -d "\$now" ]; then rm "\$place" && mv "\$now" "\$place"; fi
fi
if [ -e "\$KEEP/logs.place" ] && [ -d "\$KEEP/logs" ]; then
  place=\$(cat "\$KEEP/logs.place")
  if [ -L "\$place" ]; then rm "\$place" && mv "\$KEEP/logs" "\$place"; fi
fi
if [ -L "\$FROM/.env" ]; then
  rm "\$FROM/.env"
  install -m 0600 -o '$SERVICE_USER' -g '$SERVICE_USER' "\$KEEP/env" "\$FROM/.env"
fi
if [ -e "\$KEEP/templates.place" ]; then
  place=\$(cat "\$KEEP/templates.place")
  if [ -L "\$place" ]; then
    rm "\$place"
    install -m 0644 -o '$SERVICE_USER' -g '$SERVICE_USER' '$ETC/templates.yaml' "\$place"
  fi
fi
if [ -e "\$KEEP/owner" ]; then chown "\$(cat "\$KEEP/owner")" "\$FROM"; fi
if [ -e "\$KEEP/crontab" ]; then crontab -u root "\$KEEP/crontab"; fi
if [ -e "\$KEEP/logrotate" ]; then cp -p "\$KEEP/logrotate" /etc/logrotate.d/signal-automation; fi
if [ -e "\$KEEP/signal-automation.service" ]; then
  cp -p "\$KEEP/signal-automation.service" /etc/systemd/system/signal-automation.service
  rm -rf /etc/systemd/system/signal-automation.service.d
  systemctl daemon-reload
  systemctl enable --now signal-automation.service
fi
# Its settings of now would bring half of the take-over back: the next one starts from the original's again.
rm -f '$ETC/env' "\$KEEP/env" "\$KEEP/owner" "\$KEEP/templates.place" "\$KEEP/logs.place" "\$KEEP/account.place" \\
  "\$KEEP/crontab"
cat <<'END_OF_TEXT'
The original system is back. To take it over again: signal-automation install --from $FROM | sudo sh

It needs a number in every row of affiliates, and people who hide theirs have none. Once, in the database of DB_NAME, as
its administrator (what it means: sql/README.md):

    UPDATE affiliates SET is_active = FALSE, phone_number = CONCAT('unknown-', id) WHERE phone_number IS NULL;
    ALTER TABLE affiliates MODIFY phone_number VARCHAR(20) NOT NULL;
    DELETE FROM schema_migrations;
END_OF_TEXT
END_OF_SCRIPT
}
