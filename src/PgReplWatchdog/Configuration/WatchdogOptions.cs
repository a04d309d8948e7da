using System.ComponentModel.DataAnnotations;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Configuration;

/// <summary>The section PgReplWatchdog of appsettings.json. docs/settings.md is generated from these classes.</summary>
public sealed class WatchdogOptions
{
    public const string SectionName = "PgReplWatchdog";

    /// <summary>Where the page, the API, /metrics and /healthz are served. Loopback unless you put something in front of it; https takes CertificateFile.</summary>
    [Required]
    public string Listen { get; set; } = "http://127.0.0.1:9187";

    /// <summary>
    /// Where /healthz, /metrics and the roles of nodes (/clusters/NAME/primary) are answered apart from page and API, such as http://0.0.0.0:9189: whatever readers
    /// do, load balancers and Prometheus are answered. Empty: there is no such address, and Listen answers for all.
    /// </summary>
    public string HealthListen { get; set; } = "";

    /// <summary>
    /// Where HAProxy's agent-check asks who is the primary, such as tcp://0.0.0.0:9188 (deploy/haproxy). It has no encryption, and tells
    /// nothing else. Empty: nowhere.
    /// </summary>
    public string AgentListen { get; set; } = "";

    /// <summary>For a Listen with https: the certificate and those that signed it, in PEM format. Read at start.</summary>
    public string CertificateFile { get; set; } = "";

    /// <summary>Its private key, in PEM format without a passphrase.</summary>
    public string CertificateKeyFile { get; set; } = "";

    /// <summary>
    /// A file that holds the token with which page and API let a person pause, resume and acknowledge: one line of 20 characters at least, as `openssl rand -hex 32`
    /// prints it. Without it nothing can be changed over HTTP. Off loopback it takes https.
    /// </summary>
    public string ApiTokenFile { get; set; } = "";

    /// <summary>
    /// More such tokens, one a person or a program, so that what they change is on record under their name. ApiTokenFile is one as well: its name is operator, and it may do everything.
    /// </summary>
    public List<TokenOptions> Tokens { get; set; } = [];

    /// <summary>The directory of the journal; created when it is missing.</summary>
    [Required]
    public string StateDirectory { get; set; } = "/var/lib/pgwatchdog";

    /// <summary>Whom the service tells what happens; see below. By default nobody.</summary>
    public NotificationOptions Notifications { get; set; } = new();

    /// <summary>The clusters to watch.</summary>
    [Required, MinLength(1, ErrorMessage = "give at least one cluster")]
    public List<ClusterOptions> Clusters { get; set; } = [];
}

/// <summary>A token with which somebody may change something over HTTP.</summary>
public sealed class TokenOptions
{
    /// <summary>The name on record.</summary>
    [Required, RegularExpression(ClusterOptions.NamePattern, ErrorMessage = ClusterOptions.NameMessage)]
    public string Name { get; set; } = "";

    /// <summary>A file that holds it, as ApiTokenFile.</summary>
    [Required]
    public string File { get; set; } = "";

    /// <summary>What it lets do: pause, resume, acknowledge. Empty: all of it.</summary>
    public List<string> May { get; set; } = [];
}

/// <summary>A primary and its standbys.</summary>
public sealed class ClusterOptions
{
    private static readonly Policy Defaults = new();

    /// <summary>The cluster's name on the command line, in metrics and in the journal.</summary>
    [Required, RegularExpression(NamePattern, ErrorMessage = NameMessage)]
    public string Name { get; set; } = "";

    /// <summary>Time from one check to the next.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00", ConvertValueInInvariantCulture = true, ParseLimitsInInvariantCulture = true)]
    public TimeSpan CheckInterval { get; set; } = Defaults.CheckInterval;

    /// <summary>The longest that a node may take to answer in one check.</summary>
    [Range(typeof(TimeSpan), "00:00:00.05", "00:01:00", ConvertValueInInvariantCulture = true, ParseLimitsInInvariantCulture = true)]
    public TimeSpan ProbeTimeout { get; set; } = Defaults.ProbeTimeout;

    /// <summary>
    /// How long nobody may have had a sign of life of the primary before a standby is promoted. Longer than the guard needs: with GuardTimeToLive 00:00:03 it may be
    /// as short as 00:00:04.3, and with CheckInterval 00:00:00.5 and ProbeTimeout 00:00:00.4 a vanished host is replaced within 5 s.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.5", "01:00:00", ConvertValueInInvariantCulture = true, ParseLimitsInInvariantCulture = true)]
    public TimeSpan UnreachableThreshold { get; set; } = Defaults.UnreachableThreshold;

    /// <summary>A standby that lacks more bytes of WAL than this is not promoted.</summary>
    [Range(typeof(long), "0", "1125899906842624")]
    public long MaximumLagBytes { get; set; } = Defaults.MaximumLagBytes;

    /// <summary>false: say what would be done, and leave it to a person.</summary>
    public bool Automatic { get; set; } = Defaults.Automatic;

    /// <summary>At most one automatic failover in this time.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "7.00:00:00", ConvertValueInInvariantCulture = true, ParseLimitsInInvariantCulture = true)]
    public TimeSpan MinimumInterval { get; set; } = Defaults.MinimumInterval;

    /// <summary>
    /// How long a primary must be found crashed (its host answers, PostgreSQL is gone, nobody shut it down) before a standby is promoted.
    /// The time begins when a check finds that the primary refuses connections.
    /// One that its guard has stopped is replaced at once.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00", ConvertValueInInvariantCulture = true, ParseLimitsInInvariantCulture = true)]
    public TimeSpan CrashedThreshold { get; set; } = Defaults.CrashedThreshold;

    /// <summary>true: a primary that somebody shut down in order is replaced as well, after UnreachableThreshold.</summary>
    public bool FailoverWhenStopped { get; set; } = Defaults.FailoverWhenStopped;

    /// <summary>
    /// Required: a standby is promoted only when the old primary is proven to be stopped. BestEffort: it is tried, a failover goes on without, and the old primary is
    /// stopped when it returns; what it wrote meanwhile is lost.
    /// </summary>
    public Fencing Fencing { get; set; } = Defaults.Fencing;

    /// <summary>
    /// The guard on the primary's host stops it when nobody outside has heard it for so long; 00:00:00: no guard, else at least 00:00:03. By a quarter and half a second
    /// more it has surely done so, and that must be less than UnreachableThreshold.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:30:00", ConvertValueInInvariantCulture = true, ParseLimitsInInvariantCulture = true)]
    public TimeSpan GuardTimeToLive { get; set; } = Defaults.GuardTimeToLive;

    /// <summary>A program on the watchdog's host, with arguments, that switches a node off (IPMI, a cloud's API); exit status 0 is its promise that the node is off.</summary>
    public string FenceCommand { get; set; } = "";

    /// <summary>The longest that FenceCommand may take.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00", ConvertValueInInvariantCulture = true, ParseLimitsInInvariantCulture = true)]
    public TimeSpan FenceCommandTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The longest that shipping WAL from a dead primary to the candidate may take; 00:00:00: none is shipped.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00", ConvertValueInInvariantCulture = true, ParseLimitsInInvariantCulture = true)]
    public TimeSpan SalvageLimit { get; set; } = Defaults.SalvageLimit;

    /// <summary>true: a node that was replaced is made a standby again when its host is back.</summary>
    public bool Rejoin { get; set; } = Defaults.Rejoin;

    /// <summary>
    /// How set-up makes the first copy of the primary. BaseBackup: pg_basebackup. Rsync: the low-level backup functions and rsync over SSH from host to host, which goes on with what
    /// an interrupted copy has left; sshd on the primary's host has to let ServerAccount in by its ~/.ssh/authorized_keys, where a key is put for the time of the copy.
    /// </summary>
    public CopyMethod CopyMethod { get; set; } = CopyMethod.BaseBackup;

    /// <summary>A program on the watchdog's host, with arguments, that runs before anything else in a failover; whatever comes of it, the failover goes on.</summary>
    public string HookBefore { get; set; } = "";

    /// <summary>A program on the watchdog's host, with arguments, that runs when the new primary is writable.</summary>
    public string HookAfter { get; set; } = "";

    /// <summary>The longest that a hook may take.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00", ConvertValueInInvariantCulture = true, ParseLimitsInInvariantCulture = true)]
    public TimeSpan HookTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// While one of these matches, no failover begins. Cron expressions as Quartz has them (second minute hour day-of-month month day-of-week), in UTC, beginning with * for
    /// every second: * * 2-3 ? * SUN is Sunday from 02:00:00 to 03:59:59.
    /// </summary>
    public List<string> FreezeWindows { get; set; } = [];

    /// <summary>How often the service looks whether set-up would change something (the metric pgwatchdog_setup_drift_steps, and a line in the log when that changes); 00:00:00: never.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "7.00:00:00", ConvertValueInInvariantCulture = true, ParseLimitsInInvariantCulture = true)]
    public TimeSpan DriftCheckInterval { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Addresses as host:port outside the cluster (a router, a name server) that are asked on suspicion: where none answers, it is the watchdog that is cut off.</summary>
    public List<string> ReferenceAddresses { get; set; } = [];

    /// <summary>true: each check makes the primary write a tiny WAL message, so that its standbys can testify that it lives also when nobody writes.</summary>
    public bool Heartbeat { get; set; } = true;

    /// <summary>
    /// Every so many CheckIntervals a new session is opened: it shows that the watchdog can still log in. Before PostgreSQL 12 it also shows
    /// a postmaster that hangs; later versions show that in each check.
    /// </summary>
    [Range(1, 1000)]
    public int FreshConnectionEvery { get; set; } = 5;

    /// <summary>The database that the watchdog's sessions connect to.</summary>
    [Required, RegularExpression(SqlNamePattern, ErrorMessage = SqlNameMessage)]
    public string Database { get; set; } = "postgres";

    /// <summary>The role of the watchdog's sessions; set-up creates it, with schema pgwatchdog, which has what a check reads and nothing else.</summary>
    [Required, RegularExpression(SqlNamePattern, ErrorMessage = SqlNameMessage)]
    public string WatchdogRole { get; set; } = "pgwatchdog";

    /// <summary>A file that holds that role's password and nothing else. Relative to the systemd credentials directory, else to the configuration file.</summary>
    [Required]
    public string WatchdogPasswordFile { get; set; } = "";

    /// <summary>The role of walreceivers and base backups; set-up creates it with REPLICATION.</summary>
    [Required, RegularExpression(SqlNamePattern, ErrorMessage = SqlNameMessage)]
    public string ReplicationRole { get; set; } = "replication";

    /// <summary>A file that holds that role's password and nothing else.</summary>
    [Required]
    public string ReplicationPasswordFile { get; set; } = "";

    /// <summary>
    /// CONNECTION LIMIT of that role. 0: two for each standby and four more (walreceivers, a base backup, pg_rewind, boot check); -1: none. A role that has more keeps it.
    /// </summary>
    [Range(-1, 10000)]
    public int ReplicationConnectionLimit { get; set; }

    /// <summary>Required: connections between the nodes, and the watchdog's, are made and accepted with TLS only. The servers need certificates; they are not verified.</summary>
    public Tls Tls { get; set; } = Tls.Off;

    /// <summary>
    /// Off: set-up leaves archive_mode and archive_command alone, but for those it has written itself, which it takes back.
    /// Noop: archiving is on and does nothing, so that another command takes no restart. Ship: complete WAL is kept
    /// in a directory on every node (rsync over SSH), and standbys take from there what the primary does not have any more.
    /// </summary>
    public Archiving Archiving { get; set; } = Archiving.Off;

    /// <summary>With Archiving Ship: MB of WAL that each node's archive keeps, and that may wait in the primary's pg_wal while no other node takes it.</summary>
    [Range(64, 1073741824)]
    public int ArchiveKeep { get; set; } = 4096;

    /// <summary>
    /// MB of WAL that a standby which is away may hold in the primary's pg_wal (max_slot_wal_keep_size, PostgreSQL 13 and later). 0: where there is no limit yet, a quarter of
    /// the data directory's file system, 1024 at least; -1: set-up leaves it alone. A higher limit is kept.
    /// </summary>
    [Range(-1, 1073741824)]
    public int MaxSlotWalKeepSize { get; set; }

    /// <summary>
    /// The account on the database hosts that the watchdog logs in as: the one that PostgreSQL runs as, or root, or one that may become the former by sudo without a password
    /// (`pgwatchdog config host` prints what that takes).
    /// </summary>
    [Required, RegularExpression(AccountPattern, ErrorMessage = AccountMessage)]
    public string SshUser { get; set; } = "postgres";

    /// <summary>The account that PostgreSQL runs as; by default SshUser.</summary>
    [RegularExpression("^$|" + AccountPattern, ErrorMessage = AccountMessage)]
    public string ServerAccount { get; set; } = "";

    /// <summary>The private key for that account, in OpenSSH or PEM format, without a passphrase.</summary>
    [Required]
    public string SshKeyFile { get; set; } = "";

    /// <summary>
    /// A second private key, for set-up alone. With it what `pgwatchdog config host` prints binds SshKeyFile to what a service does on a host (a forced command of sshd),
    /// so that who steals that key has no shell there. It may be anywhere, and need not stay on this host: then pgwatchdog_setup_drift_steps is unknown. Empty: one key for both.
    /// </summary>
    public string SetupSshKeyFile { get; set; } = "";

    /// <summary>
    /// The addresses of the watchdogs as the database hosts see them: sshd lets these keys in from nowhere else (sshd(8), from=). Also patterns such as 192.0.2.0/24.
    /// `pgwatchdog config host` writes them. Empty: from everywhere.
    /// </summary>
    public List<string> SshFrom { get; set; } = [];

    /// <summary>Also talk to an sshd that knows only algorithms which are broken: SHA-1, CBC, 3DES. `status` shows it.</summary>
    public bool SshLegacyAlgorithms { get; set; }

    /// <summary>The servers; where both are new, set-up makes the first one that runs the primary.</summary>
    [Required, MinLength(2, ErrorMessage = "give at least two nodes, a primary and a standby")]
    public List<NodeOptions> Nodes { get; set; } = [];

    private const string AccountPattern = "^[a-z_][a-z0-9_-]*$";
    private const string AccountMessage = "give the name of an account on the hosts";
    internal const string NamePattern = "^[a-z0-9][a-z0-9_-]{0,39}$";
    internal const string NameMessage = "use up to 40 lower-case letters, digits, '-' and '_'";
    private const string SqlNamePattern = "^(?!(all|user|public|none|sameuser|samerole|samegroup|current_user|current_role|session_user)$)(?!pg_)[a-z_][a-z0-9_]{0,62}$";
    private const string SqlNameMessage = "use lower-case letters, digits and '_', and no name that means something else to PostgreSQL or begins with pg_";
}

/// <summary>One PostgreSQL server and its host.</summary>
public sealed class NodeOptions
{
    /// <summary>The node's name; also application_name of its walreceiver.</summary>
    [Required, RegularExpression(ClusterOptions.NamePattern, ErrorMessage = ClusterOptions.NameMessage)]
    public string Name { get; set; } = "";

    /// <summary>Address or name under which the watchdog and the other nodes reach it.</summary>
    [Required, RegularExpression("^[A-Za-z0-9:_][A-Za-z0-9.:_-]*$", ErrorMessage = "give an address or a host name")]
    public string Host { get; set; } = "";

    /// <summary>PostgreSQL's port.</summary>
    [Range(1, 65535)]
    public int Port { get; set; } = 5432;

    /// <summary>PostgreSQL's data directory on that host.</summary>
    [Required, RegularExpression("^/[ -~]*[!-.0-~]$", ErrorMessage = "give an absolute path in ASCII without a slash at its end")]
    public string DataDirectory { get; set; } = "/var/lib/postgresql/15/main";

    /// <summary>The directory of pg_ctl, pg_basebackup and pg_controldata of that server's version.</summary>
    [Required, RegularExpression("^/[ -~]+$", ErrorMessage = "give an absolute path")]
    public string BinDirectory { get; set; } = "/usr/lib/postgresql/15/bin";

    /// <summary>The directory of postgresql.conf and pg_hba.conf; by default set-up finds it: below /etc/postgresql as Debian has it, else the data directory.</summary>
    [RegularExpression("^(|/[ -~]*[!-.0-~])$", ErrorMessage = "give an absolute path in ASCII without a slash at its end")]
    public string ConfigDirectory { get; set; } = "";

    /// <summary>systemd's unit of the server, postgresql@15-main.service for one; by default set-up finds it. none: the server is started by pg_ctl.</summary>
    [RegularExpression(@"^(|none|[A-Za-z0-9@._\\:-]+\.service)$", ErrorMessage = "give a unit's name that ends in .service, or none")]
    public string ServiceUnit { get; set; } = "";

    /// <summary>With Archiving Ship: where this node keeps the cluster's WAL; by default in the directory that set-up makes.</summary>
    [RegularExpression("^(|/[ -~]*[!-.0-~])$", ErrorMessage = "give an absolute path in ASCII without a slash at its end")]
    public string ArchiveDirectory { get; set; } = "";

    /// <summary>Where pg_ctl appends what the server says before its own logging starts; by default in the directory that set-up makes.</summary>
    [RegularExpression("^(|/[ -~]+)$", ErrorMessage = "give an absolute path")]
    public string ServerLog { get; set; } = "";

    /// <summary>
    /// Tablespaces whose directory is another one on this node, as /old=/new: where a node without a mapping has it, and where this one does. A copy puts them there;
    /// the directory must be missing or empty.
    /// </summary>
    public List<string> TablespaceMapping { get; set; } = [];

    /// <summary>Among candidates with equal WAL, received and replayed, the higher one is promoted; 0 is never promoted.</summary>
    [Range(0, 1000)]
    public int Priority { get; set; } = NodeSpec.DefaultPriority;

    /// <summary>The port of the host's sshd.</summary>
    [Range(1, 65535)]
    public int SshPort { get; set; } = 22;

    /// <summary>The fingerprints of the host's keys, as `ssh-keyscan HOST | ssh-keygen -lf -` prints them: SHA256:...; any of them is accepted, nothing else is.</summary>
    [Required, MinLength(1, ErrorMessage = "give at least one, as `ssh-keyscan HOST | ssh-keygen -lf -` prints it")]
    public List<string> HostKeyFingerprints { get; set; } = [];
}
