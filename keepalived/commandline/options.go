package commandline

// Options are what a command line of keepalived's asks for.
type Options struct {
	File     string   // -f: the configuration; empty is the default
	Files    []string // every -f in order: the last one counts
	ConfigID string   // -i

	Test       bool   // -t
	TestOutput string // file for the findings of -t; empty is standard error
	Version    bool   // -v
	Help       bool   // -h
	SignalOf   string // --signum: what its number is asked of
	AskSignal  bool   // --signum was given

	OnlyVRRP, OnlyCheckers      bool // -P, -C
	KeepAddresses, KeepServices bool // -V, -I

	Foreground bool   // -n
	Console    bool   // -l
	Facility   int    // -S: as syslog(3) numbers it, without a severity
	NoSyslog   bool   // -G
	LogFile    string // -g

	Pid, VRRPPid, CheckersPid, BFDPid string // -p, -r, -c, -b; empty is the default

	Umask      string // -u: octal; empty leaves it alone
	Namespace  string // -s
	SNMP       bool   // -x or -A
	RunDir     string // --run-dir; empty follows from the pid file
	StateDir   string // --state-dir
	LogFormat  string // --log-format
	LogLevel   string // --log-level
	Takeover   bool   // --takeover
	NoFallback bool   // --no-fallback

	paths []place
}

// place is where a file's name begins on a command line.
type place struct{ arg, offset int }

// takes says whether a flag has a value.
type takes int

const (
	nothing  takes = iota
	value          // glued, or behind "=" or a blank
	optional       // glued to a short flag, behind "=" of a long one, or none
)

// flag is one of the command line.
type flag struct {
	short byte // 0 is none
	long  string
	takes takes
	what  string // the value, for the usage
	path  bool   // the value is a file that may be given relative to the working directory
	help  string // empty: accepted, without a meaning here
	set   func(o *Options, value string) error
}

func yes(f func(*Options) *bool) func(*Options, string) error {
	return func(o *Options, _ string) error { *f(o) = true; return nil }
}

func text(f func(*Options) *string) func(*Options, string) error {
	return func(o *Options, v string) error { *f(o) = v; return nil }
}

func accept(*Options, string) error { return nil }

// flags are those of keepalived 2.2.7 and 2.4, and behind them those that director adds.
var flags = []flag{
	{'f', "use-file", value, "FILE", true, "Configuration file (default /etc/keepalived/keepalived.conf).", useFile},
	{'t', "config-test", optional, "[=FILE]", true,
		"Check the configuration and exit; findings go to standard error or FILE.",
		func(o *Options, v string) error { o.Test, o.TestOutput = true, v; return nil }},
	{'n', "dont-fork", nothing, "", false, "Stay in the foreground.",
		yes(func(o *Options) *bool { return &o.Foreground })},
	{'l', "log-console", nothing, "", false, "Log to standard error.", yes(func(o *Options) *bool { return &o.Console })},
	{'D', "log-detail", nothing, "", false, "", accept},
	{'S', "log-facility", value, "FACILITY", false, "Facility of syslog: 0-7, local0-7, user, daemon (default daemon).",
		setFacility},
	{'g', "log-file", value, "FILE", true, "Log to FILE as well.",
		text(func(o *Options) *string { return &o.LogFile })},
	{0, "flush-log-file", nothing, "", false, "", accept},
	{'G', "no-syslog", nothing, "", false, "Do not log to syslog.", yes(func(o *Options) *bool { return &o.NoSyslog })},
	{'P', "vrrp", nothing, "", false, "Only VRRP, no virtual servers.",
		yes(func(o *Options) *bool { return &o.OnlyVRRP })},
	{'C', "check", nothing, "", false, "Only virtual servers and checkers, no VRRP.",
		yes(func(o *Options) *bool { return &o.OnlyCheckers })},
	{'B', "no_bfd", nothing, "", false, "", accept},
	{0, "all", nothing, "", false, "", accept},
	{'X', "release-vips", nothing, "", false, "", accept},
	{'V', "dont-release-vrrp", nothing, "", false, "Leave virtual addresses in place when stopping.",
		yes(func(o *Options) *bool { return &o.KeepAddresses })},
	{'I', "dont-release-ipvs", nothing, "", false, "Leave the IPVS table in place when stopping.",
		yes(func(o *Options) *bool { return &o.KeepServices })},
	{'R', "dont-respawn", nothing, "", false, "", accept},
	{'d', "dump-conf", nothing, "", false, "", accept},
	{'a', "address-monitoring", nothing, "", false, "", accept},
	{'p', "pid", value, "FILE", true, "Pid file (default /run/keepalived.pid).",
		text(func(o *Options) *string { return &o.Pid })},
	{'r', "vrrp_pid", value, "FILE", true, "Pid file of the vrrp worker (default /run/vrrp.pid).",
		text(func(o *Options) *string { return &o.VRRPPid })},
	{'c', "checkers_pid", value, "FILE", true, "Pid file of the lvs worker (default /run/checkers.pid).",
		text(func(o *Options) *string { return &o.CheckersPid })},
	{'b', "bfd_pid", value, "FILE", true, "", text(func(o *Options) *string { return &o.BFDPid })},
	{'x', "snmp", nothing, "", false, "", yes(func(o *Options) *bool { return &o.SNMP })},
	{'A', "snmp-agent-socket", value, "FILE", false, "", yes(func(o *Options) *bool { return &o.SNMP })},
	{'u', "umask", value, "MASK", false, "File mode creation mask, octal.", setUmask},
	{'m', "core-dump", nothing, "", false, "", accept},
	{'M', "core-dump-pattern", optional, "[=PATTERN]", false, "", accept},
	{'e', "all-config", nothing, "", false, "", accept},
	{'s', "namespace", value, "NAME", false, "Run in this network namespace, whatever net_namespace says.",
		text(func(o *Options) *string { return &o.Namespace })},
	{'i', "config-id", value, "ID", false, "Read lines that begin with @ID (default the host name).",
		text(func(o *Options) *string { return &o.ConfigID })},
	{0, "signum", value, "NAME", false, "Print the number of a signal: " + signalNames + ".",
		func(o *Options, v string) error { o.AskSignal, o.SignalOf = true, v; return nil }},
	{'T', "genhash", nothing, "", false, "As the first flag: genhash, with the flags that follow.",
		func(*Options, string) error { return errGenhash }},
	{0, "perf", optional, "[=...]", false, "", accept},
	{0, "debug", optional, "[=...]", false, "", accept},
	{0, "no-mem-check", nothing, "", false, "", accept},
	{0, "ignore-sigint", nothing, "", false, "", accept},
	{'v', "version", nothing, "", false, "Print the version.", yes(func(o *Options) *bool { return &o.Version })},
	{'h', "help", nothing, "", false, "Print this text.", yes(func(o *Options) *bool { return &o.Help })},

	{0, "run-dir", value, "DIR", true, "Directory of the control socket and the journals (default follows from -p).",
		text(func(o *Options) *string { return &o.RunDir })},
	{0, "state-dir", value, "DIR", true, "Directory of files that survive a reboot (default /var/lib/director).",
		text(func(o *Options) *string { return &o.StateDir })},
	{0, "log-level", value, "LEVEL", false, "Least severe lines to log: debug, info, warn or error (default info).",
		text(func(o *Options) *string { return &o.LogLevel })},
	{0, "log-format", value, "FORMAT", false, "Format of the log (see director run --help).",
		text(func(o *Options) *string { return &o.LogFormat })},
	{0, "takeover", nothing, "", false, "Start beside another load balancer that serves the same.",
		yes(func(o *Options) *bool { return &o.Takeover })},
	{0, "no-fallback", nothing, "", false, "When the file has errors, do not start with an earlier configuration.",
		yes(func(o *Options) *bool { return &o.NoFallback })},
}

func useFile(o *Options, v string) error {
	o.File, o.Files = v, append(o.Files, v)
	return nil
}
