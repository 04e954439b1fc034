package floors

// room is a folder with all that is below it. A package belongs to the room
// with the longest name that fits.
type room struct {
	name  string
	floor int
}

// rooms are the floors. A package imports packages of its own room and of lower
// floors; rooms of one floor do not know each other.
var rooms = []room{
	{name: "cmd/director", floor: 4},

	{name: "supervisor", floor: 3},
	{name: "workers", floor: 3},

	{name: "vrrp", floor: 2},
	{name: "bfd", floor: 2},
	{name: "virtualserver", floor: 2},
	{name: "checkers", floor: 2},
	{name: "announce", floor: 2},
	{name: "notify", floor: 2},
	{name: "worker", floor: 2},
	{name: "realserver", floor: 2},
	{name: "doctor", floor: 2},
	{name: "keepalived", floor: 2}, // its outer interfaces

	{name: "nft", floor: 1},
	{name: "conf", floor: 1},
	{name: "event", floor: 1},

	// Tools that know nothing of load balancing.
	{name: "words", floor: 0},
	{name: "buildinfo", floor: 0},
	{name: "logging", floor: 0},
	{name: "deadline", floor: 0},
	{name: "mailbox", floor: 0},
	{name: "datagram", floor: 0},
	{name: "netns", floor: 0},
	{name: "retry", floor: 0},
	{name: "signals", floor: 0},
	{name: "internal/wiretest", floor: 0},

	// Manual pages, for the packages of distributions.
	{name: "packaging", floor: 4},

	// The lab knows the program from the outside.
	{name: "integration", floor: 1},
	{name: "integration/bench", floor: 4},

	// This test knows nobody.
	{name: "internal/floors", floor: 0},
}

// pure packages are rules over data: they have no clock, file, socket, log or
// goroutine, and import no package of this repository that has.
var pure = []string{
	"vrrp/packet",
	"vrrp/machine",
	"vrrp/track",
	"bfd/packet",
	"bfd/session",
	"retry",
	"virtualserver/table",
	"announce/rules",
	"virtualserver/ipvsadm",
	"doctor",
	"keepalived/commandline",
	"checkers/verdict",
	"workers/front/peer/agree",
	"supervisor/reload",
	"supervisor/rollout",
	"event",
	"keepalived/dump",
}

// known are impure packages that a pure one may import, since it uses their
// types only.
var known = []string{"conf"}

// impure are imports that no pure package has, each with what is below it.
var impure = []string{
	"os", "net", "syscall", "log", "context", "sync", "math/rand", "runtime",
	"golang.org/x/sys", "golang.org/x/net",
	"github.com/mdlayher", "github.com/vishvananda", "github.com/google/nftables", "github.com/moby",
}

// data are exceptions from impure: types without a side effect.
var data = []string{"net/netip"}

// clocks are what no pure package calls of the package time.
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}

// never are imports that a package must not have even through others.
var never = []struct{ from, to, why string }{
	{"workers", "supervisor", "the supervisor starts the workers and talks to them through a socket"},
	{"workers", "conf/load", "a worker is told the configuration, it does not read one"},
	{"supervisor", "workers", "the supervisor starts the workers and talks to them through a socket"},
	{"vrrp", "conf/load", "a worker is told the configuration, it does not read one"},
	{"bfd", "conf/load", "a worker is told the configuration, it does not read one"},
	{"virtualserver", "conf/load", "a worker is told the configuration, it does not read one"},
	{"checkers", "conf/load", "a worker is told the configuration, it does not read one"},
	{"cmd/director", "integration", "the lab is no part of the program"},
}

// Limits of size.
const (
	maxFiles   = 25   // of a package, tests not counted
	maxColumns = 120  // of a line, in characters
	maxCommand = 3000 // lines of cmd/director, tests not counted
)

// crowded are packages that have too many files still, and how many they may
// have until then.
var crowded = map[string]int{}

// Rules that are not true of the whole repository yet.
const (
	commandIsSmall = true
	linesAreShort  = true
)
