//! Every fixed limit of the daemon and its clients, and how they depend on each other.

use std::time::Duration;

/// Bytes that one read can take: the size of the scratch buffer that all connections share.
pub const SCRATCH: usize = 256 * 1024;

/// Events taken from the kernel at a time.
pub const EVENTS_PER_POLL: usize = 1024;

/// Bytes that one connection may read in a turn before the others get theirs.
pub const BYTES_PER_TURN: usize = SCRATCH;

/// The same for a connection that is not known to have much to say.
pub const LIGHT_BYTES_PER_TURN: usize = 32 * 1024;

/// Clients that one listener may accept in a turn. Whoever comes again for each message costs a turn as much as all that it says, so
/// this bounds what everybody else's messages wait for. Accepting more of them would be no faster.
pub const ACCEPTS_PER_TURN: usize = 16;

/// Bytes that a buffer may always hold, however scarce memory is; also what is read ahead from a client that
/// waits. Only what a buffer holds beyond this competes for `--buffer-memory`.
pub const BUFFER_FLOOR: usize = 2 * 1024;

/// Bytes that are read ahead for a service that waits for the rest of something.
pub const READ_AHEAD: usize = 64 * 1024;

/// Connections that have their turn before the loop looks for new events.
pub const CONNECTIONS_PER_TURN: usize = 256;

/// Of those who move much, how many, and for how long: then the others are looked at again.
pub const HEAVY_PER_TURN: usize = 64;
pub const HEAVY_TIME_PER_TURN: Duration = Duration::from_millis(1);

/// Connections that are sent FIN for good in a turn: however many the engine sends away at one time, the others go on.
pub const FAREWELLS_PER_TURN: usize = 64;

/// Deadlines that are seen to in a turn, of the engine and of connections: however many clients came together, and so are
/// sent away together, the others go on.
pub const DEADLINES_PER_TURN: usize = 64;

/// What a turn of the loop may take. It is bounded work, a tenth of this, so beyond it the process must have been
/// stopped in its middle.
pub const LONGEST_TURN: Duration = Duration::from_millis(500);

/// What a pipe is to hold.
pub const PIPE_SIZE: usize = 256 * 1024;

/// The most pipes that a process makes, and the part of the descriptors that may go into them. An unprivileged user may
/// have 16,384 pages in pipes (pipe(7)), and all of these fit, with some to spare for the user's other processes.
pub const MAX_PIPES: usize = 240;
pub const PIPE_SHARE: usize = 16;

/// How long links copy before another pipe is asked for, when the system had none.
pub const PIPE_RETRY: Duration = Duration::from_secs(1);

/// Reads of this size speak for splicing, reads below that for copying, and so many in a row decide.
pub const BULK: usize = 128 * 1024;
pub const TRICKLE: usize = 16 * 1024;
pub const STREAK: u8 = 4;

/// How long at least the service manager is not told that the number of clients has changed again.
pub const STATUS_PAUSE: Duration = Duration::from_secs(5);

/// How often the loop asks whether what is being reloaded has been read.
pub const RELOAD_CHECK: Duration = Duration::from_millis(20);

/// Bytes of the longest hello and of the longest step of a login, their terminator included.
pub const LONGEST_HELLO: usize = 1024;

/// Bytes of the longest header of a proxy: of version 1, where the specification says so, and of version 2, which may be as
/// long as what is read ahead. Senders are to stay within 536; extensions about TLS can take more.
pub const LONGEST_PROXY_LINE: usize = 107;
pub const LONGEST_PROXY_HEADER: usize = BUFFER_FLOOR;

/// Bytes of the longest first line of a transit client, without its terminator.
pub const LONGEST_HANDSHAKE: usize = 1024;

/// How long a transit client waits for its partner if the operator does not say. The sender connects before a person has
/// typed the code, so minutes would be too few. After an hour nobody is typing any more, and without a limit those who
/// never come would hold a descriptor each for ever.
pub const TRANSIT_WAIT: Duration = Duration::from_secs(60 * 60);

/// How long a worker has to take one client in, from the dialing on, if the operator does not say; and how long one that
/// did not is left out, at first and at last.
pub const WORKER_PATIENCE: Duration = Duration::from_secs(3);
pub const WORKER_RETRY_FIRST: Duration = Duration::from_secs(1);
pub const WORKER_RETRY_LAST: Duration = Duration::from_secs(30);

/// Bytes of the longest name of a room.
pub const LONGEST_ROOM: usize = 64;

/// Bytes of the longest chat line, its terminator included.
pub const LONGEST_LINE: usize = 64 * 1024;

/// Bytes of the longest message of an order room, without its terminator.
pub const LONGEST_MESSAGE: usize = 1024;

/// Bytes of the longest message of a login; in base64 it still fits into the first line beside everything else.
pub const LONGEST_SCRAM: usize = 512;

/// How often a password is hashed. Fewer iterations than RFC 7677 allows help whoever guesses; more would hold up a
/// client for seconds, so it refuses a server that asks for them.
pub const MIN_ITERATIONS: u32 = 4096;
pub const MAX_ITERATIONS: u32 = 1_000_000;
pub const DEFAULT_ITERATIONS: u32 = 100_000;

/// Bytes of a user's salt: in a file from elsewhere, and in one of ours.
pub const MIN_SALT: usize = 8;
pub const MAX_SALT: usize = 32;
pub const SALT: usize = 16;

/// Bytes of a user's name, and of a password.
pub const LONGEST_NAME: usize = 64;
pub const LONGEST_PASSWORD: usize = 1024;

/// Bytes of the longest file of users: some 400,000 of them.
pub const LONGEST_USER_FILE: u64 = 64 * 1024 * 1024;

/// Bytes of the longest configuration file.
pub const LONGEST_CONFIG: u64 = 1024 * 1024;

/// What a failed login costs its source, what is due before the source is refused, and the most that can be: the
/// defaults of OpenSSH's PerSourcePenalties. So is the number of sources that are remembered, of IPv4 and of IPv6.
pub const LOGIN_PENALTY: Duration = Duration::from_secs(5);
pub const PENALTY_THRESHOLD: Duration = Duration::from_secs(15);
pub const LONGEST_PENALTY: Duration = Duration::from_secs(10 * 60);
pub const PENALISED_SOURCES: usize = 65536;

/// Penalties that have passed and are forgotten with each new one.
pub const PENALTIES_FORGOTTEN: usize = 4;

/// Buffers that one connection can have: bytes unread by the engine and bytes unsent to the peer.
pub const BUFFERS_PER_CLIENT: usize = 2;

/// The default for what the buffers may hold together beyond their floors.
pub const SHARED_BUFFER_MEMORY: usize = 256 * 1024 * 1024;

/// Descriptors kept back from clients: standard streams, poll, signals, listeners, and the one that the
/// refusal of a client takes.
pub const RESERVED_DESCRIPTORS: usize = 64;

/// Whoever has fewer descriptors than this is told: Linux itself lets processes raise their limit to so many (INR_OPEN_MAX), so somebody
/// has lowered that.
pub const FEW_DESCRIPTORS: usize = 4096;

/// Where the process may take only so much memory: bytes without which it does not begin, those that are kept back from
/// clients for everything else, and what the program is taken to have where the system does not tell.
pub const LEAST_MEMORY: usize = 6 * 1024 * 1024;
pub const RESERVED_MEMORY: usize = 4 * 1024 * 1024;
pub const PROGRAM_MEMORY: usize = 16 * 1024 * 1024;

/// Bytes that users take for each byte of their file, while it is read.
pub const USERS_MEMORY: usize = 8;

/// Bytes that a client's rows in all tables take at most, its room's name and growing tables included.
pub const CLIENT_MEMORY: usize = 1024;

/// How long accepting pauses when the system has no descriptor or memory for another client.
pub const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// How many times within the stall timeout a client that leaves bytes waiting is asked for a sign of life.
pub const STALL_CHECKS: u32 = 4;

/// How long a connection that is closed may leave its last bytes waiting where clients may do so for ever.
pub const CLOSED_STALL: Duration = Duration::from_secs(60);

/// How often a connection that is about to be reset is asked whether its bytes have arrived.
pub const RESET_RECHECK: Duration = Duration::from_millis(10);

/// How long that may take.
pub const RESET_PATIENCE: Duration = Duration::from_secs(5);

/// How long a connection that was told everything is read, and what comes thrown away, until the peer closes its
/// side too: closing over unread bytes would reset it and destroy the last words on their way.
pub const LINGER: Duration = Duration::from_secs(2);

/// Bytes that are read of it at once when it gives way to somebody new: what the kernel holds for one, unless told
/// otherwise (tcp_rmem, 6 MiB). More would hold up the others, and once
/// more than [`BYTES_PER_TURN`] were read in a turn, nobody else is accepted in it.
pub const GIVING_WAY: usize = 6 << 20;

/// Silence after which the kernel asks whether the peer is still there, time between its questions, and how many
/// of them may stay without an answer.
pub const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
pub const KEEPALIVE_PROBES: u32 = 6;

/// Bytes of one line on stdout or stderr. A pipe that is ready for writing takes this much without blocking.
pub const CONSOLE_LINE: usize = 4096;

/// Log lines a second that clients bring about, and as many of all others; what is more is counted and left out.
pub const LOG_LINES_PER_SECOND: u32 = 1000;

/// Sessions that may wait to be written to the usage log, and how many go into one write.
pub const USAGE_QUEUE: usize = 8192;
pub const USAGE_BATCH: usize = 512;

/// How long the usage log waits for whoever reads it through a pipe before its lines are lost, and how long the end of the
/// daemon waits for its last lines.
pub const USAGE_PATIENCE: Duration = Duration::from_secs(1);
pub const USAGE_FAREWELL: Duration = Duration::from_secs(3);

/// How often the log says that the usage log loses lines.
pub const LOSS_NOTICE: Duration = Duration::from_secs(60);

/// Bytes of a file that are read, sent and written at a time, and how many of them are under way between two threads.
pub const FILE_BLOCK: usize = 256 * 1024;
pub const FILE_BLOCKS: usize = 8;

/// Bytes of one component of a file's path, of the whole path, and how many components it has.
pub const LONGEST_COMPONENT: usize = 255;
pub const LONGEST_PATH: usize = 4096;
pub const DEEPEST_PATH: usize = 64;

/// Files and folders of one transfer.
pub const MOST_ENTRIES: u64 = 1_000_000;

/// How long whoever else is in the room may take for its first line.
pub const GREETING_PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of the words with which one side of a transfer tells the other why it gives up, and how long the other
/// may take to hear them.
pub const LONGEST_REASON: usize = 1024;
pub const FAREWELL: Duration = Duration::from_secs(5);

/// The pause before a receiver that serves for ever tries again to join, at first and at last.
pub const REJOIN_FIRST: Duration = Duration::from_millis(250);
pub const REJOIN_LAST: Duration = Duration::from_secs(30);

/// What a client costs as long as no bytes wait: its row in the reactor's table, and behind it in the same slot the id
/// that the slot answers to; its seat in the engine; its part of its room. Each is checked beside the type. The state of
/// a service, if it has any, comes to it.
pub const CONNECTION_BYTES: usize = 88;
pub const ID_BYTES: usize = 8;
pub const SEAT_BYTES: usize = 8;
pub const ROOM_BYTES: usize = 80;

const _: () = assert!(
    CONNECTION_BYTES + ID_BYTES + SEAT_BYTES + ROOM_BYTES <= 200,
    "200 bytes a client, even for one who has a room for itself"
);
const _: () = assert!(
    CLIENT_MEMORY > 2 * (CONNECTION_BYTES + ID_BYTES + SEAT_BYTES + ROOM_BYTES + LONGEST_ROOM),
    "a table has up to twice the room that it needs"
);
const _: () = assert!(RESERVED_MEMORY < LEAST_MEMORY && SCRATCH < RESERVED_MEMORY);
const _: () = assert!(
    MAX_PIPES * (PIPE_SIZE / 4096) + 1024 <= 16_384,
    "pipes fit into an unprivileged user's pages"
);
const _: () = assert!(
    BUFFER_FLOOR <= SCRATCH,
    "one read must be able to fill a floor"
);
const _: () = assert!(
    LONGEST_HELLO < BUFFER_FLOOR && LONGEST_HANDSHAKE < BUFFER_FLOOR,
    "a hello must find memory however scarce it is"
);
const _: () = assert!(
    LONGEST_PROXY_LINE <= LONGEST_PROXY_HEADER && LONGEST_PROXY_HEADER <= BUFFER_FLOOR,
    "so must a proxy's header"
);
const _: () = assert!(
    SCRATCH <= BYTES_PER_TURN,
    "a turn is worth at least one read"
);
const _: () = assert!(SCRATCH <= SHARED_BUFFER_MEMORY);
const _: () = assert!(MIN_ITERATIONS <= DEFAULT_ITERATIONS && DEFAULT_ITERATIONS <= MAX_ITERATIONS);
const _: () = assert!(MIN_SALT <= SALT && SALT <= MAX_SALT);
const _: () = assert!(MAX_SALT <= 32, "a decoy's salt is cut from one HMAC");
const _: () = assert!(
    LOGIN_PENALTY.as_nanos() <= PENALTY_THRESHOLD.as_nanos()
        && PENALTY_THRESHOLD.as_nanos() < LONGEST_PENALTY.as_nanos(),
    "one failure is forgiven, and many are not"
);
const _: () = assert!(
    PENALTIES_FORGOTTEN > 1,
    "what has passed must go faster than new comes"
);
const _: () = assert!(RESET_RECHECK.as_nanos() < RESET_PATIENCE.as_nanos());
const _: () = assert!(
    USAGE_PATIENCE.as_nanos() < USAGE_FAREWELL.as_nanos(),
    "a reader that is slow at the end still has its moment"
);
const _: () = assert!(CONSOLE_LINE <= 4096, "PIPE_BUF on Linux");
const _: () = assert!(LONGEST_COMPONENT <= LONGEST_PATH && LONGEST_PATH <= FILE_BLOCK);
const _: () = assert!(REJOIN_FIRST.as_nanos() <= REJOIN_LAST.as_nanos());
