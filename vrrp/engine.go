package vrrp

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/announce"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/machine"
	"github.com/lvs-director/director/vrrp/packet"
	"github.com/lvs-director/director/vrrp/resource"
	"github.com/lvs-director/director/vrrp/track"
	"github.com/lvs-director/director/vrrp/turns"
	"github.com/lvs-director/director/vrrp/vmac"
)

// Engine owns the instances of a configuration. Its methods may be called from
// any goroutine; they wait for Run to take them up.
type Engine struct {
	opts     Options
	commands chan func()
	done     chan struct{} // closed when Run has returned

	// All that follows belongs to the goroutine of Run.

	log          *slog.Logger
	instances    map[conf.InstanceID]*instance
	order        []*instance // as configured
	users        map[string][]*instance
	groups       map[string]*group
	wanters      map[resource.Key][]*instance // who wants a resource
	trackers     map[track.Key]event.TrackerState
	handovers    map[conf.InstanceID]uint64       // numbers of those in force
	handedBy     map[conf.InstanceID]event.Number // the events that began or ended that of each last
	watchers     map[track.Key][]*instance
	tabled       map[conf.InstanceID]bool   // whose addresses wait for the IPVS table
	virtual      map[netip.Addr][]*instance // whose virtual address it is
	sources      map[netip.Addr][]*instance // whose advertisements must leave from an address
	sockets      map[link.Key]*socket
	closed       map[string]closed // by interface
	interfaces   *interfaces
	vmacs        *vmac.Set
	vmacRetries  map[string]*timer // by name
	vmacSweep    timer
	vmacInspect  timer
	vmacsCleared bool // when stopping
	frames       link.Frames
	blind        blind
	delays       map[string]*linkDelay // by interface
	silent       string                // what VRRP waits for before it begins; empty is nothing
	begins       timer
	leftBehind   map[resource.Key]bool // in the journal when Run began
	statics      statics
	rechecked    time.Time
	recheck      timer // routes may have gone without a word
	ours         atomic.Pointer[routeFilter]

	pacing     announce.Pacing
	extraAll   bool // garp_extra_if is for every interface with addresses
	logUnknown bool // log_unknown_vrids
	allowed    bool // instances may become MASTER
	configured bool // a first configuration was applied
	stopping   bool
	keep       bool // addresses stay when stopping

	timer     link.Timer
	armed     time.Time // what timer is set to; zero is nothing
	deadlines deadlines
	effects   []machine.Effect // scratch
	causes    event.Numbers    // of what the engine is being told
	batch     []link.Datagram  // scratch
	adv       packet.Advertisement
	batchID   uint64

	ready    chan link.Key // sockets in which packets wait
	nextLook time.Time     // into the sockets with dense traffic
	opened   chan openResult
	quit     chan struct{} // closed when nobody listens to opened any more
	helpers  sync.WaitGroup

	reconciler    *resource.Reconciler
	announcer     *announce.Announcer
	vmacWorker    *vmac.Worker
	pending       map[resource.Owner]uint64 // wishes of which the result is awaited
	troubles      map[resource.Owner][]resource.Trouble
	filters       map[string]event.Problem // by table
	problems      []event.Problem          // as last told
	limits        limits
	suspension    suspension
	heartbeats    heartbeats
	conflicts     []event.Problem // as last found
	noARP         []event.Problem // as last found
	conflictSince map[resource.Key]time.Time
	conflictCheck timer
}

// New makes an engine without instances.
func New(opts Options) *Engine {
	e := &Engine{
		opts:        opts,
		commands:    make(chan func()),
		done:        make(chan struct{}),
		instances:   make(map[conf.InstanceID]*instance),
		users:       make(map[string][]*instance),
		wanters:     make(map[resource.Key][]*instance),
		trackers:    make(map[track.Key]event.TrackerState),
		watchers:    make(map[track.Key][]*instance),
		sources:     make(map[netip.Addr][]*instance),
		virtual:     make(map[netip.Addr][]*instance),
		sockets:     make(map[link.Key]*socket),
		leftBehind:  make(map[resource.Key]bool),
		batch:       make([]link.Datagram, receiveBatch),
		ready:       make(chan link.Key),
		opened:      make(chan openResult),
		quit:        make(chan struct{}),
		pending:     make(map[resource.Owner]uint64),
		troubles:    make(map[resource.Owner][]resource.Trouble),
		filters:     make(map[string]event.Problem),
		vmacRetries: make(map[string]*timer),
	}
	e.interfaces = newInterfaces(e.isVirtual)
	return e
}

// Run works until ctx ends or Stop is called. When ctx ends it stops as
// Stop(true) does. An error means that it could not begin.
func (e *Engine) Run(ctx context.Context) error {
	defer close(e.done)
	log, flush := newLogQueue(e.opts.Log)
	defer flush()
	e.log = log

	timer, err := e.opts.Clock.NewTimer()
	if err != nil {
		return fmt.Errorf("starting VRRP: %w", err)
	}
	defer timer.Close()
	e.timer = timer
	addresses, err := e.opts.Network.Addresses()
	if err != nil {
		return fmt.Errorf("starting VRRP: %w", err)
	}
	defer addresses.Close()
	virtual, err := e.opts.Network.VMACs()
	if err != nil {
		return fmt.Errorf("starting VRRP: %w", err)
	}
	defer virtual.Close()
	if e.frames, err = e.opts.Network.Frames(); err != nil {
		return fmt.Errorf("starting VRRP: %w", err)
	}
	defer e.frames.Close()
	held := e.opts.Journal.Held()
	journal := &sharedJournal{Journal: e.opts.Journal}
	for _, text := range held {
		if r, ok := resource.ParseJournal(text); ok {
			e.leftBehind[r.Key()] = true
		}
	}
	e.vmacs = vmac.NewSet(held)
	routes, err := e.opts.Network.Routes()
	if err != nil {
		return fmt.Errorf("starting VRRP: %w", err)
	}
	defer routes.Close()
	watching, unwatch := context.WithCancel(context.Background())
	events, err := e.opts.Network.Watch(watching)
	if err != nil {
		unwatch()
		return fmt.Errorf("starting VRRP: %w", err)
	}
	routeEvents, err := e.opts.Network.WatchRoutes(watching, e.oursAmongRoutes)
	if err != nil {
		unwatch()
		return fmt.Errorf("starting VRRP: %w", err)
	}
	e.interfaces.apply(<-events)

	filter := e.opts.Network.Filter()
	share := turns.New()
	e.reconciler = resource.New(resource.Options{
		Kernel:  resource.Kernel{Addresses: addresses, Routes: routes, Filter: filter},
		Journal: journal, Held: held, Log: log, Turns: share,
	})
	e.announcer = announce.New(e.opts.Network.Announcer(), log)
	e.vmacWorker = vmac.NewWorker(virtual, journal, held, log, share)
	e.helpers.Go(e.reconciler.Run)
	e.helpers.Go(e.announcer.Run)
	e.helpers.Go(e.vmacWorker.Run)

	e.loop(ctx, events, routeEvents, filter.Repairs())

	e.reconciler.Close()
	e.vmacWorker.Close()
	e.announcer.Close()
	close(e.quit)
	for _, s := range e.sockets {
		e.closeConn(s.conn)
	}
	unwatch()
	for range events {
	}
	for range routeEvents {
	}
	for range e.reconciler.Results() {
	}
	err = filter.Close()
	e.helpers.Wait()
	return err
}

// loop is the engine: it waits for the next thing that happens, takes it in,
// and does what is due. Nothing in it blocks.
func (e *Engine) loop(ctx context.Context, events <-chan link.Event, routeEvents <-chan link.RouteEvent,
	repairs <-chan link.FilterRepair) {
	ended := ctx.Done()
	e.beat(e.opts.Clock.Now())
	if e.opts.SinceBoot != nil {
		e.suspension.begin(e.opts.Clock.Now(), e.opts.SinceBoot())
	}
	for {
		e.arm()
		e.dispatchVMACs()
		if e.stopping && len(e.pending) == 0 && e.vmacsRemoved() && (e.opts.Companion == nil || e.opts.Companion.Stopped()) {
			return
		}
		select {
		case <-e.timer.C():
			e.armed = time.Time{}
			e.wake()
		case n := <-e.companionReady():
			e.opts.Companion.Serve(n)
		case k := <-e.ready:
			e.wake()
			if s := e.sockets[k]; s != nil && s.conn != nil {
				e.readable(s)
			}
		case event, ok := <-events:
			if !ok {
				events = nil
				break
			}
			e.changed(event)
		case event, ok := <-routeEvents:
			if !ok {
				routeEvents = nil
				break
			}
			e.routeChanged(event)
		case r := <-e.opened:
			e.socketOpened(r)
		case r := <-e.reconciler.Results():
			e.reconciled(r)
		case results := <-e.vmacWorker.Results():
			e.vmacsDone(results)
		case r, ok := <-repairs:
			if !ok {
				repairs = nil
				break
			}
			e.filterRepaired(r, e.opts.Clock.Now())
		case f := <-e.commands:
			f()
		case <-ended:
			ended = nil
			e.stop(true)
		}
		e.fire()
		e.fireCompanion()
		e.advertised()
	}
}

func (e *Engine) allowMaster() {
	if e.allowed {
		return
	}
	e.allowed = true
	now := e.opts.Clock.Now()
	for _, i := range e.order {
		if i.held {
			i.held = false
			e.deadlines.Set(&i.timers[machine.DownTimer], now)
		}
		e.evaluate(i, now)
	}
}

// stop ends every instance: all advertisements of priority 0 leave before the
// first address is touched.
func (e *Engine) stop(release bool) {
	if e.stopping {
		return
	}
	e.stopping, e.keep = true, !release
	now := e.opts.Clock.Now()
	for _, i := range e.order {
		e.end(i, now)
	}
	if e.opts.Companion != nil {
		e.opts.Companion.Stop()
	}
	e.releaseStatics()
}
