package bus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/retry"
	"github.com/lvs-director/director/worker/front"
)

// Options are what a Bus works with.
type Options struct {
	// Do has the supervisor do something for somebody; about is the identity of an instance, or empty.
	Do func(ctx context.Context, a front.Action, who, about string) error
	// Problem is told why nothing is on the bus; empty is that it is.
	Problem func(why string)
}

// Bus is director on the system bus. Its methods may be called from any goroutine.
type Bus struct {
	o      Options
	asking chan struct{} // has room for as many as are under way
	news   chan struct{} // something has to be sent, or the settings have changed

	mu       sync.Mutex
	settings front.DBus
	tree     *tree    // nil while nothing is asked for
	queue    []signal // to be sent; nil while nobody is there to hear
	there    bool     // the name is ours
	last     bool     // nothing follows what is in the queue
}

// signal is one that has to be sent.
type signal struct {
	path   dbus.ObjectPath
	name   string
	values []any
}

// New returns one that is not on the bus yet; Run does the work.
func New(o Options) *Bus {
	return &Bus{o: o, asking: make(chan struct{}, maxAsked), news: make(chan struct{}, 1)}
}

// Apply takes new settings.
func (b *Bus) Apply(s front.DBus) {
	b.mu.Lock()
	before := b.settings
	if b.settings = s; s.Name == "" {
		b.tree = nil
	} else {
		b.tree = newTree(s)
		if b.there && before.Name == s.Name && before.Generation != s.Generation {
			b.put(signal{path: b.tree.vrrp, name: interfaceVrrp + ".VrrpReloaded"})
		}
	}
	b.mu.Unlock()
	b.wake()
}

// Changed takes transitions in, and tells whoever listens.
func (b *Bus) Changed(c front.Changes) {
	b.mu.Lock()
	for _, t := range c.List {
		if b.tree == nil || b.tree.byID[t.ID] == nil {
			continue // a reload has dropped it
		}
		i := b.tree.byID[t.ID]
		i.State = t.State
		b.put(i.changed())
	}
	if b.last = c.Stopped; b.last && b.tree != nil {
		b.put(signal{path: b.tree.vrrp, name: interfaceVrrp + ".VrrpStopped"})
	}
	b.mu.Unlock()
	b.wake()
}

func (i *instance) changed() signal {
	return signal{i.path, interfaceInstance + ".VrrpStatusChange", []any{stateOf(i.State).Number}}
}

// put has a signal sent. While nobody can hear it there is none to send, and of too many the oldest go.
func (b *Bus) put(s signal) {
	if !b.there {
		return
	}
	if b.queue = append(b.queue, s); len(b.queue) > front.MaxChanges {
		b.queue = b.queue[len(b.queue)-front.MaxChanges:]
	}
}

func (b *Bus) wake() {
	select {
	case b.news <- struct{}{}:
	default: // whoever hears of the last one sees all
	}
}

func (b *Bus) instance(id string) (i front.DBusInstance, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tree == nil || b.tree.byID[id] == nil {
		return i, false
	}
	return b.tree.byID[id].DBusInstance, true
}

// ask has the supervisor do something for a caller.
func (b *Bus) ask(c call, action front.Action, about string) error {
	select {
	case b.asking <- struct{}{}:
		defer func() { <-b.asking }()
	default:
		return failure(errLimitsExceeded, "%d requests are under way: ask again", maxAsked)
	}
	ctx, cancel := context.WithTimeout(c.ctx, askPatience)
	defer cancel()
	var uid uint32
	err := c.conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.GetConnectionUnixUser", 0, c.sender).Store(&uid)
	if err != nil {
		return failure(errFailed, "asking the bus who %s is: %v", c.sender, err)
	}
	if err := b.o.Do(ctx, action, fmt.Sprintf("uid %d", uid), about); err != nil {
		return failure(errFailed, "%s", printable(err.Error()))
	}
	return nil
}

func (b *Bus) ended() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// wanted is the name to have; empty is none.
func (b *Bus) wanted() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.settings.Name
}

// Run is on the bus while the settings ask for it, until ctx ends or what was told with Changes.Stopped is sent.
func (b *Bus) Run(ctx context.Context) {
	var again retry.Retry
	for ctx.Err() == nil && !b.ended() {
		name := b.wanted()
		if name == "" {
			b.o.Problem("")
			again = retry.Retry{}
			select {
			case <-b.news:
			case <-ctx.Done():
			}
			continue
		}
		err := b.serve(ctx, name)
		if ctx.Err() != nil || err == nil {
			continue // it is asked for no more, or by another name
		}
		again.Failed(time.Now())
		b.o.Problem(fmt.Sprintf("D-Bus is not served: %v; trying again", err))
		b.pause(ctx, name, again.Next())
	}
	b.o.Problem("")
}

// pause waits, unless another name is asked for.
func (b *Bus) pause(ctx context.Context, name string, until time.Time) {
	enough := time.NewTimer(time.Until(until))
	defer enough.Stop()
	for b.wanted() == name && !b.ended() {
		select {
		case <-b.news:
		case <-enough.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// busPatience is how long the bus may take to answer or to take something.
const busPatience = 10 * time.Second

// serve has the name and serves until the bus is gone, which is an error, or the name is not asked for.
func (b *Bus) serve(ctx context.Context, name string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // it closes the connection
	conn, err := b.connect(ctx, cancel, name)
	if err != nil {
		return err
	}
	defer conn.Close()
	b.enter()
	defer b.leave()
	for {
		t, list, still, last := b.next(name)
		if !still {
			return nil
		}
		b.o.Problem(t.problem())
		if err := send(conn, list); err != nil {
			return fmt.Errorf("the bus has gone: %w", err)
		}
		if last {
			return nil
		}
		select {
		case <-b.news:
		case <-conn.Context().Done():
			if ctx.Err() != nil {
				return nil
			}
			return errors.New("the bus has closed the connection")
		}
	}
}

// connect makes a connection that has the name.
func (b *Bus) connect(ctx context.Context, cancel func(), name string) (*dbus.Conn, error) {
	late := time.AfterFunc(busPatience, cancel)
	defer late.Stop()
	conn, err := b.meet(ctx)
	if err != nil {
		return nil, fmt.Errorf("connecting to the system bus: %w", err)
	}
	reply, err := conn.RequestName(name, dbus.NameFlagDoNotQueue)
	var refused dbus.Error
	switch {
	case errors.As(err, &refused) && strings.HasSuffix(refused.Name, ".AccessDenied"):
		err = fmt.Errorf("the bus does not let uid %d have the name %s: it needs a policy, see docs/dbus.md",
			os.Getuid(), name)
	case err != nil && ctx.Err() != nil:
		err = fmt.Errorf("the bus has not answered for %v, asked for the name %s", busPatience, name)
	case err != nil:
		err = fmt.Errorf("asking the bus for the name %s: %w", name, err)
	case reply != dbus.RequestNameReplyPrimaryOwner:
		err = fmt.Errorf("another program has the name %s on the bus", name)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// meet makes a connection that the bus knows by a name of its own.
func (b *Bus) meet(ctx context.Context) (*dbus.Conn, error) {
	raw, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := dbus.NewConn(raw, dbus.WithContext(ctx), dbus.WithHandler(handler{b}))
	if err != nil {
		raw.Close()
		return nil, err
	}
	if err = conn.Auth(nil); err == nil {
		err = conn.Hello()
	}
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			err = fmt.Errorf("the bus has not answered for %v", busPatience)
		}
		return nil, err
	}
	return conn, nil
}

// enter begins to tell, with the states of all.
func (b *Bus) enter() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.there, b.queue = true, nil
	if b.tree == nil {
		return
	}
	b.put(signal{path: b.tree.vrrp, name: interfaceVrrp + ".VrrpStarted"})
	for _, i := range b.tree.order {
		if i.State != event.Init {
			b.put(i.changed())
		}
	}
}

func (b *Bus) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.there, b.queue = false, nil
}

// next is what has to be sent; still is false when the name is not asked for any more.
func (b *Bus) next(name string) (t *tree, list []signal, still, last bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	list, b.queue = b.queue, nil
	return b.tree, list, b.settings.Name == name, b.last
}

// problem says which instances have no object of their own.
func (t *tree) problem() string {
	if len(t.apart) == 0 {
		return ""
	}
	return fmt.Sprintf("D-Bus has no object for %d of the instances, as another one has the same path: %s",
		len(t.apart), printable(strings.Join(t.apart, ", ")))
}

// send sends signals. A bus that does not take them is let go of: see bounded.
func send(conn *dbus.Conn, list []signal) error {
	for _, s := range list {
		if err := conn.Emit(s.path, s.name, s.values...); err != nil {
			return err
		}
	}
	return nil
}

// printable is a text that the bus takes: it cuts the connection of who sends anything but UTF-8.
func printable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", "?")
}
