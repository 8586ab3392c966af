/** Every metric: its name, what it means, and its labels. What is not here cannot be exposed; the page of docs is made of it. */

export type MetricType = 'counter' | 'gauge' | 'histogram';
/** `gateway`: also with the servers of one machine in it. `supervisor`: of a server's pod. */
export type Program = 'gateway' | 'controller' | 'supervisor';

export interface MetricDefinition {
  readonly type: MetricType;
  readonly help: string;
  readonly labels: readonly string[];
  readonly programs: readonly Program[];
}

const counter = define('counter');
const gauge = define('gauge');
const histogram = define('histogram');

/** Of the programs that have servers' processes: on one machine the gateway itself. */
const HOSTS = ['gateway', 'supervisor'] as const;
const ALL = ['gateway', 'controller', 'supervisor'] as const;

export const METRICS = {
  http_requests_total: counter(
    ['gateway'],
    ['method', 'endpoint', 'status'],
    'HTTP requests that are over, streams and WebSocket connections included; status 499 where the client left before it had an answer.',
  ),
  http_request_duration_seconds: histogram(
    ['gateway'],
    ['method', 'endpoint'],
    'Time from the head of an HTTP request to the end of its response.',
  ),
  http_requests_in_progress: gauge(['gateway'], ['method', 'endpoint'], 'HTTP requests that are not over.'),
  mcp_active_connections: gauge(
    ['gateway'],
    ['server'],
    'Open requests, streams and WebSocket connections of clients.',
  ),
  websocket_connections_active: gauge(['gateway'], [], 'Open WebSocket connections.'),
  websocket_messages_total: counter(
    ['gateway'],
    ['direction'],
    'Messages over WebSockets: received from clients, or sent to them.',
  ),
  berth_open_body_bytes: gauge(['gateway'], [], 'Bytes of request bodies that have not come whole.'),
  berth_open_body_limit_bytes: gauge(['gateway'], [], 'Bytes of such bodies that are taken at one time.'),

  mcp_requests_total: counter(
    HOSTS,
    ['server', 'transport', 'era', 'method', 'status'],
    'Requests of MCP clients that are over: success, error (also without an answer) or cancelled. Methods outside the protocol are one.',
  ),
  mcp_request_duration_seconds: histogram(
    HOSTS,
    ['server', 'method'],
    'Time from a request of an MCP client to its answer.',
  ),
  mcp_requests_in_progress: gauge(HOSTS, ['server'], 'Requests of MCP clients that wait for their answer.'),
  mcp_sessions_total: counter(HOSTS, ['server'], 'Sessions opened.'),
  mcp_tools_total: gauge(
    ['gateway'],
    ['server'],
    'Tools on the first page of the list of a server, as its newest handshake saw it.',
  ),
  mcp_capabilities_total: gauge(
    ['gateway'],
    ['server'],
    'Capabilities that a server offered in its newest handshake.',
  ),
  mcp_dependencies_total: gauge(
    ['gateway'],
    ['server'],
    'Other servers that a server of a cluster says that it needs; absent where it says nothing.',
  ),

  berth_sessions: gauge(
    HOSTS,
    ['server', 'kind'],
    'Live conversations: sessions, pools of legacy clients without one, modern clients.',
  ),
  berth_streams: gauge(
    HOSTS,
    ['server', 'reader'],
    'Streams of events that are kept, with somebody who reads (attached) or without (none).',
  ),
  berth_buffered_bytes: gauge(
    HOSTS,
    ['server'],
    'Bytes that wait for clients that read, or are on their way to them.',
  ),
  berth_parked_calls: gauge(HOSTS, ['server'], 'Calls that wait until their client has answered a question.'),
  berth_processes: gauge(
    HOSTS,
    ['server', 'state'],
    'Processes (of a remote server: connections) that serve (used), or wait to (spare).',
  ),
  berth_process_starts_total: counter(
    HOSTS,
    ['server', 'result'],
    'Starts of processes, spares and handshakes included: started or failed.',
  ),
  berth_process_start_duration_seconds: histogram(
    HOSTS,
    ['server'],
    'Time from the decision to start a process until it runs.',
  ),
  berth_process_exits_total: counter(
    HOSTS,
    ['server', 'cause'],
    'Ends of processes: stopped by Berth, or by themselves (exited).',
  ),
  berth_process_bytes_total: counter(
    HOSTS,
    ['server', 'direction'],
    'Bytes of messages to the processes of a server, and from them.',
  ),

  berth_servers: gauge(['gateway', 'controller'], ['state'], 'Servers by their state.'),
  active_deployments: gauge(['gateway'], [], 'Servers that run.'),
  berth_server_starts_total: counter(
    ['gateway'],
    ['result'],
    'Starts of servers that are over: running, failed or stopped.',
  ),
  berth_server_start_phase_duration_seconds: histogram(
    ['gateway'],
    ['phase'],
    'Time of each phase of a start that came through it.',
  ),
  berth_server_start_failures_total: counter(
    ['gateway'],
    ['phase', 'reason'],
    'Starts of servers that failed, by phase and code of the error.',
  ),
  berth_health_check_timestamp_seconds: gauge(
    ['gateway'],
    ['server', 'result'],
    'When the newest health check of a server ended; no value before the first.',
  ),

  berth_links: gauge(['gateway'], ['state'], 'Links to replicas of servers: up, or down (asleep or broken).'),
  berth_link_connects_total: counter(
    ['gateway'],
    [],
    'Times that a link came up, for the first time or again.',
  ),
  berth_link_breaks_total: counter(['gateway'], [], 'Times that a link broke or could not be made.'),
  berth_link_round_trip_seconds: histogram(['gateway'], [], 'Time from a ping over a link to its answer.'),

  berth_controller_leader: gauge(['controller'], [], '1 while this replica leads.'),
  berth_controller_queue_length: gauge(
    ['controller'],
    ['state'],
    'Servers that wait to be looked at, are looked at (running), or are looked at again later (delayed).',
  ),
  berth_controller_reconciles_total: counter(
    ['controller'],
    ['result'],
    'Looks at a server: done, or failed and tried again.',
  ),
  berth_controller_reconcile_duration_seconds: histogram(['controller'], [], 'Time of one look at a server.'),
  berth_controller_installs: gauge(
    ['controller'],
    ['state'],
    'Installer Jobs that are there: running, done or failed.',
  ),
  berth_controller_watch_faults_total: counter(
    ['controller'],
    [],
    'Times that the cluster could not be watched.',
  ),

  berth_searches_total: counter(['gateway'], ['place'], 'Searches for servers, by the place that was asked.'),
  berth_search_failures_total: counter(
    ['gateway'],
    ['place'],
    'Searches in which a place failed, in whole or in part.',
  ),
  berth_search_results_total: counter(['gateway'], ['place'], 'What a place found.'),
  berth_search_seconds_total: counter(['gateway'], ['place'], 'Time that a place took for its searches.'),

  berth_trace_spans_total: counter(
    ['gateway'],
    ['result'],
    'Spans of calls, where they are traced: exported, failed (the receiver did not take them), or dropped as too many waited.',
  ),

  berth_build_info: gauge(ALL, ['version', 'node'], '1, with the versions of this program and its Node.'),
  berth_scrape_failures_total: counter(
    ALL,
    [],
    'Sources of metrics that threw and were left out of an answer.',
  ),
  process_cpu_seconds_total: counter(ALL, [], 'Processor time of this program.'),
  process_resident_memory_bytes: gauge(ALL, [], 'Resident memory of this program.'),
  process_start_time_seconds: gauge(ALL, [], 'When this program started, since the epoch.'),
  process_open_fds: gauge(ALL, [], 'Open file descriptors; where the platform tells.'),
  nodejs_heap_size_total_bytes: gauge(ALL, [], 'Heap of V8.'),
  nodejs_heap_size_used_bytes: gauge(ALL, [], 'Heap of V8 that is in use.'),
  nodejs_external_memory_bytes: gauge(ALL, [], 'Memory outside the heap that belongs to objects in it.'),
  nodejs_eventloop_lag_seconds: gauge(
    ALL,
    ['quantile'],
    'How late timers were since the scrape before: quantiles 0.5 and 0.99, and 1 for the latest.',
  ),
  nodejs_eventloop_utilization: gauge(
    ALL,
    [],
    'Share of time since the scrape before in which the event loop was busy, 0 to 1.',
  ),
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof METRICS;
export type LabelsOf<N extends MetricName> = Readonly<Record<(typeof METRICS)[N]['labels'][number], string>>;

export function definitionOf(name: MetricName): MetricDefinition {
  return METRICS[name];
}

function define<const T extends MetricType>(type: T) {
  return <const L extends readonly string[]>(programs: readonly Program[], labels: L, help: string) => ({
    type,
    programs,
    labels,
    help,
  });
}
