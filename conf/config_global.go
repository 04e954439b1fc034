package conf

import (
	"net/netip"
	"time"
)

// Global is the global_defs block.
type Global struct {
	RouterID string
	// ScriptUser and ScriptGroup run all scripts that name no user; empty
	// means keepalived_script if there is such a user, else the user director runs as.
	ScriptUser  string
	ScriptGroup string
	// ScriptSecurity refuses scripts run by root that others can write (enable_script_security).
	ScriptSecurity bool
	// SupplementaryGroups gives scripts all groups of their user (set_supplementary_groups).
	SupplementaryGroups bool
	// UseSymlinkPaths runs scripts by the path that was written rather than the resolved one.
	UseSymlinkPaths bool
	DBus            DBus
	// StrictConfig makes every warning an error (strict_config, director's own).
	StrictConfig bool

	// VRRPVersion is what instances speak that say nothing else: 2 or 3, default 2.
	VRRPVersion uint8
	// MulticastGroup4 is vrrp_mcast_group4, default 224.0.0.18 (RFC 9568 section 5.1.1.2).
	MulticastGroup4 netip.Addr
	// MulticastGroup6 is vrrp_mcast_group6, default ff02::12 (RFC 9568 section 5.1.2.2).
	MulticastGroup6 netip.Addr
	// GARPInterval is the pause between two gratuitous ARPs on one interface (vrrp_garp_interval).
	GARPInterval time.Duration
	// NAInterval is the same between neighbour advertisements (vrrp_gna_interval).
	NAInterval time.Duration
	// GARPForm is how an address is announced: "" and GARPRequest are
	// keepalived's way (vrrp_garp_form, director's own).
	GARPForm string
	// GARP is what instances have that say nothing else (vrrp_garp_*).
	GARP              GARP
	GARPExtraInterval time.Duration // vrrp_garp_extra_if
	// GARPExtraAll sends the periodic announcements of vrrp_garp_extra_if on
	// every interface with addresses, not on virtual MAC interfaces alone.
	GARPExtraAll bool

	DownTimerAdverts     int // vrrp_down_timer_adverts, 1..100
	LowerPrioNoAdvert    bool
	HigherPrioSendAdvert bool
	OwnerIgnoreAdverts   bool
	SkipCheckAdvertAddr  bool // vrrp_skip_check_adv_addr
	CheckUnicastSource   bool // vrrp_check_unicast_src
	Strict               bool // vrrp_strict
	ChecksumAsV2         bool // v3_checksum_as_v2
	LogUnknownVRIDs      bool
	// StartupDelay and DelayAfterBoot keep VRRP silent after the start of
	// director and of the host.
	StartupDelay   time.Duration
	DelayAfterBoot time.Duration
	// DynamicInterfaces lets interfaces be absent at the start; director always does.
	DynamicInterfaces bool
	DefaultInterface  string // of addresses without dev
	VMACPrefix        string // of the names of virtual MAC interfaces, default vrrp
	VMACAddrPrefix    string // of those that only carry addresses
	NFTables          string // name of the nftables table for no_accept and virtual MACs
	// DisableLocalIGMP stops IGMP reports for link-local groups (disable_local_igmp).
	DisableLocalIGMP bool

	// LVSTimeouts are IPVS's TCP, TCP FIN and UDP timeouts (lvs_timeouts); 0 leaves the kernel's.
	LVSTimeouts LVSTimeouts
	LVSFlush    bool   // empty the IPVS table at start
	LVSFlushOn  string // lvs_flush_on_stop: "", "all" or "VS"
	LVSSync     LVSSync
	// NFTablesIPVS is the table in which virtual server groups become firewall marks; empty is off.
	NFTablesIPVS            string
	NFTablesIPVSStartFWMark uint32
	// DrainTimeout is that of virtual servers that say nothing else (drain_timeout).
	DrainTimeout time.Duration
	// Reconcile says what happens to what others change in the IPVS table (reconcile).
	Reconcile ReconcilePolicy
	// IPVS are the settings below net.ipv4.vs to make, in the order of their names (ipvs).
	IPVS []Sysctl

	// Priority, RealTimePriority, NoSwap, CPUs and RealTimeLimit are the
	// scheduling wishes for the VRRP worker (vrrp_priority, vrrp_rt_priority, ...).
	VRRPPriority         int // nice value, -20..19
	VRRPRealTimePriority int // 1..99; 0 is director's default
	VRRPNoSwap           bool
	VRRPCPUs             []int
	VRRPRealTimeLimit    time.Duration // 0 is none
	// The same for the worker with the checkers (checker_priority, ...).
	CheckerPriority         int
	CheckerRealTimePriority int
	CheckerNoSwap           bool
	CheckerCPUs             []int
	// MaxAutoPriority is accepted; director's workers do not need it.
	MaxAutoPriority int // -1..99

	// Mail, all of it for notifications.
	MailTo          []string // notification_email
	MailFrom        string   // notification_email_from
	SMTPServer      string   // host or address; empty is no mail
	SMTPPort        uint16   // default 25
	SMTPHello       string   // smtp_helo_name; empty is the host's name
	SMTPTimeout     time.Duration
	SMTPTLS         SMTPTLS  // smtp_tls, director's own
	SMTPAuth        SMTPAuth // smtp_auth, director's own
	SMTPAlert       Choice   // smtp_alert
	SMTPAlertVRRP   Choice
	SMTPAlertChecks Choice
	NoMailFaults    bool // no_email_faults
	NoCheckerMails  bool // no_checker_emails

	// LogAllFailures logs every failed check, also of servers that stay up.
	LogAllFailures bool
	// InitNotifies tells the first state of real servers too (rs_init_notifies).
	InitNotifies bool

	StartupScript  Script // startup_script
	ShutdownScript Script // shutdown_script

	FIFO     FIFO // notify_fifo: all events
	VRRPFIFO FIFO // vrrp_notify_fifo
	LVSFIFO  FIFO // lvs_notify_fifo
	// PriorityChanges writes changes of priority to the FIFOs (vrrp_notify_priority_changes).
	PriorityChanges bool
	// StatesOnReload writes every state to the FIFO after a reload.
	StatesOnReload bool

	// ReloadOnLoss is RefuseLoss or ApplyLoss (reload_on_loss, director's own).
	ReloadOnLoss   string
	ReloadTimeFile string // scheduled reload
	ReloadRepeat   bool
	ReloadFile     string
	StateDumpFile  string // SIGUSR1
	StatsDumpFile  string // SIGUSR2
	JSONDumpFile   string
	JSONVersion    int // 1 or 2
	Umask          uint32

	ProcessNames ProcessNames
}

// ProcessNames are what processes are called in ps.
type ProcessNames struct {
	All                 bool   // process_names: each process has a name of its own
	Main, VRRP, Checker string // process_name and its kin; empty says nothing
}

// Names of processes with process_names, and with a word of its kin without a name.
const (
	MainProcess    = "keepalived"
	VRRPProcess    = "keepalived_vrrp"
	CheckerProcess = "keepalived_lvs"
)

// The values of reload_on_loss: what happens to a reload in which something
// that is served goes, and a new finding may be the cause.
const (
	RefuseLoss = "refuse"
	ApplyLoss  = "apply"
)

// Choice is a setting that need not have been made.
type Choice uint8

// The states of a Choice.
const (
	Unset Choice = iota
	Yes
	No
)

// Bool is the choice, or otherwise when none was made.
func (c Choice) Bool(otherwise bool) bool {
	if c == Unset {
		return otherwise
	}
	return c == Yes
}

// String is "true", "false" or "".
func (c Choice) String() string { return [...]string{"", "true", "false"}[c%3] }

// FIFO is a named pipe for events and the program that reads it.
type FIFO struct {
	Path   string
	Script Script // gets the path as its last argument
}

// LVSTimeouts are the connection timeouts of IPVS; 0 leaves the kernel's value.
type LVSTimeouts struct {
	TCP, TCPFin, UDP time.Duration
}

// LVSSync is lvs_sync_daemon: IPVS tells its connections to the other director.
type LVSSync struct {
	Interface string // empty is off
	Instance  string // the VRRP instance whose state decides the role; empty runs both roles
	ID        int    // 0..255
	MaxLen    int    // bytes of a message, 0 is the kernel's
	Port      uint16 // 0 is 8848
	TTL       uint8  // 0 is 1
	Group     netip.Addr
}

// Peer is a peer block, director's own: another director that this one talks to.
type Peer struct {
	// Address and Port are where it listens; its connections come from Address.
	Address netip.Addr
	Port    uint16
	// Listen is where this host waits for it. Without an address it is the address that this host has
	// towards the peer, and Port.
	Listen netip.AddrPort
	// AllowWildcard lets Listen be 0.0.0.0 or ::, which is every network of the host.
	AllowWildcard bool
	// Key is the 32 bytes that both have; KeyFile is the file that has them instead.
	Key     Secret
	KeyFile string
}

// PeerPort is where directors listen for each other unless the configuration says otherwise.
const PeerPort = 3781

// DBus is the interface on the system bus.
type DBus struct {
	Enabled bool   // enable_dbus
	Name    string // dbus_service_name
	// NoInterface stands in the paths of objects for an interface that is not there
	// (dbus_no_interface_name).
	NoInterface string
}

// Metrics is the metrics block, director's own: where Prometheus reads and what it is told.
type Metrics struct {
	// Listen is where the front answers; the zero value is nowhere.
	Listen netip.AddrPort
	// AllowWildcard lets Listen be 0.0.0.0 or ::, which is every network of the host.
	AllowWildcard bool
	// RealServers says whether single real servers have series of their own (default yes).
	RealServers Choice
	// Network is the label of that name; empty is the network of each instance.
	Network string
	// Compat is "keepalived" when the names of keepalived's exporters are served too; empty is not.
	Compat string
}

// StatusSocket is the status_socket block, director's own: a second control socket, for reading alone.
type StatusSocket struct {
	// Group is the group, by name or number, whose members may read; empty is that there is no such socket.
	Group string
}

// Web is the web block, director's own: the page that shows what director does.
type Web struct {
	// Listen is where the front answers; the zero value is nowhere.
	Listen netip.AddrPort
	// Socket is the Unix socket at which it answers, in the place of Listen; empty is none.
	Socket string
	// Group is that of the socket: its members may open it beside root. Empty is nobody else.
	Group string
	// AllowWildcard lets Listen be 0.0.0.0 or ::, which is every network of the host.
	AllowWildcard bool
	// Hosts are names of this host that a browser may call it by, beside the address.
	Hosts []string
	// Certificate and Key are files in PEM form; empty is no encryption.
	Certificate, Key string
	// Actions are what the page may do beside showing.
	Actions WebActions
}

// WebActions is the block actions of web.
type WebActions struct {
	Tokens []WebToken // without one the page only shows
}

// WebToken is what allows the actions of the page.
type WebToken struct {
	File string // has the token in its first line
	Name string // of who has it, for events; empty is the name of the file
}

// Wanted says whether there is a page.
func (w *Web) Wanted() bool { return w.Listen.IsValid() || w.Socket != "" }

// Said says whether anything stands in the block.
func (w *Web) Said() bool {
	return w.Wanted() || w.Group != "" || w.AllowWildcard || len(w.Hosts) > 0 || w.Certificate != "" || w.Key != "" ||
		len(w.Actions.Tokens) > 0
}
