package pair

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
)

// View is what a director tells the others of itself. Fields are only added; a reader ignores those that
// it does not know.
type View struct {
	Version string `json:"version"` // of the program
	// Digest is that of the configuration in its normal form (Form).
	Digest string `json:"config_digest"`
	// NotReady says why this half could not take over as a whole, one reason a line; empty is that it could.
	NotReady []string `json:"not_ready,omitempty"`
	// Broken are those of NotReady that are about all instances, and Stopped those of them that are about its
	// workers; the others are about virtual servers.
	Broken         []string        `json:"broken,omitempty"`
	Stopped        []string        `json:"stopped,omitempty"`
	Instances      []Instance      `json:"instances,omitempty"`
	VirtualServers []VirtualServer `json:"virtual_servers,omitempty"`
	// LeftOut is how many real servers are not in it, since they are too many.
	LeftOut int `json:"left_out,omitempty"`
}

// Instance is a VRRP instance of a half.
type Instance struct {
	Name      string          `json:"name"`
	VRID      uint8           `json:"virtual_router_id"`
	State     event.VRRPState `json:"state"`
	Priority  int             `json:"priority"`
	Addresses []string        `json:"addresses,omitempty"` // that are advertised, without masks
	Interval  float64         `json:"advert_int"`          // seconds
	// Reason is why it came to its state.
	Reason string `json:"reason,omitempty"`
	// Unable says why it would not take over; empty is that it would.
	Unable string `json:"unable,omitempty"`
}

// UnmarshalJSON reads one of a peer. A state that a newer version may have, and this one does not know, costs
// no more than itself.
func (i *Instance) UnmarshalJSON(text []byte) error {
	type plain Instance
	var read struct {
		plain
		State json.RawMessage `json:"state"`
	}
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	*i = Instance(read.plain)
	if json.Unmarshal(read.State, &i.State) != nil {
		i.State = event.UnknownState
	}
	return nil
}

// VirtualServer is what the checks of a half say of the real servers of one.
type VirtualServer struct {
	Name string `json:"name"`
	// Interval is how long a verdict may take, in seconds.
	Interval float64 `json:"interval"`
	// Error says why it is not served; empty is that it is.
	Error string   `json:"error,omitempty"`
	Up    []string `json:"up,omitempty"`
	Down  []string `json:"down,omitempty"`
	// Slots is the fingerprint of what decides who gets which client (control.VirtualServer), where an announce
	// block has an address of it: then all have to be the same.
	Slots string `json:"slots,omitempty"`
	// Address is its own; empty is none, or that of a peer, which tells it in no other way than by the name.
	Address string `json:"-"`
}

// Limits of a view.
const (
	maxInstances   = 4096
	maxAddresses   = 2000 // of an instance
	maxRealServers = 60_000
	maxNames       = 3 << 20 // bytes of the names of real servers
	maxText        = 300     // bytes
	maxReasons     = 8
	maxErrors      = 100 // of virtual servers, as they are; of the others it is said that there is one
	// maxElements bounds the parts of a view that is read, before room is made for them: megabytes of "{}"
	// would take hundreds in memory.
	maxElements = 400_000
)

// Make makes the view of this half, of a status and of what Servers has made.
func Make(s control.Status, servers Servers, digest string) View {
	v := View{Version: s.Version, Digest: digest, VirtualServers: servers.List, LeftOut: servers.LeftOut}
	for _, w := range s.Workers {
		switch {
		case w.Name == "front":
		case w.Pid == 0:
			v.Stopped = append(v.Stopped, "its "+w.Name+" worker does not run")
		case w.Silent != "":
			v.Stopped = append(v.Stopped, "its "+w.Name+" worker does not answer")
		}
	}
	v.Broken = slices.Clone(v.Stopped)
	for _, i := range s.Instances[:min(len(s.Instances), maxInstances)] {
		one := Instance{Name: i.Name, VRID: i.VRID, State: i.State, Priority: i.Priority, Interval: i.Interval,
			Reason: clip(i.Reason)}
		for _, a := range i.VirtualAddresses {
			if address, _, _ := strings.Cut(a.Address, "/"); !a.Excluded && len(one.Addresses) < maxAddresses {
				one.Addresses = append(one.Addresses, address)
			}
		}
		switch {
		case i.HandedOver != nil:
			one.Unable = "it has been handed over"
		case i.Fault != "":
			one.Unable = clip(i.Fault)
		case i.State != event.Master && i.State != event.Backup:
			one.Unable = clip("it is " + i.State.String() + ": " + i.Reason)
		}
		if one.Unable != "" {
			v.NotReady = append(v.NotReady, i.Name+": "+one.Unable)
		}
		v.Instances = append(v.Instances, one)
	}
	v.Broken = append(v.Broken, servers.Broken...)
	v.NotReady = append(slices.Clone(v.Broken), v.NotReady...)
	if more := len(v.NotReady) - maxReasons; more > 0 {
		v.NotReady = append(v.NotReady[:maxReasons], fmt.Sprintf("and %d more", more))
	}
	return v
}

// notServed is the error of a virtual server for which there is no room.
const notServed = "it is not served"

// Servers are the parts of a view that are about virtual servers. They are large, and change seldom.
type Servers struct {
	List    []VirtualServer
	Broken  []string
	LeftOut int
}

// ServersOf makes them, of those of a status.
func ServersOf(list []control.VirtualServer, cfg *conf.Config) (v Servers) {
	intervals := make(map[string]time.Duration, len(cfg.VirtualServers))
	announced := make(map[string]bool)
	for _, vs := range cfg.VirtualServers {
		intervals[vs.String()] = slowest(vs)
		if cfg.Announced(vs) {
			announced[vs.String()] = true
		}
	}
	broken, names, servers := 0, 0, 0
	for _, vs := range list {
		one := VirtualServer{Name: vs.Name, Interval: intervals[vs.Name].Seconds(), Address: vs.Address}
		if vs.Error != "" {
			if broken++; broken == 1 {
				v.Broken = append(v.Broken, clip(vs.Name+": "+vs.Error))
			}
			if one.Error = notServed; broken <= maxErrors {
				one.Error = clip(vs.Error)
			}
		}
		if announced[vs.Name] {
			one.Slots = vs.Slots
		}
		for _, r := range vs.RealServers {
			if servers++; vs.ChecksSuspended || servers > maxRealServers || names+len(r.Name) > maxNames {
				v.LeftOut++
				continue
			}
			names += len(r.Name)
			switch r.Verdict {
			case event.Alive.String():
				one.Up = append(one.Up, r.Name)
			case event.Dead.String():
				one.Down = append(one.Down, r.Name)
			}
		}
		v.List = append(v.List, one)
	}
	if broken > 1 {
		v.Broken = append(v.Broken, fmt.Sprintf("%d more virtual servers are not served", broken-1))
	}
	return v
}

// slowest is how long the checks of a virtual server may take to see a change.
func slowest(vs *conf.VirtualServer) (longest time.Duration) {
	for _, r := range vs.RealServers {
		for n := range r.Checkers {
			c := &r.Checkers[n]
			longest = max(longest, c.Interval+time.Duration(c.Retries+1)*(c.Timeout+c.RetryDelay))
		}
	}
	return longest
}

// Read reads the view of a peer: texts are cut and made printable, lists bounded.
func Read(text json.RawMessage) (v View, err error) {
	if n := bytes.Count(text, []byte(",")); n > maxElements {
		return v, fmt.Errorf("reading what a peer tells: it has %d parts: at most %d are allowed", n, maxElements)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return v, fmt.Errorf("reading what a peer tells: %w", err)
	}
	v.Version, v.Digest = clip(v.Version), clip(v.Digest)
	v.NotReady = v.NotReady[:min(len(v.NotReady), maxReasons+1)]
	v.Broken = v.Broken[:min(len(v.Broken), maxReasons)]
	v.Stopped = v.Stopped[:min(len(v.Stopped), maxReasons)]
	for _, list := range [][]string{v.NotReady, v.Broken, v.Stopped} {
		for n := range list {
			list[n] = clip(list[n])
		}
	}
	v.Instances = v.Instances[:min(len(v.Instances), maxInstances)]
	for n := range v.Instances {
		i := &v.Instances[n]
		i.Addresses = i.Addresses[:min(len(i.Addresses), maxAddresses)]
		i.Name, i.Unable, i.Interval = clip(i.Name), clip(i.Unable), min(max(i.Interval, 0), 255)
		i.Reason = clip(i.Reason)
	}
	for n := range v.VirtualServers {
		s := &v.VirtualServers[n]
		s.Name, s.Error, s.Interval = clip(s.Name), clip(s.Error), min(max(s.Interval, 0), 86400)
		s.Slots = clip(s.Slots)
	}
	return v, nil
}

// Clip is a text of a peer in one line that harms no terminal.
func Clip(text string) string { return clip(text) }

// clip is a text of one line that harms no terminal.
func clip(text string) string {
	text = strings.ToValidUTF8(text[:min(len(text), maxText)], "?")
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return ' '
	}, text)
}

// Unable says why a half cannot take over an instance of this one; empty is that it can.
func (v View) Unable(own Instance) string {
	for _, i := range v.Instances {
		if same(own, i) {
			return i.Unable
		}
	}
	return "it has no such instance"
}

// Same is what a half calls an instance of this one; empty is that it has no such instance.
func (v View) Same(own Instance) string {
	for _, i := range v.Instances {
		if same(own, i) {
			return i.Name
		}
	}
	return ""
}

// Worse says what a half has of its own that is worse than on the half own, which would hand instances over to it:
// of each of these, empty is nothing. What does not work on own either is no reason to keep an instance there, and
// neither is a virtual server on the address of another instance.
func (v View) Worse(own View) func(Instance) string {
	list, served := v.Stopped, true
	for _, s := range v.VirtualServers {
		served = served && s.Error == ""
	}
	if served { // or it does not say of which of them
		list = v.Broken
	}
	for _, why := range list {
		if !slices.Contains(own.Broken, why) {
			return func(Instance) string { return why }
		}
	}
	if served {
		return func(Instance) string { return "" }
	}
	return v.unserved(own)
}

// unserved is Worse of virtual servers: the first one there whose address may go with an instance, since it is not
// one of other instances only.
func (v View) unserved(own View) func(Instance) string {
	here := make(map[string]VirtualServer, len(own.VirtualServers))
	for _, s := range own.VirtualServers {
		here[s.Name] = s
	}
	const anyone = "" // has what is on no address of an instance
	first := make(map[string]int)
	for _, i := range own.Instances {
		for _, address := range i.Addresses {
			first[address] = len(v.VirtualServers)
		}
	}
	first[anyone] = len(v.VirtualServers)
	for n, s := range v.VirtualServers {
		is, known := here[s.Name]
		if s.Error == "" || !known || is.Error != "" {
			continue
		}
		address := is.Address
		if _, ours := first[address]; !ours {
			address = anyone
		}
		first[address] = min(first[address], n)
	}
	return func(i Instance) string {
		n := first[anyone]
		for _, address := range i.Addresses {
			if one, ours := first[address]; ours {
				n = min(n, one)
			}
		}
		if n == len(v.VirtualServers) {
			return ""
		}
		return v.VirtualServers[n].Name + ": " + v.VirtualServers[n].Error
	}
}

// same says that instances of two halves are one virtual router: the same VRID, with an address in
// common. An instance of the same VRID on another network is another one.
func same(a, b Instance) bool {
	if a.VRID != b.VRID {
		return false
	}
	for _, x := range a.Addresses {
		for _, y := range b.Addresses {
			if x == y {
				return true
			}
		}
	}
	return len(a.Addresses)+len(b.Addresses) == 0 && a.Name == b.Name
}
