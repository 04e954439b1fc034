package worker

import (
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// ProtocolVersion is the version of the messages. It changes only when a
// message loses a meaning it had; a new field does not change it.
const ProtocolVersion = 1

// Message is what travels between the supervisor and a worker: exactly one
// field besides Seq is set.
type Message struct {
	// Seq numbers the messages of one direction of one connection, from 1.
	Seq uint64

	// From both: the first message of each direction.
	Hello *Hello

	// From the supervisor.
	Configure *Configure
	Proceed   *Proceed
	Finish    *Finish
	Tracker   *event.TrackerState
	HandOver  *HandOver
	Count     *Count

	// From a worker.
	Applied       *Applied
	Instance      *event.InstanceState
	Group         *event.GroupState
	LowerHeard    *event.LowerHeard
	Counters      *event.VRRPCounters
	Heartbeat     *Heartbeat
	Host          *event.HostState
	RealServer    *event.RealServerState
	Check         *event.CheckResult
	VirtualServer *event.VirtualServerState
	Table         *event.TableLoaded
}

// Hello opens a connection.
type Hello struct {
	Version int // ProtocolVersion
	Pid     int
}

// Configure is the configuration a worker has to realise, with all that the
// supervisor knows about the objects in it. The first one of a connection
// comes before the worker touches anything.
type Configure struct {
	// Generation counts the configurations this supervisor has applied, from 1.
	Generation uint64
	Config     *conf.Config
	// Keys are those of auth_hmac that stand in files, by the file's name.
	Keys map[string]conf.Secret
	// Known is what was true before this worker was started; empty at a cold
	// start and at a reload.
	Known Snapshot
	// Trackers are the states of all trackers that are known, also at a reload.
	Trackers []event.TrackerState
	// HandOver is as in the message of that name.
	HandOver HandOver
	// Proceed says that instances may become MASTER at once.
	Proceed bool
	// KeepAddresses and KeepServices leave virtual addresses and IPVS services
	// in the kernel when director stops (keepalived's -V and -I).
	KeepAddresses, KeepServices bool
}

// Snapshot is what the supervisor knows when a worker starts.
type Snapshot struct {
	Instances   []event.InstanceState
	RealServers []event.RealServerState
	// Died is when the worker's predecessor did, as Monotonic tells the time; 0
	// when there was none.
	Died time.Duration
	// Advertised is that of the predecessor's last Heartbeat; 0 when it is not known.
	Advertised time.Duration
	// Silenced says that the predecessor was killed because nothing was heard of
	// it: another router may be MASTER, so no instance resumes MASTER.
	Silenced bool
}

// Heartbeat leaves the goroutine of the vrrp worker that sends advertisements:
// at least every HeartbeatInterval, and sooner after an advertisement. Times
// are of CLOCK_BOOTTIME, which counts while the host is suspended.
type Heartbeat struct {
	At         time.Duration // when it left
	Advertised time.Duration // when the last advertisement was sent; 0 is none yet
	// ShortestDown is the shortest time, of all instances that are MASTER, after
	// which a BACKUP takes over; 0 without a MASTER.
	ShortestDown time.Duration
}

// HeartbeatInterval is the longest time between two heartbeats of a worker that is well.
const HeartbeatInterval = 500 * time.Millisecond

// Proceed lets instances become MASTER: the IPVS table is loaded, or it was
// waited for long enough.
type Proceed struct{}

// HandOver says which instances leave their mastership to other routers, all
// of them: the numbers of the orders by instance.
type HandOver struct{ Numbers map[string]uint64 }

// Count asks the vrrp worker for its counters.
type Count struct{}

// Finish asks a worker to stop for good: to undo what it made and to exit.
type Finish struct{}

// Applied says that a configuration is in force.
type Applied struct {
	Generation uint64
	// Error says what of it could not be done; empty when all was.
	Error string
}
