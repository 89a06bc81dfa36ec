/**
 * What to do about a Signal that is in trouble, by the code of its condition: the same in `health` and `doctor`.
 *
 * @module
 */

export const SIGNAL_FIXES: Readonly<Record<string, string>> = {
  proof_required: "signal-automation captcha",
  account_refused: "signal-automation link",
  not_registered: "signal-automation link",
  not_installed: "install signal-cli, then set SIGNAL_CLI_PATH if it is not on PATH",
  java_missing: "install Java 25 or newer, or signal-cli's native build, which needs none",
  not_startable: "put signal-cli and Java below /opt, or: systemctl edit signal-automation   and below [Service]: " +
    "ExecPaths=THEIR_FOLDER",
  locked: "ps -eo pid,user,lstart,args | grep '[s]ignal-cli'   then end the one that is not the service's",
  daemon_absent: "systemctl start signal-cli",
  receive_mode: "start the daemon with --receive-mode=manual: it loses what arrives while the service is away",
  several_accounts: "start the daemon for this account alone: signal-cli -a NUMBER daemon …",
  too_old: "install the current release: github.com/AsamK/signal-cli/releases",
  restart_needed: "systemctl restart signal-automation",
  offline: "check network and name resolution: getent hosts chat.signal.org",
};
