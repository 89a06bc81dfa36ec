/**
 * Every metric that the service keeps: its kind, what it counts, and its labels. The name in the exposition is the key
 * with the prefix `signal_automation_`. A test finds names used in `lib/` and missing here.
 *
 * @module
 */

export type MetricKind = "counter" | "gauge" | "histogram";

export interface MetricDescription {
  readonly kind: MetricKind;
  /** One sentence for the HELP line. */
  readonly help: string;
  /** Label names with their values, or `bounded`: a closed set that belongs to another room (fault reasons, error codes). */
  readonly labels?: Readonly<Record<string, readonly string[] | "bounded">>;
}

const counter = (help: string, labels?: MetricDescription["labels"]): MetricDescription => ({
  kind: "counter",
  help,
  ...(labels === undefined ? {} : { labels }),
});
const gauge = (help: string, labels?: MetricDescription["labels"]): MetricDescription => ({
  ...counter(help, labels),
  kind: "gauge",
});
const seconds = (help: string): MetricDescription => ({ kind: "histogram", help });

export const CATALOGUE: Readonly<Record<string, MetricDescription>> = {
  account_pauses_total: counter("Times sending for an account was paused by a channel fault.", { reason: "bounded" }),
  send_outcomes_total: counter("Answers of a channel to a hand-over.", {
    outcome: ["accepted", "retry", "refused", "paused", "unknown"],
    reason: "bounded",
  }),
  members_not_reached_total: counter("Members of a group whom a message did not reach that others of the group got.", {
    reason: "bounded",
  }),
  messages_unknown_total: counter("Requests handed over whose answer never came.", { reason: "bounded" }),
  messages_proven_total: counter("Messages of unknown fate that a receipt or a transcript proved to have been sent."),
  receipts_total: counter("Receipts for messages of ours.", { result: ["recorded", "unmatched", "forgotten"] }),
  receive_silence_seconds: { kind: "gauge", help: "For how long nothing was received." },
  receive_canaries_total: counter("Messages to ourselves that test receiving.", {
    result: ["sent", "not_sent", "lost"],
  }),
  messages_resent_total: counter("Messages sent again after an unknown outcome: each may have doubled."),
  outbox_moves_unmatched_total: counter("Rows that another holder of the lease had moved."),
  leases_lost_total: counter("Leases lost to another instance or to a pause of this one.", { lease: "bounded" }),
  hand_over_seconds: seconds("From hand-over to the channel's answer."),
  inbound_events_total: counter("Events taken in.", { result: ["stored", "duplicate"] }),
  spooled_events_total: counter("Events kept in the local spool while the database was away."),
  inbox_events_done_total: counter("Events finished.", { type: "bounded", result: ["done", "done_elsewhere"] }),
  inbox_events_dead_total: counter("Events given up and kept for a replay.", { reason: "bounded" }),
  inbox_event_seconds: seconds("Handling of one event, with its transaction."),
  orders_enqueued_total: counter("Orders whose messages were stored."),
  orders_cancelled_total: counter("Orders whose flag was set by hand while messages were owed."),
  orders_failed_total: counter("Orders that could not be taken up and were tried again."),
  orders_scan_failures_total: counter("Scans of the orders table that failed."),
  order_remarks_total: counter("Orders with something unusual.", { remark: "bounded" }),
  signal_restarts_total: counter("Starts of signal-cli after the first one.", { cause: "bounded" }),
  signal_rpc_bad_lines_total: counter("Lines of signal-cli that were no JSON-RPC message."),
  signal_rpc_cut_lines_total: counter("Lines of signal-cli that were longer than allowed."),
  signal_rpc_stray_answers_total: counter("Answers of signal-cli that nobody waited for.", {
    kind: ["late", "unknown"],
  }),
  signal_rpc_write_failures_total: counter("Requests that could not be written to signal-cli."),
  signal_stderr_lines_total: counter("Lines that signal-cli wrote to its log."),
  store_transaction_retries_total: counter("Transactions run again after a deadlock or lock wait.", {
    transaction: "bounded",
  }),
  retention_rows_removed_total: counter("Old finished rows that were removed.", {
    table: ["outbox_archive", "inbox", "idempotency_keys", "order_deliveries"],
  }),
  retention_runs_total: counter("Runs that remove old rows.", { end: ["complete", "cut_short", "busy", "failed"] }),
  http_requests_total: counter("HTTP requests answered, by the pattern of their route.", {
    route: "bounded",
    method: "bounded",
    status: ["2xx", "3xx", "4xx", "5xx"],
  }),
  http_refusals_total: counter("HTTP requests refused.", { reason: "bounded" }),
  http_request_seconds: seconds("From the headers of an HTTP request to our answer."),
  bugs_total: counter("Things that must not happen, by room: please report.", { room: "bounded" }),
  signal_up: gauge("1 while signal-cli can be used, also with restrictions."),
  signal_received_total: counter("Messages of signal-cli that were stored or spooled."),
  signal_ignored_total: counter("Notifications of signal-cli that carry nothing for us.", { what: "bounded" }),
  signal_receipts_total: counter("Delivery and read receipts."),
  receive_exceptions_total: counter("Messages that signal-cli could not decrypt or read.", { type: "bounded" }),
  signal_intake_held_up_total: counter("Times reading from signal-cli waited because storing was slower."),
  signal_intake_lost_total: counter("Received messages that could be stored nowhere before the end: lost."),
  signal_accept_failures_total: counter("Batches of received messages that could not be stored and were tried again."),
  signal_send_errors_total: counter("Error answers of signal-cli to a send.", { code: "bounded" }),
  database_up: gauge("1 while the database is there, also while it is late; 0 once a statement failed."),
  database_silence_seconds: gauge("For how long the database has left a statement unanswered; 0 for less than 4."),
  spool_bytes: gauge("Size of the local spool."),
  spool_appended_total: counter("Records put into the spool."),
  spool_drained_total: counter("Records moved from the spool into the database."),
  spool_torn_total: counter("Spool segments that ended in an unconfirmed record."),
  spool_corrupt_total: counter("Damaged spool records, set aside."),
  live_file_good: gauge("1 while a watched file is in use as it is, 0 while the last good content is.", {
    file: "bounded",
  }),
  live_file_loads_total: counter("Loads of a watched file.", { file: "bounded", result: ["loaded", "refused"] }),
  live_file_store_failures_total: counter("Times the last good content could not be kept.", { file: "bounded" }),
  status_file_failures_total: counter("Times the status file could not be written."),
  affiliate_messages_total: counter("Registration messages answered.", {
    result: ["registered", "already_registered", "deactivated"],
  }),
  affiliate_token_collisions_total: counter("Tokens drawn that were taken already."),
  alerts_sent_total: counter("Notices to the admin, by the way they went.", {
    way: ["enqueued", "direct", "webhook"],
  }),
  alerts_unsent_total: counter("Tries to reach the admin on which every way failed."),
  outbox_messages: gauge("Unfinished messages, counted every 20 seconds.", {
    state: ["queued", "sending", "unknown", "dead"],
  }),
  outbox_oldest_queued_seconds: gauge("Age of the oldest queued message; 0 when none is queued."),
  breaker_state: gauge("1 for the state that the account's breaker is in.", { state: ["closed", "open", "half_open"] }),
  account_pause_seconds: gauge("For how long sending is still paused."),
  lease_held: gauge("1 while this instance holds the lease.", { lease: ["account", "inbox", "orders"] }),
  process_resident_memory_bytes: gauge("Memory of this process that is in RAM, without signal-cli's."),
  uptime_seconds: gauge("Since the start of this process."),
  build_info: gauge("Always 1; its labels say what runs.", { version: "bounded", deno: "bounded" }),
};
